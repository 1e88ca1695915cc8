#!/bin/sh
# The head of what scripts/rollout brings to a node; an archive follows its last line. Any POSIX shell, also BusyBox's.
#
#   apply     programs into /usr/local/bin, the rest into /var/lib/cluster/rollout
#   dry-run   everything into a folder that is taken away again
#
# Prints `folder PATH`, and `changed PATH` for each file that is not as it was.
set -eu
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

case $1 in
  apply)
    folder=/var/lib/cluster/rollout
    mkdir -p /var/lib/cluster
    bin=/usr/local/bin
    ;;
  *)
    folder=$(mktemp -d /var/tmp/rollout-XXXXXX)
    bin=$folder/bin
    ;;
esac
new=$folder.new.$$
rm -rf "$new"
mkdir -p "$folder" "$new" "$bin"
trap 'rm -rf "$new"' EXIT
tail -n +@LINES@ "$0" | tar -xzf - -C "$new"
for program in "$new"/bin/*; do
  # Of gluster-plan nothing but its script goes there.
  [ -e "$program" ] || continue
  to=$bin/${program##*/}
  cmp -s "$program" "$to" && continue
  # In one step: it may be running.
  chmod 755 "$program"
  cp -p "$program" "$to.new.$$"
  mv -f "$to.new.$$" "$to"
  [ "$1" != apply ] || echo "changed $to"
done
# What a rollout that broke off left: its document, too, which is not this one's.
rm -rf "${new:?}/bin" "${folder:?}/secrets"
(cd "$folder" && rm -f now.json plan.json answer.json said gluster-plan.sh)
cp -Rp "$new/." "$folder/"
chmod 700 "$folder" "$folder/run"
echo "folder $folder"
exit 0
