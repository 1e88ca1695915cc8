#!/bin/sh
# Gluster of cloud-at-home: run on pi3.
# Made by gluster-plan 0.1.0; plan fdb54a2ab9435d44504eea191cd9fc8bf4b4d6552cf5f940d6309b3a4f9b8032.
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
say() { printf '%s\n' "$*" >&2; }
die() { say "stopped: $*"; exit 1; }
refuse() { say "refused: $*"; exit 3; }
# FILE OFFSET LENGTH: the bytes there, in hexadecimal digits
bytes() { dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
# FILE OFFSET OCTAL: writes bytes there
# shellcheck disable=SC2059 # the format is the bytes
put() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc,fsync 2>/dev/null; }
# PREFIX COMMAND...: the lines of a command's output that begin so
lines() {
  p=$1; shift
  "$@" 2>/dev/null </dev/null | while read -r l; do case $l in "$p"*) printf '%s\n' "$l" ;; esac; done
}
size() { if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -c %s "$1"; fi; }

# All checks come before the first change.

[ "$(getconf LONG_BIT)" = 64 ] || refuse 'this system is 32-bit: Gluster 10 and newer crash on 32-bit ARM'
# NAME: this is that node
this_is() {
  own=$(uname -n); own=${own%%.*}
  [ "$own" = "$1" ] || refuse "this is $own, and the script is for $1"
}
# NAME: leads to an address that this node has; 127.0.1.1, as Debian writes it, does no harm
own_name() {
  for address in $(getent ahosts "$1" | awk '{ print $1 }' | sort -u); do
    case $address in 127.* | ::1) continue ;; esac
    ip -o address | grep -qF " $address/" ||
      refuse "the name $1 leads to $address, which this node has not: correct /etc/hosts"
  done
}
# NAME: leads somewhere
known() { getent ahosts "$1" >/dev/null || refuse "the name $1 leads nowhere: a line in /etc/hosts, or a name server, has to say it"; }
# DEVICE: can be read, and nothing is on it. blkid says 2 for that, and also for what it cannot open; 8 for more than one
# thing; 0 for something, which of a partition may be no more than its entry in a table
blank() {
  dd if="$1" of=/dev/null bs=64k count=32 2>/dev/null || refuse "$1 cannot be read: nobody knows what it holds"
  code=0; found=$(blkid -p -o export "$1" 2>/dev/null) || code=$?
  found=$(printf '%s\n' "$found" | grep -vE '^(DEVNAME=|PART_ENTRY_|$)' | tr '\n' ' ') || true
  case $code in 0 | 2) ;; *) found="something that blkid does not make out (it ends with $code)" ;; esac
  [ -z "$found" ] || refuse "$1 is not blank, it holds $found; where nothing on it is wanted: wipefs -a $1"
}
# DEVICE UUID BYTES: holds our own file system, or is blank and large enough
ours_or_blank() {
  if [ -n "$(blkid -l -t "UUID=$2" -o device)" ]; then return; fi
  [ -b "$1" ] || refuse "$1 is not there"
  blank "$1"
  there=$(blockdev --getsize64 "$1")
  [ "$there" -ge "$3" ] || refuse "$1 has $there bytes, and the plan counts with $3"
}
# DEVICE UUID: the dead stick is out
replaced() {
  there=$(blkid -l -t "UUID=$2" -o device) || true
  [ -z "$there" ] || [ "$(readlink -f "$there")" = "$(readlink -f "$1")" ] ||
    refuse "the old stick is still plugged in as $there: take it out"
}
# COMMAND...: a look at the volume before something is taken from it
may_go() {
  said=$("$@" 2>/dev/null </dev/null) || true
  case $said in
    'down: '*) refuse "${said#*: } is down, and what it holds may be the only good copy: have it up again; or, where it is dead for good, plan with --dead" ;;
    'no such brick: '*) refuse "${said#*: } is no brick of the volume: where the stick had another name, plan with --observed and --replace OLD=NEW" ;;
  esac
}
# VOLUME LINES: is not there, or has exactly these bricks
not_another() {
  if gluster volume info "$1" >/dev/null 2>&1; then
    [ "$(lines Brick gluster volume info "$1")" = "$2" ] ||
      refuse "the volume $1 is there with other bricks; look at it with --observed"
  fi
}
this_is pi3
own_name pi3
known pi1
known pi2
known pi3
known pi4
gluster pool list >/dev/null || refuse 'glusterd does not answer here: run the node scripts first'
replaced /dev/sda 60e3cf39-ade0-83d1-ab72-855fd3ce809f
ours_or_blank /dev/sda 60e3cf39-ade0-83d1-ab72-855fd3ce809f 64000000000
may_go sh -c 'volume=$1 copies=$2 down=$3; shift 3
gluster volume heal "$volume" info | own=$(printf '\''%s\n'\'' "$@") awk -v copies="$copies" -v rule="$down" '\''
BEGIN { n = split(ENVIRON["own"], list, "\n"); for (i = 1; i <= n; i++) if (list[i] != "") { own[list[i]] = 1; wanted++ } }
/^Brick / { brick = substr($0, 7); set = int(at / copies); at++; mine = (brick in own)
  if (mine) { found[brick] = 1; goes[set] = 1 } else stays[set]++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (mine) { dead[set] = 1; down = brick } else bad[set] = 1 } next }
