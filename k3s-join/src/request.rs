//! What is asked for: the document's sections, what other tools answered, and what the secret files showed.

use crate::platform::Platform;
use crate::token::Pin;
use crate::version::Version;
use anyhow::Context;
use cluster::document::Document;
use cluster::finding::{Finding, used_and_no};
use cluster::invalid::Invalid;
use cluster::inventory::{Inventory, K3s, Node};
use cluster::name::MountPoint;
use cluster::pool::Pool;
use serde::Deserialize;
use std::path::PathBuf;

/// The files of the tokens where the document names none.
pub const TOKEN_FILE: &str = "k3s.token";
/// The same for agents.
pub const AGENT_TOKEN_FILE: &str = "k3s.agent-token";

/// What is asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// The document's sections.
    pub inventory: Inventory,
    /// Its section `k3s`, or an empty one.
    pub k3s: K3s,
    /// The cluster's version, where it is given.
    pub version: Option<Version>,
    /// Each node's own version, where it is given.
    pub node_versions: Vec<Option<Version>>,
    /// The load balancer's addresses.
    pub pool: Option<Pool>,
    /// The folder of the certificate authorities and the hash of their root, where there is one.
    pub ca: Option<(PathBuf, Pin)>,
    /// Nodes in the order in which they lose power, the first first.
    pub shed_order: Vec<String>,
    /// What gluster-plan answered.
    pub gluster: Option<GlusterPlan>,
    /// What was noticed while reading.
    pub findings: Vec<Finding>,
}

/// poe-budget's answer, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct PoeBudget {
    #[serde(default)]
    shed_order: Vec<String>,
}

/// gluster-plan's answer, as far as it matters here.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct GlusterPlan {
    /// The volumes.
    #[serde(default)]
    pub volumes: Vec<PlannedVolume>,
}

/// A volume that gluster-plan planned.
#[derive(Debug, Clone, Deserialize)]
pub struct PlannedVolume {
    /// Its name.
    pub name: String,
    /// Where the nodes mount it.
    pub mount: Option<MountPoint>,
}

impl Request {
    /// From the document. What stands in secret files is added by the caller.
    ///
    /// # Errors
    /// A version, a pool or another tool's answer that cannot be read.
    pub fn read(inventory: &Inventory, document: &Document) -> anyhow::Result<Self> {
        let k3s = inventory.k3s.clone().unwrap_or_default();
        let version = version(k3s.version.as_ref(), "k3s.version")?;
        let own = inventory.nodes.iter().enumerate().map(|(index, node)| {
            let given = node.k3s.as_ref().and_then(|own| own.version.as_ref());
            version_of(given, || format!("nodes[{index}].k3s.version"))
        });
        let node_versions = own.collect::<Result<_, _>>()?;
        let balancer = inventory
            .network
            .as_ref()
            .and_then(|n| n.load_balancer.as_ref());
        let budget: Option<PoeBudget> = document
            .answer("poe_budget")
            .context("reading poe-budget's answer")?;
        let gluster = document
            .answer("gluster_plan")
            .context("reading gluster-plan's answer")?;
        if let Some(given) = &k3s.server_address {
            check_host(given.as_str())?;
        }
        let mut request = Self {
            inventory: inventory.clone(),
            k3s,
            version,
            node_versions,
            pool: balancer.map(Pool::read).transpose()?,
            ca: None,
            shed_order: budget.unwrap_or_default().shed_order,
            gluster,
            findings: Vec::new(),
        };
        request.used_answers(document);
        Ok(request)
    }

    /// Warns where another tool's answer that is used is a no.
    fn used_answers(&mut self, document: &Document) {
        let roles_given = self.nodes().iter().any(|node| node.role.is_some());
        let used = [
            ("poe_budget", !self.shed_order.is_empty() && !roles_given),
            ("gluster_plan", self.gluster.is_some()),
        ];
        let used = used.into_iter().filter(|(_, used)| *used);
        self.findings
            .extend(used.filter_map(|(key, _)| used_and_no(document, key, "k3s-answer-not-ok")));
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.inventory.nodes
    }

    /// The version on the node at `index`.
    pub fn version_on(&self, index: usize) -> Option<&Version> {
        let own = self.node_versions.get(index).and_then(Option::as_ref);
        own.or(self.version.as_ref())
    }

    /// The operating system of a node.
    pub fn platform(node: &Node) -> Platform {
        Platform::new(
            node.os,
            node.os_release.as_ref().map(|release| release.as_str()),
        )
    }

    /// The file with the servers' token, as the document names it.
    pub fn token_file(&self) -> PathBuf {
        self.k3s
            .token_file
            .clone()
            .unwrap_or_else(|| PathBuf::from(TOKEN_FILE))
    }

    /// The file with the agents' token, as the document names it.
    pub fn agent_token_file(&self) -> PathBuf {
        let given = self.k3s.agent_token_file.clone();
        given.unwrap_or_else(|| PathBuf::from(AGENT_TOKEN_FILE))
    }

    /// The local networks.
    pub fn lans(&self) -> Vec<ipnet::IpNet> {
        let network = self.inventory.network.as_ref();
        let both = network.map(|n| [n.lan, n.lan_ipv6]).unwrap_or_default();
        both.iter().flatten().map(|lan| lan.net()).collect()
    }

    /// Whether K3s keeps its state outside the cluster.
    pub fn external_datastore(&self) -> bool {
        self.k3s.config.contains_key("datastore-endpoint")
    }

    /// The radio's interface.
    pub fn wifi_interface(&self) -> &str {
        let wifi = self.inventory.wifi.as_ref();
        wifi.and_then(|wifi| wifi.interface.as_ref())
            .map_or("wlan0", |interface| interface.as_str())
    }
}

fn version(given: Option<&cluster::name::Line>, path: &str) -> Result<Option<Version>, Invalid> {
    version_of(given, || path.to_owned())
}

fn version_of(
    given: Option<&cluster::name::Line>,
    path: impl Fn() -> String,
) -> Result<Option<Version>, Invalid> {
    let parsed = given.map(|text| text.as_str().parse());
    parsed
        .transpose()
        .map_err(|problem: String| Invalid::new(path(), problem))
}

/// A name or an address, without scheme and port: both are K3s's.
fn check_host(text: &str) -> Result<(), Invalid> {
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_name = !text.is_empty() && text.chars().all(name) && !text.starts_with(['-', '.']);
    if is_name || text.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    Err(Invalid::new(
        "k3s.server_address",
        format!("expected a name or an address such as \"192.168.11.11\", found {text:?}"),
    ))
}
