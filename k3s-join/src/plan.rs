//! From the request to what each node needs. No clock, no randomness, no environment, no files.

use crate::answer::{Answer, NodeAnswer};
use crate::request::Request;
use cluster::finding::Finding;
use cluster::inventory::Role;

/// The plan and what was noticed.
pub fn plan(request: &Request) -> (Answer, Vec<Finding>) {
    let mut answer = Answer::default();
    for (index, node) in request.nodes.iter().enumerate() {
        let first = if index == 0 {
            Role::Server
        } else {
            Role::Agent
        };
        let role = node.role.unwrap_or(first);
        let entry = NodeAnswer {
            role,
            cluster_init: index == 0 && role == Role::Server,
        };
        answer.nodes.insert(node.name.clone(), entry);
        answer.order.push(node.name.clone());
    }
    answer.pending = !answer.nodes.is_empty();
    (answer, Vec::new())
}
