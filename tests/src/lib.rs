//! Test harness: programs seen from outside, and tests that need a real part.

mod golden;
pub mod machine;
pub mod program;
mod require;
pub mod said;
pub mod sources;
pub mod tools;

use serde_json::Value;

pub use golden::golden;
pub use require::{host, long, require, require_root};

/// What came of k3s-join's run on a node; `null` unless exactly one node's answer tells it.
pub fn ran(answer: &Value) -> Value {
    let nodes = answer["nodes"].as_object().into_iter().flatten();
    let runs: Vec<&Value> = nodes.filter_map(|(_, node)| node.get("run")).collect();
    match runs.as_slice() {
        [run] => (*run).clone(),
        _ => Value::Null,
    }
}
