//! New entries in a GPT: their bytes, and the writes that add them.

use super::{ENTRY, GUID_ORDER, Raw, header_crc, last_usable};
use crate::table::{le32, mbr};

/// "Linux filesystem data" in the order of a table's bytes: 0FC63DAF-8483-4772-8E79-3D69D8477DE4.
const LINUX: [u8; 16] = [
    0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4,
];

/// The bytes of a new entry. `uuid` is in the order of its text.
pub fn new_entry(start: u64, sectors: u64, uuid: [u8; 16], name: &str) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..16].copy_from_slice(&LINUX);
    for (index, place) in GUID_ORDER.into_iter().enumerate() {
        entry[16 + index] = uuid[place];
    }
    entry[32..40].copy_from_slice(&start.to_le_bytes());
    entry[40..48].copy_from_slice(&(start + sectors - 1).to_le_bytes());
    for (pair, unit) in entry[56..128].chunks_exact_mut(2).zip(name.encode_utf16()) {
        pair.copy_from_slice(&unit.to_le_bytes());
    }
    entry
}

/// A backup that stands before the disk's end, offset and bytes: a new partition takes its place, so whoever wants the old
/// table back needs it.
pub fn left_behind(raw: &Raw, sector_bytes: u64, sectors: u64) -> Vec<(u64, Vec<u8>)> {
    if raw.backup_lba == sectors - 1 {
        return Vec::new();
    }
    vec![
        (raw.backup_lba * sector_bytes, raw.backup_header.clone()),
        (raw.backup_entries_lba * sector_bytes, raw.entries.clone()),
    ]
}

/// One write: what it is for, its offset, what stands there, what shall.
pub type Write = (&'static str, u64, Vec<u8>, Vec<u8>);

/// The writes that add entries, by their number. The backup comes first, so that at every instant one of the two copies
/// is whole: the old one, or the new one at the disk's end.
///
/// Linux reads a table whose primary is whole, and the backup alone only where its command line says `gpt`
/// (block/partitions/efi.c, `find_valid_gpt`). So where the primary's entries follow its header, as every program has
/// them, both are one write: no time lies between them in which the disk would not start.
pub fn add(raw: &Raw, sector_bytes: u64, sectors: u64, new: &[(u32, [u8; ENTRY])]) -> Vec<Write> {
    let mut entries = raw.entries.clone();
    for (number, entry) in new {
        let place = (*number as usize - 1) * ENTRY;
        entries[place..place + ENTRY].copy_from_slice(entry);
    }
    let moved = raw.backup_lba != sectors - 1;
    let end = sectors - 1;
    let array_sectors = (entries.len() as u64).div_ceil(sector_bytes);
    let (backup_array, old_array) = if moved {
        (end - array_sectors, &raw.last_array)
    } else {
        (raw.backup_entries_lba, &raw.entries)
    };
    let last = last_usable(raw, sector_bytes, sectors);
    let crc = crc32fast::hash(&entries);
    let primary = new_header(&raw.header, 1, end, last, raw.entries_lba, crc);
    let backup = new_header(&raw.header, end, 1, last, backup_array, crc);
    let slot = protective_slot(raw.protective.1, sectors);
    let mbr = (mbr::ENTRIES + raw.protective.0 * mbr::ENTRY) as u64;
    let mut writes = vec![
        (
            "backup-entries",
            backup_array * sector_bytes,
            old_array.clone(),
            entries.clone(),
        ),
        (
            "backup-header",
            end * sector_bytes,
            raw.last_sector.clone(),
            backup,
        ),
    ];
    writes.extend(primary_writes(raw, sector_bytes, primary, entries));
    writes.push((
        "protective-mbr",
        mbr,
        raw.protective.1.to_vec(),
        slot.to_vec(),
    ));
    writes.into_iter().filter_map(trim).collect()
}

/// The primary's header and its entries: one write where they are neighbours.
fn primary_writes(raw: &Raw, sector_bytes: u64, header: Vec<u8>, entries: Vec<u8>) -> Vec<Write> {
    if raw.entries_lba == 2 {
        let before = [raw.header.as_slice(), &raw.entries].concat();
        return vec![("primary", sector_bytes, before, [header, entries].concat())];
    }
    let place = raw.entries_lba * sector_bytes;
    vec![
        ("primary-entries", place, raw.entries.clone(), entries),
        ("primary-header", sector_bytes, raw.header.clone(), header),
    ]
}

/// Only what differs is written.
fn trim((id, offset, before, after): Write) -> Option<Write> {
    let differs = |index: &usize| before[*index] != after[*index];
    let first = (0..after.len()).find(differs)?;
    let last = (0..after.len()).rfind(differs)?;
    Some((
        id,
        offset + first as u64,
        before[first..=last].to_vec(),
        after[first..=last].to_vec(),
    ))
}

/// A header with other places and checksums; every other byte is the present header's.
fn new_header(old: &[u8], own: u64, other: u64, last: u64, entries: u64, crc: u32) -> Vec<u8> {
    let mut header = old.to_vec();
    header[24..32].copy_from_slice(&own.to_le_bytes());
    header[32..40].copy_from_slice(&other.to_le_bytes());
    header[48..56].copy_from_slice(&last.to_le_bytes());
    header[72..80].copy_from_slice(&entries.to_le_bytes());
    header[88..92].copy_from_slice(&crc.to_le_bytes());
    let crc = header_crc(&header);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The protective entry covers the disk, as far as 32 bits count. One that was made for a smaller disk grows with it; one that
/// covers more than its disk is some program's habit and stays.
fn protective_slot(old: [u8; 16], sectors: u64) -> [u8; 16] {
    let covers = u64::from(le32(&old, 8)) + u64::from(le32(&old, 12));
    if covers >= sectors {
        return old;
    }
    let size = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
    let mut slot = old;
    slot[12..16].copy_from_slice(&size.to_le_bytes());
    slot
}
