//! The configuration's keys: known, of the right type, in the right place, the same where they must be.

use crate::keys::{COMPONENTS, KEYS, Key, Kind, Mark, TABLE_MINOR};
use crate::request::Request;
use crate::roles::Part;
use cluster::finding::Finding;
use cluster::invalid::suggestion;
use cluster::inventory::Role;
use cluster::name::MountPoint;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What speaks against the configuration.
pub fn findings(request: &Request, parts: &[Part]) -> Vec<Finding> {
    let mut findings = keys("k3s.config", &request.k3s.config, None);
    for (index, node) in request.nodes().iter().enumerate() {
        if let Some(own) = &node.k3s {
            let path = format!("nodes[{index}].k3s.config");
            findings.extend(keys(
                &path,
                &own.config,
                Some((node.name.as_str(), parts[index].role)),
            ));
        }
    }
    findings.extend(critical(request, parts));
    findings.extend(components(request));
    findings.extend(registries(request));
    findings
}

/// The faults of one object of keys; `node` is the one node that it is for.
fn keys(path: &str, config: &BTreeMap<String, Value>, node: Option<(&str, Role)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, value) in config {
        let place = format!("{path}.{name}");
        let Some(key) = Key::find(name) else {
            let hint = suggestion(name, KEYS.iter().map(|key| key.name));
            let message = format!(
                "K3s 1.{TABLE_MINOR} knows no key {name:?}, and would pass over it with a line in its log{hint}"
            );
            findings.push(Finding::error("k3s-key-unknown", place, message));
            continue;
        };
        findings.extend(fault(key, &place, value));
        if let Some((node, role)) = node
            && !key.known_to(role == Role::Server)
        {
            let message = match role {
                Role::Agent => format!("only servers know {name:?}, and {node} is an agent"),
                Role::Server => format!("only agents know {name:?}, and {node} is a server"),
            };
            findings.push(Finding::error("k3s-key-side", place, message).fix("take it out"));
        }
    }
    findings
}

fn fault(key: &Key, place: &str, value: &Value) -> Option<Finding> {
    match key.mark {
        Mark::Secret(instead) => {
            let message =
                "a secret has no place in a document that goes from hand to hand".to_owned();
            return Some(
                Finding::error("k3s-secret-in-document", place, message)
                    .fix(format!("take {instead} instead")),
            );
        }
        Mark::Owned(field) => {
            let message = "k3s-join writes this key itself".to_owned();
            return Some(
                Finding::error("k3s-key-owned", place, message).fix(format!("say it in {field}")),
            );
        }
        Mark::Plain | Mark::Critical => {}
    }
    if key.name == "datastore-endpoint" && value.as_str().is_some_and(|text| text.contains('@')) {
        let message = "a data source with a password in it has no place in a document".to_owned();
        return Some(
            Finding::error("k3s-secret-in-document", place, message)
                .fix("write it into /etc/rancher/k3s/config.yaml.d/60-datastore.yaml (0600) on each server, and here only its host"),
        );
    }
    // It becomes part of paths.
    if key.name == "data-dir"
        && value
            .as_str()
            .is_some_and(|text| text.parse::<MountPoint>().is_err())
    {
        let message = "expected an absolute path without '..'";
        return Some(Finding::error("k3s-key-type", place, message));
    }
    let expected = key.kind.refuses(value)?;
    let found = match value {
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
        Value::Number(_) => "a number",
        Value::Bool(_) => "true or false",
        Value::Null => "null",
    };
    let fix = match (key.kind, value.as_u64()) {
        (Kind::Octal, Some(number)) => format!("write \"{number:04}\""),
        _ => format!("write {expected}"),
    };
    let message = format!("expected {expected}, found {found}");
    Some(Finding::error("k3s-key-type", place, message).fix(fix))
}

