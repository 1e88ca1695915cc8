# shellcheck shell=bash
# Disks in files for tests of pi-dockerroot. To be sourced in a mount namespace of its own (unshare -m): what is
# mounted, and its loop devices, go with it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mount --make-rprivate /
disks=$(mktemp -d "${TMPDIR:-/var/tmp}/pi-dockerroot-XXXXXX")

clean() {
  local mounted
  for mounted in "$disks"/*/; do
    if mountpoint -q "$mounted"; then umount -l "$mounted"; fi
  done
  rm -rf "$disks"
}
trap clean EXIT

# disk NAME FILESYSTEM SIZE: a mounted file system in $disks/NAME.
disk() {
  truncate -s "$3" "$disks/$1.img"
  case $2 in
    ext4) mkfs.ext4 -q -F -b 4096 "$disks/$1.img" ;;
    xfs) mkfs.xfs -q -f "$disks/$1.img" ;;
    btrfs) mkfs.btrfs -q -f "$disks/$1.img" 2>/dev/null ;;
  esac
  mkdir "$disks/$1"
  mount -o loop "$disks/$1.img" "$disks/$1"
}

# same A B: whether an independent description of the two trees is the same; prints the first differences.
same() {
  python3 "$here/describe.py" "$1" >"$disks/a.json"
  python3 "$here/describe.py" "$2" >"$disks/b.json"
  diff "$disks/a.json" "$disks/b.json" | head -n 20
  cmp -s "$disks/a.json" "$disks/b.json"
}
