//! The plan as a shell script.

use crate::answer::{Answer, DiskAnswer, NodeAnswer};
use cluster::edge::Artefact;
use cluster::edge::nodes::Entry;
use cluster::plan::{Action, Check, Plan, Step, script};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A script for each node that this run planned for.
pub fn scripts(answer: &Answer) -> Vec<Artefact> {
    let nodes = answer.nodes.iter().filter_map(|(name, entry)| match entry {
        Entry::New(node) => Some(Artefact {
            path: PathBuf::from(name).join("pi-partition.sh"),
            content: one(name, node).into_bytes(),
            mode: 0o755,
        }),
        Entry::Kept(_) => None,
    });
    nodes.collect()
}

fn one(name: &str, node: &NodeAnswer) -> String {
    let plan = Plan {
        tool: "pi-partition".to_owned(),
        tool_version: node.tool_version.clone(),
        request: serde_json::to_value(&node.request).unwrap_or_default(),
        state: state(node),
        steps: node.steps.clone(),
    };
    let title = format!("Makes the partitions of {name} on {}.", node.request.disk);
    let disk = node.disk.as_ref();
    let lock = disk.map(|disk| disk.path.as_str());
    script(
        &plan,
        &title,
        lock,
        &disk
            .map(|disk| before(disk, &node.steps))
            .unwrap_or_default(),
    )
}

/// The script names the hash of the plan that the document shows, so its state is the document's.
fn state(node: &NodeAnswer) -> Value {
    let Some(disk) = &node.disk else {
        return Value::Null;
    };
    let partitions: Vec<Value> = disk
        .partitions
        .iter()
        .map(|partition| {
            json!({
                "number": partition.number,
                "start_bytes": partition.start_bytes,
                "size_bytes": partition.size_bytes,
                "type": partition.kind,
                "uuid": partition.uuid,
            })
        })
        .collect();
    json!({
        "size_bytes": disk.size_bytes,
        "logical_sector_bytes": disk.logical_sector_bytes,
        "table": disk.table,
        "disk_id": disk.disk_id,
        "partitions": partitions,
    })
}

/// What has to be so before anything is changed: the disk's size, and with an MBR its identifier and every entry that is used.
fn before(disk: &DiskAnswer, steps: &[Step]) -> Vec<Check> {
    let path = disk.path.clone();
    let mut checks = vec![Check::Size {
        path: path.clone(),
        size_bytes: disk.size_bytes,
    }];
    let writes = steps
        .iter()
        .any(|step| matches!(step.action, Action::WriteBytes { .. }));
    if disk.table != "mbr" || !writes {
        return checks;
    }
    let bytes = |offset_bytes: u64, bytes: &[u8]| Check::Bytes {
        path: path.clone(),
        offset_bytes,
        bytes: cluster::plan::Hex(bytes.to_vec()),
    };
    if let Ok(id) = u32::from_str_radix(&disk.disk_id, 16) {
        checks.push(bytes(440, &id.to_le_bytes()));
    }
    for partition in disk
        .partitions
        .iter()
        .filter(|partition| partition.number <= 4)
    {
        let sector = |bytes: u64| u32::try_from(bytes / disk.logical_sector_bytes).unwrap_or(0);
        let place = [
            sector(partition.start_bytes).to_le_bytes(),
            sector(partition.size_bytes).to_le_bytes(),
        ]
        .concat();
        checks.push(bytes(
            446 + u64::from(partition.number - 1) * 16 + 8,
            &place,
        ));
    }
    checks
}
