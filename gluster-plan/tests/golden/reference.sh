#!/bin/sh
# Gluster of cloud-at-home: run on pi1.
# Made by gluster-plan 0.1.0; plan 8a06a3339bec97eb40758b59b83e15bc73b577ae86732e25a048b4ee2c8cbae5.
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
this_is pi1
own_name pi1
known pi1
known pi2
known pi3
known pi4
gluster pool list >/dev/null || refuse 'glusterd does not answer here: run the node scripts first'
not_another gv0 'Bricks:
Brick1: pi1:/srv/gluster/sda/gv0
Brick2: pi2:/srv/gluster/sda/gv0
Brick3: pi3:/srv/gluster/sda/gv0
Brick4: pi4:/srv/gluster/sda/gv0'

# probe-pi2: a peer of the trusted pool
if lines 'Hostname: pi2' gluster peer status | grep -qxF -- 'Hostname: pi2'; then
  say 'probe-pi2: already so'
else
  say 'probe-pi2: run gluster --mode=script peer probe pi2'
  timeout 60 gluster --mode=script peer probe pi2
  lines 'Hostname: pi2' gluster peer status | grep -qxF -- 'Hostname: pi2' || die 'probe-pi2 did not work'
fi

# probe-pi3: a peer of the trusted pool
if lines 'Hostname: pi3' gluster peer status | grep -qxF -- 'Hostname: pi3'; then
  say 'probe-pi3: already so'
else
  say 'probe-pi3: run gluster --mode=script peer probe pi3'
  timeout 60 gluster --mode=script peer probe pi3
  lines 'Hostname: pi3' gluster peer status | grep -qxF -- 'Hostname: pi3' || die 'probe-pi3 did not work'
fi

# probe-pi4: a peer of the trusted pool
if lines 'Hostname: pi4' gluster peer status | grep -qxF -- 'Hostname: pi4'; then
  say 'probe-pi4: already so'
else
  say 'probe-pi4: run gluster --mode=script peer probe pi4'
  timeout 60 gluster --mode=script peer probe pi4
  lines 'Hostname: pi4' gluster peer status | grep -qxF -- 'Hostname: pi4' || die 'probe-pi4 did not work'
fi