/// Keys that must be the same on all servers.
fn critical(request: &Request, parts: &[Part]) -> Vec<Finding> {
    let servers = (0..parts.len()).filter(|at| parts[*at].role == Role::Server);
    let nodes: Vec<_> = servers.map(|at| &request.nodes()[at]).collect();
    let mut findings = Vec::new();
    let own = |node: &cluster::inventory::Node, name: &str| -> Value {
        let value = node.k3s.as_ref().and_then(|own| own.config.get(name));
        value
            .or(request.k3s.config.get(name))
            .cloned()
            .unwrap_or(Value::Null)
    };
    let compared = KEYS.iter().filter(|key| key.mark == Mark::Critical);
    for key in compared {
        let values: BTreeMap<&str, Value> = nodes
            .iter()
            .map(|node| (node.name.as_str(), own(node, key.name)))
            .collect();
        if differ(&values) {
            let shown = values.iter().map(|(node, value)| (*node, key.shown(value)));
            findings.push(differs(key.name, &shown.collect()));
        }
    }
    // Of what is left out only the service load balancer is the whole cluster's matter.
    let without = |node: &cluster::inventory::Node| -> Value {
        let listed = ["disable", "disable+"].map(|name| own(node, name));
        json!(
            listed
                .iter()
                .any(|value| names(value).contains(&"servicelb"))
        )
    };
    let values: BTreeMap<&str, Value> = nodes
        .iter()
        .map(|node| (node.name.as_str(), without(node)))
        .collect();
    if differ(&values) {
        findings.push(differs("disable: servicelb", &values));
    }
    findings
}

/// Whether not all nodes have the same.
fn differ(values: &BTreeMap<&str, Value>) -> bool {
    let mut all = values.values();
    let first = all.next();
    all.any(|other| Some(other) != first)
}

fn differs(name: &str, values: &BTreeMap<&str, Value>) -> Finding {
    let message = format!(
        "{name} must be the same on all servers, and is not: K3s refuses the second server, or fails later"
    );
    Finding::error("k3s-critical-differs", name, message)
        .fix("say it once, in k3s.config")
        .evidence(json!(values))
}

/// The texts of a list, or the text.
pub fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn components(request: &Request) -> Vec<Finding> {
    let given = request.k3s.disable.iter().map(|line| line.as_str());
    let in_config = ["disable", "disable+"]
        .iter()
        .filter_map(|name| request.k3s.config.get(*name));
    let unknown = given
        .chain(in_config.flat_map(names))
        .filter(|name| !COMPONENTS.contains(name));
    unknown
        .map(|name| {
            let hint = suggestion(name, COMPONENTS);
            let message = format!("K3s brings no component {name:?}{hint}");
            Finding::error("k3s-component-unknown", "k3s.disable", message)
        })
        .collect()
}

fn registries(request: &Request) -> Vec<Finding> {
    let Some(registries) = &request.k3s.registries else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    if request.k3s.registries_file.is_some() {
        findings.push(
            Finding::error(
                "k3s-registries-twice",
                "k3s.registries",
                "registries and registries_file are both given",
            )
            .fix("keep one of them"),
        );
    }
    for (name, value) in registries {
        let place = format!("k3s.registries.{name}");
        if !["mirrors", "configs"].contains(&name.as_str()) {
            let hint = suggestion(name, ["mirrors", "configs"]);
            let message = format!("registries.yaml has no key {name:?}{hint}");
            findings.push(Finding::error("k3s-registries-key", place, message));
        } else if !value.is_object() {
            findings.push(Finding::error(
                "k3s-registries-key",
                place,
                "expected an object with a key for each registry",
            ));
        } else if has_credentials(value) {
            findings.push(
                Finding::error(
                    "k3s-secret-in-document",
                    place,
                    "credentials of a registry have no place in a document",
                )
                .fix("write registries.yaml by hand and name it in k3s.registries_file"),
            );
        }
    }
    findings
}

/// Whether a registry's login is somewhere in here: its own section, or a URL with one.
pub fn has_credentials(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, field)| name == "auth" || has_credentials(field)),
        Value::Array(items) => items.iter().any(has_credentials),
        Value::String(text) => text.split_once("://").is_some_and(|(_, rest)| {
            rest.split('/')
                .next()
                .is_some_and(|host| host.contains('@'))
        }),
        _ => false,
    }
}
