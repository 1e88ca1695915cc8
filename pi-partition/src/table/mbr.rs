//! The master boot record. Layout from util-linux' pt-mbr.h: the disk's identifier at 440, four entries of 16 bytes from 446 on,
//! the signature 55 AA at 510. An entry: boot flag, CHS address of the start, type, CHS address of the end, start and size as
//! little-endian 32-bit counts of sectors.

use super::{Damage, Entry, Raw, Role, Scheme, Table, le32};
use crate::source::Source;
use std::io;

/// Where the disk's identifier stands.
const DISK_ID: usize = 440;
/// Where the first entry stands.
pub const ENTRIES: usize = 446;
/// An entry's size.
pub const ENTRY: usize = 16;
/// Types of an extended partition: CHS, LBA, Linux.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// How many logical partitions are followed. The kernel gives up at 100 (block/partitions/msdos.c) and names at most 255 minors.
const MOST_LOGICAL: usize = 100;
/// The type "Linux".
pub const LINUX: u8 = 0x83;
/// The sector after the last that an MBR can name: libfdisk's last LBA is 2³²−2.
pub const LIMIT_SECTORS: u64 = u32::MAX as u64;

/// The four entries, where the sector is a master boot record at all: a FAT file system that fills a disk has the same
/// signature, but boot flags that are none.
pub fn slots(sector: &[u8]) -> Option<[[u8; ENTRY]; 4]> {
    if sector.len() < 512 || sector[510..512] != [0x55, 0xaa] {
        return None;
    }
    let mut slots = [[0; ENTRY]; 4];
    for (slot, bytes) in slots
        .iter_mut()
        .zip(sector[ENTRIES..510].chunks_exact(ENTRY))
    {
        slot.copy_from_slice(bytes);
    }
    slots
        .iter()
        .all(|slot| matches!(slot[0], 0 | 0x80))
        .then_some(slots)
}

/// Reads the partitions, the logical ones too.
pub fn read(
    source: &dyn Source,
    sector_bytes: u64,
    first: &[u8],
    slots: [[u8; ENTRY]; 4],
) -> io::Result<Result<Table, Damage>> {
    // A FAT boot sector with text where the entries would be passes for an empty table.
    if slots.iter().all(is_empty) && crate::signature::is_fat(first) {
        return Ok(Err(super::no_table(first)));
    }
    let mut partitions = Vec::new();
    for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| !is_empty(slot)) {
        let role = if EXTENDED.contains(&slot[4]) {
            Role::Extended
        } else {
            Role::Primary
        };
        partitions.push(entry(index as u32 + 1, slot, 0, role));
    }
    let extended: Vec<Entry> = partitions
        .iter()
        .filter(|entry| entry.role == Role::Extended)
        .cloned()
        .collect();
    if extended.len() > 1 {
        return Ok(Err(Damage::table(
            "two extended partitions",
            "look at it with `fdisk`: only one of them can hold logical partitions",
        )));
    }
    let sectors = source.size_bytes() / sector_bytes;
    if let Some(extended) = extended.first().filter(|e| e.end() <= sectors) {
        match logical(source, sector_bytes, extended)? {
            Ok(found) => partitions.extend(found),
            Err(damage) => return Ok(Err(damage)),
        }
    }
    Ok(Ok(Table {
        scheme: Scheme::Mbr,
        disk_id: format!("{:08x}", le32(first, DISK_ID)),
        sector_bytes,
        sectors,
        partitions,
        raw: Raw::Mbr(slots),
    }))
}

/// An entry that names no partition. The kernel goes by the size, `sfdisk` by the type.
pub fn is_empty(slot: &[u8; ENTRY]) -> bool {
    slot[4] == 0 || le32(slot, 12) == 0
}

fn entry(number: u32, slot: &[u8; ENTRY], base: u64, role: Role) -> Entry {
    Entry {
        number,
        start: base + u64::from(le32(slot, 8)),
        sectors: u64::from(le32(slot, 12)),
        kind: format!("{:x}", slot[4]),
        uuid: None,
        name: None,
        role,
    }
}

