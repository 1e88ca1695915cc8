//! Putting a saved table back.
//!
//! Of the saved file only the table's bytes count. They are put back where the disk is the same one, where they make a sound
//! table with every partition that is there now except some that this tool made, and where nobody uses those.

use crate::answer::NodeAnswer;
use crate::apply::Acting;
use crate::device::OpenDisk;
use crate::observe;
use crate::plan::{node_path, state};
use crate::request::Request;
use crate::source::{Disk, Overlay, Source};
use crate::state::{DiskState, Kind, NodeState};
use crate::table::{self, Entry, Table};
use anyhow::Context;
use cluster::finding::{self, Finding};
use cluster::plan::{Action, Check, Hex, KernelCall, Plan, Step};
use cluster::root::Root;
use cluster::run::{self, Journal};
use serde_json::json;
use std::path::{Path, PathBuf};

mod refuse;
mod saved;

use refuse::{foreign, in_the_way, wrong};
use saved::{Saved, read, was_hole};

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
}

impl Undo<'_> {
    /// Plans the undo, and does it.
    ///
    /// # Errors
    /// [`run::Refusal`] where the saved table is not this disk's.
    pub fn run(&self, file: &Path) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
        let saved = read(file)?;
        let _lock = self.apply.then(|| self.open.lock()).transpose()?;
        let disk = observe::disk(self.open, self.request, self.sector_bytes, None)?;
        let node = observe::node(self.root, self.request, &disk, None)?;
        let mut answer = NodeAnswer::unknown(self.request);
        if let Ok(table) = &disk.table {
            let unit = crate::extent::alignment(disk.erase_bytes);
            answer.disk = Some(crate::answer::disk(&disk, table, unit));
        }
        let plan = match self.plan(&saved, &disk, &node)? {
            Ok(plan) => plan,
            Err(findings) => return Ok((answer, findings)),
        };
        let mut answer = answer.with_plan(&plan);
        answer.ok = true;
        if !self.apply || plan.steps.is_empty() {
            return Ok((answer, Vec::new()));
        }
        let mut journal = Journal::open(&self.journal, "pi-partition")?;
        // What an earlier run left is what is taken back; its own journal is of no more use.
        if journal.unfinished().is_some_and(|left| left.plan != plan) {
            journal.close()?;
            journal = Journal::open(&self.journal, "pi-partition")?;
        }
        let mut acting = Acting::new(self.open, self.root, None);
        let applied = run::apply(journal, &plan, &mut acting)?;
        answer.pending = false;
        answer.changed = !applied.did.is_empty();
        Ok((answer, Vec::new()))
    }

    fn plan(
        &self,
        saved: &Saved,
        disk: &DiskState,
        node: &NodeState,
    ) -> anyhow::Result<Result<Plan, Vec<Finding>>> {
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
        let mut findings = foreign(saved, disk, &old);
        let gone = gone(disk, &old);
        for entry in &gone {
            findings.extend(in_the_way(disk, &old, entry));
        }
        if !finding::ok(&findings) {
            return Ok(Err(findings));
        }
        let mut steps = Vec::new();
        for entry in &gone {
            self.let_go(disk, node, entry, &mut steps);
        }
        if disk.kind == Kind::Image && was_hole(saved) {
            steps.extend(gone.iter().map(|entry| give_back(disk, &old, entry)));
        }
        for bytes in saved.table_before.iter().rev() {
            let now = plain
                .bytes(bytes.offset_bytes, bytes.bytes.0.len())
                .context("reading the table")?;
            // What a discard takes away has to be written again.
            let discarded = steps
                .iter()
                .any(|step| takes(&step.action, bytes.offset_bytes));
            let now = if discarded { vec![0; now.len()] } else { now };
            if now != bytes.bytes.0 {
                steps.push(put_back(disk, bytes.offset_bytes, now, &bytes.bytes));
            }
        }
        Ok(Ok(Plan {
            tool: "pi-partition".to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            request: json!({ "undo": saved.table_before }),
            state: state(disk, disk.table.as_ref().unwrap_or(&old)),
            steps,
        }))
    }

    /// What holds a partition that goes: its mount, the line in fstab, the kernel.
    fn let_go(&self, disk: &DiskState, node: &NodeState, entry: &Entry, steps: &mut Vec<Step>) {
        let number = entry.number;
        for target in disk.mounted.get(&number).into_iter().flatten() {
            let check = Check::NotMounted {
                target: target.clone(),
            };
            let action = Action::Unmount {
                target: target.clone(),
            };
            let why = "the partition goes; a file that is open there keeps this from being done";
            let id = format!("unmount-{number}-{}", steps.len());
            steps.push(Step::new(id, why, action, check).harmless());
        }
        let uuid = disk.contents.get(&number).and_then(|c| c.uuid.clone());
        let source = uuid.map(|uuid| format!("UUID={uuid}"));
        let lines = node.fstab.iter().flatten();
        for line in lines.filter(|line| source.as_deref() == line.split_whitespace().next()) {
            let path = "/etc/fstab".to_owned();
            let check = Check::NoLine {
                path: path.clone(),
                line: line.clone(),
            };
            let action = Action::RemoveLine {
                path: path.clone(),
                line: line.clone(),
            };
            let undo = Action::AppendLine {
                path,
                line: line.clone(),
            };
            let id = format!("forget-{number}-{}", steps.len());
            let why = "its line in fstab goes with it";
            steps.push(Step::new(id, why, action, check).undo(undo));
        }
        if disk.kind == Kind::Device {
            let check = Check::NoPartition {
                disk: disk.path.clone(),
                path: node_path(&disk.path, number),
                number,
            };
            let action = Action::Kernel(KernelCall::BlkpgDelPartition {
                path: disk.path.clone(),
                number,
            });
            let why = "the kernel forgets it before the table does";
            steps.push(Step::new(format!("delete-{number}"), why, action, check).harmless());
        }
    }
}

