//! What speaks against putting a saved table back.

use super::saved::Saved;
use crate::answer::SavedBytes;
use crate::layout::identity;
use crate::state::DiskState;
use crate::table::{Entry, Table};
use cluster::finding::Finding;
use cluster::plan::uuid_text;

pub(super) fn wrong(disk: &DiskState, why: String) -> Finding {
    let message = format!("the saved table is not one for this disk: {why}");
    Finding::error("partition-undo-differs", disk.path.clone(), message)
        .fix("name the file that was saved for this disk")
}

pub(super) fn foreign(saved: &Saved, disk: &DiskState, old: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    let id = saved.disk_id.clone().or_else(|| {
        let id = saved.disk.as_ref()?.get("disk_id")?;
        id.as_str().map(str::to_owned)
    });
    if id.as_ref().is_some_and(|id| *id != old.disk_id) {
        let why = format!("it was saved from the disk {}", id.unwrap_or_default());
        findings.push(wrong(disk, why));
    }
    if let Ok(table) = &disk.table {
        if table.disk_id != old.disk_id {
            findings.push(wrong(
                disk,
                format!("it would give it the id {}", old.disk_id),
            ));
        }
        let changed = old
            .partitions
            .iter()
            .find(|entry| !table.partitions.contains(entry));
        if let Some(entry) = changed {
            let why = format!(
                "it has a partition {} that is not there or is elsewhere now",
                entry.number
            );
            findings.push(wrong(disk, why));
        }
    }
    let end = disk.size_bytes;
    let outside = |bytes: &&SavedBytes| {
        let length = bytes.bytes.0.len() as u64;
        let stop = bytes.offset_bytes.checked_add(length);
        let inside =
            stop.is_some_and(|stop| stop <= end && !covered(old, bytes.offset_bytes, stop));
        !inside
    };
    if saved.table_before.iter().any(|bytes| outside(&bytes)) {
        findings.push(wrong(
            disk,
            "it has bytes inside a partition, or beyond the disk".to_owned(),
        ));
    }
    findings
}

/// Whether a range touches a partition of the table.
fn covered(table: &Table, start: u64, end: u64) -> bool {
    table.partitions.iter().any(|entry| {
        let from = entry.start * table.sector_bytes;
        start < entry.end() * table.sector_bytes && end > from
    })
}

/// What keeps a partition from going: somebody else's file system, or a use other than a mount.
pub(super) fn in_the_way(disk: &DiskState, table: &Table, entry: &Entry) -> Option<Finding> {
    let (start, size) = (
        entry.start * table.sector_bytes,
        entry.sectors * table.sector_bytes,
    );
    let ours = uuid_text(identity(table, entry.number, start, size));
    let content = disk.contents.get(&entry.number);
    if let Some(content) = content.filter(|content| content.uuid.as_ref() != Some(&ours)) {
        let message = format!(
            "partition {} holds {}, which this tool did not make",
            entry.number, content.kind
        );
        return Some(
            Finding::error("partition-undo-foreign", disk.path.clone(), message)
                .fix("save what is on it, and delete it with `sfdisk --delete`"),
        );
    }
    let uses = disk.mounted.get(&entry.number).into_iter().flatten();
    let mut others = uses.filter(|place| !place.starts_with('/'));
    others.next().map(|other| {
        let message = format!("partition {} is in use: {other}", entry.number);
        Finding::error("partition-undo-in-use", disk.path.clone(), message)
            .fix("end that use first")
    })
}