/^Number of entries: / || /^ *$/ { next }
mine { bad[set] = 1; next }
{ seen[set, $0]++; if ($0 ~ /split-brain/) bad[set] = 1 }
END {
  if (!at) exit
  if (rule == "new-stick") for (brick in own) if (!(brick in found)) { print "no such brick: " brick; exit }
  if (rule == "unknown" && down != "") { print "down: " down; exit }
  for (set in goes) if (!(set in stays)) exit
  for (set in bad) if (!wanted || set in goes) exit
  for (entry in seen) {
    split(entry, part, SUBSEP); set = part[1]
    if ((!wanted || set in goes) && !(set in dead) && seen[entry] != stays[set]) exit
  }
  print "in step"
}'\''' in-step gv0 4 new-stick pi3:/srv/gluster/sda/gv0

# others-in-step-gv0: what is taken away must not be the only good copy: it knows of nothing that the others lack, and they are up and agree on what is missing
if lines 'in step' sh -c 'volume=$1 copies=$2 down=$3; shift 3
gluster volume heal "$volume" info | own=$(printf '\''%s\n'\'' "$@") awk -v copies="$copies" -v rule="$down" '\''
BEGIN { n = split(ENVIRON["own"], list, "\n"); for (i = 1; i <= n; i++) if (list[i] != "") { own[list[i]] = 1; wanted++ } }
/^Brick / { brick = substr($0, 7); set = int(at / copies); at++; mine = (brick in own)
  if (mine) { found[brick] = 1; goes[set] = 1 } else stays[set]++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (mine) { dead[set] = 1; down = brick } else bad[set] = 1 } next }
/^Number of entries: / || /^ *$/ { next }
mine { bad[set] = 1; next }
{ seen[set, $0]++; if ($0 ~ /split-brain/) bad[set] = 1 }
END {
  if (!at) exit
  if (rule == "new-stick") for (brick in own) if (!(brick in found)) { print "no such brick: " brick; exit }
  if (rule == "unknown" && down != "") { print "down: " down; exit }
  for (set in goes) if (!(set in stays)) exit
  for (set in bad) if (!wanted || set in goes) exit
  for (entry in seen) {
    split(entry, part, SUBSEP); set = part[1]
    if ((!wanted || set in goes) && !(set in dead) && seen[entry] != stays[set]) exit
  }
  print "in step"
}'\''' in-step gv0 4 new-stick pi3:/srv/gluster/sda/gv0 | grep -qxF -- 'in step'; then
  say 'others-in-step-gv0: already so'
else
  say 'others-in-step-gv0: wait for it, at most 600 s'
  n=0; until lines 'in step' sh -c 'volume=$1 copies=$2 down=$3; shift 3
