//! The tool's key in the document.

use cluster::inventory::Role;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer for all nodes.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Answer {
    /// Whether there is something to do on some node.
    pub pending: bool,
    /// The answer for each node by its name.
    pub nodes: BTreeMap<String, NodeAnswer>,
    /// The order in which the nodes join.
    pub order: Vec<String>,
}

/// The answer for one node.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NodeAnswer {
    /// Its part in the cluster.
    pub role: Role,
    /// Whether it is the server that starts the cluster.
    pub cluster_init: bool,
}
