//! The ports that K3s's nodes must reach on each other (K3s manual, "Requirements", inbound rules).

use crate::answer::Port;
use crate::plan::config::Effective;
use cluster::inventory::Role;

/// What K3s opens beside those on every node, for itself alone.
const LOCAL: [&str; 4] = ["tcp/10248", "tcp/10249", "tcp/10256", "tcp/10010"];
/// The load balancer of an agent beside those.
const AGENT: [&str; 1] = ["tcp/6444"];
/// A server's own.
const SERVER: [&str; 4] = ["tcp/6444", "tcp/10257", "tcp/10258", "tcp/10259"];
/// A server's with etcd.
const ETCD: [&str; 2] = ["tcp/2381", "tcp/2382"];

/// The ports of a cluster of this configuration.
pub fn ports(effective: &Effective, servers: usize) -> Vec<Port> {
    let api = effective.number("https-listen-port").unwrap_or(6443);
    let mut ports = vec![Port {
        from: "lan",
        ..of_servers(api, api, "the Kubernetes API and K3s's own")
    }];
    if servers > 1 && effective.text("datastore-endpoint").is_none() {
        ports.push(of_servers(2379, 2380, "etcd"));
    }
    ports.push(of_nodes("tcp", 10250, 10250, "the kubelet: logs, metrics"));
    match effective.text("flannel-backend").unwrap_or("vxlan") {
        "wireguard-native" => {
            let what = "the pods' network (WireGuard)";
            ports.push(of_nodes("udp", 51820, 51821, what));
        }
        "vxlan" => ports.push(of_nodes("udp", 8472, 8472, "the pods' network (VXLAN)")),
        _ => {}
    }
    if effective.flag("embedded-registry") {
        ports.push(of_nodes("tcp", 5001, 5001, "the embedded registry mirror"));
    }
    ports
}

/// The ports of a node of one part that a node of another must reach.
pub fn reached(ports: &[Port], from: Role, to: Role) -> Vec<(&'static str, u16)> {
    let wanted = ports.iter().filter(|port| {
        (port.on == "nodes" || to == Role::Server)
            && (port.from != "servers" || from == Role::Server)
    });
    wanted.flat_map(numbers).collect()
}

/// All that K3s opens on a node, as `tcp/6443`.
pub fn opened(ports: &[Port], server: bool) -> Vec<String> {
    let own = ports.iter().filter(|port| server || port.on == "nodes");
    let own: Vec<(&str, u16)> = own.flat_map(numbers).collect();
    let etcd = own.contains(&("tcp", 2379));
    let mut all: Vec<String> = own
        .iter()
        .map(|(protocol, number)| format!("{protocol}/{number}"))
        .collect();
    let mut local = LOCAL.to_vec();
    local.extend(if server { &SERVER[..] } else { &AGENT[..] });
    local.extend(ETCD.iter().filter(|_| etcd));
    all.extend(local.into_iter().map(str::to_owned));
    all
}

fn numbers(port: &Port) -> impl Iterator<Item = (&'static str, u16)> + use<> {
    let protocol = port.protocol;
    (port.first..=port.last).map(move |number| (protocol, number))
}

fn of_servers(first: u16, last: u16, what: &'static str) -> Port {
    Port {
        protocol: "tcp",
        first,
        last,
        on: "servers",
        from: "servers",
        what,
    }
}

fn of_nodes(protocol: &'static str, first: u16, last: u16, what: &'static str) -> Port {
    Port {
        protocol,
        first,
        last,
        on: "nodes",
        from: "nodes",
        what,
    }
}
