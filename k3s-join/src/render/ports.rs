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
            .plans()
            .filter(|node| role.is_none_or(|role| node.role == role));
        nodes.filter_map(|node| node.request.address).collect()
    };
    let pods = pods(answer);
    let inside = pods.iter().map(ToString::to_string);
    let nets = lans.iter().map(ToString::to_string);
    // A pod that asks its own node's kubelet comes with its own address.
    let mut nodes: Vec<String> = addresses(None)
        .iter()
        .map(ToString::to_string)
        .chain(inside)
        .collect();
    if answer.plans().any(|node| node.request.address.is_none()) {
        out.push_str("  # Some nodes' addresses are not known, so the whole local network counts as nodes.\n");
        nodes.extend(nets.clone());
    }
    let lan: Vec<String> = nets.chain(nodes.iter().cloned()).collect();
    let servers: Vec<String> = addresses(Some(Role::Server))
        .iter()
        .map(ToString::to_string)
        .collect();
    for (name, elements) in [("servers", &servers), ("nodes", &nodes), ("lan", &lan)] {
        set(&mut out, name, elements);
    }
    out.push_str("\n  chain input {\n    type filter hook input priority filter; policy accept;\n    iif lo accept\n");
    for port in &answer.ports {
        rules(&mut out, port, !lans.is_empty());
    }
    out.push_str("  }\n}\n");
    out
}

fn pods(answer: &Answer) -> Vec<IpNet> {
    let given = answer
        .plans()
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

/// A set for each family; `auto-merge` because a node's address may be within a network that stands there too.
fn set(out: &mut String, name: &str, elements: &[String]) {
    for (suffix, kind, v6) in [("4", "ipv4_addr", false), ("6", "ipv6_addr", true)] {
        let own = elements
            .iter()
            .filter(|element| element.contains(':') == v6);
        let own: Vec<&str> = own.map(String::as_str).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "  set {name}{suffix} {{\n    type {kind}; flags interval; auto-merge"
        );
        if !own.is_empty() {
            let _ = writeln!(out, "    elements = {{ {} }}", own.join(", "));
        }
        out.push_str("  }\n");
    }
}

/// Where the local network is not known, what it may reach stays open to everybody.
fn rules(out: &mut String, port: &Port, lan_known: bool) {
    let ports = match port.first == port.last {
        true => port.first.to_string(),
        false => format!("{}-{}", port.first, port.last),
    };
    let (protocol, from) = (port.protocol, port.from);
    let _ = writeln!(out, "    # {}, on {}", port.what, port.on);
    if from == "lan" && !lan_known {
        let _ = writeln!(out, "    {protocol} dport {ports} accept");
        return;
    }
    for (family, suffix) in [("ip", "4"), ("ip6", "6")] {
        let _ = writeln!(
            out,
            "    {protocol} dport {ports} {family} saddr @{from}{suffix} accept"
        );
    }
    let _ = writeln!(out, "    {protocol} dport {ports} drop");
}
