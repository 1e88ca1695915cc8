# shellcheck shell=bash
# Sourced by scripts/bench: pi-wifi beside OpenSSL's PBKDF2 and jq.

# derivations COUNT: a document with so many networks, each with a passphrase of its own in work/psk, and the pairs for OpenSSL.
derivations() {
  python3 - "$1" "${work:?}" <<'PY'
import json, os, sys
count, work = int(sys.argv[1]), sys.argv[2]
os.makedirs(f"{work}/psk", exist_ok=True)
pairs, networks = [], []
for i in range(count):
    ssid, phrase = f"network-{i}", f"the passphrase of network {i}"
    path = f"{work}/psk/{i}"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(phrase)
    pairs.append([ssid.encode().hex(), phrase.encode().hex()])
    networks.append({"ssid": ssid, "psk_file": path})
json.dump(pairs, open(f"{work}/pairs.json", "w"))
json.dump({"wifi": {"country": "CH", "networks": networks}}, open(f"{work}/wifi.json", "w"))
PY
}

# fleet COUNT: a cluster of so many nodes.
fleet() {
  pi-wifi --example | jq -c --argjson count "$1" '
    .nodes = [range($count) as $i | .nodes[0] + {name: "pi\($i)", os: (["rancheros", "ubuntu", "raspios", "debian"][$i % 4]),
      address: "10.0.\($i / 200 | floor).\($i % 200 + 2)/16"}] | del(.switches) | .wifi.networks[0].hidden = false'
}

# idle_watch SECONDS: --watch for so long; prints the processor's seconds and the peak of memory in bytes. Without a radio it is not idle, it
# looks for one through all processes and links: what it takes with one, the tests on the emulated PC measure.
idle_watch() {
  command time -o "${work:?}/watch" -f '%U %S %M' pi-wifi -n --watch --seconds "$1" >/dev/null
  awk '{ print $1 + $2, $3 * 1024 }' "$work/watch"
}

bench_pi_wifi() {
  local ours peer bytes
  derivations 1000
  # The same pairs through hashlib, which is OpenSSL's PBKDF2; its own start is taken off. The best of nine, taken in turns: the machine
  # is not ours alone.
  python3 - "${work:?}" >"$work/derived" <<'PY'
import hashlib, json, subprocess, sys, time
work = sys.argv[1]
pairs = [(bytes.fromhex(s), bytes.fromhex(p)) for s, p in json.load(open(f"{work}/pairs.json"))]
command = ["pi-wifi", "-f", "wpa-supplicant", "-o", f"{work}/wpa.conf", f"{work}/wifi.json"]
ours, peer = [], []
for _ in range(9):
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    ours.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    for ssid, phrase in pairs:
        hashlib.pbkdf2_hmac("sha1", phrase, ssid, 4096, 32)
    peer.append(time.perf_counter() - begun)
print(min(ours), min(peer))
PY
  read -r ours peer <"$work/derived"
  beside "1000 networks with their keys derived" 1 "$ours" "$peer" "PBKDF2 of OpenSSL"
  rm -r "$work/psk" "$work/wpa.conf"

  fleet 1000 >"$work/fleet.json"
  printf 'a passphrase' >"$work/wifi.psk"
  chmod 600 "$work/wifi.psk"
  pi-wifi --secrets "$work" "$work/fleet.json" >"$work/planned.json"
  ours=$(median "pi-wifi --secrets $work $work/fleet.json >/dev/null")
  peer=$(median "jq -c . $work/planned.json >/dev/null")
  beside "1000 nodes" 0.5 "$ours" "$peer" "jq -c . on its output"

  idle_watch 20 >"$work/idle"
  read -r ours bytes <"$work/idle"
  within "--watch for 20 s without a radio, processor" "" "$ours"
  weight "--watch for 20 s without a radio, peak memory" 5000000 "$bytes"
}
