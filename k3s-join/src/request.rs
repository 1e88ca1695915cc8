//! What is asked for, resolved from the document.

use cluster::inventory::{Inventory, Role};

/// The cluster that is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its nodes, in the document's order.
    pub nodes: Vec<NodeRequest>,
}

/// A node that is asked for.
#[derive(Debug, Clone)]
pub struct NodeRequest {
    /// Its name.
    pub name: String,
    /// Its role, where one is given.
    pub role: Option<Role>,
}

impl Request {
    /// From the document's sections.
    pub fn read(inventory: &Inventory) -> Self {
        let nodes = inventory.nodes.iter().map(|node| NodeRequest {
            name: node.name.to_string(),
            role: node.role,
        });
        Self {
            nodes: nodes.collect(),
        }
    }
}
