//! Who is a server and who is an agent.
//!
//! etcd writes to the disk with every change and waits for it; the K3s manual says that SD cards and eMMC cannot carry it
//! ("Requirements", Disks). So a cluster on cards gets one server with SQLite, and three servers need three disks.

use crate::request::Request;
use cluster::inventory::{Node, Role};

/// A node's part and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its part.
    pub role: Role,
    /// Why, for people.
    pub why: String,
}

/// Each node's part, in the document's order.
pub fn parts(request: &Request) -> Vec<Part> {
    let nodes = request.nodes();
    if nodes.iter().any(|node| node.role == Some(Role::Server)) {
        return nodes.iter().map(given).collect();
    }
    let mut candidates: Vec<usize> = (0..nodes.len())
        .filter(|at| nodes[*at].role.is_none())
        .collect();
    let disks = candidates
        .iter()
        .filter(|at| carries_etcd(&nodes[**at]))
        .count();
    let wanted = if disks >= 3 { 3 } else { 1 };
    candidates.sort_by_key(|at| rank(request, *at, wanted));
    let servers = &candidates[..wanted.min(candidates.len())];
    let part = |(index, node): (usize, &Node)| {
        if node.role.is_some() {
            return given(node);
        }
        if servers.contains(&index) {
            return Part {
                role: Role::Server,
                why: chosen(request, node, wanted),
            };
        }
        let why = match wanted {
            3 => "three servers are enough".to_owned(),
            _ => "one server: fewer than three disks carry etcd".to_owned(),
        };
        Part {
            role: Role::Agent,
            why,
        }
    };
    nodes.iter().enumerate().map(part).collect()
}

fn given(node: &Node) -> Part {
    let (role, why) = match node.role {
        Some(role) => (role, "the document says so"),
        None => (
            Role::Agent,
            "the document names the servers, and this is none of them",
        ),
    };
    Part {
        role,
        why: why.to_owned(),
    }
}

/// The better servers come first: wired, with a disk that carries etcd, and longest with power.
fn rank(
    request: &Request,
    index: usize,
    wanted: usize,
) -> (bool, bool, std::cmp::Reverse<usize>, usize) {
    let node = &request.nodes()[index];
    let carries = wanted == 1 || carries_etcd(node);
    (
        on_wifi(request, node),
        !carries,
        std::cmp::Reverse(dark_after(request, node).unwrap_or(usize::MAX)),
        index,
    )
}

/// How many lose power before it; `None` where nobody said.
fn dark_after(request: &Request, node: &Node) -> Option<usize> {
    request
        .shed_order
        .iter()
        .position(|name| name == node.name.as_str())
}

fn chosen(request: &Request, node: &Node, wanted: usize) -> String {
    let why = match dark_after(request, node) {
        Some(_) => "chosen: it keeps its power longest (poe-budget)",
        None => "chosen: the first of the document",
    };
    match wanted {
        3 => format!("{why}, and its disk carries etcd"),
        _ => why.to_owned(),
    }
}

/// Whether a node's disk bears etcd's writes: known, and neither a card nor eMMC.
pub fn carries_etcd(node: &Node) -> bool {
    let device = node.disk.as_ref().map(|disk| disk.device.as_str());
    device.is_some_and(|device| !device.starts_with("/dev/mmcblk"))
}

/// Whether a node's address is on the radio.
pub fn on_wifi(request: &Request, node: &Node) -> bool {
    let interface = node.interface.as_ref().map(|interface| interface.as_str());
    interface.is_some_and(|name| name == request.wifi_interface() || name.starts_with("wl"))
}
