//! `network`: the local network.

use crate::name::{Line, Network};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::IpAddr;

/// Addresses of the local network.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct NetworkSection {
    /// The local network that all nodes are in.
    pub lan: Option<Network>,
    /// The local IPv6 network, where there is one. Default none.
    pub lan_ipv6: Option<Network>,
    /// The default gateway of the nodes: the router's address in the local network.
    pub gateway: Option<IpAddr>,
    /// Name servers of the nodes, in order. Default none.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// Where services of type LoadBalancer get their addresses from.
    pub load_balancer: Option<LoadBalancer>,
}

/// Where services of type LoadBalancer get their addresses from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct LoadBalancer {
    /// What hands out the addresses.
    pub kind: LoadBalancerKind,
    /// Single addresses, ranges (`192.168.11.50-192.168.11.59`) or networks that it may hand out. Default none.
    #[serde(default)]
    pub addresses: Vec<Line>,
}

/// What gives a service of type LoadBalancer its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoadBalancerKind {
    /// MetalLB, in layer 2 mode.
    Metallb,
    /// The service load balancer that K3s brings: the nodes' own addresses.
    ServiceLb,
    /// None.
    None,
}
