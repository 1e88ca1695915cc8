//! The ports that K3s's nodes must reach on each other (K3s manual, "Requirements", inbound rules).

use crate::answer::Port;
use crate::plan::config::Effective;

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
