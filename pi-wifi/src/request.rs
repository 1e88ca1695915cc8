//! What is wished: the resolved request for each node, and the networks with their keys.

use crate::key::Key;
use crate::ssid::Ssid;
use crate::stack::{NetplanRange, Stack};
use cluster::inventory::{Band, Os, Security};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// Higher than what network stacks give Ethernet (100 to 202), so that Ethernet stays first; NetworkManager's own number.
pub const ROUTE_METRIC: u32 = 600;
/// Where the kernel puts a Pi's radio.
pub const INTERFACE: &str = "wlan0";

/// The resolved wish for one node: what a plan is made from again. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The country whose radio rules apply; `null` where none is named.
    pub country: Option<String>,
    /// The radio's interface.
    pub interface: String,
    /// A fixed address with its prefix length; `null` for DHCP.
    pub address: Option<String>,
    /// The gateway of a fixed address.
    pub gateway: Option<IpAddr>,
    /// Name servers of a fixed address.
    pub dns: Vec<IpAddr>,
    /// Metric of the routes over Wi-Fi.
    pub route_metric: u32,
    /// The Ethernet interface that may be in the same subnet.
    pub ethernet: Option<String>,
    /// The operating system; `null` where it is not known.
    pub os: Option<Os>,
    /// The network stack that is configured.
    pub stack: Stack,
    /// The versions of netplan that the node may have; `null` for other stacks.
    pub netplan: Option<NetplanRange>,
    /// The networks.
    pub networks: Vec<NetworkRequest>,
}

/// The wish for one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkRequest {
    /// The SSID as text; `null` where it is none.
    pub ssid: Option<String>,
    /// The SSID's bytes.
    pub ssid_hex: String,
    /// Where the key is.
    pub key: Source,
    /// How it is secured; of no meaning where it is open.
    pub security: Security,
    /// Whether it does not send its name.
    pub hidden: bool,
    /// Higher comes first.
    pub priority: i32,
    /// The band to use; `null` for any.
    pub band: Option<Band>,
    /// The one access point to use; `null` for any.
    pub bssid: Option<String>,
}

/// Where a network's key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// There is none.
    Open,
    /// In this file, as a passphrase.
    PskFile(PathBuf),
    /// In this file, derived.
    PskHexFile(PathBuf),
}

/// A network with its key.
#[derive(Debug)]
pub struct Network {
    /// The wish.
    pub request: NetworkRequest,
    /// The name.
    pub ssid: Ssid,
    /// The key.
    pub key: Key,
}

impl Network {
    /// Whether it has no key.
    pub fn is_open(&self) -> bool {
        self.request.key == Source::Open
    }

    /// Whether only the passphrase will do: SAE starts from it, not from the derived key.
    pub fn needs_phrase(&self) -> bool {
        !self.is_open() && self.request.security != Security::Wpa2
    }
}

/// One node's request beside the networks that all nodes share.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The node's name.
    pub node: &'a str,
    /// Its request.
    pub request: &'a Request,
    /// The networks, in the request's order.
    pub networks: &'a [Network],
    /// Other tools' parts of RancherOS' configuration: each file's name and text.
    pub fragments: &'a [(String, String)],
}