gluster volume heal "$volume" info | own=$(printf '\''%s\n'\'' "$@") awk -v copies="$copies" -v rule="$down" '\''
BEGIN { n = split(ENVIRON["own"], list, "\n"); for (i = 1; i <= n; i++) if (list[i] != "") { own[list[i]] = 1; wanted++ } }
/^Brick / { brick = substr($0, 7); set = int(at / copies); at++; mine = (brick in own)
  if (mine) { found[brick] = 1; goes[set] = 1 } else stays[set]++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (mine) { dead[set] = 1; down = brick } else bad[set] = 1 } next }
/^Number of entries: / || /^ *$/ { next }
mine { bad[set] = 1; next }
{ seen[set, $0]++; if ($0 ~ /split-brain/) bad[set] = 1 }
END {
  if (!at) exit
  if (rule == "new-stick") for (brick in own) if (!(brick in found)) { print "no such brick: " brick; exit }
  if (rule == "unknown" && down != "") { print "down: " down; exit }
  for (set in goes) if (!(set in stays)) exit
  for (set in bad) if (!wanted || set in goes) exit
  for (entry in seen) {
    split(entry, part, SUBSEP); set = part[1]
    if ((!wanted || set in goes) && !(set in dead) && seen[entry] != stays[set]) exit
  }
  print "in step"
}'\''' in-step gv0 4 new-stick pi3:/srv/gluster/sda/gv0 | grep -qxF -- 'in step'; do n=$((n+1)); [ $n -lt 601 ] || break; sleep 1; done
  lines 'in step' sh -c 'volume=$1 copies=$2 down=$3; shift 3
gluster volume heal "$volume" info | own=$(printf '\''%s\n'\'' "$@") awk -v copies="$copies" -v rule="$down" '\''
BEGIN { n = split(ENVIRON["own"], list, "\n"); for (i = 1; i <= n; i++) if (list[i] != "") { own[list[i]] = 1; wanted++ } }
/^Brick / { brick = substr($0, 7); set = int(at / copies); at++; mine = (brick in own)
  if (mine) { found[brick] = 1; goes[set] = 1 } else stays[set]++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (mine) { dead[set] = 1; down = brick } else bad[set] = 1 } next }
/^Number of entries: / || /^ *$/ { next }
mine { bad[set] = 1; next }
{ seen[set, $0]++; if ($0 ~ /split-brain/) bad[set] = 1 }
END {
  if (!at) exit
  if (rule == "new-stick") for (brick in own) if (!(brick in found)) { print "no such brick: " brick; exit }
  if (rule == "unknown" && down != "") { print "down: " down; exit }
  for (set in goes) if (!(set in stays)) exit
  for (set in bad) if (!wanted || set in goes) exit
  for (entry in seen) {
    split(entry, part, SUBSEP); set = part[1]
    if ((!wanted || set in goes) && !(set in dead) && seen[entry] != stays[set]) exit
  }
  print "in step"
}'\''' in-step gv0 4 new-stick pi3:/srv/gluster/sda/gv0 | grep -qxF -- 'in step' || die 'others-in-step-gv0 did not work'
fi

# reset-gv0: the brick's process ends, if it still runs on the dead stick
if lines fit sh -c 'if gluster volume status "$2" "$3" detail | tr -s '\'' '\'' | grep -qx '\''Online : N *'\''; then echo fit; else [ -b "$(findmnt -nro SOURCE --mountpoint "$1")" ] && probe=$(mktemp -p "$1" .probe-XXXXXX) && sync -f "$probe" && rm "$probe" && echo fit; fi' down /srv/gluster/sda gv0 pi3:/srv/gluster/sda/gv0 | grep -qxF -- fit; then
  say 'reset-gv0: already so'
