# shellcheck shell=bash
# Sourced by scripts/bench: what is measured of every tool alike. The reference cluster from start to end, as a PC and as a Pi runs
# it (the Pi's program under qemu-user), beside jq of the same machine; and what the program for a Pi weighs.

# beside_jq WHAT SECONDS BYTES OURS PEER: two commands, which get the document as an argument; the aims may be empty.
beside_jq() {
  local document=${work:?}/reference/cluster.json time peer bytes theirs
  time=$(start "$4 $document")
  peer=$(start "$5 . $document")
  within "$1, start to end" "$2" "$time" "$peer" "jq ."
  # shellcheck disable=SC2086 # commands with their arguments
  {
    bytes=$(peak /dev/null $4 "$document")
    theirs=$(peak /dev/null $5 . "$document")
  }
  weight "$1, peak memory" "$3" "$bytes" "$theirs" "jq ."
}

# reference: the rows of $tool. The secrets that the document names are there, so that nothing is left out for the want of them.
reference() {
  local folder=${work:?}/reference jq secret size limit options=()
  mkdir -p "$folder"
  "${tool:?}" --example >"$folder/cluster.json"
  if "$tool" --help | grep -q -e --secrets; then
    for secret in wifi.psk k3s.token k3s.agent-token; do
      (umask 077 && printf 'the-%s-of-nobody' "$secret" >"$folder/$secret")
    done
    options=(--secrets "$folder")
  fi
  beside_jq "the reference cluster" 0.004 6000000 "$tool ${options[*]}" jq
  # No aim: qemu's own time and memory are in the figures of both.
  jq=$(tests/bench/pi-jq)
  beside_jq "the reference cluster under qemu-user" "" "" "qemu-aarch64-static target/pi/$tool ${options[*]}" \
    "qemu-aarch64-static -L $jq $jq/usr/bin/jq"
  read -r size limit < <(awk -v program="target/pi/$tool" '$NF == program { print $1, $4 }' "$work/sizes")
  weight "the static program for a Pi" "$limit" "$size"
}
