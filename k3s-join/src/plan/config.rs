//! A node's configuration file: `/etc/rancher/k3s/config.yaml.d/50-k3s-join.yaml`.
//!
//! One file of our own beside what a person has in `config.yaml`; K3s reads it after that, so its keys win. Secrets stand
//! in files of their own that it names.

use super::Shared;
use super::files::RANCHER;
use crate::keys::{Key, Kind, Mark};
use crate::platform::{DATA_DIR, ETC};
use crate::refuse::config::names;
use crate::request::Request;
use cluster::inventory::{LoadBalancerKind, Node, Role};
use serde_json::{Map, Value, json};

/// A node's whole configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effective {
    /// Its keys.
    pub config: Map<String, Value>,
}

/// The file with the token that a node joins or starts with.
pub fn token_path(node: &Node) -> String {
    token(secrets_folder(node))
}

pub(super) fn token(folder: &str) -> String {
    format!("{folder}/k3s-join.token")
}

pub(super) fn agent_token(folder: &str) -> String {
    format!("{folder}/k3s-join.agent-token")
}

/// The file with the agents' token, on servers.
pub fn agent_token_path(node: &Node) -> String {
    agent_token(secrets_folder(node))
}

/// RancherOS keeps `/etc` only as long as its console lives.
fn secrets_folder(node: &Node) -> &'static str {
    if Request::platform(node).is_rancher() {
        RANCHER
    } else {
        ETC
    }
}

/// K3s's folder for what it keeps on a node.
pub fn data_dir(shared: &Shared<'_>, at: usize) -> String {
    let own = shared.request.nodes()[at]
        .k3s
        .as_ref()
        .and_then(|own| own.config.get("data-dir"));
    let value = own.or(shared.request.k3s.config.get("data-dir"));
    value.and_then(Value::as_str).unwrap_or(DATA_DIR).to_owned()
}

impl Effective {
    /// The configuration of the node at `at`.
    pub fn new(shared: &Shared<'_>, at: usize) -> Self {
        let node = &shared.request.nodes()[at];
        let server = shared.parts[at].role == Role::Server;
        let mut own = Self::default();
        own.node(node);
        if server {
            own.server(shared);
            if shared.uses_etcd() && shared.first == Some(at) {
                own.set("cluster-init", json!(true));
            }
            own.set("agent-token-file", json!(agent_token_path(node)));
        }
        own.set("token-file", json!(token_path(node)));
        // With a datastore of its own a server joins no other.
        let joins = !server || !shared.request.external_datastore();
        if let Some(url) = shared
            .url
            .as_ref()
            .filter(|_| joins && shared.first != Some(at))
        {
            own.set("server", json!(url));
        }
        let given = [
            Some(&shared.request.k3s.config),
            node.k3s.as_ref().map(|own| &own.config),
        ];
        for (name, value) in given.into_iter().flatten().flatten() {
            own.add(name, value, server);
        }
        own
    }

    fn node(&mut self, node: &Node) {
        self.set("node-name", json!(node.name.as_str()));
        if let Some(address) = node.address {
            self.set("node-ip", json!([address.address()]));
        }
        if let Some(interface) = &node.interface {
            // Without it flannel takes the default route's, whatever node-ip says.
            self.set("flannel-iface", json!(interface.as_str()));
        }
        let labels: Vec<String> = node
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if !labels.is_empty() {
            self.set("node-label", json!(labels));
        }
        if !node.taints.is_empty() {
            let taints: Vec<&str> = node.taints.iter().map(|taint| taint.as_str()).collect();
            self.set("node-taint", json!(taints));
        }
    }

    fn server(&mut self, shared: &Shared<'_>) {
        let k3s = &shared.request.k3s;
        self.set("write-kubeconfig-mode", json!("0600"));
        if let Some(cidr) = k3s.cluster_cidr {
            self.set("cluster-cidr", json!([cidr.to_string()]));
        }
        if let Some(cidr) = k3s.service_cidr {
            self.set("service-cidr", json!([cidr.to_string()]));
        }
        if let Some(dns) = k3s.cluster_dns {
            self.set("cluster-dns", json!([dns]));
        }
        let network = shared.request.inventory.network.as_ref();
        let balancer = network.and_then(|network| network.load_balancer.as_ref());
        let mut disable: Vec<&str> = k3s.disable.iter().map(|name| name.as_str()).collect();
        if balancer.is_some_and(|balancer| balancer.kind != LoadBalancerKind::ServiceLb) {
            disable.push("servicelb");
        }
        self.list("disable", &disable);
        // Every server answers by every server's name, so that a client may come by any of them.
        let mut names: Vec<String> = k3s.tls_san.iter().map(ToString::to_string).collect();
        names.extend(k3s.server_address.iter().map(ToString::to_string));
        for (node, part) in shared.request.nodes().iter().zip(&shared.parts) {
            if part.role == Role::Server {
                names.push(node.name.to_string());
                names.extend(node.address.map(|address| address.address().to_string()));
            }
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.list("tls-san", &names);
    }

    fn set(&mut self, name: &str, value: Value) {
        self.config.insert(name.to_owned(), value);
    }

    /// Adds texts to a list, each once.
    fn list(&mut self, name: &str, more: &[&str]) {
        let mut texts: Vec<String> = Vec::new();
        if let Some(present) = self.config.get(name) {
            texts.extend(names(present).into_iter().map(str::to_owned));
        }
        for text in more {
            if !texts.iter().any(|present| present == text) {
                texts.push((*text).to_owned());
            }
        }
        if !texts.is_empty() {
            self.set(name, json!(texts));
        }
    }

    /// A key that a person gave: lists add up, everything else is replaced. What this node does not know stays out, and so
    /// does what is refused because we write it.
    fn add(&mut self, name: &str, value: &Value, server: bool) {
        let Some(key) = Key::find(name).filter(|key| key.known_to(server)) else {
            return;
        };
        if matches!(key.mark, Mark::Owned(_)) {
            return;
        }
        if key.kind != Kind::List || key.name == "node-ip" {
            return self.set(key.name, key.shown(value));
        }
        self.list(key.name, &names(value));
    }

    /// A key's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.config.get(name)?.as_str()
    }

    /// A key's number, where it is a port.
    pub fn number(&self, name: &str) -> Option<u16> {
        self.config.get(name)?.as_u64()?.try_into().ok()
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        self.config.get(name) == Some(&Value::Bool(true))
    }
}
