//! Partition tables, MBR with logical partitions and GPT, and signatures of file systems: read, planned on, rewritten, torn.

use super::bytes;
use pi_partition::extent::{self, Place};
use pi_partition::plan::{self, Planned};
use pi_partition::request::{LEAST_BYTES, Request, Wish};
use pi_partition::signature;
use pi_partition::source::{Overlay, Source};
use pi_partition::state::{DiskState, Kind, NodeState};
use pi_partition::table::{self, Raw, Role, Scheme, Table};
use std::collections::BTreeMap;
use std::io;

/// A disk of zeros but for some pieces.
struct Sparse {
    size_bytes: u64,
    pieces: Vec<(u64, Vec<u8>)>,
}

impl Source for Sparse {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size_bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.fill(0);
        for (place, bytes) in &self.pieces {
            for (at, byte) in bytes.iter().enumerate() {
                let at = place + at as u64;
                if at >= offset && at - offset < buffer.len() as u64 {
                    buffer[(at - offset) as usize] = *byte;
                }
            }
        }
        Ok(())
    }
}

/// An input: flags, the disk's size in sectors (4 bytes), then pieces: sector (4), offset in it (2), length (2), the bytes.
fn disk(data: &[u8]) -> Option<(usize, u64, Sparse)> {
    let (flags, data) = bytes::choice(data);
    let sector_bytes = if flags & 1 == 0 { 512 } else { 4096 };
    let (sectors, mut data) = data.split_at_checked(4)?;
    let mut pieces = Vec::new();
    while let Some((head, rest)) = data.split_at_checked(8) {
        let length = bytes::number(&head[6..]) as usize;
        let (piece, rest) = rest.split_at(length.min(rest.len()));
        let place = bytes::number(&head[..4]) * sector_bytes + bytes::number(&head[4..6]);
        pieces.push((place, piece.to_vec()));
        data = rest;
    }
    let size_bytes = bytes::number(sectors) * sector_bytes;
    let mut disk = Sparse { size_bytes, pieces };
    if flags & 2 != 0 {
        sums(&mut disk, sector_bytes);
    }
    Some((flags, sector_bytes, disk))
}

/// Puts the checksums of a GPT right, so that the other fields are reached.
fn sums(disk: &mut Sparse, sector_bytes: u64) {
    let Ok(primary) = disk.bytes(sector_bytes, 92) else {
        return;
    };
    for lba in [1, bytes::number(&primary[32..40])] {
        let Some(place) = lba.checked_mul(sector_bytes) else {
            continue;
        };
        let Ok(mut header) = disk.bytes(place, 92) else {
            continue;
        };
        let array = bytes::number(&header[72..80]).saturating_mul(sector_bytes);
        let length = bytes::number(&header[80..84]).min(1024) as usize * 128;
        if let Ok(entries) = disk.bytes(array, length) {
            header[88..92].copy_from_slice(&crc(&entries).to_le_bytes());
        }
        header[16..20].fill(0);
        let sum = crc(&header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        disk.pieces.push((place, header));
    }
}

/// CRC-32 (IEEE 802.3), written here and not by the code under test.
fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32| (sum >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(sum & 1));
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum))
    })
}

/// A table that is accepted has its partitions on the disk and apart; free space lies between them; a new partition goes into
/// it, the rewritten bytes are accepted with all former entries as they were, every torn state in between holds the old
/// partitions or the new ones or is refused, and what was saved brings the old bytes back.
pub fn run(data: &[u8]) {
    let Some((flags, sector_bytes, disk)) = disk(data) else {
        return;
    };
    let _ = table::image_sector_bytes(&disk);
    let _ = signature::read(&disk, 0, disk.size_bytes);
    let Ok(read) = table::read(&disk, sector_bytes) else {
        return;
    };
    let Ok(table) = read else { return };
    assert_eq!(table::read(&disk, sector_bytes).unwrap(), Ok(table.clone()));
    sound(&table);
    for entry in &table.partitions {
        let place = entry.start * sector_bytes;
        let _ = signature::read(&disk, place, entry.sectors * sector_bytes);
    }
    let place = [Place::End, Place::Largest, Place::At(disk.size_bytes / 2)][(flags >> 2 & 3) % 3];
    rewritten(&disk, &table, place, flags);
}

fn sound(table: &Table) {
    let level = |logical: bool| {
        let mut level: Vec<(u64, u64)> = table
            .partitions
            .iter()
            .filter(|entry| (entry.role == Role::Logical) == logical)
            .map(|entry| (entry.start, entry.end()))
            .collect();
        level.sort_unstable();
        level
    };
    for level in [level(false), level(true)] {
        assert!(
            level
                .iter()
                .all(|(start, end)| start < end && *end <= table.sectors)
        );
        assert!(
            level.windows(2).all(|pair| pair[0].1 <= pair[1].0),
            "they overlap"
        );
    }
    let free = extent::free(table);
    assert!(
        free.windows(2)
            .all(|pair| pair[0].end() <= pair[1].start_bytes)
    );
    for extent in free {
        assert!(extent.size_bytes > 0 && extent.end() <= table.sectors * table.sector_bytes);
        for (start, end) in level(false) {
            let (start, end) = (start * table.sector_bytes, end * table.sector_bytes);
            assert!(
                extent.end() <= start || end <= extent.start_bytes,
                "not free"
            );
        }
    }
}

