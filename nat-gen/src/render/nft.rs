//! The nftables ruleset: the same rules on a Linux router, with no matcher that RouterOS's NAT lacks, in one table of its own.

use crate::firewall::{Action, Firewall, Hook, Role, Rule};
use crate::ports::Ports;
use crate::routeros;
use crate::site::{Side, Site};
use cluster::finding::Finding;
use cluster::inventory::Protocol;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Interfaces that stand for an interface list; a list that is not named stands for an interface of its own name.
pub type Interfaces = BTreeMap<String, Vec<String>>;

/// The ruleset. Loading it again replaces the table; where nothing is exposed it removes it.
pub fn ruleset(site: &Site, firewall: &Firewall, interfaces: &Interfaces) -> String {
    let table = format!("nat_gen_{}", site.cluster.replace('-', "_"));
    let mut out = format!(
        "# nat-gen: cluster {}. It owns the table ip {table} and nothing else.\n",
        site.cluster
    );
    out.push_str(&by_hand(firewall));
    // The first line makes sure that there is a table to delete.
    let _ = writeln!(out, "table ip {table}\ndelete table ip {table}");
    if !firewall.uses(Hook::Dstnat) {
        return out;
    }
    let _ = writeln!(out, "\ntable ip {table} {{");
    for (name, side) in [("wan", &site.wan_side), ("lan", &site.lan_side)] {
        let names = members(side, interfaces)
            .into_iter()
            .map(|name| format!("\"{name}\""));
        let names = names.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            out,
            "\tset {name} {{\n\t\ttype ifname\n\t\telements = {{ {names} }}\n\t}}\n"
        );
    }
    for role in [Role::Public, Role::Entry, Role::Hairpin] {
        let _ = writeln!(out, "\tchain {} {{", chain(role));
        for rule in firewall.rules(role) {
            let _ = writeln!(out, "\t\t{}", statement(rule, site));
        }
        out.push_str("\t}\n\n");
    }
    let _ = writeln!(
        out,
        "\tchain before_routing {{\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t\tfib daddr type local jump {}\n\t}}\n",
        chain(Role::Entry)
    );
    let _ = writeln!(
        out,
        "\tchain after_routing {{\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n\t\tjump {}\n\t}}\n}}",
        chain(Role::Hairpin)
    );
    out
}

/// Accepting rules do nothing in a table of their own: whoever drops in another one still drops. So they are told.
fn by_hand(firewall: &Firewall) -> String {
    let mut out = String::new();
    let accept = [Role::Accept, Role::Accept6].map(|role| firewall.rules(role));
    for rule in accept.iter().flat_map(|rules| rules.iter()) {
        if out.is_empty() {
            out.push_str("# Your own forward chain has to accept (a table of its own cannot do that for it):\n");
        }
        let family = match rule.destination {
            Some(to) if to.is_ipv6() => "ip6",
            _ => "ip",
        };
        let source = rule
            .source
            .map(|net| format!("{family} saddr {net} "))
            .unwrap_or_default();
        let to = rule
            .destination
            .map(|to| format!("{family} daddr {to} "))
            .unwrap_or_default();
        let _ = writeln!(out, "#   {source}{to}{} accept", port_match(rule));
    }
    out
}

/// What keeps the ruleset from being written: interfaces whose names nft cannot hold.
pub fn faults(site: &Site, interfaces: &Interfaces) -> Vec<Finding> {
    let mut findings = Vec::new();
    for side in [&site.wan_side, &site.lan_side] {
        let bad = members(side, interfaces)
            .into_iter()
            .find(|name| !is_plain(name));
        if let Some(bad) = bad {
            let message = format!("{bad:?} is no name of a Linux interface");
            findings.push(
                Finding::error("nat-interface", "router", message)
                    .fix("say which interfaces the list stands for: --interface LIST=NAME[,NAME]"),
            );
        }
    }
    findings
}

/// An interface as the kernel allows it and as it can stand in quotes; `*` would be a pattern.
fn is_plain(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"_.-@+".contains(&b);
    (1..=15).contains(&name.len()) && name.bytes().all(good) && !matches!(name, "." | "..")
}

fn members<'a>(side: &'a Side, interfaces: &'a Interfaces) -> Vec<&'a str> {
    match side {
        Side::List(list) => match interfaces.get(list) {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => vec![list],
        },
        Side::Interface(name) => vec![name],
    }
}

fn chain(role: Role) -> &'static str {
    match role {
        Role::Entry => "entry",
        Role::Public => "public",
        Role::Hairpin => "hairpin",
        Role::Accept | Role::Accept6 => "accepted",
    }
}

fn statement(rule: &Rule, site: &Site) -> String {
    let mut words = Vec::new();
    let set = |side: &Side| {
        if *side == site.wan_side {
            "@wan"
        } else {
            "@lan"
        }
    };
    words.extend(
        rule.in_side
            .as_ref()
            .map(|side| format!("iifname {}", set(side))),
    );
    words.extend(
        rule.out_side
            .as_ref()
            .map(|side| format!("oifname {}", set(side))),
    );
    if rule.to_router {
        words.push("fib daddr type local".to_owned());
    }
    words.extend(rule.source.map(|net| format!("ip saddr {net}")));
    words.extend(rule.destination.map(|to| format!("ip daddr {to}")));
    if !rule.ports.is_empty() {
        words.push(port_match(rule));
    }
    words.push(match rule.action {
        Action::Return => "return".to_owned(),
        Action::Jump(role) => format!("jump {}", chain(role)),
        Action::DstNat(to, None) => format!("dnat to {to}"),
        Action::DstNat(to, Some(port)) => format!("dnat to {to}:{port}"),
        Action::Masquerade => "masquerade".to_owned(),
        Action::Accept => "accept".to_owned(),
    });
    words.push(format!("comment \"{}\"", plain(&rule.comment)));
    words.join(" ")
}

/// `tcp dport 443`, `tcp dport { 80, 443 }`
fn port_match(rule: &Rule) -> String {
    let protocol = rule.protocol.map_or("tcp", Protocol::as_str);
    match rule.ports.as_slice() {
        [Ports { first, last }] if first == last => format!("{protocol} dport {first}"),
        ports => format!(
            "{protocol} dport {{ {} }}",
            routeros::ports(ports).replace(',', ", ")
        ),
    }
}

/// A comment as nft can hold it: it has no escapes, and at most 128 bytes.
fn plain(comment: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || " ,.:/_-()'".contains(c);
    comment
        .chars()
        .map(|c| if good(c) { c } else { '_' })
        .collect()
}
