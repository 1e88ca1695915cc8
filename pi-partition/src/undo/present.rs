//! Which partitions are there now, also where a run was ended between two writes of the table.

use crate::apply::bytes_presence;
use crate::source::{Disk, Overlay, Source};
use crate::state::DiskState;
use crate::table::{self, Damage, Entry, Table};
use anyhow::Context;
use cluster::plan::{Action, Step};
use cluster::run::{Presence, Unfinished};

/// The table that is there. Where it cannot be read because an earlier run was ended between its writes, the tables that
/// this run led from and to.
///
/// # Errors
/// The disk cannot be read. The inner one: the table is damaged, and no run of ours explains it.
pub(super) fn tables(
    plain: &Disk<'_>,
    disk: &DiskState,
    left: Option<&Unfinished>,
) -> anyhow::Result<Result<Vec<Table>, Damage>> {
    let damage = match &disk.table {
        Ok(table) => return Ok(Ok(vec![table.clone()])),
        Err(damage) => damage,
    };
    let explained = match left {
        Some(left) => explained(plain, disk, left).context("reading the table")?,
        None => Vec::new(),
    };
    Ok(match explained.is_empty() {
        true => Err(damage.clone()),
        false => Ok(explained),
    })
}

/// The tables before and after a run, where every byte that it writes is the one before or after it.
fn explained(plain: &Disk<'_>, disk: &DiskState, left: &Unfinished) -> std::io::Result<Vec<Table>> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (path, offset, before, after) in left.plan.steps.iter().filter_map(write) {
        let now = plain.bytes(offset, before.len())?;
        let foreign = matches!(bytes_presence(&now, before, after), Presence::Foreign(_));
        if path != disk.path || foreign {
            return Ok(Vec::new());
        }
        old.push((offset, before.to_vec()));
        new.push((offset, after.to_vec()));
    }
    let mut tables = Vec::new();
    for writes in [old, new] {
        tables.extend(table::read(
            &Overlay::new(plain, writes),
            disk.sector_bytes,
        )?);
    }
    Ok(tables)
}

fn write(step: &Step) -> Option<(&str, u64, &[u8], &[u8])> {
    match &step.action {
        Action::WriteBytes {
            path,
            offset_bytes,
            before,
            bytes,
        } => Some((path, *offset_bytes, &before.0, &bytes.0)),
        _ => None,
    }
}

/// The partitions that are there and not in the saved table.
pub(super) fn gone(present: &[Table], old: &Table) -> Vec<Entry> {
    let mut gone: Vec<Entry> = Vec::new();
    for entry in present.iter().flat_map(|table| &table.partitions) {
        if !old.partitions.contains(entry) && !gone.contains(entry) {
            gone.push(entry.clone());
        }
    }
    gone
}
