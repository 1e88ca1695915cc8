//! A disk on this machine: which one, what is wished of it, and with `--apply` the act.

use super::{left, reviewed};
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
use cluster::edge::node::{host_name, not_a_node};
use cluster::edge::nodes::Earlier;
use cluster::finding::{self, Finding};
use cluster::inventory::Node;
use cluster::root::Root;
use cluster::run::told::continued;
use cluster::run::{self, Journal, Refusal, Unfinished};
use serde_json::Value;
use std::path::Path;

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
    let planned = reviewed::planned(earlier, chosen)?;
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
        // An undo with --disk is about that disk, whatever was planned.
        Some((name, given)) if cli.node.apply && (cli.disk.is_none() || cli.undo.is_none()) => {
            let request = reviewed::request(cli, &name, &given)?;
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

/// The node's key, and what the arguments and the document wish.
fn wished(
    cli: &Cli,
    chosen: Option<&Node>,
    host: Option<String>,
    document: &Document,
) -> anyhow::Result<(String, Request)> {
    let none = chosen.is_none() && cli.disk.is_none() && !cli.common.null_input;
    if none && document.get("nodes").is_some() {
        let host = host.unwrap_or_default();
        return Err(not_a_node(&host)).context("reading the arguments");
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
        if self.given.is_some() {
            reviewed::same_disk(self.cli, &self.request)?;
        }
        let open = OpenDisk::open(Path::new(&self.request.disk))?;
        if self.cli.node.apply && !self.root.is_system() && open.kind == Kind::Device {
            let problem = "--sysroot with --apply only writes files, and a device needs more";
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        let left = Journal::peek(&left::journal(&open))?;
        left::own(&open, left.as_ref())?;
        if let Some(file) = &self.cli.undo {
            return self.undo(&open, file);
        }
        left::under_another_name(&open)?;
        let (_, planned) = self.plan(&open, left.as_ref())?;
        let nothing = planned
            .plan
            .as_ref()
            .is_none_or(|plan| plan.steps.is_empty());
        if !self.cli.node.apply || self.cli.check || (nothing && left.is_none()) {
            let mut findings = planned.findings;
            findings.extend(left.map(|left| left::warning(&open, &left)));
            let mut answer = planned.answer;
            if self.cli.check {
                answer = answer.checked();
            }
            return Ok((answer, findings));
        }
        self.apply(&open)
    }

    fn undo(&self, open: &OpenDisk, file: &Path) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
        let undo = undo::Undo {
            apply: self.cli.node.apply,
            open,
            request: &self.request,
            root: self.root,
            sector_bytes: self.cli.sector_size,
            journal: left::journal(open),
            about: left::about(open),
        };
        let (answer, findings) = undo.run(file)?;
        if self.cli.node.apply && finding::ok(&findings) {
            // What was begun under another name of the disk is taken back with the rest.
            for stray in left::strays(open) {
                Journal::open(&stray, "pi-partition")?.close()?;
            }
        }
        Ok((answer, findings))
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
        let journal = Journal::open(&left::journal(open), "pi-partition")?;
        let mut journal = journal.about(left::about(open));
        let mut left = journal.unfinished().cloned();
        left::own(open, left.as_ref())?;
        let (mut disk, mut planned) = self.plan(open, left.as_ref())?;
        if let Some(other) = left
            .as_ref()
            .filter(|left| planned.plan.as_ref() != Some(&left.plan))
            && run::untouched(other, &mut Acting::new(open, self.root, Some(other)))
        {
            // Planned anew: what the other plan would have erased is somebody's again.
            journal.forget()?;
            left = None;
            (disk, planned) = self.plan(open, None)?;
        }
        let Some(plan) = planned.plan else {
            return Ok((planned.answer, planned.findings));
        };
        if let Some(given) = &self.given {
            reviewed::same(&planned.answer, given, &disk)?;
        }
        if let Some(finding) = apply::missing(&plan, left.as_ref(), &disk.path) {
            return Err(Refusal(finding).into());
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
