#!/usr/bin/env bash
# A target that fills up, a disk that cannot be read: a clear error, the source untouched, and the next run goes on.
# Usage: unshare -m trouble.sh TOOL
# shellcheck source=tests/copy/lib.sh
. "$(dirname "$0")/lib.sh"
tool=$1
disk from ext4 256M
disk to ext4 256M
from=$disks/from/tree
mkdir "$from"
for n in $(seq 40); do
  mkdir "$from/$n"
  for m in $(seq 25); do head -c 100000 /dev/urandom >"$from/$n/$m"; done
done
python3 "$here/describe.py" "$from" >"$disks/source.json"
copy() {
  "$tool" -n --tree --from "$from" --to "$disks/to" --apply "$@" >"$disks/answer.json" 2>"$disks/error"
}

# Somebody else fills the target as soon as the copy has begun: the mark is there from the first change on.
(
  until getfattr -n trusted.pi_dockerroot.unfinished "$disks/to" >/dev/null 2>&1; do :; done
  fallocate -l "$(($(stat -f -c '%a * %S' "$disks/to") - 8000000))" "$disks/to/lost+found/filler"
) &
code=0
copy || code=$?
wait
[ "$code" = 1 ]
grep -q 'copying .*: No space left on device' "$disks/error"
grep -q 'marked as unfinished; the same command continues it' "$disks/error"
[ "$(wc -l <"$disks/error")" = 1 ]
python3 "$here/describe.py" "$from" | diff "$disks/source.json" -
rm "$disks/to/lost+found/filler"
copy
jq -e '.pi_dockerroot | .ok and any(.findings[]; .id == "dockerroot-tree-unfinished") and [.nodes[]][0].result.copied_files < 1000' "$disks/answer.json" >/dev/null
same "$from" "$disks/to"
echo "filled up: said so, continued"

# The end of the source's disk is lost: what lies there cannot be read.
head -c 30000000 /dev/urandom >"$from/lost"
sync -f "$from"
last=$(debugfs -R "blocks /tree/lost" "$disks/from.img" 2>/dev/null | tr ' ' '\n' | sort -n | tail -n 1)
echo 3 >/proc/sys/vm/drop_caches
truncate -s "$((last * 4096))" "$disks/from.img"
code=0
copy --update || code=$?
[ "$code" = 1 ]
cat "$disks/error"
grep -q 'copying lost: reading: Input/output error' "$disks/error"
echo "cannot be read: said so"

# What was written before a crash of the machine is not trusted by its size and time.
rm -f "$from/lost"
mark=$(getfattr --only-values -n trusted.pi_dockerroot.unfinished "$disks/to")
setfattr -n trusted.pi_dockerroot.unfinished -v "${mark% *} another-boot" "$disks/to"
touch -r "$disks/to/3/4" "$disks/time"
head -c 100000 /dev/zero >"$disks/to/3/4"
touch -r "$disks/time" "$disks/to/3/4"
copy
cmp "$from/3/4" "$disks/to/3/4"
echo "after a crash: read again"
