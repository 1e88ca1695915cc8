//! `router` and `expose`: what stands between the cluster and the internet, and what it lets in.

use crate::name::{InterfaceName, Label, Line, Network};
use crate::quantity::PortNumber;
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::IpAddr;

/// The router.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Router {
    /// The model, such as `mikrotik-rb4011`. Default none.
    pub model: Option<Label>,
    /// The major version of its RouterOS. Default 7.
    pub routeros: Option<RouterOs>,
    /// The router's address in the local network. Default: `network.gateway`.
    pub address: Option<IpAddr>,
    /// Further addresses of the router on local interfaces (another VLAN, a VPN), which stay its own. Default none.
    #[serde(default)]
    pub other_addresses: Vec<IpAddr>,
    /// The side of the internet. Default: the interface list `WAN`.
    pub wan: Option<RouterSide>,
    /// The side of the local network. Default: the interface list `LAN`.
    pub lan: Option<RouterSide>,
    /// Whether the router has its default firewall, which lets forwarded connections in. Default yes.
    pub default_firewall: Option<bool>,
    /// Ports of the router's own services, TCP. Default: those of RouterOS (21, 22, 23, 80, 443, 8291, 8728, 8729).
    pub service_ports: Option<Vec<PortNumber>>,
}

/// A major version of RouterOS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub enum RouterOs {
    /// RouterOS 6.
    #[serde(rename = "6")]
    V6,
    /// RouterOS 7.
    #[serde(rename = "7")]
    V7,
}

/// One side of the router: an interface list or a single interface.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct RouterSide {
    /// An interface list.
    pub interface_list: Option<Line>,
    /// A single interface.
    pub interface: Option<InterfaceName>,
}

/// A service that the router forwards from the internet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Exposure {
    /// The service's name, unique.
    pub name: Label,
    /// The protocol. Default `tcp`.
    #[serde(default)]
    pub protocol: Protocol,
    /// The public port, 1 to 65535.
    pub port: PortNumber,
    /// Where it goes; for an IPv6 address the port is let through, not translated. Default: the first of `k3s_join`'s
    /// service addresses, else of `network.load_balancer`.
    pub to_address: Option<IpAddr>,
    /// The port there. Default: the public port.
    pub to_port: Option<PortNumber>,
    /// Who may connect. Default: everybody.
    #[serde(default)]
    pub sources: Vec<Network>,
}

/// A transport protocol with ports.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    serde::Serialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// The document's word, the same in RouterOS, nftables and Kubernetes' lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}
