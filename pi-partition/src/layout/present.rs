//! Which of the wished partitions are there already.

use super::{Placed, identity, round};
use crate::request::Wish;
use crate::signature::Signature;
use crate::state::{DiskState, Kind};
use crate::table::{Entry, Role, Scheme, Table, mbr};
use cluster::finding::Finding;
use cluster::inventory::Filesystem;
use cluster::plan::uuid_text;

/// The partition that is what is wished already: its file system has the label, or the UUID that only we give.
pub(super) fn present(
    wish: &Wish,
    disk: &DiskState,
    table: &Table,
    unit: u64,
    claimed: &[u32],
) -> Result<Option<Placed>, Box<Finding>> {
    let open = table
        .partitions
        .iter()
        .filter(|entry| entry.role != Role::Extended && !claimed.contains(&entry.number));
    for entry in open {
        let content = disk.contents.get(&entry.number);
        if !(is_ours(wish, entry, content, disk, table, unit) || has_label(wish, content)) {
            continue;
        }
        if content.is_some_and(|c| c.kind != wish.filesystem.as_str())
            && wish.filesystem != Filesystem::None
        {
            return Err(Box::new(label_taken(wish, entry, content, disk)));
        }
        let (start_bytes, size_bytes) = table.bytes(entry);
        return Ok(Some(Placed {
            number: entry.number,
            start_bytes,
            size_bytes,
            uuid: identity(table, entry.number, start_bytes, size_bytes),
            there: true,
            filesystem_uuid: content.and_then(|content| content.uuid.clone()),
        }));
    }
    Ok(None)
}

fn has_label(wish: &Wish, content: Option<&Signature>) -> bool {
    wish.label.is_some() && content.is_some_and(|content| content.label == wish.label)
}

/// Whether a partition is one that we made for such a wish.
fn is_ours(
    wish: &Wish,
    entry: &Entry,
    content: Option<&Signature>,
    disk: &DiskState,
    table: &Table,
    unit: u64,
) -> bool {
    let (start, size) = table.bytes(entry);
    let uuid = uuid_text(identity(table, entry.number, start, size));
    let same = |other: &Option<String>| {
        other
            .as_ref()
            .is_some_and(|other| other.eq_ignore_ascii_case(&uuid))
    };
    if content.is_some_and(|content| same(&content.uuid)) {
        return wish.label.is_none();
    }
    let unseen = disk.kind == Kind::Report && disk.contents.is_empty();
    if wish.filesystem != Filesystem::None && !unseen {
        return false;
    }
    if table.scheme == Scheme::Gpt {
        return same(&entry.uuid) && content.is_none();
    }
    // An MBR entry carries no identity. What is exactly where and as large as it would be made is taken for it: nothing is
    // done to it then.
    let wanted = wish
        .size_bytes
        .is_none_or(|wanted| round(wanted, unit) == size);
    let next = table
        .partitions
        .iter()
        .map(|other| other.start * table.sector_bytes);
    let room = next
        .filter(|other| *other > start)
        .min()
        .unwrap_or(disk.size_bytes);
    content.is_none()
        && entry.kind == format!("{:x}", mbr::LINUX)
        && entry.role == Role::Primary
        && start % unit == 0
        && size % unit == 0
        && wanted
        && (wish.size_bytes.is_some() || start + size + unit > room)
}

fn label_taken(
    wish: &Wish,
    entry: &Entry,
    content: Option<&Signature>,
    disk: &DiskState,
) -> Finding {
    let found = content.map_or("nothing", |content| content.kind);
    let label = wish.label.as_deref().unwrap_or_default();
    Finding::error(
        "partition-label-taken",
        disk.path.clone(),
        format!(
            "partition {} is labelled {label:?} and holds {found}, not {}",
            entry.number,
            wish.filesystem.as_str()
        ),
    )
    .fix("wish for another label, or for the file system that is there")
}
