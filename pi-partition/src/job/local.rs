//! A disk on this machine: which one, what is wished of it, and with `--apply` the act.

use crate::answer::NodeAnswer;
use crate::apply::{self, Acting};
use crate::cli::Cli;
use crate::device::OpenDisk;
use crate::plan::{self, Planned};
use crate::request::Request;
use crate::state::{DiskState, Kind};
use crate::{observe, undo, unwind};
use anyhow::Context;
use cluster::document::Document;
use cluster::edge::Usage;
use cluster::edge::node::host_name;
use cluster::edge::nodes::Earlier;
use cluster::finding::Finding;
use cluster::invalid::Invalid;
use cluster::inventory::Node;
use cluster::root::Root;
use cluster::run::told::{continued, differs, unfinished};
use cluster::run::{self, Journal, Refusal, Unfinished, image_path, system_path};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A disk on this machine, and what is wished of it.
pub(super) struct Local<'a> {
    cli: &'a Cli,
    root: &'a Root,
    pub(super) name: String,
    pub(super) request: Request,
    /// The plan that the document holds for it.
    given: Option<Value>,
}

/// The disk on this machine that the run is about, if it is about one.
pub(super) fn local<'a>(
    cli: &'a Cli,
    root: &'a Root,
    nodes: &'a [Node],
    earlier: &Earlier,
    document: &Document,
) -> anyhow::Result<Option<(Local<'a>, Option<&'a Node>)>> {
    let chosen = cli.node.choose(nodes, root)?;
    let host = host_name(root);
    let here = chosen.is_some_and(|node| Some(node.name.as_str()) == host.as_deref());
    let planned = planned(earlier, chosen)?;
    let about_disk = cli.disk.is_some() || cli.common.null_input;
    let wanted = about_disk || cli.node.apply || cli.undo.is_some() || here;
    if !wanted {
        return Ok(None);
    }
    if cli.node.apply && chosen.is_some() && !here && cli.disk.is_none() {
        let problem = format!(
            "--apply acts on this machine, whose name is {:?}; give --disk where it is really meant",
            host.unwrap_or_default()
        );
        return Err(Usage::new(problem)).context("reading the arguments");
    }
    let (name, request, given) = match planned {
        Some((name, given)) if cli.node.apply && cli.disk.is_none() => {
            let request = reviewed(cli, &name, &given)?;
            (name, request, Some(given))
        }
        _ => {
            let (name, request) = wished(cli, chosen, host, document)?;
            (name, request, None)
        }
    };
    let local = Local {
        cli,
        root,
        name,
        request,
        given,
    };
    Ok(Some((local, chosen)))
}

/// The request of the plan in the document, which is what was reviewed.
fn reviewed(cli: &Cli, name: &str, given: &Value) -> anyhow::Result<Request> {
    if cli.requests() {
        let problem = "the document holds a plan, and flags wish for something; run without --apply to plan anew";
        return Err(Usage::new(problem)).context("reading the arguments");
    }
    let request = given.get("request").cloned().unwrap_or_default();
    serde_json::from_value(request).map_err(|error| {
        let path = format!("pi_partition.nodes.{name}.request");
        Invalid::new(path, error.to_string()).into()
    })
}

/// The node's key, and what the arguments and the document wish.
fn wished(
    cli: &Cli,
    chosen: Option<&Node>,
    host: Option<String>,
    document: &Document,
) -> anyhow::Result<(String, Request)> {
    let none = chosen.is_none() && cli.disk.is_none() && !cli.common.null_input;
    if none && document.get("nodes").is_some() {
        let problem = format!(
            "no node of the document is named like this machine ({:?}); give --node NAME",
            host.unwrap_or_default()
        );
        return Err(Usage::new(problem)).context("reading the arguments");
    }
    let request = cli.request(chosen)?;
    let name = match (chosen, &cli.node.node) {
        (Some(node), _) => node.name.as_str().to_owned(),
        (None, Some(name)) => name.as_str().to_owned(),
        (None, None) if is_image(&request.disk) => "image".to_owned(),
        (None, None) => host.unwrap_or_else(|| "node".to_owned()),
    };
    Ok((name, request))
}

/// The plan in the document for the node, or the only one for a machine that the document does not list.
fn planned(earlier: &Earlier, chosen: Option<&Node>) -> anyhow::Result<Option<(String, Value)>> {
    let found = match chosen {
        Some(node) => earlier.nodes.get_key_value(node.name.as_str()),
        None => {
            let root = Root::open(Path::new("/"))?;
            let host = host_name(&root).unwrap_or_default();
            let named = earlier.nodes.get_key_value(&host);
            named.or_else(|| earlier.nodes.get_key_value("image"))
        }
    };
    found
        .map(|(name, raw)| {
            let value =
                serde_json::from_str(raw.get()).context("reading the plan in the document")?;
            Ok((name.clone(), value))
        })
        .transpose()
}