/// Follows the chain of extended boot records: each names its logical partition from its own place on, and the next record
/// from the extended partition's start on.
fn logical(
    source: &dyn Source,
    sector_bytes: u64,
    extended: &Entry,
) -> io::Result<Result<Vec<Entry>, Damage>> {
    let broken = |why: String| {
        Ok(Err(Damage::table(
            format!("the chain of logical partitions {why}"),
            "look at it with `sfdisk --verify` and `fdisk`; nothing here is mended unasked",
        )))
    };
    let mut found: Vec<Entry> = Vec::new();
    let mut seen = Vec::new();
    let mut place = extended.start;
    loop {
        if seen.contains(&place) {
            return broken(format!("comes back to sector {place}"));
        }
        if seen.len() == MOST_LOGICAL {
            return broken(format!("has more than {MOST_LOGICAL} links"));
        }
        seen.push(place);
        let sector = source.bytes(place * sector_bytes, 512)?;
        let Some(slots) = slots(&sector) else {
            // A fresh extended partition may hold nothing at all.
            if seen.len() == 1 && sector[ENTRIES..] == [0; 512 - ENTRIES] {
                return Ok(Ok(found));
            }
            return broken(format!("leads to sector {place}, which is no boot record"));
        };
        let mut next = None;
        for slot in slots.iter().filter(|slot| !is_empty(slot)) {
            if EXTENDED.contains(&slot[4]) {
                next = next.or(Some(extended.start + u64::from(le32(slot, 8))));
                continue;
            }
            let number = 5 + found.len() as u32;
            let logical = entry(number, slot, place, Role::Logical);
            if logical.start <= place || logical.end() > extended.end() {
                return broken(format!(
                    "has partition {number} outside of the extended one"
                ));
            }
            found.push(logical);
        }
        match next {
            None => return Ok(Ok(found)),
            Some(next) if next <= extended.start || next >= extended.end() => {
                return broken(format!(
                    "leads to sector {next}, outside of the extended partition"
                ));
            }
            Some(next) => place = next,
        }
    }
}

/// The bytes of a new entry.
pub fn new_entry(start: u64, sectors: u64, kind: u8) -> Option<[u8; ENTRY]> {
    let (start32, sectors32) = (u32::try_from(start).ok()?, u32::try_from(sectors).ok()?);
    let last = start.checked_add(sectors)?.checked_sub(1)?;
    if last >= LIMIT_SECTORS {
        return None;
    }
    let mut slot = [0; ENTRY];
    slot[1..4].copy_from_slice(&chs(start));
    slot[4] = kind;
    slot[5..8].copy_from_slice(&chs(last));
    slot[8..12].copy_from_slice(&start32.to_le_bytes());
    slot[12..16].copy_from_slice(&sectors32.to_le_bytes());
    Some(slot)
}

/// A sector's address in the geometry that every program assumes, 255 heads and 63 sectors; beyond cylinder 1023 the largest
/// address, as libfdisk writes it.
fn chs(sector: u64) -> [u8; 3] {
    let cylinder = sector / (255 * 63);
    if cylinder > 1023 {
        return [0xfe, 0xff, 0xff];
    }
    let head = sector / 63 % 255;
    let number = sector % 63 + 1;
    [
        head as u8,
        (number as u8) | ((cylinder >> 2) as u8 & 0xc0),
        cylinder as u8,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_sfdisk_writes() {
        // sfdisk 2.38.1: start=2048,size=61441 and start=63489,size=400000
        assert_eq!(chs(2048), [0x20, 0x21, 0x00]);
        assert_eq!(chs(63488), [0xf2, 0x30, 0x03]);
        assert_eq!(chs(63489), [0xf2, 0x31, 0x03]);
        assert_eq!(chs(463_488), [0xd8, 0x3d, 0x1c]);
        assert_eq!(chs(64_000_000), [0xfe, 0xff, 0xff]);
    }

    #[test]
    fn no_entry_reaches_beyond_two_to_the_32() {
        assert!(new_entry(2048, LIMIT_SECTORS - 2048, LINUX).is_some());
        assert!(new_entry(2048, LIMIT_SECTORS - 2047, LINUX).is_none());
        assert!(new_entry(LIMIT_SECTORS, 1, LINUX).is_none());
        assert!(new_entry(0, 0, LINUX).is_none());
    }
}
