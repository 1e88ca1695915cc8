#!/bin/sh
# pi2 becomes a K3s agent. Written by k3s-join 0.1.0; plan affee83e7212521aaaa4fb2c20f17241165cc2559a75b77f462d2cffc1b4c8ed.
# Run as root on pi2.
set -eu
umask 077
die() { echo "$0: $*" >&2; exit 1; }
no() { echo "$0: $*" >&2; exit 3; }
SECRETS=${SECRETS:-.}
# Says that a file is missing: need FILE WHAT
need() { [ -s "$1" ] || die "$2 is wanted as $1"; }
# Refuses where another file is there already: same SOURCE PATH
same() { [ ! -e "$2" ] || cmp -s "$1" "$2" || no "$2 is another: this cluster was born already"; }
# Writes standard input to a file, whole or not at all: put PATH MODE
put() {
  (umask 022 && mkdir -p "$(dirname "$1")")
  cat >"$1.new-k3s-join"
  chmod "$2" "$1.new-k3s-join"
  mv -f "$1.new-k3s-join" "$1"
}

# All checks come before the first change.
[ "$(id -u)" = 0 ] || die 'root is needed'
host=$(uname -n)
[ "${host%%.*}" = pi2 ] || no 'this is not pi2'
grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null || [ -d /sys/fs/cgroup/memory ] ||
  no 'the memory cgroup is off: put cgroup_memory=1 cgroup_enable=memory onto the one line of /boot/firmware/cmdline.txt, and restart'
need "$SECRETS"/k3s.agent-token 'the secret for /etc/rancher/k3s/k3s-join.token'
need ./k3s-install.sh 'the official installer (https://get.k3s.io)'

put /etc/rancher/k3s/config.yaml.d/50-k3s-join.yaml 0600 <<'END_OF_FILE_BY_K3S_JOIN'
# Written by k3s-join; a later file in this folder wins over it.
"flannel-iface": "eth0"
"node-ip":
  - "192.168.11.12"
"node-name": "pi2"
"server": "https://192.168.11.11:6443"
"token-file": "/etc/rancher/k3s/k3s-join.token"
END_OF_FILE_BY_K3S_JOIN
put /etc/systemd/system/k3s-agent.service.d/50-k3s-join.conf 0644 <<'END_OF_FILE_BY_K3S_JOIN'
# Written by k3s-join.
[Unit]
StartLimitIntervalSec=3600
StartLimitBurst=30
After=time-sync.target

[Service]
TimeoutStartSec=900
END_OF_FILE_BY_K3S_JOIN
put /etc/modules-load.d/k3s-join.conf 0644 <<'END_OF_FILE_BY_K3S_JOIN'
# Written by k3s-join.
br_netfilter
overlay
vxlan
END_OF_FILE_BY_K3S_JOIN
put /etc/sysctl.d/90-k3s-join.conf 0644 <<'END_OF_FILE_BY_K3S_JOIN'
# Written by k3s-join.
net.ipv4.ip_forward = 1
fs.inotify.max_user_instances = 8192
fs.inotify.max_user_watches = 524288
END_OF_FILE_BY_K3S_JOIN
put /etc/rancher/k3s/k3s-join.token 0600 <"$SECRETS"/k3s.agent-token

systemctl restart systemd-modules-load.service
sysctl --quiet --system >/dev/null
INSTALL_K3S_EXEC=agent INSTALL_K3S_SKIP_START=true INSTALL_K3S_VERSION=v1.33.4+k3s1 sh ./k3s-install.sh
systemctl daemon-reload
systemctl start k3s-agent.service ||
  die 'it does not start; why: journalctl --unit k3s-agent.service --lines 50'
echo 'ready'
