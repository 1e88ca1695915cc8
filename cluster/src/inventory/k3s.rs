//! `k3s`: the Kubernetes distribution.

use crate::name::{Line, Network};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// K3s on the nodes.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct K3s {
    /// The version, such as `v1.33.4+k3s1`.
    pub version: Option<Line>,
    /// The file with the servers' token. Default `k3s.token`.
    pub token_file: Option<PathBuf>,
    /// The file with the agents' token. Default `k3s.agent-token`.
    pub agent_token_file: Option<PathBuf>,
    /// The folder that `k3s-join --make-ca` made: the cluster's certificate authorities. Default: K3s makes its own.
    pub ca_dir: Option<PathBuf>,
    /// Where nodes find a server: a name or an address. Default: the first server's address.
    pub server_address: Option<Line>,
    /// How K3s gets onto the nodes. Default `installer`.
    pub install: Option<K3sInstall>,
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
    /// Container registries: the content of `registries.yaml`, without passwords. Default none.
    pub registries: Option<BTreeMap<String, Value>>,
    /// The file that becomes `registries.yaml`, where passwords are in it. Default none.
    pub registries_file: Option<PathBuf>,
    /// Further keys of K3s's configuration file; what only servers know goes to servers only. Default none.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
}

/// How K3s gets onto the nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum K3sInstall {
    /// By the official installer, which downloads it.
    #[default]
    Installer,
    /// From a program and images that are copied onto the node.
    Airgap,
}

/// K3s on one node, where it differs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct NodeK3s {
    /// The version on this node. Default: `k3s.version`.
    pub version: Option<Line>,
    /// Further keys of K3s's configuration file on this node; they win over `k3s.config`. Default none.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
}
