#!/bin/bash
# ssh.sh FOLDER PROGRAM…: an ssh server and its client in network namespaces of their own, and a cable between them that can be cut.
# In each session PROGRAM writes over the connection and leaves in FOLDER what became of that; a line for each goes out.
# Runs in namespaces of its own for mounts, network and processes.
set -eu
folder=$1
shift
program=$*

mount -t tmpfs none /run
mount -t tmpfs none /var/log
mkdir /run/sshd
ip link set lo up
unshare -n sleep 600 &
other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.1; done
there() { nsenter -t "$other" -n "$@"; }
ip link add here type veth peer name there netns "$other"
ip address add 10.9.0.1/24 dev here
ip link set here up
there ip address add 10.9.0.2/24 dev there
there ip link set there up

ssh-keygen -q -t ed25519 -N '' -f "$folder/host"
ssh-keygen -q -t ed25519 -N '' -f "$folder/user"
cat >"$folder/settings" <<END
ListenAddress 10.9.0.1:2222
HostKey $folder/host
AuthorizedKeysFile $folder/user.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile $folder/number
END
/usr/sbin/sshd -D -f "$folder/settings" -E "$folder/log" &
until [ -e "$folder/number" ]; do sleep 0.1; done

# session NAME CUT REDIRECTION [OPTION]
session() {
  there ip link set there up
  sleep 0.3
  there ssh "${4:--T}" -p 2222 -i "$folder/user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
    root@10.9.0.1 "LIFE='$folder/$1' $program >/dev/null $3" </dev/null >"$folder/$1.said" 2>&1 &
  client=$!
  until [ -e "$folder/$1.ready" ]; do sleep 0.1; done
  [ "$2" = whole ] || there ip link set there down
  touch "$folder/$1.go"
  until [ -s "$folder/$1" ]; do sleep 0.1; done
  [ "$2" = whole ] || kill "$client"
  wait "$client" || true
  printf '%s %s %s\n' "$1" "$(cat "$folder/$1")" "$(tr -d '\r\n' <"$folder/$1.said")"
}

session pipe whole ''
session terminal whole '' -tt
session redirected whole '2>/dev/null'
for number in 1 2 3; do session "cut$number" cut ''; done
session cut-redirected cut '2>/dev/null'
