# shellcheck shell=bash
# Sourced by scripts/bench: poe-budget beside jq.

# fleet SWITCHES: a document with 24 devices on each switch, like those of the reference cluster.
fleet() {
  python3 - "$1" <<'PY'
import json, sys
switches, nodes = [], []
for s in range(int(sys.argv[1])):
    ports = []
    for p in range(1, 25):
        name = f"n{s}-{p}"
        ports.append({"port": p, "device": name, "cable": {"awg": 26, "length_m": 0.3}})
        nodes.append({"name": name, "model": "raspberry-pi-4b-8gb", "os": "ubuntu", "role": "agent",
                      "address": f"10.{s >> 8}.{s & 255}.{p}/8", "interface": "eth0", "hat": "poe-plus-hat"})
    switches.append({"name": f"sw{s}", "budget_w": 500, "poe_ports": 24, "standard": "at", "allocation": "draw",
                     "shed_policy": "lowest-priority", "ports": ports})
print(json.dumps({"name": "fleet", "switches": switches, "nodes": nodes}))
PY
}

# foreign BYTES: a document whose keys belong to somebody else.
foreign() {
  python3 - "$1" <<'PY'
import json, sys
item = {"id": 1234567, "text": "some words \u00e9 \"quoted\"", "list": [1, 2.5, None, True], "deep": {"a": {"b": "c"}}}
one = len(json.dumps(item)) + 2
count = int(sys.argv[1]) // one // 10
print(json.dumps({f"theirs{i}": [item] * count for i in range(10)}))
PY
}

bench_poe_budget() {
  local size peer time
  local -A times
  for size in 1000 10000; do
    fleet "$size" >"${work:?}/fleet.json"
    poe-budget "$work/fleet.json" >"$work/planned.json" 2>/dev/null || true
    times[$size]=$(median "poe-budget <$work/fleet.json >/dev/null")
    peer=$(median "jq -c . <$work/planned.json >/dev/null")
    beside "$size switches with 24 devices each" 0.5 "${times[$size]}" "$peer" "jq -c . on its output"
  done
  growth "10000 switches, beside 1000" 12.5 "${times[10000]}" "${times[1000]}"
  memory "10000 switches, peak memory" $((6 * $(stat -c %s "$work/fleet.json"))) "$work/fleet.json" poe-budget
  rm "$work/fleet.json" "$work/planned.json"

  foreign 100000000 >"$work/foreign.json"
  time=$(median "poe-budget <$work/foreign.json >/dev/null")
  peer=$(median "jq -c . <$work/foreign.json >/dev/null")
  beside "100 MB of somebody else's keys" 0.1 "$time" "$peer" "jq -c ."
  memory "100 MB of somebody else's keys, peak memory" \
    $(($(stat -c %s "$work/foreign.json") + 8000000)) "$work/foreign.json" poe-budget
  rm "$work/foreign.json"
}
