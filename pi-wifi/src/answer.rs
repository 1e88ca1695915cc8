//! The tool's key in the document.

use crate::check::Report;
use crate::request::Request;
use cluster::edge::nodes::Entry;
use cluster::plan::Step;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer for all nodes.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Answer {
    /// Whether there is something to do on some node.
    pub pending: bool,
    /// Whether this run did something.
    pub changed: bool,
    /// The answer for each node by its name.
    pub nodes: BTreeMap<String, Entry<NodeAnswer>>,
    /// The artefacts of the chosen format.
    #[serde(skip)]
    pub artefacts: Vec<cluster::edge::Artefact>,
}

/// The answer for one node.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NodeAnswer {
    /// Whether nothing speaks against it.
    pub ok: bool,
    /// Whether there is something to do.
    pub pending: bool,
    /// Whether this run did something.
    pub changed: bool,
    /// The version of the tool that planned.
    pub tool_version: String,
    /// The resolved wish: what a plan is made from again; `null` where only the radio was looked at.
    pub request: Option<Request>,
    /// The radio's interface.
    pub interface: String,
    /// The files that the node's stack gets; secrets are redacted.
    pub files: Vec<PlannedFile>,
    /// The hash of the node's state: owner, and which files are there; `null` where the node was not looked at.
    pub state_sha256: Option<String>,
    /// The hash of the plan; `null` where there is none.
    pub plan_sha256: Option<String>,
    /// The plan's steps; none where it is already so.
    pub steps: Vec<Step>,
    /// What was found on the node; `null` without `--check` and `--apply`.
    pub check: Option<Report>,
}

impl NodeAnswer {
    /// For an interface, with nothing planned.
    pub fn empty(interface: &str) -> Self {
        Self {
            ok: true,
            pending: false,
            changed: false,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            request: None,
            interface: interface.to_owned(),
            files: Vec::new(),
            state_sha256: None,
            plan_sha256: None,
            steps: Vec::new(),
            check: None,
        }
    }
}

/// A file that a node gets.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedFile {
    /// Its place.
    pub path: String,
    /// Its permissions, in octal digits.
    pub mode: String,
    /// Its owner and group.
    pub owner: &'static str,
    /// Its content, with `<redacted>` for each secret.
    pub content: String,
}

impl PlannedFile {
    /// From the file itself.
    pub fn of(file: &crate::content::File) -> Self {
        Self {
            path: file.path.clone(),
            mode: format!("{:04o}", file.mode),
            owner: "root:root",
            content: file.content.shown(),
        }
    }
}
