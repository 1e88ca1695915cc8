//! What the node shall become: the planned document and the flags, which win.

use crate::answer::{Answer, NodeAnswer};
use crate::check::state::Wish;
use crate::cli::Cli;
use crate::rehearse::ports::Peer;
use crate::rehearse::token::Token;
use crate::request::Request;
use crate::token::Which;
use anyhow::Context;
use cluster::edge::node::{host_name, identity};
use cluster::finding::Finding;
use cluster::inventory::{Node, Role};
use cluster::plan::sha256;
use cluster::root::Root;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What the node shall become.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// The node's name, or the host's.
    pub name: String,
    /// What is judged against.
    pub wish: Wish,
    /// The token to join with.
    pub token: Option<Token>,
    /// The settings that it would have as a server.
    pub settings: BTreeMap<String, String>,
    /// The other nodes.
    pub peers: Vec<Peer>,
    /// Whether it starts the cluster.
    pub first_server: bool,
    /// Its place in the document.
    pub at: Option<usize>,
    node: Option<Node>,
}

impl Planned {
    /// From the plan, the flags and the host's name.
    ///
    /// # Errors
    /// A node that the document does not have; a token file that cannot be read.
    pub fn read(
        cli: &Cli,
        request: &Request,
        answer: &Answer,
        root: &Root,
        findings: &mut Vec<Finding>,
    ) -> anyhow::Result<Self> {
        let (here, nodes) = (&cli.here, request.nodes());
        let chosen = match nodes {
            [] => None,
            nodes => cli.node.choose(nodes, root)?,
        };
        let mut planned = Self {
            at: nodes
                .iter()
                .position(|node| chosen.is_some_and(|chosen| chosen.name == node.name)),
            node: chosen.cloned(),
            ..Self::default()
        };
        let own = chosen.and_then(|node| answer.planned(node.name.as_str()));
        match own {
            Some(own) => planned.take(own, answer),
            None => planned.wish.name = cli.node.node.as_ref().map(ToString::to_string),
        }
        let wish = &mut planned.wish;
        wish.role = here.role.or(wish.role);
        wish.server = here.server.clone().or(wish.server.take());
        let ids = nodes.iter().filter_map(|node| {
            Some((node.name.to_string(), node.machine_id.as_ref()?.to_string()))
        });
        wish.machine_ids = ids.collect();
        let host = host_name(root);
        planned.name = wish
            .name
            .clone()
            .or(host)
            .unwrap_or_else(|| "node".to_owned());
        planned.token(cli, request, findings)?;
        Ok(planned)
    }

    /// Takes what is planned for the node.
    fn take(&mut self, own: &NodeAnswer, answer: &Answer) {
        let wish = &mut self.wish;
        wish.name = Some(own.request.name.clone());
        wish.role = Some(own.role);
        wish.os = own.request.os;
        wish.address = own.request.address;
        wish.interface.clone_from(&own.request.interface);
        wish.server.clone_from(&own.request.server);
        wish.version.clone_from(&own.request.version);
        wish.etcd = answer.ha.as_ref().is_some_and(|ha| ha.datastore == "etcd");
        wish.ports.clone_from(&answer.ports);
        wish.backend = answer
            .plans()
            .find_map(|node| text(node, "flannel-backend"));
        wish.data = text(own, "data-dir");
        self.first_server = own.role == Role::Server && own.request.server.is_none();
        self.settings = own
            .request
            .config
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), setting(value)?)))
            .collect();
        let others = answer
            .plans()
            .filter(|other| other.request.name != own.request.name);
        self.peers = others
            .filter_map(|other| {
                Some(Peer {
                    name: other.request.name.clone(),
                    address: other.request.address?,
                    role: other.role,
                })
            })
            .collect();
    }

    /// Reads the token: the file that a flag names, or the document's for the node's part, with the hash that is known.
    fn token(
        &mut self,
        cli: &Cli,
        request: &Request,
        findings: &mut Vec<Finding>,
    ) -> anyhow::Result<()> {
        let which = match self.wish.role {
            Some(Role::Server) => Which::Server,
            _ => Which::Agent,
        };
        let of_document = self.at.map(|_| match which {
            Which::Server => request.token_file(),
            Which::Agent => request.agent_token_file(),
        });
        let Some(file) = cli.here.token_file.clone().or(of_document) else {
            return Ok(());
        };
        let mut noticed = Vec::new();
        let read = cli.secrets.read(&file, &mut noticed)?;
        // Who else can read the document's own files was said while planning.
        if cli.here.token_file.is_some() {
            findings.append(&mut noticed);
        }
        let Some(secret) = read else {
            // The plan says so, where it is the document's.
            if cli.here.token_file.is_some() {
                let message = "there is no such file, so there is no token to join with";
                findings.push(Finding::warning(
                    "k3s-token-file-missing",
                    file.display().to_string(),
                    message,
                ));
            }
            return Ok(());
        };
        let mut token = parse(&file, secret.reveal())?;
        if token.hash.is_none() {
            token.hash = request.ca.as_ref().map(|(_, pin)| pin.0.clone());
        }
        self.wish.token_hash.clone_from(&token.hash);
        self.wish.password_sha256 = Some(sha256(token.password()));
        self.token = Some(token);
        Ok(())
    }

    /// Refuses a machine that is none of the document's nodes.
    pub fn stranger(&self, request: &Request) -> Option<Finding> {
        let nodes = request.nodes();
        if nodes.is_empty() || self.at.is_some() {
            return None;
        }
        let known: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let message = format!(
            "this machine calls itself {}, and the document has {}",
            self.name,
            known.join(", ")
        );
        Some(
            Finding::error("node-identity", &self.name, message)
                .fix("run it on the right node, give this one its host name (hostnamectl), or take its name into the document; -n acts without a document")
                .evidence(json!({"declared": known, "found": [self.name]})),
        )
    }

    /// Whether this machine is the node that the document means.
    pub fn identity(&self, root: &Root) -> Vec<Finding> {
        self.node
            .as_ref()
            .map(|node| identity(node, root))
            .unwrap_or_default()
    }
}

/// A key of a node's configuration.
fn text(node: &NodeAnswer, key: &str) -> Option<String> {
    node.request.config.get(key)?.as_str().map(str::to_owned)
}

fn parse(file: &Path, text: &[u8]) -> anyhow::Result<Token> {
    let token = Token::parse(text).map_err(anyhow::Error::msg);
    token.with_context(|| format!("reading the token in {}", file.display()))
}

/// A setting as K3s's own configuration compares it.
fn setting(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(list) => Some(
            list.iter()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(","),
        ),
        _ => None,
    }
}
