//! The list of machines that k3sup takes: servers first, because `k3sup plan --servers N` takes the first N.

use super::chosen;
use crate::answer::Answer;
use serde_json::{Value, json};

/// The list.
pub fn list(answer: &Answer) -> Value {
    let hosts = chosen(answer, None).into_iter();
    let hosts = hosts
        .filter_map(|(name, node)| Some(json!({"hostname": name, "ip": node.request.address?})));
    Value::from(hosts.collect::<Vec<_>>())
}
