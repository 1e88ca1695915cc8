//! `k3s`: the Kubernetes distribution.

use crate::name::{Line, Network};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;

/// K3s on the nodes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct K3s {
    /// The version, such as `v1.33.4+k3s1`.
    pub version: Option<Line>,
    /// The file with the servers' token.
    pub token_file: Option<PathBuf>,
    /// The file with the agents' token. Default: the servers' token.
    pub agent_token_file: Option<PathBuf>,
    /// Addresses of the pods. Default `10.42.0.0/16`.
    pub cluster_cidr: Option<Network>,
    /// Addresses of the services. Default `10.43.0.0/16`.
    pub service_cidr: Option<Network>,
    /// Address of the cluster's name server. Default: the tenth of `service_cidr`.
    pub cluster_dns: Option<IpAddr>,
    /// Parts of K3s that are left out, such as `traefik`. Default none.
    #[serde(default)]
    pub disable: Vec<Line>,
    /// Further names and addresses in the servers' certificate. Default none.
    #[serde(default)]
    pub tls_san: Vec<Line>,
}
