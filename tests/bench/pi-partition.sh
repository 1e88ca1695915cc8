# shellcheck shell=bash
# Sourced by scripts/bench: pi-partition beside sfdisk.

bench_pi_partition() {
  local image=${work:?}/card.img
  rm -f "$image"
  truncate -s 64000000000 "$image"
  sfdisk --quiet "$image" <<<'start=2048,size=61441,type=c
start=63489,size=400000,type=83'
  compare "pi-partition, plan of a 64 GB image" 1 \
    "pi-partition -n --disk $image" "sfdisk --json $image" "sfdisk --json"
  rm -f "$image"
}
