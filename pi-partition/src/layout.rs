//! Where the wished partitions are or go: pure arithmetic on a table.

use crate::extent::{self, Choice, Place};
use crate::request::{Request, Wish};
use crate::state::DiskState;
use crate::table::{Raw, Role, Scheme, Table, gpt, mbr};
use cluster::finding::Finding;
use cluster::inventory::Filesystem;
use cluster::plan::{derived_uuid, uuid_text};
use serde_json::json;

mod present;

use present::present;

/// XFS makes nothing smaller (xfsprogs 5.19 and newer).
const LEAST_XFS: u64 = 300 << 20;

/// A wished partition with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its number.
    pub number: u32,
    /// Its start in bytes.
    pub start_bytes: u64,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The UUID that its file system has or gets, and its own in a GPT.
    pub uuid: [u8; 16],
    /// Whether the partition is there already.
    pub there: bool,
    /// The UUID of the file system that is there already.
    pub filesystem_uuid: Option<String>,
}

impl Placed {
    /// The UUID of its file system as text.
    pub fn filesystem_uuid(&self) -> String {
        self.filesystem_uuid
            .clone()
            .unwrap_or_else(|| uuid_text(self.uuid))
    }
}

/// The wished partitions, and the extent that the new ones are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// One for each wish, in their order.
    pub placed: Vec<Placed>,
    /// The extent of the new ones; `None` where all are there.
    pub choice: Option<Choice>,
}

/// Finds or places what is wished.
///
/// # Errors
/// An error finding where a wish has no place.
pub fn layout(request: &Request, disk: &DiskState, table: &Table) -> Result<Layout, Box<Finding>> {
    let unit = extent::alignment(disk.erase_bytes);
    let mut claimed = Vec::new();
    let mut placed = Vec::new();
    for wish in &request.partitions {
        let there = present(wish, disk, table, unit, &claimed)?;
        claimed.extend(there.as_ref().map(|placed| placed.number));
        placed.push(there);
    }
    let missing: Vec<&Wish> = placed
        .iter()
        .zip(&request.partitions)
        .filter(|(there, _)| there.is_none())
        .map(|(_, wish)| wish)
        .collect();
    if missing.is_empty() {
        return Ok(Layout {
            placed: placed.into_iter().flatten().collect(),
            choice: None,
        });
    }
    let choice = choose(request, disk, table, unit)?;
    let mut new = place(&missing, request, disk, table, &choice, unit)?.into_iter();
    let all = placed
        .into_iter()
        .filter_map(|there| there.or_else(|| new.next()));
    Ok(Layout {
        placed: all.collect(),
        choice: Some(choice),
    })
}

/// The identity of a partition in a place: it depends on the disk's identifier and on the place alone.
pub fn identity(table: &Table, number: u32, start_bytes: u64, size_bytes: u64) -> [u8; 16] {
    let (number, start, size) = (
        number.to_string(),
        start_bytes.to_string(),
        size_bytes.to_string(),
    );
    derived_uuid(&[
        "pi-partition",
        &table.disk_id.to_lowercase(),
        &number,
        &start,
        &size,
    ])
}

fn choose(
    request: &Request,
    disk: &DiskState,
    table: &Table,
    unit: u64,
) -> Result<Choice, Box<Finding>> {
    let free = extent::free(table);
    let end = match table.scheme {
        Scheme::Mbr => table.sectors.min(mbr::LIMIT_SECTORS) * table.sector_bytes,
        Scheme::Gpt => disk.size_bytes,
    };
    extent::choose(&free, request.place, unit, end).ok_or_else(|| {
        let what = match request.place {
            Place::End => "no free space at the end of the disk".to_owned(),
            Place::Largest => "no free space on the disk".to_owned(),
            Place::At(byte) => format!("no free space at byte {byte}"),
        };
        Box::new(too_little(disk, &free, unit, what))
    })
}

/// A wished size on the grid.
fn round(size: u64, unit: u64) -> u64 {
    size.div_ceil(unit).saturating_mul(unit)
}

fn place(
    wishes: &[&Wish],
    request: &Request,
    disk: &DiskState,
    table: &Table,
    choice: &Choice,
    unit: u64,
) -> Result<Vec<Placed>, Box<Finding>> {
    let mut numbers = numbers(table, disk);
    let mut at = choice.aligned.start_bytes;
    let mut placed = Vec::new();
    for wish in wishes {
        let left = choice.aligned.end() - at;
        let size = wish.size_bytes.map_or(left, |size| round(size, unit));
        let least = request.minimum_bytes.max(match wish.filesystem {
            Filesystem::Xfs => LEAST_XFS,
            Filesystem::Ext4 | Filesystem::None => 1,
        });
        if size > left || size < least {
            let what = format!(
                "{left} bytes are left in the free extent, and the partition needs {}",
                size.max(least)
            );
            return Err(Box::new(too_little(disk, &extent::free(table), unit, what)));
        }
        let number = numbers
            .next()
            .ok_or_else(|| Box::new(no_entry(disk, table)))?;
        placed.push(Placed {
            number,
            start_bytes: at,
            size_bytes: size,
            uuid: identity(table, number, at, size),
            there: false,
            filesystem_uuid: None,
        });
        at += size;
    }
    Ok(placed)
}

/// The numbers that new partitions may have.
fn numbers<'a>(table: &'a Table, disk: &'a DiskState) -> impl Iterator<Item = u32> + 'a {
    let last = match (&table.raw, table.scheme) {
        (_, Scheme::Mbr) => 4,
        (Raw::Gpt(raw), _) => gpt::slots(raw),
        (_, Scheme::Gpt) => 128,
    };
    (1..=last).filter(|number| {
        let listed = table.partitions.iter().any(|entry| entry.number == *number);
        let known = disk.kernel.iter().flatten().any(|known| known.0 == *number);
        !listed && !known
    })
}

fn no_entry(disk: &DiskState, table: &Table) -> Finding {
    let extended = table.partitions.iter().any(|e| e.role == Role::Extended);
    let fix = if extended {
        "the extended partition has room for logical ones: add one with `fdisk`, or free an entry"
    } else {
        "turn one of the four into an extended partition (its data has to be saved first), or delete an empty one with `sfdisk --delete`"
    };
    let used: Vec<u32> = table.partitions.iter().map(|entry| entry.number).collect();
    Finding::error(
        "partition-no-free-entry",
        disk.path.clone(),
        "the table has no free entry for another partition",
    )
    .fix(fix)
    .evidence(json!({ "used": used }))
}

fn too_little(disk: &DiskState, free: &[extent::Extent], unit: u64, what: String) -> Finding {
    let largest = free
        .iter()
        .filter_map(|extent| extent.aligned(unit))
        .max_by_key(|extent| extent.size_bytes);
    let fix = match largest {
        Some(extent) => format!(
            "the largest free extent, aligned to {unit} bytes, begins at {} and has {}: take it with --place largest, or less with --size and --minimum",
            extent.start_bytes, extent.size_bytes
        ),
        None => "shrink a partition, or use a larger disk".to_owned(),
    };
    Finding::error("partition-too-little-space", disk.path.clone(), what)
        .fix(fix)
        .evidence(json!({ "free": free, "alignment_bytes": unit }))
}
