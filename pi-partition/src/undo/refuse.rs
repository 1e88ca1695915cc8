//! What speaks against putting a saved table back.

use super::saved::Saved;
use crate::answer::SavedBytes;
use crate::layout::identity;
use crate::state::DiskState;
use crate::table::{Damage, Entry, Raw, Table, mbr};
use cluster::finding::Finding;
use cluster::plan::uuid_text;
use std::ops::Range;

pub(super) fn wrong(disk: &DiskState, why: String) -> Finding {
    let message = format!("the saved table is not one for this disk: {why}");
    Finding::error("partition-undo-differs", disk.path.clone(), message)
        .fix("name the file that was saved for this disk")
}

/// A table that cannot be read does not say what would go.
pub(super) fn damaged(disk: &DiskState, damage: &Damage) -> Finding {
    let message = format!(
        "{}; so nothing says which partitions the saved table would take away",
        damage.message
    );
    Finding::error(damage.id, disk.path.clone(), message).fix(damage.fix.clone())
}

pub(super) fn foreign(
    saved: &Saved,
    disk: &DiskState,
    old: &Table,
    present: &[Table],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let id = saved.disk_id.clone().or_else(|| {
        let id = saved.disk.as_ref()?.get("disk_id")?;
        id.as_str().map(str::to_owned)
    });
    if id.as_ref().is_some_and(|id| *id != old.disk_id) {
        let why = format!("it was saved from the disk {}", id.unwrap_or_default());
        findings.push(wrong(disk, why));
    }
    for table in present {
        findings.extend(other_table(disk, old, table));
    }
    let places = places(old);
    let strange = |bytes: &SavedBytes| !is_tables_own(bytes, old, &places);
    if saved.table_before.iter().any(strange) {
        let why = "it has bytes that are no part of a table's own, or beyond the disk";
        findings.push(wrong(disk, why.to_owned()));
    }
    findings
}

/// What tells that the saved table belongs to another one than is there.
fn other_table(disk: &DiskState, old: &Table, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    if table.disk_id != old.disk_id {
        let why = format!("it would give it the id {}", old.disk_id);
        findings.push(wrong(disk, why));
    }
    let mut entries = old.partitions.iter();
    if let Some(entry) = entries.find(|entry| !table.partitions.contains(entry)) {
        let why = format!(
            "it has a partition {} that is not there or is elsewhere now",
            entry.number
        );
        findings.push(wrong(disk, why));
    }
    findings
}

/// Where a table's own bytes stand, as far as this program ever writes them: an MBR's four entries, a GPT's headers and arrays, and
/// where those belong at the disk's real end.
fn places(old: &Table) -> Vec<Range<u64>> {
    let entries = mbr::ENTRIES as u64;
    let slots = std::iter::once(entries..entries + 4 * mbr::ENTRY as u64);
    let Raw::Gpt(raw) = &old.raw else {
        return slots.collect();
    };
    let array = (raw.entries.len() as u64).div_ceil(old.sector_bytes);
    let last = old.sectors - 1;
    let copies = [
        (1, 1),
        (raw.entries_lba, array),
        (raw.backup_entries_lba, array),
        (raw.backup_lba, 1),
        (last.saturating_sub(array), array),
        (last, 1),
    ];
    let bytes = |(lba, sectors)| lba * old.sector_bytes..(lba + sectors) * old.sector_bytes;
    slots.chain(copies.map(bytes)).collect()
}

/// Whether every byte is in one of the places, and none in a partition of the saved table.
fn is_tables_own(bytes: &SavedBytes, old: &Table, places: &[Range<u64>]) -> bool {
    let start = bytes.offset_bytes;
    let Some(stop) = start.checked_add(bytes.bytes.0.len() as u64) else {
        return false;
    };
    let mut at = start;
    while at < stop {
        let Some(place) = places.iter().find(|place| place.contains(&at)) else {
            return false;
        };
        at = place.end;
    }
    let sectors = old.sectors * old.sector_bytes;
    let covered = old.partitions.iter().any(|entry| {
        let (from, size) = old.bytes(entry);
        start < from + size && stop > from
    });
    stop <= sectors && !covered
}

/// What keeps a partition from going: it is not the one that was made, somebody else's file system is in it, or a use other
/// than a mount.
pub(super) fn in_the_way(
    disk: &DiskState,
    saved: &Saved,
    table: &Table,
    entry: &Entry,
) -> Option<Finding> {
    let (start, size) = table.bytes(entry);
    let made = saved
        .partitions
        .iter()
        .any(|made| made.is(entry.number, start, size));
    let ours = uuid_text(identity(table, entry.number, start, size));
    let same = |uuid: &String| uuid.eq_ignore_ascii_case(&ours);
    if !made || !entry.uuid.as_ref().is_none_or(same) {
        return Some(not_ours(
            disk,
            format!(
                "partition {} (byte {start}, {size} bytes) is not one that the saved file names as made here",
                entry.number
            ),
        ));
    }
    let content = disk.contents.get(&entry.number);
    if let Some(content) = content.filter(|content| content.uuid.as_ref() != Some(&ours)) {
        return Some(not_ours(
            disk,
            format!(
                "partition {} holds {}, which this tool did not make",
                entry.number, content.kind
            ),
        ));
    }
    let uses = disk.mounted.get(&entry.number).into_iter().flatten();
    let mut others = uses.filter(|place| !place.starts_with('/'));
    others.next().map(|other| {
        let message = format!("partition {} is in use: {other}", entry.number);
        Finding::error("partition-undo-in-use", disk.path.clone(), message)
            .fix("end that use first")
    })
}

fn not_ours(disk: &DiskState, message: String) -> Finding {
    Finding::error("partition-undo-foreign", disk.path.clone(), message)
        .fix("save what is on it, and delete it with `sfdisk --delete`")
}
