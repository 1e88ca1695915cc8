//! Partition tables: reading them, and the bytes of a new entry.
//!
//! Both formats are read by code of our own. The crates for them (gptman 3, mbrman 0.6) are made to build tables anew: gptman
//! rewrites the header's first usable sector, asserts that entries have 128 bytes, loses names that are not UTF-16, and takes
//! the backup silently where the primary is damaged; mbrman writes the whole sector and the whole chain of logical partitions.
//! Here every byte that is not the new entry's must stay, and damage must be named.

pub mod gpt;
pub mod mbr;
pub mod report;

use crate::source::Source;
use std::io;

/// A table as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Which format.
    pub scheme: Scheme,
    /// The disk's identifier: eight hexadecimal digits (MBR) or a GUID, as `sfdisk` prints them.
    pub disk_id: String,
    /// Logical sector in bytes.
    pub sector_bytes: u64,
    /// The disk's size in sectors.
    pub sectors: u64,
    /// The partitions, by number.
    pub partitions: Vec<Entry>,
    /// What of the format's own bytes a new entry needs.
    pub raw: Raw,
}

impl Table {
    /// A partition's start and size in bytes.
    pub fn bytes(&self, entry: &Entry) -> (u64, u64) {
        (
            entry.start * self.sector_bytes,
            entry.sectors * self.sector_bytes,
        )
    }
}

/// The format of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Master boot record.
    Mbr,
    /// GUID partition table.
    Gpt,
}

impl Scheme {
    /// The word in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mbr => "mbr",
            Self::Gpt => "gpt",
        }
    }
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number: its place in the table; logical partitions count from 5.
    pub number: u32,
    /// Its first sector.
    pub start: u64,
    /// Its size in sectors.
    pub sectors: u64,
    /// Its type as `sfdisk` prints it: hexadecimal digits (MBR) or a GUID.
    pub kind: String,
    /// Its GUID (GPT).
    pub uuid: Option<String>,
    /// Its name (GPT).
    pub name: Option<String>,
    /// What it is in an MBR.
    pub role: Role,
}

impl Entry {
    /// The sector after its last.
    pub fn end(&self) -> u64 {
        self.start + self.sectors
    }
}

/// What a partition is in an MBR; always primary in a GPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A partition of its own.
    Primary,
    /// The one that holds the logical ones.
    Extended,
    /// One inside the extended partition.
    Logical,
}

/// The bytes that a new entry is written beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// The four entries of an MBR.
    Mbr([[u8; 16]; 4]),
    /// A GPT's headers and entries.
    Gpt(Box<gpt::Raw>),
    /// Not known: the table came from another program's report.
    None,
}

/// Why a table is not one that can be worked on. Nothing of it is mended unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The finding's id.
    pub id: &'static str,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub fix: String,
}

impl Damage {
    fn table(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            id: "partition-table-damaged",
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// Reads the table of a disk.
///
/// # Errors
/// The disk cannot be read. A table that is not sound is the inner error.
pub fn read(source: &dyn Source, sector_bytes: u64) -> io::Result<Result<Table, Damage>> {
    let sectors = source.size_bytes() / sector_bytes;
    // Two sectors for the shortest MBR that can hold a partition; nothing smaller is a disk.
    if sectors < 2 {
        return Ok(Err(Damage {
            id: "partition-no-table",
            message: format!("{} bytes are too few for a disk", source.size_bytes()),
            fix: "name the right disk".to_owned(),
        }));
    }
    let first = source.bytes(0, 512)?;
    let second = source.bytes(sector_bytes, 512)?;
    let is_gpt = gpt::has_signature(&second);
    let table = match (mbr::slots(&first), is_gpt) {
        (Some(slots), true) => gpt::read(source, sector_bytes, &slots)?,
        (None, true) => Err(Damage::table(
            "a GPT without its protective MBR",
            "look at it with `sgdisk -v`; it writes a new protective MBR with the command `w` of `gdisk`",
        )),
        (Some(slots), false) if slots.iter().any(|slot| slot[4] == gpt::PROTECTIVE) => {
            Err(Damage::table(
                "a protective MBR, and the GPT's header behind it is not there",
                "look at it with `gdisk`, which can rebuild it from the backup at the disk's end",
            ))
        }
        (Some(slots), false) => mbr::read(source, sector_bytes, &first, slots)?,
        (None, false) => Err(no_table(&first)),
    };
    Ok(table.and_then(sound))
}

fn no_table(first: &[u8]) -> Damage {
    let (what, fix) = match crate::signature::at_start(first) {
        Some(kind) => (
            format!("no partition table: the whole disk holds {kind}"),
            "name the right disk; a file system that fills a whole disk leaves no room for a partition".to_owned(),
        ),
        None => (
            "no partition table".to_owned(),
            "make one, where the disk is really empty: printf 'label: gpt\\n' | sfdisk DISK (or label: dos)".to_owned(),
        ),
    };
    Damage {
        id: "partition-no-table",
        message: what,
        fix,
    }
}

/// What holds in both formats: partitions lie on the disk and not over each other.
fn sound(table: Table) -> Result<Table, Damage> {
    for entry in &table.partitions {
        let end = entry.start.checked_add(entry.sectors);
        if entry.sectors == 0 || end.is_none_or(|end| end > table.sectors) {
            return Err(Damage::table(
                format!(
                    "partition {} claims sectors {} to {}, and the disk has {}",
                    entry.number,
                    entry.start,
                    entry.start.saturating_add(entry.sectors).saturating_sub(1),
                    table.sectors
                ),
                "a table made for a larger disk, or a damaged one: look at it with `sfdisk --verify`",
            ));
        }
    }
    let mut order: Vec<&Entry> = table.partitions.iter().collect();
    order.sort_by_key(|entry| (entry.start, entry.role == Role::Logical));
    for logical in [false, true] {
        let level: Vec<&&Entry> = order
            .iter()
            .filter(|entry| (entry.role == Role::Logical) == logical)
            .collect();
        if let Some([a, b]) = level
            .windows(2)
            .map(|pair| [pair[0], pair[1]])
            .find(|[a, b]| a.end() > b.start)
        {
            return Err(Damage {
                id: "partition-table-overlap",
                message: format!(
                    "partitions {} and {} overlap: sectors {} to {} and {} to {}",
                    a.number,
                    b.number,
                    a.start,
                    a.end() - 1,
                    b.start,
                    b.end() - 1
                ),
                fix: "save what is on them, then mend the table with `sfdisk`: writing to one of them damages the other"
                    .to_owned(),
            });
        }
    }
    Ok(table)
}

/// The sector size of an image, which no device tells: 4096 where a GPT says so, else 512.
///
/// # Errors
/// The image cannot be read.
pub fn image_sector_bytes(source: &dyn Source) -> io::Result<u64> {
    let is_4k = source.size_bytes() >= 8192
        && !gpt::has_signature(&source.bytes(512, 8)?)
        && gpt::has_signature(&source.bytes(4096, 8)?);
    Ok(if is_4k { 4096 } else { 512 })
}

/// Four bytes as a little-endian number; 0 where there are fewer.
pub fn le32_of(bytes: &[u8]) -> u32 {
    bytes.get(..4).map_or(0, |four| le32(four, 0))
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(four)
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(eight)
}
