//! Disks elsewhere, as `nodes[].observed` tells of them: what `sfdisk --json` and `lsblk --json` printed there.

use crate::cli::Cli;
use crate::request::Request;
use crate::signature::{Signature, known_kind};
use crate::state::{DiskState, Kind};
use crate::table::report::Report;
use anyhow::Context;
use cluster::finding::Finding;
use cluster::invalid::Invalid;
use cluster::inventory::Node;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What of `nodes[].observed` is read; the rest belongs to other tools.
#[derive(Debug, Default, Deserialize)]
struct Observed {
    /// `sfdisk --json DISK`
    sfdisk: Option<Report>,
    /// `lsblk --json --bytes -o NAME,PATH,SIZE,FSTYPE,LABEL,UUID,MOUNTPOINT DISK`
    lsblk: Option<Lsblk>,
    /// What the disk erases at once in bytes.
    preferred_erase_size: Option<u64>,
    /// As `/sys/block/…/queue/discard_granularity` says.
    discard_granularity: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Lsblk {
    blockdevices: Vec<BlockDevice>,
}

#[derive(Debug, Deserialize)]
struct BlockDevice {
    path: Option<String>,
    name: String,
    size: Option<u64>,
    fstype: Option<String>,
    label: Option<String>,
    uuid: Option<String>,
    mountpoint: Option<String>,
    #[serde(default)]
    children: Vec<BlockDevice>,
}

impl BlockDevice {
    fn path(&self) -> String {
        let path = self.path.clone();
        path.unwrap_or_else(|| format!("/dev/{}", self.name))
    }
}

/// `sfdisk --json` on standard input becomes a document with one node.
pub fn adopt(cli: &Cli, input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow)]
        partitiontable: Option<&'a serde_json::value::RawValue>,
    }
    let is_report = serde_json::from_slice::<Probe<'_>>(&input)
        .is_ok_and(|probe| probe.partitiontable.is_some());
    if !is_report {
        return Ok(input);
    }
    let report: Value = serde_json::from_slice(&input)
        .map_err(|error| Invalid::new("partitiontable", error.to_string()))?;
    let device = report["partitiontable"]["device"]
        .as_str()
        .unwrap_or_default();
    let name = cli.node.node.as_ref().map_or("image", |name| name.as_str());
    let mut node = json!({ "name": name });
    if device.starts_with("/dev/") {
        node["disk"] = json!({ "device": device });
    }
    node["observed"] = json!({ "sfdisk": report });
    let document = json!({ "format_version": "1.0", "nodes": [node] });
    serde_json::to_vec_pretty(&document).context("writing the document")
}

/// The disk of a node elsewhere.
///
/// # Errors
/// `observed` is not what the programs print. What is not known is the inner error finding.
pub fn disk(node: &Node, request: &Request) -> anyhow::Result<Result<DiskState, Finding>> {
    let observed: Observed = match &node.observed {
        Some(raw) => serde_json::from_str(raw.get()).map_err(|error| {
            let path = format!("nodes[name={}].observed", node.name);
            Invalid::new(path, format!("not what sfdisk and lsblk print: {error}"))
        })?,
        None => Observed::default(),
    };
    let Some(report) = observed.sfdisk else {
        return Ok(Err(unknown(node, request)));
    };
    let reported = &report.partitiontable;
    let device = reported.device.clone();
    let lsblk = observed.lsblk.as_ref().and_then(|lsblk| {
        let mut devices = lsblk.blockdevices.iter();
        devices.find(|other| other.path() == device)
    });
    let declared = node.disk.as_ref().and_then(|disk| disk.size_bytes);
    let size = lsblk
        .and_then(|disk| disk.size)
        .or(declared.map(|size| size.0));
    let table = reported.table(size);
    let erase = [observed.preferred_erase_size, observed.discard_granularity];
    let mut state = DiskState {
        path: device,
        kind: Kind::Report,
        size_bytes: table.as_ref().map_or(0, |t| t.sectors * t.sector_bytes),
        sector_bytes: table.as_ref().map_or(0, |t| t.sector_bytes),
        erase_bytes: erase.into_iter().flatten().max().unwrap_or(0),
        read_only: false,
        held_by: Vec::new(),
        table,
        contents: BTreeMap::new(),
        mounted: BTreeMap::new(),
        kernel: None,
        found: Vec::new(),
        hole: false,
    };
    if let Some(size) = size {
        state.size_bytes = size;
    }
    for child in lsblk
        .map(|disk| disk.children.as_slice())
        .unwrap_or_default()
    {
        partition(&mut state, child);
    }
    Ok(Ok(state))
}

fn partition(state: &mut DiskState, child: &BlockDevice) {
    let path = child.path();
    let number = path
        .strip_prefix(state.path.as_str())
        .and_then(|rest| rest.trim_start_matches('p').parse().ok());
    let Some(number) = number else { return };
    if let Some(kind) = child.fstype.as_deref().and_then(known_kind) {
        let signature = Signature {
            kind,
            offset: 0,
            magic: Vec::new(),
            label: child.label.clone(),
            uuid: child.uuid.clone(),
        };
        state.contents.insert(number, signature);
    }
    if let Some(mount) = &child.mountpoint {
        state.mounted.insert(number, vec![mount.clone()]);
    }
}

fn unknown(node: &Node, request: &Request) -> Finding {
    let (name, disk) = (node.name.as_str(), &request.disk);
    Finding::error(
        "partition-table-unknown",
        name,
        format!("the partition table of {disk} on {name} is not known, so nothing can be planned for it here"),
    )
    .fix(format!(
        "put what `ssh {name} sudo sfdisk --json {disk}` prints into nodes[].observed.sfdisk of {name}, or run pi-partition on {name}"
    ))
    .evidence(json!({
        "command": format!("ssh {name} sudo sfdisk --json {disk}"),
        "declared_size_bytes": node.disk.as_ref().and_then(|disk| disk.size_bytes).map(|size| size.0),
    }))
}
