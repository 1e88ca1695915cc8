#!/usr/bin/env bash
# Copies a tree with everything between file systems and has an independent checker compare.
# Usage: unshare -m filesystems.sh TOOL FROM-FILESYSTEM TO-FILESYSTEM
# shellcheck source=tests/copy/lib.sh
. "$(dirname "$0")/lib.sh"
tool=$1

disk from "$2" 320M
disk to "$3" 320M
from=$disks/from/tree to=$disks/to
python3 "$here/everything.py" "$from"
find "$from" -xdev | wc -l
run() {
  "$tool" -n --tree --from "$from" --to "$to" "$@" >"$disks/answer.json"
}

run --apply --verify
if [ "$2" = "$3" ]; then
  same "$from" "$to"
else
  # A file system keeps what it has flags for; all else is the same.
  python3 "$here/describe.py" "$from" | jq -c 'del(.flags)' >"$disks/a.json"
  python3 "$here/describe.py" "$to" | jq -c 'del(.flags)' >"$disks/b.json"
  diff "$disks/a.json" "$disks/b.json"
fi
jq -e '.pi_dockerroot | .ok and .changed and ([.nodes[]][0].verified.differences == 0)' "$disks/answer.json" >/dev/null
getfattr -m pi_dockerroot "$to" | (! grep .)

# What is so already is not done again.
run --apply
jq -e '.pi_dockerroot | .ok and (.changed | not) and (.pending | not)' "$disks/answer.json" >/dev/null
run --apply --update --verify
jq -e '.pi_dockerroot | .ok and (.changed | not)' "$disks/answer.json" >/dev/null
echo same
