# shellcheck shell=bash
# Sourced by scripts/bench: k3s-join beside jq.

bench_k3s_join() {
  local time peer
  # The peer reads and writes the document that k3s-join writes: each node's files and steps.
  python3 - >"${work:?}/nodes.json" <<'PY'
import json
nodes = [{"name": f"n{i}", "os": "raspios", "os_release": "bookworm", "interface": "eth0",
          "role": "server" if i < 3 else "agent", "disk": {"device": "/dev/sda"},
          "address": f"10.1.{i // 250}.{i % 250 + 2}/16", "labels": {"rack": str(i // 40)}} for i in range(1, 1001)]
nodes[2]["role"] = "server"
print(json.dumps({"network": {"lan": "10.1.0.0/16", "gateway": "10.1.255.1"},
                  "k3s": {"version": "v1.33.4+k3s1"}, "nodes": nodes}, indent=2))
PY
  k3s-join "$work/nodes.json" >"$work/planned.json"
  time=$(median "k3s-join <$work/nodes.json >/dev/null")
  peer=$(median "jq -c . <$work/planned.json >/dev/null")
  beside "1000 nodes" 0.5 "$time" "$peer" "jq -c . on its output"
  memory "1000 nodes, peak memory" $((6 * $(stat -c %s "$work/planned.json"))) "$work/nodes.json" k3s-join
  rm "$work/nodes.json" "$work/planned.json"

  # No peer looks at as much; `k3s check-config` comes with K3s itself.
  time=$(start "k3s-join -n --check --only")
  within "--check of this machine" 0.1 "$time"
  memory "--check of this machine, peak memory" 10000000 /dev/null k3s-join -n --check --only
}
