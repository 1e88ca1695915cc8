//! Putting a saved table back.
//!
//! Of the saved file only the table's bytes count. They are put back where the disk is the same one, where they make a sound
//! table with every partition that is there now except those that the file names as made, and where nobody uses those.

use crate::answer::NodeAnswer;
use crate::apply::Acting;
use crate::device::OpenDisk;
use crate::observe;
use crate::plan::state;
use crate::request::Request;
use crate::source::{Disk, Overlay, Source};
use crate::state::{DiskState, Kind, NodeState};
use crate::table::{self, Entry, Table};
use anyhow::Context;
use cluster::finding::{self, Finding};
use cluster::plan::{Plan, Step};
use cluster::root::Root;
use cluster::run::{self, Journal, Unfinished};
use serde_json::json;
use std::path::{Path, PathBuf};

mod present;
mod refuse;
mod saved;
mod steps;

use present::gone;
use refuse::{damaged, foreign, in_the_way, wrong};
use saved::{Saved, read, was_hole};
use steps::{give_back, let_go, put_back, ros_entry, takes};

/// A plan and what is worth knowing of it, or what speaks against one.
type Planned = Result<(Plan, Option<Finding>), Vec<Finding>>;

/// An undo of what was done to one disk.
pub struct Undo<'a> {
    /// Whether it is done or only planned.
    pub apply: bool,
    /// The disk.
    pub open: &'a OpenDisk,
    /// The request, for the answer.
    pub request: &'a Request,
    /// The root that configuration is changed below.
    pub root: &'a Root,
    /// An image's sector, where it was given.
    pub sector_bytes: Option<u64>,
    /// The journal's place.
    pub journal: PathBuf,
    /// What the journal notes of the disk.
    pub about: serde_json::Value,
}

impl Undo<'_> {
    /// Plans the undo, and does it.
    ///
    /// # Errors
    /// [`run::Refusal`] where the saved table is not this disk's.
    pub fn run(&self, file: &Path) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
        let saved = read(file)?;
        let _lock = self.apply.then(|| self.open.lock()).transpose()?;
        let journal = self
            .apply
            .then(|| Journal::open(&self.journal, "pi-partition"));
        let journal = journal.transpose()?;
        let left = match &journal {
            Some(journal) => journal.unfinished().cloned(),
            None => Journal::peek(&self.journal)?,
        };
        let disk = observe::disk(self.open, self.request, self.sector_bytes, None)?;
        let node = observe::node(self.root, self.request, &disk, None)?;
        let mut answer = NodeAnswer::unknown(self.request);
        if let Ok(table) = &disk.table {
            let unit = crate::extent::alignment(disk.erase_bytes);
            answer.disk = Some(crate::answer::disk(&disk, table, unit));
        }
        let (plan, hint) = match self.plan(&saved, &disk, &node, left.as_ref())? {
            Ok(planned) => planned,
            Err(findings) => return Ok((answer, findings)),
        };
        let mut answer = answer.with_plan(&plan);
        answer.ok = true;
        if let Some(journal) = journal {
            answer.changed = self.carry_out(journal, &plan)?;
            answer.pending = false;
        }
        Ok((answer, hint.into_iter().collect()))
    }

    /// Whether something was done.
    fn carry_out(&self, mut journal: Journal, plan: &Plan) -> anyhow::Result<bool> {
        // What an earlier run left is what is taken back; its own journal is of no more use.
        if journal.unfinished().is_some_and(|left| left.plan != *plan) {
            journal.forget()?;
        }
        let mut acting = Acting::new(self.open, self.root, None);
        let applied = run::apply(journal.about(self.about.clone()), plan, &mut acting)?;
        Ok(!applied.did.is_empty())
    }

    fn plan(
        &self,
        saved: &Saved,
        disk: &DiskState,
        node: &NodeState,
        left: Option<&Unfinished>,
    ) -> anyhow::Result<Planned> {
        let plain = Disk::new(&self.open.file, self.open.size_bytes);
        let overlay = saved
            .table_before
            .iter()
            .map(|bytes| (bytes.offset_bytes, bytes.bytes.0.clone()));
        let copy = Overlay::new(&plain, overlay.collect());
        let old = table::read(&copy, disk.sector_bytes).context("reading the saved table")?;
        let old = match old {
            Ok(old) => old,
            Err(damage) => return Ok(Err(vec![wrong(disk, damage.message)])),
        };
        let present = match present::tables(&plain, disk, left)? {
            Ok(present) => present,
            Err(damage) => return Ok(Err(vec![damaged(disk, &damage)])),
        };
        let gone = gone(&present, &old);
        let mut findings = crate::refuse::disk(disk);
        findings.extend(foreign(saved, disk, &old, &present));
        for entry in &gone {
            findings.extend(in_the_way(disk, saved, &old, entry));
        }
        if !finding::ok(&findings) {
            return Ok(Err(findings));
        }
        let hint = ros_entry(disk, node, &gone);
        let plan = Plan {
            tool: "pi-partition".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            request: json!({ "undo": saved.table_before }),
            state: state(disk, disk.table.as_ref().unwrap_or(&old)),
            steps: steps(&plain, saved, disk, node, &old, &gone)?,
        };
        Ok(Ok((plan, hint)))
    }
}

fn steps(
    plain: &Disk<'_>,
    saved: &Saved,
    disk: &DiskState,
    node: &NodeState,
    old: &Table,
    gone: &[Entry],
) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for entry in gone {
        let_go(disk, node, entry, &mut steps);
    }
    if disk.kind == Kind::Image {
        let holes = gone
            .iter()
            .filter(|entry| was_hole(saved, old.bytes(entry)));
        steps.extend(holes.map(|entry| give_back(disk, old, entry)));
    }
    for bytes in saved.table_before.iter().rev() {
        let now = plain
            .bytes(bytes.offset_bytes, bytes.bytes.0.len())
            .context("reading the table")?;
        // What a discard takes away has to be written again.
        let discarded = steps
            .iter()
            .any(|step: &Step| takes(&step.action, bytes.offset_bytes));
        let now = if discarded { vec![0; now.len()] } else { now };
        if now != bytes.bytes.0 {
            steps.push(put_back(disk, bytes.offset_bytes, now, &bytes.bytes));
        }
    }
    Ok(steps)
}
