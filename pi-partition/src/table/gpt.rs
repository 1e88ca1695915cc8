//! The GUID partition table (UEFI specification 2.10, chapter 5): a header of 92 bytes in sector 1, an array of entries, and a copy
//! of both at the disk's end, each with its CRC-32.

use super::{Damage, Entry, Role, Scheme, Table, le64};
use crate::source::Source;
use std::io;

mod header;
mod write;

pub use header::has_signature;
use header::{Header, header, header_crc, place};
pub use write::{Write, add, left_behind, new_entry};

/// The type of the entry in the protective MBR.
pub const PROTECTIVE: u8 = 0xee;
/// An entry's size as every program writes it; the specification allows 128 × 2ⁿ.
const ENTRY: usize = 128;
/// What of a GPT a new entry is written beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The primary header's sector.
    pub header: Vec<u8>,
    /// Where the primary's entries stand, in sectors.
    pub entries_lba: u64,
    /// The array of entries, the same in both copies.
    pub entries: Vec<u8>,
    /// Where the backup's header stands, in sectors.
    pub backup_lba: u64,
    /// Where the backup's entries stand, in sectors.
    pub backup_entries_lba: u64,
    /// The backup header's sector.
    pub backup_header: Vec<u8>,
    /// What stands in the last sector of the disk.
    pub last_sector: Vec<u8>,
    /// What stands before it, where the entries of a backup at the real end belong.
    pub last_array: Vec<u8>,
    /// The protective entry's place in the MBR, and its bytes.
    pub protective: (usize, [u8; 16]),
}

/// Reads and compares both copies.
pub fn read(
    source: &dyn Source,
    sector_bytes: u64,
    slots: &[[u8; 16]; 4],
) -> io::Result<Result<Table, Damage>> {
    match read_copies(source, sector_bytes, slots) {
        Ok(table) => Ok(Ok(table)),
        Err(Failure::Damage(damage)) => Ok(Err(damage)),
        Err(Failure::Io(error)) => Err(error),
    }
}

