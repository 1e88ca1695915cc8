//! The header of a GPT: its fields, its checksum, and whether what it names can be.

use super::ENTRY;
use crate::table::{Damage, le32, le64};

/// The header's size as every program writes it.
const HEADER: usize = 92;
/// The largest array that is read. Every program makes 128 entries (16 KiB); more than this is a claim, not a table.
const MOST_ARRAY: u64 = 128 << 10;

/// A header's fields, after its checksum was found right.
pub(super) struct Header {
    pub(super) own_lba: u64,
    pub(super) other_lba: u64,
    pub(super) first_usable: u64,
    pub(super) last_usable: u64,
    pub(super) guid: [u8; 16],
    pub(super) entries_lba: u64,
    pub(super) entries: u64,
    pub(super) entries_crc: u32,
}

impl Header {
    pub(super) fn array_bytes(&self) -> u64 {
        self.entries * ENTRY as u64
    }

    /// Whether another header is this primary's backup.
    pub(super) fn is_copied_by(&self, backup: &Self) -> bool {
        let of = |header: &Self| (header.guid, header.first_usable, header.last_usable);
        of(self) == of(backup) && backup.other_lba == 1
    }
}

/// Whether a sector begins as a header does.
pub fn has_signature(sector: &[u8]) -> bool {
    sector.starts_with(b"EFI PART")
}

pub(super) fn header(sector: &[u8], which: &str) -> Result<Header, Damage> {
    let bad = |why: String| {
        Damage::table(
            format!("the GPT's {which} header {why}"),
            "look at it with `sgdisk -v` and `gdisk`; nothing here is mended unasked",
        )
    };
    if !has_signature(sector) {
        return Err(bad("is not there".to_owned()));
    }
    if le32(sector, 12) as usize != HEADER || le32(sector, 8) != 0x0001_0000 {
        return Err(bad(format!(
            "has revision {:#x} and {} bytes; known are revision 0x10000 and {HEADER} bytes",
            le32(sector, 8),
            le32(sector, 12)
        )));
    }
    let (stated, found) = (le32(sector, 16), header_crc(sector));
    if stated != found {
        return Err(bad(format!(
            "has the CRC {stated:08x}, and its bytes have {found:08x}"
        )));
    }
    let mut guid = [0; 16];
    guid.copy_from_slice(&sector[56..72]);
    let header = Header {
        own_lba: le64(sector, 24),
        other_lba: le64(sector, 32),
        first_usable: le64(sector, 40),
        last_usable: le64(sector, 48),
        guid,
        entries_lba: le64(sector, 72),
        entries: u64::from(le32(sector, 80)),
        entries_crc: le32(sector, 88),
    };
    if le32(sector, 84) as usize != ENTRY {
        return Err(bad(format!(
            "says that entries have {} bytes; {ENTRY} is what is known",
            le32(sector, 84)
        )));
    }
    if header.array_bytes() > MOST_ARRAY {
        return Err(bad(format!("claims {} entries", header.entries)));
    }
    Ok(header)
}

pub(super) fn header_crc(sector: &[u8]) -> u32 {
    let mut bytes = sector[..HEADER].to_vec();
    bytes[16..20].fill(0);
    crc32fast::hash(&bytes)
}

/// Whether a header and what it names lie where they can.
pub(super) fn place(
    header: &Header,
    own_lba: u64,
    sectors: u64,
    sector_bytes: u64,
    which: &str,
) -> Result<(), Damage> {
    let array_sectors = header.array_bytes().div_ceil(sector_bytes);
    let array_end = header.entries_lba.checked_add(array_sectors);
    let usable = header.first_usable <= header.last_usable.saturating_add(1);
    // UEFI 2.10, 5.3.2: the primary's entries end before the first usable sector, the backup's stand between the last one and
    // their header. Elsewhere one copy, or a partition, might lie where the other copy is written.
    let array = array_end.is_some_and(|end| match own_lba {
        1 => header.entries_lba >= 2 && end <= header.first_usable,
        _ => header.entries_lba > header.last_usable && end <= own_lba,
    });
    let right = header.own_lba == own_lba
        && header.other_lba != own_lba
        && header.last_usable < sectors
        && usable
        && array;
    if right {
        return Ok(());
    }
    Err(Damage::table(
        format!(
            "the GPT's {which} header names places that cannot be: own sector {}, entries from {}, usable {} to {}, of {sectors}",
            header.own_lba, header.entries_lba, header.first_usable, header.last_usable
        ),
        "look at it with `sgdisk -v`; nothing here is mended unasked",
    ))
}