fn rewritten(disk: &Sparse, old: &Table, place: Place, flags: usize) {
    let request = Request {
        disk: "card.img".to_owned(),
        os: None,
        place,
        minimum_bytes: LEAST_BYTES,
        wipe: false,
        partitions: vec![Wish {
            size_bytes: (flags & 16 != 0).then_some(100 << 20),
            filesystem: cluster::inventory::Filesystem::Ext4,
            label: Some("docker".to_owned()),
            mount: None,
            persist: cluster::inventory::Persist::None,
        }],
    };
    let state = DiskState {
        path: "card.img".to_owned(),
        kind: Kind::Image,
        size_bytes: disk.size_bytes,
        sector_bytes: old.sector_bytes,
        erase_bytes: [0, 4 << 20, 12 << 20, 1 << 60][flags >> 5 & 3],
        read_only: false,
        held_by: Vec::new(),
        table: Ok(old.clone()),
        contents: BTreeMap::new(),
        mounted: BTreeMap::new(),
        kernel: None,
        found: Vec::new(),
        hole: true,
    };
    let planned = plan::plan("pi1", &request, &state, &NodeState::default());
    if planned.plan.is_none() {
        assert!(
            !cluster::finding::ok(&planned.findings),
            "no plan, and no reason"
        );
        return;
    }
    let new = after(disk, &planned, old);
    torn(disk, &planned, old, &new);
    taken_back(disk, &planned);
}

/// The disk's table after all writes: the old entries as they were, and the planned ones.
fn after(disk: &Sparse, planned: &Planned, old: &Table) -> Table {
    let writes = planned.writes.iter();
    let all = writes.map(|(_, offset, _, bytes)| (*offset, bytes.clone()));
    let new = table::read(&Overlay::new(disk, all.collect()), old.sector_bytes)
        .expect("reading memory")
        .unwrap_or_else(|damage| panic!("what was written is refused: {damage:?}"));
    sound(&new);
    for entry in &old.partitions {
        assert!(
            new.partitions.contains(entry),
            "partition {} changed",
            entry.number
        );
    }
    assert_eq!(new.disk_id, old.disk_id);
    for wanted in &planned.answer.partitions {
        let found = new
            .partitions
            .iter()
            .find(|entry| Some(entry.number) == wanted.number)
            .expect("the planned partition");
        let bytes = new.sector_bytes;
        assert_eq!(Some(found.start * bytes), wanted.start_bytes);
        assert_eq!(Some(found.sectors * bytes), wanted.size_bytes);
        assert_eq!(wanted.start_bytes.unwrap() % (1 << 20), 0);
    }
    if old.scheme == Scheme::Mbr {
        assert_eq!(planned.writes.len(), 1);
    }
    new
}

/// The machine dies between two writes, or within one.
fn torn(disk: &Sparse, planned: &Planned, old: &Table, new: &Table) {
    let mut done: Vec<(u64, Vec<u8>)> = Vec::new();
    let moved = old.sectors - 1;
    let copies = |disk: &dyn Source| -> bool {
        let Raw::Gpt(raw) = &old.raw else { return true };
        [1, raw.backup_lba, moved]
            .iter()
            .any(|lba| whole(disk, *lba, old.sector_bytes))
    };
    for (_, offset, before, bytes) in &planned.writes {
        assert_eq!(
            disk.bytes(*offset, before.len()).ok().as_ref(),
            Some(before)
        );
        for part in [bytes.len() / 2, bytes.len()] {
            let mut writes = done.clone();
            writes.push((*offset, bytes[..part].to_vec()));
            let overlay = Overlay::new(disk, writes);
            assert!(copies(&overlay), "no whole copy is left");
            let state = table::read(&overlay, old.sector_bytes);
            if let Ok(Ok(state)) = state
                && old.scheme == Scheme::Gpt
            {
                let known = [&old.partitions, &new.partitions];
                assert!(known.contains(&&state.partitions), "a third table");
            }
        }
        done.push((*offset, bytes.clone()));
    }
}

/// Whether a GPT's header in this sector and its entries have the checksums that they should.
fn whole(disk: &dyn Source, lba: u64, sector_bytes: u64) -> bool {
    let entries = |header: &[u8]| {
        let array = bytes::number(&header[72..80]).checked_mul(sector_bytes)?;
        let length = bytes::number(&header[80..84]).min(1024) as usize * 128;
        disk.bytes(array, length).ok()
    };
    let Ok(mut header) = disk.bytes(lba * sector_bytes, 92) else {
        return false;
    };
    let stated = bytes::number(&header[16..20]);
    header[16..20].fill(0);
    let array = entries(&header).map(|entries| u64::from(crc(&entries)));
    u64::from(crc(&header)) == stated && array == Some(bytes::number(&header[88..92]))
}

fn taken_back(disk: &Sparse, planned: &Planned) {
    let mut writes: Vec<(u64, Vec<u8>)> = planned
        .writes
        .iter()
        .map(|(_, offset, _, bytes)| (*offset, bytes.clone()))
        .collect();
    let saved = planned.answer.table_before.iter();
    writes.extend(saved.map(|saved| (saved.offset_bytes, saved.bytes.0.clone())));
    let overlay = Overlay::new(disk, writes.clone());
    for (offset, bytes) in &writes {
        assert_eq!(
            overlay.bytes(*offset, bytes.len()).unwrap(),
            disk.bytes(*offset, bytes.len()).unwrap()
        );
    }
}
