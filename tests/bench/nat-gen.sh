# shellcheck shell=bash
# Sourced by scripts/bench: nat-gen beside jq.

# services COUNT: what `kubectl get svc -A -o json` prints in a cluster with so many services, one in ten of them exposed.
services() {
  python3 - "$1" <<'PY'
import json, sys
items = []
for i in range(int(sys.argv[1])):
    exposed = i % 10 == 0
    name = f"service-{i}"
    notes = {"metallb.universe.tf/address-pool": "default",
             "meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": f"team-{i % 40}"}
    if exposed:
        notes["cloud-at-home/expose"] = "true"
    items.append({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"annotations": notes, "creationTimestamp": "2026-05-01T10:00:00Z",
                     "labels": {"app.kubernetes.io/instance": name, "app.kubernetes.io/managed-by": "Helm",
                                "app.kubernetes.io/name": name, "app.kubernetes.io/version": "1.2.3"},
                     "name": name, "namespace": f"team-{i % 40}", "resourceVersion": str(1000 + i),
                     "uid": f"6b1f{i:08x}-0000-4000-8000-000000000000"},
        "spec": {"allocateLoadBalancerNodePorts": True, "clusterIP": f"10.43.{i >> 8 & 255}.{i & 255}",
                 "clusterIPs": [f"10.43.{i >> 8 & 255}.{i & 255}"], "externalTrafficPolicy": "Cluster",
                 "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                 "ports": [{"name": "main", "nodePort": 30000 + i % 2768, "port": 62000 - i * 2, "protocol": "TCP",
                            "targetPort": "http"}],
                 "selector": {"app.kubernetes.io/name": name}, "sessionAffinity": "None",
                 "type": "LoadBalancer" if i % 2 == 0 else "ClusterIP"},
        "status": {"loadBalancer": {"ingress": [{"ip": f"192.168.11.{50 + i % 8}", "ipMode": "VIP"}]} if i % 2 == 0 else {}}})
print(json.dumps({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}}, indent=4))
PY
}

bench_nat_gen() {
  nat-gen --example >"${work:?}/cluster.json"

  # So many ports include Gluster's and K3s's own; forced, they come to rules like all others.
  local count option what peer command="nat-gen --cluster $work/cluster.json -f rsc" name
  local -A time
  for name in gluster flannel-wireguard; do
    command+=" --force-port $name"
  done
  for count in 2000 20000; do
    services "$count" >"$work/services.json"
    peer=$(median "jq -c . <$work/services.json >/dev/null")
    for option in '' --all; do
      what="$count services from kubectl, ${option:-a tenth exposed}"
      time[$count$option]=$(median "$command $option <$work/services.json >/dev/null")
      beside "$what" 0.5 "${time[$count$option]}" "$peer" "jq -c ."
    done
  done
  growth "20000 services from kubectl, --all, beside 2000" 12.5 "${time[20000--all]}" "${time[2000--all]}"
  memory "20000 services, peak memory" $((3 * $(stat -c %s "$work/services.json"))) \
    "$work/services.json" nat-gen --cluster "$work/cluster.json" -f rsc --force-port gluster
  rm "$work/services.json"
}
