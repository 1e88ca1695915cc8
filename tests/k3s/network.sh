#!/bin/bash
# network.sh K3S-JOIN CLUSTER.JSON SECRETS: four nodes in network namespaces on one switch, and what k3s-join says in each
# of them; on standard output one line for each scene: its name, a tab, the answer as one line of JSON.
#
# Is to be started in mount, network and process namespaces of its own (`unshare --mount --net --pid --fork --kill-child`), so
# that nothing of it is left, however it ends. All traffic is between the namespaces that it makes.
set -euo pipefail
program=$1 document=$2 secrets=$3

mount -t tmpfs tmpfs /run
ip netns add switch
ip -n switch link add ports type bridge
ip -n switch link set ports up

# node NAME ADDRESS: eth0 and wlan0, the first on the switch with the address and a default route.
node() {
  ip netns add "$1"
  ip -n "$1" link set lo up
  ip link add eth0 netns "$1" type veth peer name "$1" netns switch
  ip -n switch link set "$1" master ports up
  ip -n "$1" link set eth0 up
  # A radio that leads nowhere.
  ip link add wlan0 netns "$1" type veth peer name "$1-air" netns switch
  ip -n switch link set "$1-air" up
  ip -n "$1" link set wlan0 up
  ip -n "$1" address add "$2/24" dev eth0
  ip -n "$1" route add default via 192.168.11.1
}
for n in 1 2 3 4; do node "pi$n" "192.168.11.1$n"; done

inside() { ip netns exec "$@"; }

# scene NAME NODE ARGUMENT…
scene() {
  local name=$1 node=$2
  shift 2
  printf '%s\t' "$name"
  inside "$node" "$program" --node "$node" --secrets "$secrets" --only --compact --limit 1 "$@" "$document" 2>/dev/null | tr -d '\n' || true
  printf '\n'
}

# rules NODE RULE…: an nftables chain at this hook, for the next scene.
rules() {
  local node=$1 hook=$2
  shift 2
  inside "$node" nft "add table inet t; add chain inet t c { type filter hook $hook priority 0; }; add rule inet t c $*"
}
no_rules() { inside "$1" nft delete table inet t; }

scene good pi2 --check
scene nobody pi2 --rehearse

rules pi1 input tcp dport '{ 6443, 10250 }' drop
scene dropped pi2 --rehearse
no_rules pi1

rules pi1 input tcp dport 10250 drop
scene one-port pi2 --rehearse
no_rules pi1

rules pi1 input tcp dport 6443 reject with icmp type admin-prohibited
scene rejected pi2 --rehearse
no_rules pi1

rules pi2 output tcp dport 6443 drop
scene own-firewall pi2 --rehearse
no_rules pi2

inside pi2 python3 -c '
import socket, time
s = socket.create_server(("", 10250)); print("up", flush=True); time.sleep(600)' >/run/listener &
until grep -qs up /run/listener; do sleep 0.05; done
scene port-taken pi2 --check

ip -n pi3 route del default
scene no-default-route pi3 --check
ip -n pi3 route del 192.168.11.0/24
scene no-route pi3 --check
scene no-route-rehearsed pi3 --rehearse
ip -n pi3 route add unreachable default
scene unreachable-default pi3 --check

ip -n pi4 address flush dev eth0
ip -n pi4 address add 192.168.11.14/24 dev wlan0
ip -n pi4 route add default via 192.168.11.1
scene wrong-interface pi4 --check
ip -n pi4 address flush dev wlan0
ip -n pi4 address add 192.168.11.114/24 dev eth0 valid_lft 3600 preferred_lft 3600
scene moved pi4 --check
ip -n pi4 address add 192.168.11.14/24 dev eth0 valid_lft 3600 preferred_lft 3600
ip -n pi4 route add default dev wlan0 metric 5
scene leased pi4 --check
