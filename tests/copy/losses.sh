#!/usr/bin/env bash
# Copies a tree with everything with several programs and prints what each loses, as a Markdown table.
# Usage: unshare -m losses.sh TOOL FILESYSTEM. Exit code 1 where TOOL loses something.
# shellcheck source=tests/copy/lib.sh
. "$(dirname "$0")/lib.sh"
tool=$1

disk from "$2" 320M
disk to "$2" 2G
from=$disks/from/tree
python3 "$here/everything.py" "$from" >"$disks/left-out"
python3 "$here/describe.py" "$from" >"$disks/original.json"
arguments=()

# try NAME FUNCTION: copies with a function that finds the folders in $from and $to.
try() {
  local name=$1 number=${#arguments[@]}
  shift
  to=$disks/to/$number
  mkdir "$to"
  # What it cannot copy it says; what that is the table says.
  "$@" >"$disks/log" 2>&1 || true
  python3 "$here/describe.py" "$to" >"$disks/copy-$number.json"
  arguments+=("$name=$disks/copy-$number.json")
}
ours() { "$tool" -n --tree --from "$from" --to "$to" --apply; }
cp_recipe() { (cd "$from" && cp -R ./* "$to"); }
cp_all() { cp -a "$from/." "$to"; }
rsync_usual() { rsync -a "$from/" "$to"; }
rsync_all() { rsync -aHAXS "$from/" "$to"; }
tar_all() { tar -C "$from" --xattrs '--xattrs-include=*' --acls -S -cf - . | tar -C "$to" --xattrs '--xattrs-include=*' --acls -xpf -; }

try pi-dockerroot ours
try 'cp -R A/* B' cp_recipe
try 'cp -a' cp_all
try 'rsync -a' rsync_usual
try 'rsync -aHAXS' rsync_all
try 'tar, all its options' tar_all
python3 "$here/losses.py" "$disks/original.json" "${arguments[@]}"