fn is_image(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file())
}

impl Local<'_> {
    /// Plans, and with `--apply` acts. A refusal on the way is a finding.
    pub(super) fn run(&self) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
        match self.outcome() {
            Ok(done) => Ok(done),
            Err(error) => {
                let finding = Refusal::finding(error)?;
                Ok((NodeAnswer::unknown(&self.request), vec![finding]))
            }
        }
    }

    fn outcome(&self) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
        let open = OpenDisk::open(Path::new(&self.request.disk))?;
        if self.cli.node.apply && !self.root.is_system() && open.kind == Kind::Device {
            let problem = "--sysroot with --apply only writes files, and a device needs more";
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        let left = Journal::peek(&self.journal(&open))?;
        if let Some(file) = &self.cli.undo {
            let undo = undo::Undo {
                apply: self.cli.node.apply,
                open: &open,
                request: &self.request,
                root: self.root,
                sector_bytes: self.cli.sector_size,
                journal: self.journal(&open),
            };
            return undo.run(file);
        }
        let (disk, planned) = self.plan(&open, left.as_ref())?;
        let nothing = planned
            .plan
            .as_ref()
            .is_none_or(|plan| plan.steps.is_empty());
        if !self.cli.node.apply || self.cli.check || (nothing && left.is_none()) {
            let mut findings = planned.findings;
            findings.extend(left.map(|left| unfinished("partition-unfinished", &disk.path, &left)));
            let mut answer = planned.answer;
            if self.cli.check {
                answer = answer.checked();
            }
            return Ok((answer, findings));
        }
        self.apply(&open)
    }

    fn journal(&self, open: &OpenDisk) -> PathBuf {
        let name = open.path.file_name().unwrap_or_default().to_string_lossy();
        match open.kind {
            Kind::Device => system_path("pi-partition", &name),
            _ => image_path(&open.path, "pi-partition"),
        }
    }

    fn plan(
        &self,
        open: &OpenDisk,
        left: Option<&Unfinished>,
    ) -> anyhow::Result<(DiskState, Planned)> {
        let disk = observe::disk(open, &self.request, self.cli.sector_size, left)?;
        let node = observe::node(self.root, &self.request, &disk, left)?;
        let planned = plan::plan(&self.name, &self.request, &disk, &node);
        if let (Ok(table), false) = (&disk.table, planned.writes.is_empty()) {
            let overlay = left.map(unwind::writes).unwrap_or_default();
            apply::rehearse(open, overlay, table, &planned.writes)?;
        }
        Ok((disk, planned))
    }

    /// Everything is read again under the lock, and what is done is what comes out then.
    fn apply(&self, open: &OpenDisk) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
        let _lock = open.lock()?;
        let journal = Journal::open(&self.journal(open), "pi-partition")?;
        let left = journal.unfinished().cloned();
        let (disk, planned) = self.plan(open, left.as_ref())?;
        let Some(plan) = planned.plan else {
            return Ok((planned.answer, planned.findings));
        };
        if let Some(given) = &self.given {
            same(&planned.answer, given, &disk)?;
        }
        let mut acting = Acting::new(open, self.root, left.as_ref());
        let applied = run::apply(journal, &plan, &mut acting)?;
        let after = observe::disk(open, &self.request, self.cli.sector_size, None)?;
        let mut answer = planned.answer;
        answer.pending = false;
        answer.changed = !applied.did.is_empty();
        if let (Ok(table), Some(shown)) = (&after.table, &mut answer.disk) {
            *shown = crate::answer::disk(&after, table, shown.alignment_bytes);
        }
        let mut findings = planned.findings;
        if applied.continued {
            findings.push(continued("partition-continued", &disk.path, &applied.did));
        }
        Ok((answer, findings))
    }
}

/// What was reviewed is what happens: every field of the document's plan has to be as it is planned now.
fn same(own: &NodeAnswer, given: &Value, disk: &DiskState) -> anyhow::Result<()> {
    let mut own = serde_json::to_value(own).context("describing the plan")?;
    let mut given = given.clone();
    for value in [&mut own, &mut given] {
        // What is mounted changes by itself; nothing is done by it.
        for partition in value["disk"]["partitions"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            if let Some(partition) = partition.as_object_mut() {
                partition.remove("mounted");
            }
        }
    }
    match differs("partition-plan-differs", &disk.path, &own, &given) {
        Some(finding) => Err(Refusal(finding).into()),
        None => Ok(()),
    }
}
