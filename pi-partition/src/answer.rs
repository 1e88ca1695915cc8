//! The tool's key in the document.

use crate::extent::Extent;
use crate::request::Request;
use crate::state::{DiskState, Kind};
use crate::table::Table;
use cluster::edge::nodes::Entry;
use cluster::inventory::Filesystem;
use cluster::plan::{Hex, Plan, Step};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer for all nodes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// Whether there is something to do on some node.
    pub pending: bool,
    /// Whether this run did something.
    pub changed: bool,
    /// The answer for each node by its name; an image's is `image`.
    pub nodes: BTreeMap<String, Entry<NodeAnswer>>,
}

/// The answer for one node.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NodeAnswer {
    /// Whether nothing speaks against the plan.
    pub ok: bool,
    /// Whether there is something to do.
    pub pending: bool,
    /// Whether this run did something.
    pub changed: bool,
    /// The version of the tool that planned.
    pub tool_version: String,
    /// The resolved wish: what a plan is made from again.
    pub request: Request,
    /// The disk as it was found; `null` where it is not known.
    pub disk: Option<DiskAnswer>,
    /// The partitions as wished, with their place where it is known.
    pub partitions: Vec<PlannedPartition>,
    /// The table's bytes before the plan, for `--undo`.
    pub table_before: Vec<SavedBytes>,
    /// The hash of the disk's state: size, sector size, disk id, partitions.
    pub state_sha256: Option<String>,
    /// The hash of the plan.
    pub plan_sha256: Option<String>,
    /// The plan's steps; none where it is already so.
    pub steps: Vec<Step>,
}

/// A disk.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DiskAnswer {
    /// Its path.
    pub path: String,
    /// How it is known: `device`, `image` or `report`.
    pub kind: &'static str,
    /// Its size.
    pub size_bytes: u64,
    /// Its logical sector.
    pub logical_sector_bytes: u64,
    /// What new partitions are aligned to.
    pub alignment_bytes: u64,
    /// The format of its table: `mbr` or `gpt`.
    pub table: &'static str,
    /// The disk's identifier as `sfdisk` prints it.
    pub disk_id: String,
    /// Its partitions.
    pub partitions: Vec<PresentPartition>,
    /// What no partition covers.
    pub free: Vec<Extent>,
}

/// A partition that is there.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PresentPartition {
    /// Its number.
    pub number: u32,
    /// Its start.
    pub start_bytes: u64,
    /// Its size.
    pub size_bytes: u64,
    /// Its type as `sfdisk` prints it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its own GUID; `null` in an MBR.
    pub uuid: Option<String>,
    /// Its file system's label.
    pub label: Option<String>,
    /// What is in it, as `blkid` names it.
    pub filesystem: Option<String>,
    /// Where it is mounted.
    pub mounted: Vec<String>,
}

/// A partition that shall be there.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedPartition {
    /// Its number; `null` where the table is not known.
    pub number: Option<u32>,
    /// Its device; `null` in an image.
    pub path: Option<String>,
    /// Its start.
    pub start_bytes: Option<u64>,
    /// Its size.
    pub size_bytes: Option<u64>,
    /// Its file system.
    pub filesystem: Filesystem,
    /// The file system's UUID; derived from the disk's identifier and the place, so that a rerun knows its own.
    pub uuid: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Where it is mounted.
    pub mount: Option<String>,
}

/// Bytes as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedBytes {
    /// Where, in bytes from the disk's start.
    pub offset_bytes: u64,
    /// The bytes.
    pub bytes: Hex,
}

impl NodeAnswer {
    /// An answer without a plan: what is wished, and that it cannot be said how.
    pub fn unknown(request: &Request) -> Self {
        Self {
            ok: false,
            pending: true,
            changed: false,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            request: request.clone(),
            disk: None,
            partitions: request
                .partitions
                .iter()
                .map(|wish| PlannedPartition {
                    number: None,
                    path: None,
                    start_bytes: None,
                    size_bytes: wish.size_bytes,
                    filesystem: wish.filesystem,
                    uuid: None,
                    label: wish.label.clone(),
                    mount: wish.mount.clone(),
                })
                .collect(),
            table_before: Vec::new(),
            state_sha256: None,
            plan_sha256: None,
            steps: Vec::new(),
        }
    }

    /// The wished partitions that are not there yet.
    pub fn new_partitions(&self, disk: &DiskAnswer) -> Vec<&PlannedPartition> {
        let there = |planned: &PlannedPartition| {
            let mut present = disk.partitions.iter();
            present.any(|present| Some(present.number) == planned.number)
        };
        let new = self.partitions.iter().filter(|planned| !there(planned));
        new.collect()
    }

    /// An answer where nothing is wished.
    #[must_use]
    pub fn nothing(mut self) -> Self {
        self.ok = true;
        self.pending = false;
        self
    }

    /// The same without its steps: what is there, not what would be done.
    #[must_use]
    pub fn checked(mut self) -> Self {
        self.steps.clear();
        self.table_before.clear();
        self.plan_sha256 = None;
        self
    }

    /// The same with a plan's hashes and steps.
    #[must_use]
    pub fn with_plan(mut self, plan: &Plan) -> Self {
        self.state_sha256 = Some(plan.state_sha256());
        self.plan_sha256 = Some(plan.plan_sha256());
        self.pending = !plan.steps.is_empty();
        self.steps = plan.steps.clone();
        self
    }
}

/// The disk as a document shows it.
pub fn disk(disk: &DiskState, table: &Table, alignment_bytes: u64) -> DiskAnswer {
    let partitions = table.partitions.iter().map(|entry| {
        let content = disk.contents.get(&entry.number);
        let (start_bytes, size_bytes) = table.bytes(entry);
        PresentPartition {
            number: entry.number,
            start_bytes,
            size_bytes,
            kind: entry.kind.clone(),
            uuid: entry.uuid.clone(),
            label: content.and_then(|content| content.label.clone()),
            filesystem: content.map(|content| content.kind.to_owned()),
            mounted: disk.mounted.get(&entry.number).cloned().unwrap_or_default(),
        }
    });
    DiskAnswer {
        path: disk.path.clone(),
        kind: match disk.kind {
            Kind::Device => "device",
            Kind::Image => "image",
            Kind::Report => "report",
        },
        size_bytes: disk.size_bytes,
        logical_sector_bytes: table.sector_bytes,
        alignment_bytes,
        table: table.scheme.as_str(),
        disk_id: table.disk_id.clone(),
        partitions: partitions.collect(),
        free: crate::extent::free(table),
    }
}
