//! The rehearsal: a table's writes on a copy, before the disk is touched.

use crate::device::OpenDisk;
use crate::source::{Disk, Overlay};
use crate::table::{self, Table, gpt};
use anyhow::{Context, bail};

/// Tries the writes on a copy of the table: it has to read as the old one with the new partitions, and nothing else.
///
/// # Errors
/// It does not. Nothing was written.
pub fn rehearse(
    disk: &OpenDisk,
    overlay: Vec<(u64, Vec<u8>)>,
    old: &Table,
    writes: &[gpt::Write],
) -> anyhow::Result<()> {
    let plain = Disk::new(&disk.file, disk.size_bytes);
    let mut all = overlay;
    all.extend(
        writes
            .iter()
            .map(|(_, offset, _, after)| (*offset, after.clone())),
    );
    let copy = Overlay::new(&plain, all);
    let new = table::read(&copy, old.sector_bytes)
        .context("rehearsing the write")?
        .map_err(|damage| anyhow::anyhow!("rehearsing the write: {}", damage.message))?;
    let kept = old
        .partitions
        .iter()
        .all(|entry| new.partitions.contains(entry));
    if new.disk_id != old.disk_id || !kept || new.partitions.len() <= old.partitions.len() {
        bail!("rehearsing the write: the table would not be the old one with new partitions");
    }
    Ok(())
}
