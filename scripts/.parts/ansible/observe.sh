#!/bin/sh
# Prints what this machine is, a fact a line: its name, a space, and the bytes in base64. Runs in any POSIX shell, also
# BusyBox's. Reads only.
#
#   observe.sh [DISK]
disk=${1:-}
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
LC_ALL=C
export PATH LC_ALL

# A program that does not answer is not waited for.
if command -v timeout >/dev/null 2>&1; then limit='timeout 20'; else limit=; fi

# fact NAME COMMAND…: what it prints, where it succeeds.
fact() {
  fact=$1
  shift
  # shellcheck disable=SC2086 # two words, or none
  said=$($limit "$@" 2>/dev/null </dev/null) || return 0
  printf '%s %s\n' "$fact" "$(printf '%s' "$said" | base64 | tr -d '\n')"
}

fact hostname cat /proc/sys/kernel/hostname
fact machine_id cat /etc/machine-id
fact serial cat /proc/device-tree/serial-number
fact meminfo cat /proc/meminfo
fact kernel uname -r
fact uname uname -m
fact os_release cat /etc/os-release
fact cmdline cat /proc/cmdline
fact cgroup_controllers cat /sys/fs/cgroup/cgroup.controllers
fact ip ip -json address show
fact getent getent ahosts "$(cat /proc/sys/kernel/hostname)"
fact glusterd_info cat /var/lib/glusterd/glusterd.info
for link in /sys/class/net/*; do
  fact "link.${link##*/}" cat "$link/address"
done

fact lsblk lsblk --json --bytes -o NAME,PATH,TYPE,SIZE,RO,PTTYPE,FSTYPE,LABEL,UUID,MOUNTPOINT,MODEL,SERIAL
if [ -n "$disk" ] && [ -b "$disk" ]; then
  fact sfdisk sfdisk --json "$disk"
  block=/sys/class/block/$(basename "$(readlink -f "$disk")")
  fact preferred_erase_size cat "$block/device/preferred_erase_size"
  fact discard_granularity cat "$block/queue/discard_granularity"
fi

fact docker docker info --format '{{json .}}'
fact containerd containerd --version
fact k3s k3s --version
for tool in pi-partition pi-dockerroot pi-wifi k3s-join; do
  fact "tool.$tool" "$tool" --version
done
echo "end "
