//! What an earlier run left: its journal, and whether that is this disk's.

use crate::device::OpenDisk;
use crate::source::Disk;
use crate::state::Kind;
use crate::table;
use cluster::finding::Finding;
use cluster::run::told::unfinished;
use cluster::run::{Refusal, Unfinished, image_path, system_path};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The journal of runs on a disk. The kernel gives its name to another disk after a restart, or when another card is put in.
pub(super) fn journal(open: &OpenDisk) -> PathBuf {
    let name = open.path.file_name().unwrap_or_default().to_string_lossy();
    match open.kind {
        Kind::Device => system_path("pi-partition", &name),
        _ => image_path(&open.path, "pi-partition"),
    }
}

/// What a journal notes of the disk, so that it is not taken for another one's.
pub(super) fn about(open: &OpenDisk) -> Value {
    match open.hardware() {
        Some(hardware) => json!({ "hardware": hardware }),
        None => Value::Null,
    }
}

/// The warning of a run that was ended in the middle.
pub(super) fn warning(open: &OpenDisk, left: &Unfinished) -> Finding {
    let path = open.path.display().to_string();
    let mut finding = unfinished("partition-unfinished", &path, left);
    let journal = journal(open);
    finding.message += &format!(" (its journal is {})", journal.display());
    finding
}

/// Refuses a journal that another disk's run left.
///
/// # Errors
/// [`Refusal`] where it is; what the disk reports.
pub(super) fn own(open: &OpenDisk, left: Option<&Unfinished>) -> anyhow::Result<()> {
    let Some(left) = left else { return Ok(()) };
    let begun = left.about["hardware"].as_str();
    let here = open.hardware();
    if let (Some(begun), Some(here)) = (begun, &here)
        && begun != here
    {
        return Err(other(open, "hardware number", begun, here).into());
    }
    match other_id(open, left)? {
        Some((begun, here)) => Err(other(open, "id", &begun, &here).into()),
        None => Ok(()),
    }
}

/// The disk's id that a run began on, and the one here, where they differ.
fn other_id(open: &OpenDisk, left: &Unfinished) -> std::io::Result<Option<(String, String)>> {
    let state = &left.plan.state;
    let sector = state["logical_sector_bytes"].as_u64().unwrap_or(512);
    let plain = Disk::new(&open.file, open.size_bytes);
    // A table between two writes cannot be read, and then it is a run's of ours.
    let (Ok(table), Some(begun)) = (table::read(&plain, sector)?, state["disk_id"].as_str()) else {
        return Ok(None);
    };
    let differs = table.disk_id != begun;
    Ok(differs.then(|| (begun.to_owned(), table.disk_id)))
}

fn other(open: &OpenDisk, what: &str, begun: &str, here: &str) -> Refusal {
    let journal = journal(open).display().to_string();
    let message = format!(
        "the journal {journal} is another disk's: that run was begun on a disk with the {what} {begun}, and this one has {here}"
    );
    let finding = Finding::error("partition-other-disk", open.path.display().to_string(), message)
        .fix("put that disk in and end the run there; or move the journal away, where the disk will not come back")
        .evidence(json!({"journal": journal, "begun": begun, "here": here}));
    Refusal(finding)
}

/// Refuses a sound start over what a run on this very disk left when the disk had another name: only that run's journal knows
/// which partition has no file system yet.
///
/// # Errors
/// [`Refusal`] where there is such a journal.
pub(super) fn under_another_name(open: &OpenDisk) -> anyhow::Result<()> {
    let Some(stray) = strays(open).into_iter().next() else {
        return Ok(());
    };
    let (disk, journal) = (open.path.display().to_string(), stray.display().to_string());
    let message = format!(
        "an earlier run was ended in the middle on this disk, when it had another name: {journal}"
    );
    let finding = Finding::error("partition-other-name", disk, message)
        .fix("take it back with --undo and the file that it saved; or restart until the disk has that name again, and run it again")
        .evidence(json!({ "journal": journal }));
    Err(Refusal(finding).into())
}

/// The journals of other names whose run was on this disk.
pub(super) fn strays(open: &OpenDisk) -> Vec<PathBuf> {
    let (own, about) = (journal(open), about(open));
    let folder = own.parent().unwrap_or(Path::new("/"));
    if about.is_null() {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let others = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = others
        .filter(|path| path.extension().is_some_and(|end| end == "journal") && *path != own)
        .filter(|path| is_of(open, path, &about))
        .collect();
    found.sort_unstable();
    found
}

/// Whether a journal of another name holds a run on this disk. In a reader with several slots all cards have one number:
/// where a disk with it still has that name, the journal is its own. A damaged one stops those who open it.
fn is_of(open: &OpenDisk, path: &Path, about: &Value) -> bool {
    let left = cluster::run::Journal::peek(path).unwrap_or_default();
    let Some(left) = left.filter(|left| left.about == *about) else {
        return false;
    };
    let named = Path::new("/dev").join(path.file_stem().unwrap_or_default());
    let there = OpenDisk::open(&named).is_ok_and(|named| self::about(&named) == *about);
    !there && matches!(other_id(open, &left), Ok(None))
}
