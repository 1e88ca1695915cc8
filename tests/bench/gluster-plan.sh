# shellcheck shell=bash
# Sourced by scripts/bench: gluster-plan by itself; no other program answers its question.

# lab NODES STICKS REPLICA: a document with so many nodes, 24 to a power domain.
lab() {
  python3 - "$@" <<'PY'
import json, sys
nodes, sticks, replica = map(int, sys.argv[1:])
print(json.dumps({"name": "lab", "nodes": [
    {"name": f"n{i}", "arch": "aarch64", "os": "debian", "power_domain": f"d{i // 24}",
     "usb": [{"device": f"/dev/sd{chr(97 + s)}", "size_bytes": 64000000000, "use": "brick"} for s in range(sticks)]}
    for i in range(nodes)], "storage": {"volumes": [{"name": "gv0", "replica": replica}]}}))
PY
}

bench_gluster_plan() {
  local few many count time
  # Nine nodes, nine sticks, and with 24 nodes to a domain one more, and a second domain by hand: 20 units.
  lab 9 1 3 | jq '.nodes[8].power_domain = "d1"' >"${work:?}/twenty.json"
  time=$(median "taskset -c 0 gluster-plan <$work/twenty.json >/dev/null")
  within "all 1048576 losses of 20 things, on one core" 1 "$time"
  for count in 1000 4000; do
    lab "$count" 4 4 >"$work/lab-$count.json"
  done
  few=$(median "gluster-plan <$work/lab-1000.json >/dev/null")
  within "1000 nodes of 4 sticks" 1 "$few"
  many=$(median "gluster-plan <$work/lab-4000.json >/dev/null")
  growth "4000 nodes of 4 sticks, beside 1000" 5 "$many" "$few"
  memory "1000 nodes, peak memory" 150000000 "$work/lab-1000.json" gluster-plan
}
