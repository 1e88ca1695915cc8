//! One file for each format.

pub mod ansible;
pub mod files;
pub mod k3sup;
pub mod ports;
pub mod remove;
pub mod sh;
pub mod text;

use crate::answer::{Answer, NodeAnswer};
use cluster::name::Label;

/// The nodes in the order in which they join, or the one that was chosen.
pub fn chosen<'a>(answer: &'a Answer, node: Option<&'a Label>) -> Vec<(&'a str, &'a NodeAnswer)> {
    let wanted = |name: &&String| node.is_none_or(|node| node.as_str() == name.as_str());
    let names = answer.order.iter().filter(wanted);
    names
        .filter_map(|name| Some((name.as_str(), answer.planned(name)?)))
        .collect()
}
