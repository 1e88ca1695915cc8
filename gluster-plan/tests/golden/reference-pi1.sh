#!/bin/sh
# Gluster on pi1: disks, mounts, daemon.
# Made by gluster-plan 0.1.0; plan c23cd308f33e20f7ce4e51e9b75e961b335a81f7f961adf61558926912be1e30.
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
ours_or_blank /dev/sda af135734-88a5-8052-84f5-bd6c8acc1b70 64000000000

# packages: Gluster's programs; a node that holds no brick needs the client only
if [ "$(lines '' dpkg-query -W -f '${Status}
' glusterfs-server glusterfs-client xfsprogs nfs-kernel-server)" = 'install ok installed
install ok installed
install ok installed
install ok installed' ]; then
  say 'packages: already so'
else
  say 'packages: run env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install glusterfs-server glusterfs-client xfsprogs nfs-kernel-server'
  timeout 1800 env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends install glusterfs-server glusterfs-client xfsprogs nfs-kernel-server
  [ "$(lines '' dpkg-query -W -f '${Status}
' glusterfs-server glusterfs-client xfsprogs nfs-kernel-server)" = 'install ok installed
install ok installed
install ok installed
install ok installed' ] || die 'packages did not work'
fi

# host-pi1: bricks are known by the names of their nodes, on every node
if grep -qxF -- '192.168.11.11 pi1' /etc/hosts 2>/dev/null; then
  say 'host-pi1: already so'
else
  say 'host-pi1: append to /etc/hosts: 192.168.11.11 pi1'
  if [ -s /etc/hosts ] && [ -n "$(tail -c1 /etc/hosts)" ]; then echo >>/etc/hosts; fi
  printf '%s\n' '192.168.11.11 pi1' >>/etc/hosts
  grep -qxF -- '192.168.11.11 pi1' /etc/hosts 2>/dev/null || die 'host-pi1 did not work'
fi

# host-pi2: bricks are known by the names of their nodes, on every node
if grep -qxF -- '192.168.11.12 pi2' /etc/hosts 2>/dev/null; then
  say 'host-pi2: already so'
else
  say 'host-pi2: append to /etc/hosts: 192.168.11.12 pi2'
  if [ -s /etc/hosts ] && [ -n "$(tail -c1 /etc/hosts)" ]; then echo >>/etc/hosts; fi
  printf '%s\n' '192.168.11.12 pi2' >>/etc/hosts
  grep -qxF -- '192.168.11.12 pi2' /etc/hosts 2>/dev/null || die 'host-pi2 did not work'
fi

# host-pi3: bricks are known by the names of their nodes, on every node
if grep -qxF -- '192.168.11.13 pi3' /etc/hosts 2>/dev/null; then
  say 'host-pi3: already so'
else
  say 'host-pi3: append to /etc/hosts: 192.168.11.13 pi3'
  if [ -s /etc/hosts ] && [ -n "$(tail -c1 /etc/hosts)" ]; then echo >>/etc/hosts; fi
  printf '%s\n' '192.168.11.13 pi3' >>/etc/hosts
  grep -qxF -- '192.168.11.13 pi3' /etc/hosts 2>/dev/null || die 'host-pi3 did not work'
fi

# host-pi4: bricks are known by the names of their nodes, on every node
if grep -qxF -- '192.168.11.14 pi4' /etc/hosts 2>/dev/null; then
  say 'host-pi4: already so'
else
  say 'host-pi4: append to /etc/hosts: 192.168.11.14 pi4'
  if [ -s /etc/hosts ] && [ -n "$(tail -c1 /etc/hosts)" ]; then echo >>/etc/hosts; fi
  printf '%s\n' '192.168.11.14 pi4' >>/etc/hosts
  grep -qxF -- '192.168.11.14 pi4' /etc/hosts 2>/dev/null || die 'host-pi4 did not work'
fi

# mkfs-sda: Gluster keeps extended attributes with every file: inodes of 512 bytes hold them
if lines af135734-88a5-8052-84f5-bd6c8acc1b70 blkid -l -t UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 -s UUID -o value | grep -qxF -- af135734-88a5-8052-84f5-bd6c8acc1b70; then
  say 'mkfs-sda: already so'
else
  say 'mkfs-sda: run mkfs.xfs -q -i size=512 -n size=8192 -m uuid=af135734-88a5-8052-84f5-bd6c8acc1b70 /dev/sda'
  timeout 900 mkfs.xfs -q -i size=512 -n size=8192 -m uuid=af135734-88a5-8052-84f5-bd6c8acc1b70 /dev/sda
  lines af135734-88a5-8052-84f5-bd6c8acc1b70 blkid -l -t UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 -s UUID -o value | grep -qxF -- af135734-88a5-8052-84f5-bd6c8acc1b70 || die 'mkfs-sda did not work'
fi

# fstab-sda: mounted by its identity, whatever the stick is called after a restart
if grep -qxF -- 'UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 /srv/gluster/sda xfs noatime,inode64,nofail,x-systemd.before=glusterd.service 0 0' /etc/fstab 2>/dev/null; then
  say 'fstab-sda: already so'
else
  say 'fstab-sda: append to /etc/fstab: UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 /srv/gluster/sda xfs noatime,inode64,nofail,x-systemd.before=glusterd.service 0 0'
  if [ -s /etc/fstab ] && [ -n "$(tail -c1 /etc/fstab)" ]; then echo >>/etc/fstab; fi
  printf '%s\n' 'UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 /srv/gluster/sda xfs noatime,inode64,nofail,x-systemd.before=glusterd.service 0 0' >>/etc/fstab
  grep -qxF -- 'UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 /srv/gluster/sda xfs noatime,inode64,nofail,x-systemd.before=glusterd.service 0 0' /etc/fstab 2>/dev/null || die 'fstab-sda did not work'
fi

# mount-sda: the brick is a folder in it: where nothing is mounted there is no brick to fill the system's disk with
if lines af135734-88a5-8052-84f5-bd6c8acc1b70 findmnt -nro UUID --mountpoint /srv/gluster/sda | grep -qxF -- af135734-88a5-8052-84f5-bd6c8acc1b70; then
  say 'mount-sda: already so'
else
  say 'mount-sda: mount UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 on /srv/gluster/sda (noatime,inode64)'
  mkdir -p /srv/gluster/sda
  mount -t xfs -o noatime,inode64 UUID=af135734-88a5-8052-84f5-bd6c8acc1b70 /srv/gluster/sda
  lines af135734-88a5-8052-84f5-bd6c8acc1b70 findmnt -nro UUID --mountpoint /srv/gluster/sda | grep -qxF -- af135734-88a5-8052-84f5-bd6c8acc1b70 || die 'mount-sda did not work'
fi

# enable-glusterd: Debian leaves it off
if lines enabled systemctl is-enabled glusterd | grep -qxF -- enabled; then
  say 'enable-glusterd: already so'
else
  say 'enable-glusterd: enable glusterd'
  systemctl enable glusterd
  lines enabled systemctl is-enabled glusterd | grep -qxF -- enabled || die 'enable-glusterd did not work'
fi

# start-glusterd: after the bricks are mounted
if lines active systemctl is-active glusterd | grep -qxF -- active; then
  say 'start-glusterd: already so'
else
  say 'start-glusterd: start glusterd'
  systemctl start glusterd
  lines active systemctl is-active glusterd | grep -qxF -- active || die 'start-glusterd did not work'
fi

# fstab-gv0: mounted when it is first used, so that a node boots when the others are not there yet
if grep -qxF -- 'localhost:/gv0 /mnt/gv0 glusterfs defaults,_netdev,nofail,x-systemd.automount,x-systemd.requires=glusterd.service,x-systemd.after=glusterd.service 0 0' /etc/fstab 2>/dev/null; then
  say 'fstab-gv0: already so'
else
  say 'fstab-gv0: append to /etc/fstab: localhost:/gv0 /mnt/gv0 glusterfs defaults,_netdev,nofail,x-systemd.automount,x-systemd.requires=glusterd.service,x-systemd.after=glusterd.service 0 0'
  if [ -s /etc/fstab ] && [ -n "$(tail -c1 /etc/fstab)" ]; then echo >>/etc/fstab; fi
  printf '%s\n' 'localhost:/gv0 /mnt/gv0 glusterfs defaults,_netdev,nofail,x-systemd.automount,x-systemd.requires=glusterd.service,x-systemd.after=glusterd.service 0 0' >>/etc/fstab
  grep -qxF -- 'localhost:/gv0 /mnt/gv0 glusterfs defaults,_netdev,nofail,x-systemd.automount,x-systemd.requires=glusterd.service,x-systemd.after=glusterd.service 0 0' /etc/fstab 2>/dev/null || die 'fstab-gv0 did not work'
fi

# mount-point-gv0: the same path on every node
if lines directory stat -c %F /mnt/gv0 | grep -qxF -- directory; then
  say 'mount-point-gv0: already so'
else
  say 'mount-point-gv0: run mkdir -p /mnt/gv0'
  timeout 10 mkdir -p /mnt/gv0
  lines directory stat -c %F /mnt/gv0 | grep -qxF -- directory || die 'mount-point-gv0 did not work'
fi

# reload-gv0: systemd makes units of fstab's lines
if lines loaded systemctl show -p LoadState --value mnt-gv0.automount | grep -qxF -- loaded; then
  say 'reload-gv0: already so'
else
  say 'reload-gv0: run systemctl daemon-reload'
  timeout 60 systemctl daemon-reload
  lines loaded systemctl show -p LoadState --value mnt-gv0.automount | grep -qxF -- loaded || die 'reload-gv0 did not work'
fi

# automount-gv0: from now on, and not only after a restart
if lines active systemctl is-active mnt-gv0.automount | grep -qxF -- active; then
  say 'automount-gv0: already so'
else
  say 'automount-gv0: start mnt-gv0.automount'
  systemctl start mnt-gv0.automount
  lines active systemctl is-active mnt-gv0.automount | grep -qxF -- active || die 'automount-gv0 did not work'
fi

# export-gv0: what the provisioner's pods mount, by NFS
if grep -qxF -- '/mnt/gv0 192.168.11.0/24(rw,sync,no_subtree_check,no_root_squash,mp,fsid=a7987aba-7b90-8203-a41e-ff4b06aa04ff)' /etc/exports 2>/dev/null; then
  say 'export-gv0: already so'
else
  say 'export-gv0: append to /etc/exports: /mnt/gv0 192.168.11.0/24(rw,sync,no_subtree_check,no_root_squash,mp,fsid=a7987aba-7b90-8203-a41e-ff4b06aa04ff)'
  if [ -s /etc/exports ] && [ -n "$(tail -c1 /etc/exports)" ]; then echo >>/etc/exports; fi
  printf '%s\n' '/mnt/gv0 192.168.11.0/24(rw,sync,no_subtree_check,no_root_squash,mp,fsid=a7987aba-7b90-8203-a41e-ff4b06aa04ff)' >>/etc/exports
  grep -qxF -- '/mnt/gv0 192.168.11.0/24(rw,sync,no_subtree_check,no_root_squash,mp,fsid=a7987aba-7b90-8203-a41e-ff4b06aa04ff)' /etc/exports 2>/dev/null || die 'export-gv0 did not work'
fi

# exported-gv0: from now on, and not only after a restart
if exportfs -s 2>/dev/null | grep -qF -- /mnt/gv0; then
  say 'exported-gv0: already so'
else
  say 'exported-gv0: run exportfs -ra'
  timeout 60 exportfs -ra
  exportfs -s 2>/dev/null | grep -qF -- /mnt/gv0 || die 'exported-gv0 did not work'
fi

say 'all is as planned'
