#!/usr/bin/env bash
# Chains of overlay2 as a container sees them: a copy that brings a deleted file back is found. Usage: unshare -m overlay.sh TOOL
# shellcheck source=tests/copy/lib.sh
. "$(dirname "$0")/lib.sh"
tool=$1
disk a ext4 64M
root=$disks/a/docker
chain=sha256:

# layer ID SHORT LOWER: a layer as overlay2 keeps it.
layer() {
  mkdir -p "$root/overlay2/$1/diff" "$root/overlay2/l"
  ln -s "../$1/diff" "$root/overlay2/l/$2"
  printf %s "$2" >"$root/overlay2/$1/link"
  if [ -n "$3" ]; then printf %s "$3" >"$root/overlay2/$1/lower"; fi
}
# known CHAIN DIFF PARENT ID: Docker's record of a layer.
known() {
  local folder=$root/image/overlay2/layerdb/sha256/$1
  mkdir -p "$folder"
  printf %s "$2" >"$folder/diff"
  printf %s "$4" >"$folder/cache-id"
  if [ -n "$3" ]; then printf %s "$chain$3" >"$folder/parent"; fi
}
layer base BASE ''
layer middle MIDDLE l/BASE
layer top TOP l/MIDDLE:l/BASE
mkdir -p "$root/overlay2/base/diff/etc/gone" "$root/overlay2/middle/diff/etc" "$root/overlay2/top/diff/etc/gone"
echo secret >"$root/overlay2/base/diff/etc/deleted"
echo below >"$root/overlay2/base/diff/etc/gone/below"
mknod "$root/overlay2/middle/diff/etc/deleted" c 0 0
setfattr -n trusted.overlay.opaque -v y "$root/overlay2/top/diff/etc/gone"
known c1 d1 '' base
known c2 d2 c1 middle
known c3 d3 c2 top
mkdir -p "$root/image/overlay2/imagedb/content/sha256"
printf '{"rootfs": {"diff_ids": ["d1", "d2"]}}' >"$root/image/overlay2/imagedb/content/sha256/i1"

mkdir "$disks/a/ours" "$disks/a/theirs"
"$tool" -n --tree --from "$root" --to "$disks/a/ours" --apply --verify --overlay >"$disks/answer.json"
# The image's chain and the one that nothing stands on.
jq -e '[.pi_dockerroot.nodes[]][0].verified | .chains == 2 and .differences == 0' "$disks/answer.json" >/dev/null

# What people do: no attribute comes along, a whiteout becomes what cp makes of it.
cp -R "$root/." "$disks/a/theirs"
rm "$disks/a/theirs/overlay2/middle/diff/etc/deleted"
code=0
"$tool" -n --tree --from "$root" --to "$disks/a/theirs" --verify --overlay >"$disks/answer.json" 2>/dev/null || code=$?
[ "$code" = 3 ]
jq -r '[.pi_dockerroot.nodes[]][0].verified.first[] | "\(.path): \(.what)"' "$disks/answer.json" >"$disks/differences"
grep -qx 'chain middle: etc/deleted: extra' "$disks/differences"
grep -qx 'chain top: etc/deleted: extra' "$disks/differences"
grep -qx 'chain top: etc/gone/below: extra' "$disks/differences"
grep -qx 'overlay2/top/diff/etc/gone: attributes' "$disks/differences"
# Nothing stays mounted.
(! grep overlay /proc/self/mounts)
echo "came back: found"