/// Two ways in which reading fails, for `?`.
enum Failure {
    Damage(Damage),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Damage> for Failure {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

fn read_copies(
    source: &dyn Source,
    sector_bytes: u64,
    slots: &[[u8; 16]; 4],
) -> Result<Table, Failure> {
    let sectors = source.size_bytes() / sector_bytes;
    let protective = protective(slots)?;
    let sector = sector_bytes as usize;
    let first = source.bytes(sector_bytes, sector)?;
    let primary = header(&first, "primary")?;
    place(&primary, 1, sectors, sector_bytes, "primary")?;
    if primary.other_lba >= sectors {
        return Err(Damage::table(
            format!(
                "the GPT's backup belongs to sector {}, and the disk has {sectors}: it was made for a larger disk",
                primary.other_lba
            ),
            "use the disk that it was made for, or a copy that is whole",
        )
        .into());
    }
    let entries = array(source, &primary, sector_bytes, "primary")?;
    let backup_sector = source.bytes(primary.other_lba * sector_bytes, sector)?;
    let backup = header(&backup_sector, "backup")?;
    place(&backup, primary.other_lba, sectors, sector_bytes, "backup")?;
    let backup_entries = array(source, &backup, sector_bytes, "backup")?;
    if !primary.is_copied_by(&backup) || backup_entries != entries {
        return Err(Damage::table(
            "the GPT's two copies differ",
            "look at it with `sgdisk -v` and `gdisk`, and choose one; nothing here is mended unasked",
        )
        .into());
    }
    let array_sectors = primary.array_bytes().div_ceil(sector_bytes);
    let end_array = sectors
        .checked_sub(1 + array_sectors)
        .ok_or_else(|| Damage::table("the disk is too small for its GPT", "use a larger one"))?;
    Ok(Table {
        scheme: Scheme::Gpt,
        disk_id: guid_text(&primary.guid),
        sector_bytes,
        sectors,
        partitions: partitions(&primary, &entries)?,
        raw: super::Raw::Gpt(Box::new(Raw {
            header: first,
            entries_lba: primary.entries_lba,
            backup_lba: primary.other_lba,
            backup_entries_lba: backup.entries_lba,
            backup_header: backup_sector,
            last_sector: source.bytes((sectors - 1) * sector_bytes, sector)?,
            last_array: source.bytes(end_array * sector_bytes, entries.len())?,
            entries,
            protective,
        })),
    })
}

/// The one entry of a protective MBR. Others beside it make a hybrid one, which two programs read in two ways.
fn protective(slots: &[[u8; 16]; 4]) -> Result<(usize, [u8; 16]), Damage> {
    let used: Vec<usize> = (0..4)
        .filter(|index| !super::mbr::is_empty(&slots[*index]))
        .collect();
    match used[..] {
        [only] if slots[only][4] == PROTECTIVE => Ok((only, slots[only])),
        _ => Err(Damage {
            id: "partition-hybrid-mbr",
            message: format!(
                "a hybrid MBR: {} entries stand in front of a GPT, and programs disagree which table counts",
                used.len()
            ),
            fix: "decide for one table with `gdisk`; nothing here is mended unasked".to_owned(),
        }),
    }
}

fn array(
    source: &dyn Source,
    header: &Header,
    sector_bytes: u64,
    which: &str,
) -> Result<Vec<u8>, Failure> {
    // Bounded by `MOST_ARRAY`, and within the disk.
    let entries = source.bytes(
        header.entries_lba * sector_bytes,
        header.array_bytes() as usize,
    )?;
    let found = crc32fast::hash(&entries);
    if found == header.entries_crc {
        return Ok(entries);
    }
    Err(Damage::table(
        format!(
            "the GPT's {which} entries should have the CRC {:08x}, and have {found:08x}",
            header.entries_crc
        ),
        "look at it with `sgdisk -v` and `gdisk`; nothing here is mended unasked",
    )
    .into())
}

fn partitions(header: &Header, entries: &[u8]) -> Result<Vec<Entry>, Damage> {
    let mut partitions = Vec::new();
    for (index, bytes) in entries.chunks_exact(ENTRY).enumerate() {
        if bytes[..16] == [0; 16] {
            continue;
        }
        let (start, last) = (le64(bytes, 32), le64(bytes, 40));
        if start < header.first_usable || last > header.last_usable || start > last {
            return Err(Damage::table(
                format!(
                    "partition {} claims sectors {start} to {last}; usable are {} to {}",
                    index + 1,
                    header.first_usable,
                    header.last_usable
                ),
                "look at it with `sgdisk -v`; nothing here is mended unasked",
            ));
        }
        let name: Vec<u16> = bytes[56..128]
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .take_while(|unit| *unit != 0)
            .collect();
        partitions.push(Entry {
            number: index as u32 + 1,
            start,
            sectors: last - start + 1,
            kind: guid_text(&bytes[..16]),
            uuid: Some(guid_text(&bytes[16..32])),
            name: (!name.is_empty()).then(|| String::from_utf16_lossy(&name)),
            role: Role::Primary,
        });
    }
    Ok(partitions)
}

/// Where a table keeps the bytes of a GUID's text: its first three fields are little-endian.
const GUID_ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/// A GUID of a table as text.
pub fn guid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (index, place) in GUID_ORDER.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02X}", bytes[place]));
    }
    text
}

/// How many entries the table has room for.
pub fn slots(raw: &Raw) -> u32 {
    (raw.entries.len() / ENTRY) as u32
}

/// The last usable sector once the backup stands at the disk's real end.
pub fn last_usable(raw: &Raw, sector_bytes: u64, sectors: u64) -> u64 {
    if raw.backup_lba == sectors - 1 {
        return le64(&raw.header, 48);
    }
    sectors - 2 - (raw.entries.len() as u64).div_ceil(sector_bytes)
}

/// The first usable sector.
pub fn first_usable(raw: &Raw) -> u64 {
    le64(&raw.header, 40)
}
