//! What a person writes about a cluster: the types of the document's own sections.
//!
//! Each field's comment says meaning, unit and default. The JSON Schema (`--schema`) is made from these types.

mod disk;
mod k3s;
mod network;
mod node;
mod parts;
mod power;
mod router;
mod storage;
mod wifi;

pub use disk::{Disk, Filesystem, Partition, PartitionSize, Persist};
pub use k3s::{K3s, K3sInstall, NodeK3s};
pub use network::{LoadBalancer, LoadBalancerKind, NetworkSection};
pub use node::{Arch, Node, Os, Role, UsbStick, UsbUse};
pub use parts::{Part, UnitCost};
pub use power::{Allocation, Cable, Draw, PoeStandard, Port, ShedPolicy, Switch};
pub use router::{Exposure, Protocol, Router, RouterOs, RouterSide};
pub use storage::{Provisioner, QuorumType, Storage, Volume};
pub use wifi::{Band, Security, Wifi, WifiAddress, WifiNetwork};

use crate::invalid::Invalid;
use crate::name::Label;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashMap;

/// The sections that a person writes. A tool reads only those that it names ([`crate::document::Document::inventory`]);
/// the others stay empty here.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct Inventory {
    /// Version of the document's format, `major.minor`. Default `1.0`.
    pub format_version: Option<String>,
    /// The cluster's name.
    pub name: Option<Label>,
    /// Addresses of the local network.
    pub network: Option<NetworkSection>,
    /// PoE switches and what hangs on their ports. Default none.
    #[serde(default)]
    pub switches: Vec<Switch>,
    /// The router that stands between the cluster and the internet.
    pub router: Option<Router>,
    /// The computers. Default none.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// Wi-Fi networks that the nodes join.
    pub wifi: Option<Wifi>,
    /// Gluster volumes on the nodes' USB sticks.
    pub storage: Option<Storage>,
    /// K3s on the nodes.
    pub k3s: Option<K3s>,
    /// Services that the router forwards from the internet. Default none.
    #[serde(default)]
    pub expose: Vec<Exposure>,
    /// The parts list with prices. Default none.
    #[serde(default)]
    pub parts: Vec<Part>,
}

/// One section of the document by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `name`
    Name,
    /// `network`
    Network,
    /// `switches`
    Switches,
    /// `router`
    Router,
    /// `nodes`
    Nodes,
    /// `wifi`
    Wifi,
    /// `storage`
    Storage,
    /// `k3s`
    K3s,
    /// `expose`
    Expose,
    /// `parts`
    Parts,
}

impl Section {
    /// All sections, in the order of the reference document.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Network,
        Self::Switches,
        Self::Router,
        Self::Nodes,
        Self::Wifi,
        Self::Storage,
        Self::K3s,
        Self::Expose,
        Self::Parts,
    ];

    /// The section's key in the document.
    pub fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Network => "network",
            Self::Switches => "switches",
            Self::Router => "router",
            Self::Nodes => "nodes",
            Self::Wifi => "wifi",
            Self::Storage => "storage",
            Self::K3s => "k3s",
            Self::Expose => "expose",
            Self::Parts => "parts",
        }
    }
}

/// What no single field shows: names that stand twice, labels longer than their file system allows.
///
/// # Errors
/// The first value that is not valid, by its path.
pub(crate) fn check(inventory: &Inventory) -> Result<(), Invalid> {
    let nodes = inventory.nodes.iter().map(|node| node.name.as_str());
    unique("nodes", "name", nodes)?;
    let switches = inventory.switches.iter().map(|switch| switch.name.as_str());
    unique("switches", "name", switches)?;
    let exposed = inventory.expose.iter().map(|service| service.name.as_str());
    unique("expose", "name", exposed)?;
    for (index, node) in inventory.nodes.iter().enumerate() {
        let mounts = node
            .partitions
            .iter()
            .map(|p| p.mount.as_ref().map_or("", |m| m.as_str()));
        unique(&format!("nodes[{index}].partitions"), "mount", mounts)?;
        for (number, partition) in node.partitions.iter().enumerate() {
            partition.check(&format!("nodes[{index}].partitions[{number}]"))?;
        }
    }
    Ok(())
}

/// Refuses a list in which a field's value stands twice; an empty value stands for none.
fn unique<'a>(
    list: &str,
    field: &str,
    values: impl Iterator<Item = &'a str>,
) -> Result<(), Invalid> {
    let mut seen = HashMap::new();
    for (index, value) in values.enumerate().filter(|(_, value)| !value.is_empty()) {
        if let Some(first) = seen.insert(value, index) {
            return Err(Invalid::new(
                format!("{list}[{index}].{field}"),
                format!("expected each {field} once, found {value:?} again after {list}[{first}]"),
            ));
        }
    }
    Ok(())
}