/// The partitions that are there now and not in the saved table.
fn gone(disk: &DiskState, old: &Table) -> Vec<Entry> {
    let now = disk.table.as_ref().map(|table| table.partitions.clone());
    let now = now.unwrap_or_default();
    now.into_iter()
        .filter(|entry| !old.partitions.contains(entry))
        .collect()
}

fn put_back(disk: &DiskState, offset_bytes: u64, now: Vec<u8>, old: &Hex) -> Step {
    let path = disk.path.clone();
    let check = Check::Bytes {
        path: path.clone(),
        offset_bytes,
        bytes: old.clone(),
    };
    let undo = Action::WriteBytes {
        path: path.clone(),
        offset_bytes,
        before: old.clone(),
        bytes: Hex(now.clone()),
    };
    let action = Action::WriteBytes {
        path,
        offset_bytes,
        before: Hex(now),
        bytes: old.clone(),
    };
    let why = "the table's bytes are as they were saved";
    Step::new(format!("restore-{offset_bytes}"), why, action, check).undo(undo)
}

/// Whether an action makes the byte at an offset read as zero.
fn takes(action: &Action, offset: u64) -> bool {
    matches!(action, Action::Discard { offset_bytes, size_bytes, .. }
        if (*offset_bytes..offset_bytes + size_bytes).contains(&offset))
}

fn give_back(disk: &DiskState, table: &Table, entry: &Entry) -> Step {
    let (path, offset_bytes) = (disk.path.clone(), entry.start * table.sector_bytes);
    let size_bytes = entry.sectors * table.sector_bytes;
    let check = Check::Zeros {
        path: path.clone(),
        offset_bytes,
        size_bytes,
    };
    let action = Action::Discard {
        path,
        offset_bytes,
        size_bytes,
    };
    let why = "the image had a hole where the partition was, and has it again";
    Step::new(format!("discard-{}", entry.number), why, action, check)
}
