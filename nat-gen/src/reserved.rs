//! Ports that a cluster's own parts use, and that nobody on the internet may reach.

use cluster::invalid::Invalid;
use cluster::inventory::Protocol;
use serde::Deserialize;
use std::fmt;

/// Ports of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// What `--force-port` calls it.
    pub name: &'static str,
    /// What listens there.
    pub what: &'static str,
    /// TCP or UDP; `None` for both.
    pub protocol: Option<Protocol>,
    /// The first port.
    pub first: u16,
    /// The last one.
    pub last: u16,
}

impl Reserved {
    /// Whether a port is one of them.
    pub fn covers(&self, protocol: Protocol, port: u16) -> bool {
        self.protocol.is_none_or(|own| own == protocol) && (self.first..=self.last).contains(&port)
    }
}

/// `2379-2380`, `6443`.
impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

const fn reserved(
    name: &'static str,
    what: &'static str,
    protocol: Option<Protocol>,
    first: u16,
    last: u16,
) -> Reserved {
    Reserved {
        name,
        what,
        protocol,
        first,
        last,
    }
}

/// What K3s listens on at its nodes' addresses (K3s manual, "Requirements", inbound rules).
pub const K3S: [Reserved; 6] = [
    reserved(
        "kubernetes-api",
        "the Kubernetes API",
        Some(Protocol::Tcp),
        6443,
        6443,
    ),
    reserved("etcd", "K3s's etcd", Some(Protocol::Tcp), 2379, 2380),
    reserved("kubelet", "the kubelet", Some(Protocol::Tcp), 10250, 10250),
    reserved(
        "flannel-vxlan",
        "the pods' network (VXLAN)",
        Some(Protocol::Udp),
        8472,
        8472,
    ),
    reserved(
        "flannel-wireguard",
        "the pods' network (WireGuard)",
        Some(Protocol::Udp),
        51820,
        51821,
    ),
    reserved(
        "registry-mirror",
        "K3s's embedded registry mirror",
        Some(Protocol::Tcp),
        5001,
        5001,
    ),
];

/// What Gluster listens on: its daemon, and its bricks on random ports since release 10.
pub const GLUSTER: [Reserved; 2] = [
    reserved("gluster", "Gluster's daemon", None, 24007, 24008),
    reserved("gluster", "a Gluster brick", None, 49152, 60999),
];

/// The names that `--force-port` knows.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = K3S
        .iter()
        .chain(&GLUSTER)
        .map(|reserved| reserved.name)
        .collect();
    names.dedup();
    names
}

/// gluster-plan's answer, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct GlusterPlan {
    /// The ports that the volumes use, as gluster-plan writes them.
    pub ports: Vec<GlusterPorts>,
}

/// Ports of Gluster: `{protocol, first, last}`, and words about them that nothing here depends on.
#[derive(Debug, Deserialize)]
pub struct GlusterPorts {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The first port.
    pub first: u16,
    /// The last one.
    pub last: u16,
}

impl GlusterPlan {
    /// Its ports as reserved ones.
    ///
    /// # Errors
    /// A range that ends before it begins.
    pub fn reserved(&self) -> Result<Vec<Reserved>, Invalid> {
        let ports = self.ports.iter().enumerate();
        let read = ports.map(|(index, ports)| {
            let GlusterPorts {
                protocol,
                first,
                last,
            } = *ports;
            if first == 0 || last < first {
                return Err(Invalid::new(
                    format!("gluster_plan.ports[{index}]"),
                    format!("expected a port or a range of ports, found {first} to {last}"),
                ));
            }
            Ok(reserved(
                "gluster",
                "a port of Gluster",
                Some(protocol),
                first,
                last,
            ))
        });
        read.collect()
    }
}