# peers-connected: all peers see each other before a volume is made of them
if lines connected sh -c 'pool=$(gluster pool list) || exit 1
for peer; do
  printf '\''%s\n'\'' "$pool" | awk -v peer="$peer" '\''$2 == peer && $3 == "Connected" { found = 1 } END { exit !found }'\'' || exit 1
  seen=$(gluster --remote-host="$peer" pool list | grep -c '\''Connected *$'\'') && [ "$seen" -gt $# ] || exit 1
done
echo connected' connected pi2 pi3 pi4 | grep -qxF -- connected; then
  say 'peers-connected: already so'
else
  say 'peers-connected: wait for it, at most 120 s'
  n=0; until lines connected sh -c 'pool=$(gluster pool list) || exit 1
for peer; do
  printf '\''%s\n'\'' "$pool" | awk -v peer="$peer" '\''$2 == peer && $3 == "Connected" { found = 1 } END { exit !found }'\'' || exit 1
  seen=$(gluster --remote-host="$peer" pool list | grep -c '\''Connected *$'\'') && [ "$seen" -gt $# ] || exit 1
done
echo connected' connected pi2 pi3 pi4 | grep -qxF -- connected; do n=$((n+1)); [ $n -lt 121 ] || break; sleep 1; done
  lines connected sh -c 'pool=$(gluster pool list) || exit 1
for peer; do
  printf '\''%s\n'\'' "$pool" | awk -v peer="$peer" '\''$2 == peer && $3 == "Connected" { found = 1 } END { exit !found }'\'' || exit 1
  seen=$(gluster --remote-host="$peer" pool list | grep -c '\''Connected *$'\'') && [ "$seen" -gt $# ] || exit 1
done
echo connected' connected pi2 pi3 pi4 | grep -qxF -- connected || die 'peers-connected did not work'
fi

# create-gv0: 4 bricks in a row are a set; the first of each decides where half is left
if [ "$(lines Brick gluster volume info gv0)" = 'Bricks:
Brick1: pi1:/srv/gluster/sda/gv0
Brick2: pi2:/srv/gluster/sda/gv0
Brick3: pi3:/srv/gluster/sda/gv0
Brick4: pi4:/srv/gluster/sda/gv0' ]; then
  say 'create-gv0: already so'
else
  say 'create-gv0: run gluster --mode=script volume create gv0 replica 4 pi1:/srv/gluster/sda/gv0 pi2:/srv/gluster/sda/gv0 pi3:/srv/gluster/sda/gv0 pi4:/srv/gluster/sda/gv0'
  timeout 120 gluster --mode=script volume create gv0 replica 4 pi1:/srv/gluster/sda/gv0 pi2:/srv/gluster/sda/gv0 pi3:/srv/gluster/sda/gv0 pi4:/srv/gluster/sda/gv0
  [ "$(lines Brick gluster volume info gv0)" = 'Bricks:
Brick1: pi1:/srv/gluster/sda/gv0
Brick2: pi2:/srv/gluster/sda/gv0
Brick3: pi3:/srv/gluster/sda/gv0
Brick4: pi4:/srv/gluster/sda/gv0' ] || die 'create-gv0 did not work'
fi

# set-gv0-cluster-quorum-type: when a client may use a set of bricks
if [ "$(lines cluster.quorum-type: gluster volume info gv0)" = 'cluster.quorum-type: auto' ]; then
  say 'set-gv0-cluster-quorum-type: already so'
else
  say 'set-gv0-cluster-quorum-type: run gluster --mode=script volume set gv0 cluster.quorum-type auto'
  timeout 60 gluster --mode=script volume set gv0 cluster.quorum-type auto
  [ "$(lines cluster.quorum-type: gluster volume info gv0)" = 'cluster.quorum-type: auto' ] || die 'set-gv0-cluster-quorum-type did not work'
fi

# set-gv0-cluster-favorite-child-policy: where two copies disagree a person decides, not a clock
if [ "$(lines cluster.favorite-child-policy: gluster volume info gv0)" = 'cluster.favorite-child-policy: none' ]; then
  say 'set-gv0-cluster-favorite-child-policy: already so'
else
  say 'set-gv0-cluster-favorite-child-policy: run gluster --mode=script volume set gv0 cluster.favorite-child-policy none'
  timeout 60 gluster --mode=script volume set gv0 cluster.favorite-child-policy none
  [ "$(lines cluster.favorite-child-policy: gluster volume info gv0)" = 'cluster.favorite-child-policy: none' ] || die 'set-gv0-cluster-favorite-child-policy did not work'
fi

# set-gv0-network-ping-timeout: how many seconds a server may be silent; Gluster's 42 stop everything for that long
if [ "$(lines network.ping-timeout: gluster volume info gv0)" = 'network.ping-timeout: 20' ]; then
  say 'set-gv0-network-ping-timeout: already so'
else
  say 'set-gv0-network-ping-timeout: run gluster --mode=script volume set gv0 network.ping-timeout 20'
  timeout 60 gluster --mode=script volume set gv0 network.ping-timeout 20
  [ "$(lines network.ping-timeout: gluster volume info gv0)" = 'network.ping-timeout: 20' ] || die 'set-gv0-network-ping-timeout did not work'
fi

# start-gv0: its bricks begin to serve
if lines 'Status: Started' gluster volume info gv0 | grep -qxF -- 'Status: Started'; then
  say 'start-gv0: already so'
else
  say 'start-gv0: run gluster --mode=script volume start gv0'
  timeout 120 gluster --mode=script volume start gv0
  lines 'Status: Started' gluster volume info gv0 | grep -qxF -- 'Status: Started' || die 'start-gv0 did not work'
fi

# online-gv0: every brick answers
if [ "$(lines Status: gluster volume heal gv0 info)" = 'Status: Connected
Status: Connected
Status: Connected
Status: Connected' ]; then
  say 'online-gv0: already so'
else
  say 'online-gv0: wait for it, at most 120 s'
  n=0; until [ "$(lines Status: gluster volume heal gv0 info)" = 'Status: Connected
Status: Connected
Status: Connected
Status: Connected' ]; do n=$((n+1)); [ $n -lt 121 ] || break; sleep 1; done
  [ "$(lines Status: gluster volume heal gv0 info)" = 'Status: Connected
Status: Connected
Status: Connected
Status: Connected' ] || die 'online-gv0 did not work'
fi

say 'all is as planned'
