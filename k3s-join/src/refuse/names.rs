//! Labels and taints: what the kubelet would refuse, it refuses by not starting.

use crate::request::Request;
use cluster::finding::Finding;

/// Label keys below `kubernetes.io` and `k8s.io` that a kubelet may give its own node (Kubernetes'
/// `pkg/kubelet/apis/well_known_labels.go`); beside them only those below `node.kubernetes.io` and `kubelet.kubernetes.io`.
const OWN_LABELS: [&str; 9] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "topology.kubernetes.io/region",
];

/// What a taint does.
const EFFECTS: [&str; 3] = ["NoExecute", "NoSchedule", "PreferNoSchedule"];

/// What speaks against labels and taints.
pub fn findings(request: &Request) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in request.nodes() {
        let name = node.name.as_str();
        for (key, value) in &node.labels {
            findings.extend(label(name, key, value));
        }
        for taint in &node.taints {
            findings.extend(syntax_of_taint(name, taint.as_str()));
        }
    }
    findings
}

fn label(node: &str, key: &str, value: &str) -> Option<Finding> {
    if !is_label_key(key) || !(value.is_empty() || is_name(value)) {
        let message = format!(
            "{key}={value} is no label: a name of at most 63 letters, digits, '-', '_' and '.', perhaps behind a domain and '/'"
        );
        return Some(Finding::error("k3s-label-syntax", node, message));
    }
    let domain = key.split_once('/')?.0;
    let below = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
    let reserved = below("kubernetes.io") || below("k8s.io");
    let own = OWN_LABELS.contains(&key)
        || key == "topology.kubernetes.io/zone"
        || below("node.kubernetes.io")
        || below("kubelet.kubernetes.io");
    (reserved && !own).then(|| {
        let message = format!(
            "a node may not give itself the label {key}, and its kubelet does not start with it"
        );
        Finding::error("k3s-label-reserved", node, message).fix(format!(
            "take it out, and once the node has joined: kubectl label node {node} {key}={value}"
        ))
    })
}

/// `name` or `domain/name`.
fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, name)) => is_domain(domain) && is_name(name),
        None => is_name(key),
    }
}

fn is_name(text: &str) -> bool {
    let outer = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| inner(*b))
        && outer(bytes.first())
        && outer(bytes.last())
}

fn is_domain(text: &str) -> bool {
    let label = |part: &str| {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !part.is_empty() && part.bytes().all(good) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// `key:Effect` or `key=value:Effect`.
fn syntax_of_taint(node: &str, taint: &str) -> Option<Finding> {
    let good = taint.rsplit_once(':').is_some_and(|(left, effect)| {
        let (key, value) = left.split_once('=').unwrap_or((left, ""));
        EFFECTS.contains(&effect) && is_label_key(key) && (value.is_empty() || is_name(value))
    });
    (!good).then(|| {
        let message = format!(
            "{taint:?} is no taint: key=value:Effect, where the effect is {}",
            EFFECTS.join(", ")
        );
        Finding::error("k3s-taint-syntax", node, message)
    })
}
