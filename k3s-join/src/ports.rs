//! The ports that K3s's nodes must reach on each other (K3s manual, "Requirements", inbound rules).

use crate::answer::Port;
use crate::plan::config::Effective;

/// The ports of a cluster of this configuration.
pub fn ports(effective: &Effective, servers: usize) -> Vec<Port> {
    let port = |protocol, first, last, on, from, what| Port {
        protocol,
        first,
        last,
        on,
        from,
        what,
    };
    let api = effective.number("https-listen-port").unwrap_or(6443);
    let mut ports = vec![port(
        "tcp",
        api,
        api,
        "servers",
        "lan",
        "the Kubernetes API and K3s's own",
    )];
    if servers > 1 && effective.text("datastore-endpoint").is_none() {
        ports.push(port("tcp", 2379, 2380, "servers", "servers", "etcd"));
    }
    ports.push(port(
        "tcp",
        10250,
        10250,
        "nodes",
        "nodes",
        "the kubelet: logs, metrics",
    ));
    match effective.text("flannel-backend").unwrap_or("vxlan") {
        "wireguard-native" => {
            ports.push(port(
                "udp",
                51820,
                51821,
                "nodes",
                "nodes",
                "the pods' network (WireGuard)",
            ));
        }
        "vxlan" => ports.push(port(
            "udp",
            8472,
            8472,
            "nodes",
            "nodes",
            "the pods' network (VXLAN)",
        )),
        _ => {}
    }
    if effective.flag("embedded-registry") {
        ports.push(port(
            "tcp",
            5001,
            5001,
            "nodes",
            "nodes",
            "the embedded registry mirror",
        ));
    }
    ports
}