else
  say 'reset-gv0: run gluster --mode=script volume reset-brick gv0 pi3:/srv/gluster/sda/gv0 start'
  timeout 120 gluster --mode=script volume reset-brick gv0 pi3:/srv/gluster/sda/gv0 start
  lines fit sh -c 'if gluster volume status "$2" "$3" detail | tr -s '\'' '\'' | grep -qx '\''Online : N *'\''; then echo fit; else [ -b "$(findmnt -nro SOURCE --mountpoint "$1")" ] && probe=$(mktemp -p "$1" .probe-XXXXXX) && sync -f "$probe" && rm "$probe" && echo fit; fi' down /srv/gluster/sda gv0 pi3:/srv/gluster/sda/gv0 | grep -qxF -- fit || die 'reset-gv0 did not work'
fi

# unmount-sda: the dead stick's file system is still mounted; one that can be written stays
if lines fit sh -c 'findmnt -n --mountpoint "$1" >/dev/null || { echo fit; exit; }; [ -b "$(findmnt -nro SOURCE --mountpoint "$1")" ] && probe=$(mktemp -p "$1" .probe-XXXXXX) && sync -f "$probe" && rm "$probe" && echo fit' fit /srv/gluster/sda | grep -qxF -- fit; then
  say 'unmount-sda: already so'
else
  say 'unmount-sda: run umount -l /srv/gluster/sda'
  timeout 60 umount -l /srv/gluster/sda
  lines fit sh -c 'findmnt -n --mountpoint "$1" >/dev/null || { echo fit; exit; }; [ -b "$(findmnt -nro SOURCE --mountpoint "$1")" ] && probe=$(mktemp -p "$1" .probe-XXXXXX) && sync -f "$probe" && rm "$probe" && echo fit' fit /srv/gluster/sda | grep -qxF -- fit || die 'unmount-sda did not work'
fi

# mkfs-sda: Gluster keeps extended attributes with every file: inodes of 512 bytes hold them
if lines 60e3cf39-ade0-83d1-ab72-855fd3ce809f blkid -l -t UUID=60e3cf39-ade0-83d1-ab72-855fd3ce809f -s UUID -o value | grep -qxF -- 60e3cf39-ade0-83d1-ab72-855fd3ce809f; then
  say 'mkfs-sda: already so'
else
  say 'mkfs-sda: run mkfs.xfs -q -i size=512 -n size=8192 -m uuid=60e3cf39-ade0-83d1-ab72-855fd3ce809f /dev/sda'
  timeout 900 mkfs.xfs -q -i size=512 -n size=8192 -m uuid=60e3cf39-ade0-83d1-ab72-855fd3ce809f /dev/sda
  lines 60e3cf39-ade0-83d1-ab72-855fd3ce809f blkid -l -t UUID=60e3cf39-ade0-83d1-ab72-855fd3ce809f -s UUID -o value | grep -qxF -- 60e3cf39-ade0-83d1-ab72-855fd3ce809f || die 'mkfs-sda did not work'
fi

# mount-sda: the brick is a folder in it: where nothing is mounted there is no brick to fill the system's disk with
if lines 60e3cf39-ade0-83d1-ab72-855fd3ce809f findmnt -nro UUID --mountpoint /srv/gluster/sda | grep -qxF -- 60e3cf39-ade0-83d1-ab72-855fd3ce809f; then
  say 'mount-sda: already so'
else
  say 'mount-sda: mount UUID=60e3cf39-ade0-83d1-ab72-855fd3ce809f on /srv/gluster/sda (noatime,inode64)'
  mkdir -p /srv/gluster/sda
  mount -t xfs -o noatime,inode64 UUID=60e3cf39-ade0-83d1-ab72-855fd3ce809f /srv/gluster/sda
  lines 60e3cf39-ade0-83d1-ab72-855fd3ce809f findmnt -nro UUID --mountpoint /srv/gluster/sda | grep -qxF -- 60e3cf39-ade0-83d1-ab72-855fd3ce809f || die 'mount-sda did not work'
fi

# new-gv0: a brick's data in this place is the old stick's: its brick only has to be started, and writing over it may take the only good copy
if lines new sh -c 'if ! [ -d "$3/.glusterfs" ]; then echo new
elif gluster volume status "$1" "$2" detail | tr -s '\'' '\'' | grep -qx '\''Online : Y *'\''; then echo new; fi' new gv0 pi3:/srv/gluster/sda/gv0 /srv/gluster/sda/gv0 | grep -qxF -- new; then
  say 'new-gv0: already so'
