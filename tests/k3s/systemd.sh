#!/bin/bash
# systemd.sh SCENES OUT: a real systemd as the first process of namespaces of its own, which runs the script SCENES as a
# service; ends when that has ended. What it writes goes to OUT/output, its exit status to OUT/status.
#
# The systemd knows the units written here and no other: none of the host's services is started, nothing is mounted, no
# device or kernel setting is touched. What is written below /etc, /var/lib and /usr/local is gone with it.
set -euo pipefail

if [[ ${1:-} == --inside ]]; then
  scenes=$2 out=$3 units=/usr/lib/systemd/system
  mount --make-rprivate /
  mount -t tmpfs tmpfs /run
  mkdir /run/units
  cp $units/systemd-journald.service $units/systemd-journald.socket $units/systemd-journald-dev-log.socket /run/units/
  for target in sysinit basic network-online network time-sync multi-user shutdown local-fs sockets; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"/run/units/$target.target"
  done
  cat >/run/units/scenes.service <<U
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
After=systemd-journald.service
[Service]
Type=oneshot
StandardOutput=file:$out/output
StandardError=file:$out/errors
ExecStart=/bin/bash -c '"$scenes"; echo \$? >"$out/status.new"; mv "$out/status.new" "$out/status"'
U
  # K3s's data wants a file system that can carry containers; a loop device in a file that is gone with the namespace.
  truncate -s 4G /run/data.img
  mkfs.ext4 -q /run/data.img
  mount -o loop /run/data.img /var/lib
  for folder in /etc /usr/local; do
    mkdir -p "/run/over$folder/"{upper,work}
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=/run/over$folder/upper,workdir=/run/over$folder/work" "$folder"
  done
  : >/etc/fstab
  for folder in $units /etc/systemd/system /usr/lib/systemd/system-generators; do mount -t tmpfs tmpfs "$folder"; done
  cp /run/units/* $units/
  export container=test
  exec /lib/systemd/systemd --system --unit=scenes.service --log-target=null
fi

scenes=$1 out=$2
unshare --pid --fork --kill-child --mount --mount-proc --uts --ipc --cgroup "$0" --inside "$scenes" "$out" >"$out/systemd" 2>&1 &
world=$!
trap '[ "$world" -le 1 ] || kill -9 "$world" 2>/dev/null || true' EXIT
for ((n = 0; n < 1200; n++)); do
  [[ ! -e $out/status ]] || exit 0
  kill -0 "$world" 2>/dev/null || { cat "$out/systemd" >&2; exit 1; }
  sleep 0.1
done
echo "systemd.sh: the scenes did not end" >&2
exit 1
