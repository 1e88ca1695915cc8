//! The ports as nftables rules: who may reach K3s on a node. They shut K3s's own ports to everybody else and leave all other
//! ports alone, so that nobody locks himself out with them.

use crate::answer::{Answer, Port};
use crate::refuse::network::CLUSTER_CIDR;
use cluster::inventory::Role;
use ipnet::IpNet;
use std::fmt::Write;
use std::net::IpAddr;

/// A ruleset that replaces its own table only.
pub fn ruleset(answer: &Answer, lans: &[IpNet]) -> String {
    let mut out = String::from(
        "# Written by k3s-join: who may reach K3s's ports. Other ports are left alone.\n\
         # nft -f FILE on each node; the table is replaced as a whole.\n\
         table inet k3s_join\ndelete table inet k3s_join\n\ntable inet k3s_join {\n",
    );
    let addresses = |role: Option<Role>| -> Vec<IpAddr> {
        let nodes = answer
            .nodes
            .values()
            .filter(|node| role.is_none_or(|role| node.role == role));
        nodes.filter_map(|node| node.request.address).collect()
    };
    let pods = pods(answer);
    for v4 in [true, false] {
        let family = |all: Vec<IpAddr>| -> Vec<String> {
            let own = all.into_iter().filter(|address| address.is_ipv4() == v4);
            own.map(|address| address.to_string()).collect()
        };
        let nets = lans
            .iter()
            .chain(&pods)
            .filter(|net| matches!(net, IpNet::V4(_)) == v4);
        let inside = pods
            .iter()
            .filter(|net| matches!(net, IpNet::V4(_)) == v4)
            .map(ToString::to_string);
        let mut nodes = family(addresses(None));
        // A pod that asks its own node's kubelet comes with its own address.
        nodes.extend(inside);
        set(
            &mut out,
            "servers",
            v4,
            &family(addresses(Some(Role::Server))),
        );
        set(&mut out, "nodes", v4, &nodes);
        set(
            &mut out,
            "lan",
            v4,
            &nets.map(ToString::to_string).collect::<Vec<_>>(),
        );
    }
    out.push_str("\n  chain input {\n    type filter hook input priority filter; policy accept;\n    iif lo accept\n");
    for port in &answer.ports {
        rules(&mut out, port);
    }
    out.push_str("  }\n}\n");
    out
}

fn pods(answer: &Answer) -> Vec<IpNet> {
    let given = answer
        .nodes
        .values()
        .filter_map(|node| node.request.config.get("cluster-cidr"));
    let texts: Vec<&str> = given.flat_map(crate::refuse::config::names).collect();
    let mut nets: Vec<IpNet> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    if nets.is_empty() {
        nets.extend(CLUSTER_CIDR.parse::<IpNet>());
    }
    nets.sort_unstable();
    nets.dedup();
    nets
}

/// A set; `auto-merge` because a node's address may be within a network that stands there too.
fn set(out: &mut String, name: &str, v4: bool, elements: &[String]) {
    let (suffix, kind) = if v4 {
        ("4", "ipv4_addr")
    } else {
        ("6", "ipv6_addr")
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "  set {name}{suffix} {{\n    type {kind}; flags interval; auto-merge"
    );
    if !elements.is_empty() {
        let _ = writeln!(out, "    elements = {{ {} }}", elements.join(", "));
    }
    out.push_str("  }\n");
}

fn rules(out: &mut String, port: &Port) {
    let ports = match port.first == port.last {
        true => port.first.to_string(),
        false => format!("{}-{}", port.first, port.last),
    };
    let (protocol, from) = (port.protocol, port.from);
    let _ = writeln!(out, "    # {}, on {}", port.what, port.on);
    for (family, suffix) in [("ip", "4"), ("ip6", "6")] {
        let _ = writeln!(
            out,
            "    {protocol} dport {ports} {family} saddr @{from}{suffix} accept"
        );
    }
    let _ = writeln!(out, "    {protocol} dport {ports} drop");
}
