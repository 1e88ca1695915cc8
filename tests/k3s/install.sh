#!/bin/sh
# A stand-in for K3s's official installer, to test its contract: which variables it gets, the files that it writes (unit,
# environment file, uninstall script), its exit code. It downloads nothing and refuses to be asked to.
set -eu
env | grep -E '^(INSTALL_)?K3S_' | sort >/run/standin-variables || true
[ "${INSTALL_K3S_SKIP_DOWNLOAD:-}" = true ] || { echo "the stand-in downloads nothing" >&2; exit 1; }
[ -x /usr/local/bin/k3s ] || { echo "there is no /usr/local/bin/k3s" >&2; exit 1; }
case ${INSTALL_K3S_EXEC:-server} in
agent*) name=k3s-agent ;;
*) name=k3s ;;
esac
umask 077
: >"/etc/systemd/system/$name.service.env"
umask 022
cat >"/etc/systemd/system/$name.service" <<U
[Unit]
Description=Lightweight Kubernetes
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/systemd/system/$name.service.env
KillMode=process
Delegate=yes
User=root
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStart=/usr/local/bin/k3s ${INSTALL_K3S_EXEC:-server}
U
uninstall=/usr/local/bin/$name-uninstall.sh
[ $name = k3s ] && uninstall=/usr/local/bin/k3s-uninstall.sh
cat >"$uninstall" <<U
#!/bin/sh
systemctl stop $name
systemctl disable $name
rm -f /etc/systemd/system/$name.service /etc/systemd/system/$name.service.env
systemctl daemon-reload
rm -rf /etc/rancher/k3s /var/lib/rancher/k3s /usr/local/bin/k3s "$uninstall"
U
chmod 755 "$uninstall"
systemctl daemon-reload
[ "${INSTALL_K3S_SKIP_ENABLE:-}" = true ] || systemctl enable "$name"
[ "${INSTALL_K3S_SKIP_START:-}" = true ] || systemctl restart "$name"
