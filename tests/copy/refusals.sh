#!/usr/bin/env bash
# What is refused: exit code 3, the finding named, and nothing changed. Usage: unshare -m refusals.sh TOOL
# shellcheck source=tests/copy/lib.sh
. "$(dirname "$0")/lib.sh"
tool=$1
disk a ext4 64M
disk b ext4 16M
disk xfs xfs 320M
mkdir "$disks/a/from" "$disks/a/from/below" "$disks/a/to"
head -c 2000000 /dev/urandom >"$disks/a/from/file"
ln -s from "$disks/a/link"

# refused ID FROM TO ARGUMENTS…
refused() {
  local id=$1 from=$2 to=$3 code=0
  shift 3
  python3 "$here/describe.py" "$disks/a" >"$disks/before.json"
  "$tool" -n --tree --from "$from" --to "$to" --apply "$@" >"$disks/answer.json" 2>"$disks/error" || code=$?
  if [ "$code" != 3 ] || ! jq -e --arg id "$id" '.pi_dockerroot | (.ok | not) and (.changed | not) and any(.findings[]; .id == $id and .severity == "error")' "$disks/answer.json" >/dev/null; then
    echo "$id: exit code $code"
    cat "$disks/answer.json" "$disks/error"
    exit 1
  fi
  python3 "$here/describe.py" "$disks/a" | diff "$disks/before.json" - || exit 1
  echo "refused: $id"
}
from=$disks/a/from to=$disks/a/to
refused dockerroot-tree-source-is-link "$disks/a/link" "$to"
refused dockerroot-tree-source-no-folder "$from/file" "$to"
refused dockerroot-tree-nested "$from" "$from/below"
refused dockerroot-tree-nested "$from/below" "$from"
refused dockerroot-tree-nested "$from" "$from"
refused dockerroot-tree-nested "$from" "$from/below/../below"
refused dockerroot-tree-target-missing "$from" "$disks/a/none"
refused dockerroot-tree-target-missing "$from" "$disks/a/link"
mkdir "$disks/a/bind"
mount --bind "$from/below" "$disks/a/bind"
refused dockerroot-tree-nested "$from" "$disks/a/bind"
umount "$disks/a/bind"

echo somebody >"$to/something"
refused dockerroot-tree-target-not-empty "$from" "$to"
rm "$to/something"

# Too little space; too few inodes; a read-only target.
head -c 20000000 /dev/urandom >"$from/large"
refused dockerroot-tree-space "$from" "$disks/b"
rm "$from/large"
mkdir "$from/many"
(cd "$from/many" && seq 5000 | xargs touch)
refused dockerroot-tree-inodes "$from" "$disks/b"
rm -r "$from/many"
mount -o remount,ro "$disks/b"
refused dockerroot-tree-filesystem "$from" "$disks/b"
mount -o remount,rw "$disks/b"

# What a file system has no place for: XFS for synchronous folders, ext4 without the feature for projects.
mkdir "$from/sync"
chattr +D "$from/sync"
refused dockerroot-tree-filesystem "$from" "$disks/xfs"
rmdir "$from/sync"
mkdir "$disks/xfs/from"
touch "$disks/xfs/from/file"
chattr -p 42 "$disks/xfs/from/file"
refused dockerroot-tree-filesystem "$disks/xfs/from" "$to"

# A folder's entries without types: overlay2 does not run there.
truncate -s 16M "$disks/untyped.img"
mkfs.ext4 -q -F -O ^filetype "$disks/untyped.img"
mkdir "$disks/untyped"
mount -o loop "$disks/untyped.img" "$disks/untyped"
refused dockerroot-tree-filesystem "$from" "$disks/untyped"
jq -e '.pi_dockerroot.findings | any(.message | contains("types"))' "$disks/answer.json" >/dev/null

# No extended attributes: the kernel's own file system of processes has none.
refused dockerroot-tree-filesystem "$from" /proc/self/net --update

# Not root: what only root can copy whole.
chmod 755 "$disks" "$disks/a"
chown 1000 "$to" "$from"
setpriv --reuid 1000 --clear-groups "$tool" -n --tree --from "$from" --to "$to" --apply >"$disks/answer.json" 2>/dev/null || code=$?
[ "$code" = 3 ]
jq -e '.pi_dockerroot.findings | any(.id == "dockerroot-tree-not-root")' "$disks/answer.json" >/dev/null
chown 0 "$to" "$from"

# A second copy at the same time.
exec 9<"$to"
flock 9
refused dockerroot-tree-target-busy "$from" "$to"
exec 9<&-

# A link where it is said to be one; a source that is itself unfinished.
"$tool" -n --tree --from "$disks/a/link" --follow-source --to "$to" --apply >/dev/null
same "$from" "$to"
setfattr -n trusted.pi_dockerroot.unfinished -v x "$from"
mkdir "$disks/a/other"
refused dockerroot-tree-source-unfinished "$from" "$disks/a/other"
echo "all refused"