else
  say 'new-gv0: wait for it, at most 30 s'
  n=0; until lines new sh -c 'if ! [ -d "$3/.glusterfs" ]; then echo new
elif gluster volume status "$1" "$2" detail | tr -s '\'' '\'' | grep -qx '\''Online : Y *'\''; then echo new; fi' new gv0 pi3:/srv/gluster/sda/gv0 /srv/gluster/sda/gv0 | grep -qxF -- new; do n=$((n+1)); [ $n -lt 31 ] || break; sleep 1; done
  lines new sh -c 'if ! [ -d "$3/.glusterfs" ]; then echo new
elif gluster volume status "$1" "$2" detail | tr -s '\'' '\'' | grep -qx '\''Online : Y *'\''; then echo new; fi' new gv0 pi3:/srv/gluster/sda/gv0 /srv/gluster/sda/gv0 | grep -qxF -- new || die 'new-gv0 did not work'
fi

# folder-gv0: the brick's folder; a reset, unlike a new volume, does not make it
if lines directory stat -c %F /srv/gluster/sda/gv0 | grep -qxF -- directory; then
  say 'folder-gv0: already so'
else
  say 'folder-gv0: run mkdir /srv/gluster/sda/gv0'
  timeout 10 mkdir /srv/gluster/sda/gv0
  lines directory stat -c %F /srv/gluster/sda/gv0 | grep -qxF -- directory || die 'folder-gv0 did not work'
fi

# commit-gv0: the empty brick takes the place, and the others know that it lacks everything
if lines online sh -c 'n=0
until gluster volume status "$1" "$2" detail | tr -s '\'' '\'' | grep -qx '\''Online : Y *'\''; do
  n=$((n + 1)); [ $n -lt 10 ] || exit 1; sleep 1
done
echo online' online gv0 pi3:/srv/gluster/sda/gv0 | grep -qxF -- online; then
  say 'commit-gv0: already so'
else
  say 'commit-gv0: run gluster --mode=script volume reset-brick gv0 pi3:/srv/gluster/sda/gv0 pi3:/srv/gluster/sda/gv0 commit force'
  timeout 120 gluster --mode=script volume reset-brick gv0 pi3:/srv/gluster/sda/gv0 pi3:/srv/gluster/sda/gv0 commit force
  lines online sh -c 'n=0
until gluster volume status "$1" "$2" detail | tr -s '\'' '\'' | grep -qx '\''Online : Y *'\''; do
  n=$((n + 1)); [ $n -lt 10 ] || exit 1; sleep 1
done
echo online' online gv0 pi3:/srv/gluster/sda/gv0 | grep -qxF -- online || die 'commit-gv0 did not work'
fi

# healed-gv0: every brick holds a whole copy again
if [ "$(lines 'Number of entries:' gluster volume heal gv0 info)" = 'Number of entries: 0
Number of entries: 0
Number of entries: 0
Number of entries: 0' ]; then
  say 'healed-gv0: already so'
else
  say 'healed-gv0: run sh -c '\''gluster volume heal "$1" full >/dev/null 2>&1 || true
until [ "$(gluster volume heal "$1" info | grep -c '\''\'\'''\''^Number of entries: 0 *$'\''\'\'''\'')" = "$2" ]; do
  gluster volume heal "$1" >/dev/null 2>&1 || true; sleep 10
done'\'' heal gv0 4'
  timeout 43200 sh -c 'gluster volume heal "$1" full >/dev/null 2>&1 || true
until [ "$(gluster volume heal "$1" info | grep -c '\''^Number of entries: 0 *$'\'')" = "$2" ]; do
  gluster volume heal "$1" >/dev/null 2>&1 || true; sleep 10
done' heal gv0 4
  [ "$(lines 'Number of entries:' gluster volume heal gv0 info)" = 'Number of entries: 0
Number of entries: 0
Number of entries: 0
Number of entries: 0' ] || die 'healed-gv0 did not work'
fi

say 'all is as planned'
