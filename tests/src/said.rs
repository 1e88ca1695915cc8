//! What a tool's own value says.

use serde_json::Value;

/// The one node's answer; `null` where there is none.
pub fn node(value: &Value) -> &Value {
    let nodes = value["nodes"].as_object();
    nodes
        .and_then(|nodes| nodes.values().next())
        .unwrap_or(&Value::Null)
}

/// The ids of its errors, in their order.
pub fn errors(value: &Value) -> Vec<&str> {
    let findings = value["findings"].as_array().into_iter().flatten();
    let errors = findings.filter(|finding| finding["severity"] == "error");
    errors
        .filter_map(|finding| finding["id"].as_str())
        .collect()
}
