//! Request and observed state in, plan out. Pure: no clock, no randomness, no environment, no files.

use crate::answer::{self, NodeAnswer, PlannedPartition, SavedBytes};
use crate::extent;
use crate::layout::{self, Layout};
use crate::refuse;
use crate::request::Request;
use crate::state::{DiskState, Kind, NodeState};
use crate::steps;
use crate::table::{Raw, Table, gpt};
use cluster::finding::{self, Finding};
use cluster::inventory::Filesystem;
use cluster::plan::{Hex, Plan};
use serde_json::{Value, json};

/// What planning gives.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The node's answer.
    pub answer: NodeAnswer,
    /// The plan; `None` where there is an error finding.
    pub plan: Option<Plan>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// The table's new bytes: what it is rehearsed with.
    pub writes: Vec<gpt::Write>,
}

/// Plans for one node.
pub fn plan(name: &str, request: &Request, disk: &DiskState, node: &NodeState) -> Planned {
    let mut answer = NodeAnswer::unknown(request);
    let mut findings = refuse::disk(disk);
    let table = match &disk.table {
        Ok(table) => table,
        Err(damage) => {
            let finding = Finding::error(damage.id, disk.path.clone(), damage.message.clone());
            findings.push(finding.fix(damage.fix.clone()));
            return refused(answer, findings);
        }
    };
    findings.extend(refuse::table(disk, table));
    let unit = extent::alignment(disk.erase_bytes);
    answer.disk = Some(answer::disk(disk, table, unit));
    let layout = match layout::layout(request, disk, table) {
        Ok(layout) => layout,
        Err(finding) => {
            findings.push(*finding);
            return refused(answer, findings);
        }
    };
    findings.extend(refuse::signatures(request, disk, &layout));
    findings.extend(refuse::hints(request, disk, node, table, &layout));
    answer.partitions = partitions(request, disk, &layout);
    let steps::Made {
        steps,
        writes,
        findings: more,
    } = steps::make(name, request, disk, node, table, &layout);
    findings.extend(more);
    if !finding::ok(&findings) {
        return refused(answer, findings);
    }
    let plan = Plan {
        tool: "pi-partition".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        // A request is made of strings and numbers: it always has a JSON form.
        request: serde_json::to_value(request).unwrap_or(Value::Null),
        state: state(disk, table),
        steps,
    };
    let mut answer = answer.with_plan(&plan);
    answer.ok = true;
    answer.table_before = saved(table, &writes);
    Planned {
        answer,
        plan: Some(plan),
        findings,
        writes,
    }
}

fn refused(answer: NodeAnswer, findings: Vec<Finding>) -> Planned {
    Planned {
        answer,
        plan: None,
        findings,
        writes: Vec::new(),
    }
}

/// The canonical state that `state_sha256` covers: size, sector size, disk id, entries. Nothing of it changes by itself.
pub fn state(disk: &DiskState, table: &Table) -> Value {
    let partitions: Vec<Value> = table
        .partitions
        .iter()
        .map(|entry| {
            let (start_bytes, size_bytes) = table.bytes(entry);
            json!({
                "number": entry.number,
                "start_bytes": start_bytes,
                "size_bytes": size_bytes,
                "type": entry.kind,
                "uuid": entry.uuid,
            })
        })
        .collect();
    json!({
        "size_bytes": disk.size_bytes,
        "logical_sector_bytes": table.sector_bytes,
        "table": table.scheme.as_str(),
        "disk_id": table.disk_id,
        "partitions": partitions,
    })
}

/// The bytes that bring the old table back.
pub fn saved(table: &Table, writes: &[gpt::Write]) -> Vec<SavedBytes> {
    let old = match &table.raw {
        Raw::Gpt(raw) if !writes.is_empty() => {
            gpt::left_behind(raw, table.sector_bytes, table.sectors)
        }
        _ => Vec::new(),
    };
    let written = writes
        .iter()
        .map(|(_, offset, before, _)| (*offset, before.clone()));
    let all = old.into_iter().chain(written);
    all.map(|(offset_bytes, bytes)| SavedBytes {
        offset_bytes,
        bytes: Hex(bytes),
    })
    .collect()
}

fn partitions(request: &Request, disk: &DiskState, layout: &Layout) -> Vec<PlannedPartition> {
    let both = layout.placed.iter().zip(&request.partitions);
    both.map(|(placed, wish)| PlannedPartition {
        number: Some(placed.number),
        path: (disk.kind != Kind::Image).then(|| node_path(&disk.path, placed.number)),
        start_bytes: Some(placed.start_bytes),
        size_bytes: Some(placed.size_bytes),
        filesystem: wish.filesystem,
        uuid: (wish.filesystem != Filesystem::None).then(|| placed.filesystem_uuid()),
        label: wish.label.clone(),
        mount: wish.mount.clone(),
    })
    .collect()
}

/// A partition's device: the kernel puts a `p` between a disk's name that ends in a digit and the number
/// (block/partitions/core.c).
pub fn node_path(disk: &str, number: u32) -> String {
    let digit = disk.ends_with(|c: char| c.is_ascii_digit());
    format!("{disk}{}{number}", if digit { "p" } else { "" })
}
