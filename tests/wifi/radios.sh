# shellcheck shell=bash
# Sourced by the checks in the emulated PC: access points of each kind on radios that the kernel simulates, in a network
# namespace of their own, each with a subnet and a DHCP server.

# name: number, passphrase, and what hostapd is told
points=${POINTS:-wpa2 wpa3 mixed hidden odd}
# one for the machine itself, and one for each access point
radios=${RADIOS:-6}

number() {
  case $1 in wpa2) echo 1 ;; wpa3) echo 2 ;; mixed) echo 3 ;; hidden) echo 4 ;; odd) echo 5 ;; esac
}

# settings NAME [PASSPHRASE]: a hostapd.conf
settings() {
  local n phrase=${2:-the right key of $1}
  n=$(number "$1")
  printf 'interface=wlan%s\ndriver=nl80211\nhw_mode=g\nchannel=1\nctrl_interface=/run/hostapd\n' "$n"
  printf 'wpa=2\nrsn_pairwise=CCMP\n'
  case $1 in
    wpa3) printf 'ssid=wpa3\nwpa_key_mgmt=SAE\nieee80211w=2\nsae_password=%s\n' "$phrase" ;;
    mixed) printf 'ssid=mixed\nwpa_key_mgmt=WPA-PSK SAE\nieee80211w=1\nwpa_passphrase=%s\nsae_password=%s\n' "$phrase" "$phrase" ;;
    hidden) printf 'ssid=hidden\nignore_broadcast_ssid=1\nwpa_key_mgmt=WPA-PSK\nwpa_passphrase=%s\n' "$phrase" ;;
    odd) printf 'ssid2=00ff220a\nwpa_key_mgmt=WPA-PSK\nwpa_passphrase=%s\n' "$phrase" ;;
    wpa2) printf 'ssid=wpa2\nwpa_key_mgmt=WPA-PSK\nwpa_passphrase=%s\n' "$phrase" ;;
  esac
}

# start_point NAME [PASSPHRASE]
start_point() {
  settings "$@" >"/tmp/$1.hostapd"
  ip netns exec ap hostapd -B -P "/tmp/$1.pid" "/tmp/$1.hostapd" >"/tmp/$1.log"
}

# stop_point NAME: its process ends, and so does the network.
stop_point() {
  local id
  id=$(cat "/tmp/$1.pid")
  [ "$id" -gt 1 ] && kill "$id"
  while [ -e "/proc/$id" ]; do sleep 0.1; done
}

# start_points: radio 0 stays here as wlan0, the others go to the access points' namespace.
start_points() {
  local name n
  modprobe mac80211_hwsim "radios=$radios"
  ip netns add ap
  for name in $points; do
    n=$(number "$name")
    iw phy "phy$n" set netns name ap
    ip -n ap address add "192.168.5$n.1/24" dev "wlan$n"
    start_point "$name"
    ip netns exec ap dnsmasq --port=0 --interface="wlan$n" --bind-interfaces --except-interface=lo --user=root --no-ping --dhcp-authoritative \
      --dhcp-range="192.168.5$n.10,192.168.5$n.99,1h" --dhcp-leasefile="/tmp/$name.leases" --pid-file="/tmp/$name.dnsmasq" --log-dhcp --log-facility="/tmp/$name.dhcp"
  done
}

# network NAME [PASSPHRASE]: the document for one network.
network() {
  local phrase=${2:-the right key of $1} name more=
  name="\"ssid\":\"$1\""
  case $1 in
    wpa3) more=',"security":"wpa3"' ;;
    mixed) more=',"security":"mixed"' ;;
    hidden) more=',"hidden":true' ;;
    odd) name='"ssid_hex":"00ff220a"' ;;
  esac
  (umask 077 && printf %s "$phrase" >"/tmp/$1.psk")
  printf '{"wifi":{"country":"CH","networks":[{%s,"psk_file":"/tmp/%s.psk"%s}]}}' "$name" "$1" "$more"
}

# is_in NAME: connected to it, with an address of its subnet.
is_in() {
  local n
  n=$(number "$1")
  iw dev wlan0 link | grep -q "^Connected" && ip -4 address show dev wlan0 | grep -q "inet 192.168.5$n\."
}

# is_out_of NAME
is_out_of() { ! is_in "$1"; }

# soon COMMAND…: within thirty seconds.
soon() {
  local n=0
  until "$@"; do
    n=$((n + 1))
    [ $n -lt 100 ] || return 1
    sleep 0.3
  done
}
