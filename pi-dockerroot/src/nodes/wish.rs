//! What is wished of one node: by the arguments, by the document, and by pi-partition's answer.

use crate::cli::Cli;
use crate::engine::answer::Node as NodeAnswer;
use crate::engine::job::{Local, Wanted};
use crate::engine::judge;
use crate::engine::request::Request;
use crate::engine::target;
use crate::render::cloud_config;
use anyhow::Context;
use cluster::edge::Usage;
use cluster::edge::nodes::{Earlier, wished_beside_a_plan};
use cluster::finding::{self, Finding};
use cluster::invalid::Invalid;
use cluster::inventory::{Node, Os};
use cluster::name::MountPoint;
use cluster::root::Root;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The label of the partition that is made for the engine.
const LABEL: &str = "docker";

/// What is used of pi-partition's answer.
#[derive(Default, Deserialize)]
pub(super) struct Partitioned {
    #[serde(default)]
    pub(super) nodes: BTreeMap<String, PartitionedNode>,
}

#[derive(Default, Deserialize)]
pub(super) struct PartitionedNode {
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    pending: bool,
    #[serde(default)]
    partitions: Vec<PartitionedPart>,
}

#[derive(Deserialize)]
struct PartitionedPart {
    label: Option<String>,
    mount: Option<MountPoint>,
}

/// What is wished of one node.
pub(super) struct Wish<'a> {
    pub(super) arguments: &'a Cli,
    pub(super) node: Option<&'a Node>,
    pub(super) partitioned: Option<&'a PartitionedNode>,
    pub(super) name: &'a str,
}

impl Wish<'_> {
    /// The mount of the partition with the label, as pi-partition planned it or as the document wishes it.
    fn declared(&self) -> Option<String> {
        let planned = self.partitioned.and_then(|node| {
            let part = node
                .partitions
                .iter()
                .find(|part| part.label.as_deref() == Some(LABEL))?;
            part.mount.as_ref().map(ToString::to_string)
        });
        planned.or_else(|| {
            let label = |label: Option<&str>| label == Some(LABEL);
            let parts = &self.node?.partitions;
            let part = parts
                .iter()
                .find(|part| label(part.label.as_ref().map(|label| label.as_str())))?;
            part.mount.as_ref().map(ToString::to_string)
        })
    }

    fn request(&self, to: Option<String>) -> anyhow::Result<Request> {
        let path = |path: &Option<std::path::PathBuf>| -> anyhow::Result<Option<String>> {
            let Some(path) = path else { return Ok(None) };
            let text = path.to_str().filter(|text| text.starts_with('/'));
            let problem = || Usage::new(format!("{} is no absolute path in UTF-8", path.display()));
            Ok(Some(
                text.ok_or_else(problem)
                    .context("reading the arguments")?
                    .to_owned(),
            ))
        };
        Ok(Request {
            engine: self.arguments.engine.unwrap_or_default(),
            from: path(&self.arguments.from)?,
            to: path(&self.arguments.to)?.or(to),
            how: self.arguments.how.unwrap_or_default(),
            stop_command: self.arguments.stop_command.clone(),
            start_command: self.arguments.start_command.clone(),
            any_folder: self.arguments.any_folder,
        })
    }

    /// Plans for this machine, or acts on it.
    pub(super) fn local(
        &self,
        root: &Root,
        earlier: &Earlier,
        findings: &mut Vec<Finding>,
    ) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
        let given = match self.arguments.node.apply && self.arguments.wanted() == Wanted::Move {
            true => earlier.plan(self.name)?,
            false => None,
        };
        let given = given.filter(|given| !given["plan_sha256"].is_null());
        let to = match self.declared() {
            Some(to) => Some(to),
            None => target::labelled(root, LABEL)?,
        };
        let request = match &given {
            Some(_) if self.arguments.requests() => {
                return Err(wished_beside_a_plan());
            }
            Some(given) => serde_json::from_value(given["request"].clone()).map_err(|error| {
                let path = format!("pi_dockerroot.nodes.{}.request", self.name);
                Invalid::new(path, error.to_string())
            })?,
            None => self.request(to)?,
        };
        findings.extend(self.not_partitioned());
        if !finding::ok(findings) {
            return Ok((NodeAnswer::new(&request), Vec::new()));
        }
        let local = Local {
            root,
            name: self.name.to_owned(),
            request,
            wanted: self.arguments.wanted(),
            apply: self.arguments.node.apply,
            given,
            show: self.arguments.progress,
        };
        local.run()
    }

    /// pi-partition's answer has to be yes and done, before anything is built on it.
    fn not_partitioned(&self) -> Option<Finding> {
        let node = self.partitioned.filter(|node| !node.ok || node.pending)?;
        if self.arguments.wanted() != Wanted::Move {
            return None;
        }
        let message = if node.ok {
            "pi-partition still has something to do there"
        } else {
            "pi-partition's answer for it is no"
        };
        let id = "dockerroot-partition-not-ready";
        let finding = if self.arguments.node.apply {
            Finding::error(id, self.name, message)
        } else {
            Finding::warning(id, self.name, message)
        };
        Some(finding.fix("pi-partition --apply there first"))
    }

    /// What can be said of a node that is not this machine.
    pub(super) fn elsewhere(&self) -> (NodeAnswer, Vec<Finding>) {
        let request = self.shown(self.declared());
        let mut answer = NodeAnswer::new(&request);
        answer.os = self.node.and_then(|node| node.os);
        if request.to.is_none() {
            // Nothing is wished.
            (answer.ok, answer.pending) = (true, Some(false));
            return (answer, Vec::new());
        }
        answer.from = request
            .from
            .clone()
            .or_else(|| Some(request.engine.default_root().to_owned()));
        // A card that is made anew holds nothing that could be lost.
        let wrong = match self.arguments.is_for_new_cards() {
            true => self.no_cloud_config(&answer),
            false => Some(self.unseen()),
        };
        let mut findings: Vec<Finding> = wrong.into_iter().collect();
        if answer.os.is_some_and(Os::is_rancher) {
            findings.push(judge::os_unproven(self.name));
        }
        findings.extend(self.not_partitioned());
        (answer, findings)
    }

    /// The request as it is shown: the arguments' own paths are checked only where they act.
    fn shown(&self, declared: Option<String>) -> Request {
        self.request(declared.clone()).unwrap_or_else(|_| Request {
            engine: self.arguments.engine.unwrap_or_default(),
            from: None,
            to: declared,
            how: self.arguments.how.unwrap_or_default(),
            stop_command: None,
            start_command: None,
            any_folder: false,
        })
    }

    fn no_cloud_config(&self, answer: &NodeAnswer) -> Option<Finding> {
        let why = cloud_config::fault(answer)?;
        let fix = "another mount point for it, of ASCII letters and digits";
        Some(Finding::error("dockerroot-cloud-config", self.name, why).fix(fix))
    }

    fn unseen(&self) -> Finding {
        let message =
            "what runs there and what it holds is not known: a plan is made on the node itself";
        let fix = format!(
            "ssh {} sudo pi-dockerroot -f text - <planned.json",
            self.name
        );
        Finding::error("dockerroot-unseen", self.name, message).fix(fix)
    }
}
