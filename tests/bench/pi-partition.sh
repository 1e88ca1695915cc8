# shellcheck shell=bash
# Sourced by scripts/bench: pi-partition beside sfdisk.

# read_of FILE COMMAND…: how many bytes a command reads of a file, as strace counts them.
read_of() {
  local file=$1
  shift
  strace -f -qq -y -e trace=read,readv,pread64,preadv,preadv2,mmap -o "${work:?}/strace" "$@" >/dev/null
  # A file in memory would be read without a call.
  ! grep -F "mmap(" "$work/strace" | grep -qF "<$file>" || die "$1 maps the image"
  awk -v file="<$file>" 'index($0, file) && $NF > 0 { bytes += $NF } END { if (!bytes) exit 1; print bytes }' "$work/strace" ||
    die "$1 does not read the image"
}

bench_pi_partition() {
  local image=${work:?}/card.img ours peer
  truncate -s 64000000000 "$image"
  sfdisk --quiet "$image" <<<'start=2048,size=61441,type=c
start=63489,size=400000,type=83'
  ours=$(start "pi-partition -n --disk $image")
  peer=$(start "sfdisk --json $image")
  beside "plan of a 64 GB image" 1 "$ours" "$peer" "sfdisk --json"
  ours=$(read_of "$image" pi-partition -n --disk "$image")
  peer=$(read_of "$image" sfdisk --json "$image")
  weight "plan of a 64 GB image, bytes read" 1048576 "$ours" "$peer" "sfdisk --json"
  rm "$image"
}
