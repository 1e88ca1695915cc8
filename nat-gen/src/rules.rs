//! From forwardings to rules: what can share one does.

use crate::firewall::{Action, Role, Rule};
use crate::forward::Forward;
use crate::ports::{Ports, split};
use crate::site::{Side, Site};
use cluster::inventory::Protocol;
use cluster::name::Network;
use ipnet::{IpNet, Ipv4Net};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The longest comment, in characters. RouterOS documents no limit; a line is enough for people.
const COMMENT: usize = 120;

/// The router's own addresses go back, then what comes from the internet or the local network goes on.
pub fn entry(site: &Site) -> Vec<Rule> {
    let mut rules: Vec<Rule> = site
        .own_addresses()
        .into_iter()
        .map(|address| Rule {
            destination: Some(IpAddr::V4(address)),
            comment: "nat-gen: the router's own services stay its own".to_owned(),
            ..Rule::new(Action::Return)
        })
        .collect();
    let sides = [
        (&site.wan_side, "from the internet"),
        (&site.lan_side, "from the local network (hairpin)"),
    ];
    for (side, comment) in sides {
        rules.push(Rule {
            in_side: Some(side.clone()),
            to_router: true,
            comment: format!("nat-gen: {comment}"),
            ..Rule::new(Action::Jump(Role::Public))
        });
    }
    rules
}

/// What forwardings with one rule have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    protocol: Protocol,
    to: IpAddr,
    sources: Vec<Network>,
}

/// Forwardings by what they have in common: public port, port there and name.
pub struct Groups<'a>(BTreeMap<Group, BTreeSet<(u16, u16, &'a str)>>);

impl<'a> Groups<'a> {
    /// Sorted into groups.
    pub fn new(forwards: &'a [Forward]) -> Self {
        let mut groups: BTreeMap<Group, BTreeSet<_>> = BTreeMap::new();
        for forward in forwards {
            let group = Group {
                protocol: forward.protocol,
                to: forward.to_address,
                sources: forward.sources.clone(),
            };
            let member = (forward.port, forward.to_port, forward.name.as_str());
            groups.entry(group).or_default().insert(member);
        }
        Self(groups)
    }

    /// The translating rules: ports that stay the same together, each other port on its own.
    pub fn public(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (group, members) in &self.0 {
            let IpAddr::V4(to) = group.to else { continue };
            let same = members.iter().filter(|(port, to_port, _)| port == to_port);
            let mut parts = parts(same.map(|(port, _, name)| (*port, *name)), None);
            for (port, to_port, name) in members.iter().filter(|(port, to_port, _)| port != to_port)
            {
                parts.extend(self::parts([(*port, *name)], Some(*to_port)));
            }
            for part in parts {
                for source in sources(group) {
                    rules.push(Rule {
                        to_router: true,
                        source,
                        ..part.rule(group, Action::DstNat(to, part.to_port))
                    });
                }
            }
        }
        rules
    }

    /// Masquerading rules for those clients of the local network that may connect.
    pub fn hairpin(&self, lan: Ipv4Net, side: &Side) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (group, members) in self.0.iter().filter(|(group, _)| group.to.is_ipv4()) {
            let clients: BTreeSet<IpNet> = sources(group)
                .into_iter()
                .filter_map(|source| local_clients(source, IpNet::V4(lan)))
                .collect();
            for part in parts(
                members.iter().map(|(_, to_port, name)| (*to_port, *name)),
                None,
            ) {
                for client in &clients {
                    rules.push(Rule {
                        out_side: Some(side.clone()),
                        source: Some(*client),
                        destination: Some(group.to),
                        ..part.rule(group, Action::Masquerade)
                    });
                }
            }
        }
        rules
    }

    /// Accepting rules for one family. A filter sees the port after translation.
    pub fn accept(&self, ipv4: bool, side: Option<&Side>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (group, members) in self
            .0
            .iter()
            .filter(|(group, _)| group.to.is_ipv4() == ipv4)
        {
            for part in parts(
                members.iter().map(|(_, to_port, name)| (*to_port, *name)),
                None,
            ) {
                for source in sources(group) {
                    rules.push(Rule {
                        in_side: side.cloned(),
                        source,
                        destination: Some(group.to),
                        ..part.rule(group, Action::Accept)
                    });
                }
            }
        }
        rules
    }
}

/// The sources of a group, `None` for everybody.
fn sources(group: &Group) -> Vec<Option<IpNet>> {
    if group.sources.is_empty() {
        return vec![None];
    }
    group
        .sources
        .iter()
        .map(|source| Some(source.net()))
        .collect()
}

/// The part of the local network that is in a source.
fn local_clients(source: Option<IpNet>, lan: IpNet) -> Option<IpNet> {
    match source {
        None => Some(lan),
        Some(source) if source.contains(&lan) => Some(lan),
        Some(source) if lan.contains(&source) => Some(source),
        Some(_) => None,
    }
}

/// The ports of one rule, and whom they belong to.
struct Part {
    ports: Vec<Ports>,
    to_port: Option<u16>,
    names: Vec<String>,
}

impl Part {
    fn rule(&self, group: &Group, action: Action) -> Rule {
        Rule {
            protocol: Some(group.protocol),
            ports: self.ports.clone(),
            comment: comment(&self.names),
            ..Rule::new(action)
        }
    }
}

/// Ports split over as many rules as they need, each with the names of its own ports.
fn parts<'a>(members: impl IntoIterator<Item = (u16, &'a str)>, to_port: Option<u16>) -> Vec<Part> {
    let mut names: BTreeMap<u16, BTreeSet<&str>> = BTreeMap::new();
    for (port, name) in members {
        names.entry(port).or_default().insert(name);
    }
    let rules = split(names.keys().copied());
    rules
        .into_iter()
        .map(|ports| {
            let own = ports
                .iter()
                .flat_map(|range| names.range(range.first..=range.last));
            let own: BTreeSet<&str> = own.flat_map(|(_, names)| names.iter().copied()).collect();
            Part {
                names: own.into_iter().map(str::to_owned).collect(),
                to_port,
                ports,
            }
        })
        .collect()
}

/// `nat-gen: http, https`, cut where it gets long.
fn comment(names: &[String]) -> String {
    let text = format!("nat-gen: {}", names.join(", "));
    match text.char_indices().nth(COMMENT) {
        None => text,
        Some(_) => text
            .chars()
            .take(COMMENT - 3)
            .chain("...".chars())
            .collect(),
    }
}
