//! The tool's key in the document.

use crate::ca::CaAnswer;
use crate::here::Report;
use crate::platform::KernelCommandLine;
use crate::remove::Removal;
use cluster::edge::nodes;
use cluster::inventory::{Os, Role};
use cluster::plan::Step;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The answer for all nodes.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Answer {
    /// Whether there is something to do on some node.
    pub pending: bool,
    /// Whether this run did something.
    pub changed: bool,
    /// The answer for each node by its name.
    pub nodes: BTreeMap<String, Entry>,
    /// The order in which the nodes join: servers first, the next one when the one before is ready.
    pub order: Vec<String>,
    /// What the number of servers means; `null` where no nodes are planned.
    pub ha: Option<Ha>,
    /// Where services of type LoadBalancer answer, the preferred address first; of a range its first address.
    pub service_addresses: Vec<IpAddr>,
    /// The Gluster volume that gives Kubernetes its volumes; `null` where there is none.
    pub storage: Option<Storage>,
    /// Ports that nodes must reach on each other.
    pub ports: Vec<Port>,
    /// The certificate authorities that were made (`--make-ca`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaAnswer>,
    /// How a node leaves (`--remove`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
    /// The node that this run was on; `None` where it was on none.
    #[serde(skip)]
    pub here: Option<String>,
}

/// What is said of one node: what is planned for it, and what came of the last run there.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Node")]
pub struct Entry {
    /// What is planned; missing where no document says it.
    #[serde(flatten)]
    pub planned: Option<NodeAnswer>,
    /// What came of the last run on it (`--check`, `--rehearse`, `--apply`, `--leave`); missing where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<nodes::Entry<Report>>,
}

impl Answer {
    /// What is planned for a node.
    pub fn planned(&self, name: &str) -> Option<&NodeAnswer> {
        self.nodes.get(name)?.planned.as_ref()
    }

    /// What is planned for each node.
    pub fn plans(&self) -> impl Iterator<Item = &NodeAnswer> {
        self.nodes.values().filter_map(|node| node.planned.as_ref())
    }

    /// What this run found, with the name of the node that it was on.
    pub fn report(&self) -> Option<(&str, &Report)> {
        let name = self.here.as_deref()?;
        match self.nodes.get(name)?.run.as_ref()? {
            nodes::Entry::New(report) => Some((name, report)),
            nodes::Entry::Kept(_) => None,
        }
    }
}

/// What the number of servers means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Ha {
    /// How many servers there are.
    pub servers: usize,
    /// How many of them may fail with the cluster still working.
    pub tolerates: usize,
    /// Where the cluster keeps its state: `sqlite`, `etcd` or `external`.
    pub datastore: &'static str,
    /// Where nodes find a server; `null` where it is not known.
    pub server: Option<String>,
    /// SHA-256 of the CA that the tokens pin; `null` where K3s makes its own.
    pub ca_sha256: Option<String>,
}

/// The answer for one node.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NodeAnswer {
    /// The resolved wish.
    pub request: NodeWish,
    /// Its part in the cluster.
    pub role: Role,
    /// Why it has that part.
    pub why: String,
    /// Whether it is the server that starts the cluster with etcd.
    pub cluster_init: bool,
    /// The service that runs K3s; `null` on a system without systemd.
    pub unit: Option<&'static str>,
    /// How K3s gets onto the node.
    pub install: Install,
    /// What its kernel's command line needs.
    pub kernel_command_line: KernelCommandLine,
    /// Packages that it needs.
    pub packages: Vec<&'static str>,
    /// Files that it needs.
    pub files: Vec<FileAnswer>,
    /// The hash of the node's state; `null` where it was not looked at.
    pub state_sha256: Option<String>,
    /// The hash of the plan.
    pub plan_sha256: Option<String>,
    /// The plan's steps.
    pub steps: Vec<Step>,
}

/// A node's resolved wish.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct NodeWish {
    /// Its name.
    pub name: String,
    /// Its operating system.
    pub os: Option<Os>,
    /// Its release.
    pub os_release: Option<String>,
    /// Its version of K3s.
    pub version: Option<String>,
    /// Its address.
    pub address: Option<IpAddr>,
    /// The interface that carries it.
    pub interface: Option<String>,
    /// The server that it joins; `null` for the first.
    pub server: Option<String>,
    /// K3s's configuration file.
    pub config: Map<String, Value>,
}

/// How K3s gets onto a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Install {
    /// `installer`, `airgap` or `container`.
    pub by: &'static str,
    /// The variables of the official installer.
    pub variables: BTreeMap<&'static str, String>,
    /// What is copied onto the node beforehand: from the release to its place.
    pub copies: Vec<Copy>,
}

/// A file of a K3s release and its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Copy {
    /// Its name among the release's files.
    pub release_file: &'static str,
    /// Its place on the node.
    pub path: String,
    /// Its permissions, in octal digits.
    pub mode: String,
}

/// A file that a node needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileAnswer {
    /// Its path on the node.
    pub path: String,
    /// Its permissions, in octal digits.
    pub mode: String,
    /// Its content; `<redacted>` where it is a secret.
    pub content: String,
    /// The secret file that its content comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<String>,
    /// What stands before the secret: the hash of the pinned CA and the user. Not secret itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub prefix: String,
}

/// A Gluster volume for Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Storage {
    /// The volume.
    pub volume: String,
    /// Where each node mounts it.
    pub mount: String,
    /// Where its storage class is written.
    pub manifest: &'static str,
}

/// A port that must be open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Port {
    /// TCP or UDP.
    pub protocol: &'static str,
    /// The first port.
    pub first: u16,
    /// The last one.
    pub last: u16,
    /// On which nodes: `servers` or `nodes`.
    pub on: &'static str,
    /// From where: `servers`, `nodes` or `lan`.
    pub from: &'static str,
    /// What for.
    pub what: &'static str,
}
