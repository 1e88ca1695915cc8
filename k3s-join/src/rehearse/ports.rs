//! Ports between the nodes: which of them a packet gets through to.

use super::connect::{Obstacle, Timed};
use crate::answer::Port;
use crate::ports::reached;
use cluster::finding::Finding;
use cluster::inventory::Role;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// Another node.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
    /// Its part.
    pub role: Role,
}

/// A port of another node, and what came back from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PortReport {
    /// The node.
    pub node: String,
    /// `tcp/10250`.
    pub port: String,
    /// What came back.
    pub result: PortResult,
}

/// What came back from a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortResult {
    /// Something listens.
    Open,
    /// Nothing listens yet, and the packet came there.
    Reached,
    /// Nothing came back: dropped on the way, or the node is off.
    Silent,
    /// A firewall answered that it is not allowed, or there is no way.
    Barred,
    /// Nothing came back, which over UDP says nothing: what listens is silent, too.
    Unknown,
}

/// Tries each of the cluster's ports on each peer, all at once, each within the limit.
pub fn probe(
    own: Role,
    peers: &[Peer],
    ports: &[Port],
    limit: Duration,
) -> (Vec<PortReport>, Vec<Finding>) {
    let mut reports: Vec<PortReport> = thread::scope(|scope| {
        let mut running = Vec::new();
        for peer in peers {
            for (protocol, port) in reached(ports, own, peer.role) {
                running.push(scope.spawn(move || PortReport {
                    node: peer.name.clone(),
                    port: format!("{protocol}/{port}"),
                    result: match protocol {
                        "udp" => udp(peer.address, port, limit),
                        _ => tcp(peer.address, port, limit),
                    },
                }));
            }
        }
        running
            .into_iter()
            .filter_map(|one| one.join().ok())
            .collect()
    });
    reports.sort_by(|a, b| (&a.node, &a.port).cmp(&(&b.node, &b.port)));
    let findings = peers
        .iter()
        .filter_map(|peer| barred(peer, &reports))
        .collect();
    (reports, findings)
}

fn barred(peer: &Peer, reports: &[PortReport]) -> Option<Finding> {
    let of_peer = || reports.iter().filter(|report| report.node == peer.name);
    let shut: Vec<&str> = of_peer()
        .filter(|report| matches!(report.result, PortResult::Silent | PortResult::Barred))
        .map(|report| report.port.as_str())
        .collect();
    if shut.is_empty() {
        return None;
    }
    let came =
        of_peer().any(|report| matches!(report.result, PortResult::Open | PortResult::Reached));
    let (id, message) = match came {
        true => (
            "k3s-port-closed",
            format!(
                "no packet comes through to {} of {}, and others do: a firewall closes them",
                shut.join(", "),
                peer.address
            ),
        ),
        false => (
            "k3s-peer-silent",
            format!(
                "nothing comes back from {}: the node is off, elsewhere, or behind a firewall",
                peer.address
            ),
        ),
    };
    let finding = match came {
        true => Finding::error(id, &peer.name, message)
            .fix("k3s-join -f ports lists the rules; nft list ruleset on both nodes"),
        // A node that is off is no fault of this one.
        false => Finding::warning(id, &peer.name, message).fix("switch it on and rehearse again"),
    };
    Some(finding.evidence(json!({"address": peer.address, "ports": shut})))
}

fn tcp(address: IpAddr, port: u16, limit: Duration) -> PortResult {
    match Timed::connect(address, port, limit) {
        Ok(_) => PortResult::Open,
        Err(error) => match Obstacle::of(&error) {
            Obstacle::Refused => PortResult::Reached,
            Obstacle::Silent => PortResult::Silent,
            _ => PortResult::Barred,
        },
    }
}

/// One datagram of a single byte, which VXLAN is too short to be and drops.
fn udp(address: IpAddr, port: u16, limit: Duration) -> PortResult {
    let any = if address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let asked = UdpSocket::bind(any).and_then(|socket| {
        socket.connect((address, port))?;
        socket.set_read_timeout(Some(limit))?;
        socket.send(&[0])?;
        socket.recv(&mut [0; 1])
    });
    match asked {
        Ok(_) => PortResult::Open,
        Err(error) => match (error.kind(), Obstacle::of(&error)) {
            (_, Obstacle::Refused) => PortResult::Reached,
            (ErrorKind::WouldBlock, _) | (_, Obstacle::Silent) => PortResult::Unknown,
            _ => PortResult::Barred,
        },
    }
}
