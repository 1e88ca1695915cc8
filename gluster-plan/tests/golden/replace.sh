#!/bin/sh
# Gluster of cloud-at-home: run on pi3.
# Made by gluster-plan 0.1.0; plan 7fa80c397ef36bb7b2e20bfa6dae4093dbd388d2e308eabe33ad01c2e71cb053.
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
# DEVICE UUID BYTES: holds our own file system, or is blank and large enough
ours_or_blank() {
  if [ -n "$(blkid -l -t "UUID=$2" -o device)" ]; then return; fi
  [ -b "$1" ] || refuse "$1 is not there"
  found=$(blkid -p -o export "$1" 2>/dev/null | grep -E '^(TYPE|PTTYPE)=' | tr '\n' ' ') || true
  [ -z "$found" ] || refuse "$1 is not blank, it holds $found; where nothing on it is wanted: wipefs -a $1"
  there=$(blockdev --getsize64 "$1")
  [ "$there" -ge "$3" ] || refuse "$1 has $there bytes, and the plan counts with $3"
}
# DEVICE UUID: the dead stick is out
replaced() {
  there=$(blkid -l -t "UUID=$2" -o device) || true
  [ -z "$there" ] || [ "$(readlink -f "$there")" = "$(readlink -f "$1")" ] ||
    refuse "the old stick is still plugged in as $there: take it out"
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

# others-in-step-gv0: what is taken away must not be the only good copy: the other bricks are up and agree on what is missing
if lines 'in step' sh -c 'gluster volume heal "$1" info | awk -v except="$2" '\''
/^Brick / { brick = substr($0, 7); if (brick != except) bricks++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (brick == except) dead = 1; else bad = 1 } next }
/^Number of entries: / || /^ *$/ { next }
brick != except { seen[$0]++; if ($0 ~ /split-brain/) bad = 1 }
END { if (!dead) for (entry in seen) if (seen[entry] != bricks) bad = 1; if (bricks && !bad) print "in step" }'\''' in-step gv0 pi3:/srv/gluster/sda/gv0 | grep -qxF -- 'in step'; then
  say 'others-in-step-gv0: already so'
else
  say 'others-in-step-gv0: wait for it, at most 600 s'
  n=0; until lines 'in step' sh -c 'gluster volume heal "$1" info | awk -v except="$2" '\''
/^Brick / { brick = substr($0, 7); if (brick != except) bricks++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (brick == except) dead = 1; else bad = 1 } next }
/^Number of entries: / || /^ *$/ { next }
brick != except { seen[$0]++; if ($0 ~ /split-brain/) bad = 1 }
END { if (!dead) for (entry in seen) if (seen[entry] != bricks) bad = 1; if (bricks && !bad) print "in step" }'\''' in-step gv0 pi3:/srv/gluster/sda/gv0 | grep -qxF -- 'in step'; do n=$((n+1)); [ $n -lt 601 ] || break; sleep 1; done
  lines 'in step' sh -c 'gluster volume heal "$1" info | awk -v except="$2" '\''
/^Brick / { brick = substr($0, 7); if (brick != except) bricks++; next }
/^Status: / { if ($0 !~ /^Status: Connected/) { if (brick == except) dead = 1; else bad = 1 } next }
/^Number of entries: / || /^ *$/ { next }
brick != except { seen[$0]++; if ($0 ~ /split-brain/) bad = 1 }
END { if (!dead) for (entry in seen) if (seen[entry] != bricks) bad = 1; if (bricks && !bad) print "in step" }'\''' in-step gv0 pi3:/srv/gluster/sda/gv0 | grep -qxF -- 'in step' || die 'others-in-step-gv0 did not work'
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
