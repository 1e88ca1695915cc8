//! What holds for every table: proved on tables that chance makes, hostile ones too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::panic, reason = "a test that cannot go on panics")]

use cluster::inventory::{Filesystem, Persist};
use cluster::plan::uuid_text;
use pi_partition::extent::{Place, alignment, free};
use pi_partition::layout::identity;
use pi_partition::plan::{Planned, plan};
use pi_partition::request::{Request, Wish};
use pi_partition::signature::Signature;
use pi_partition::source::{Overlay, Source};
use pi_partition::state::{DiskState, Kind, NodeState};
use pi_partition::table::{self, Scheme, Table, gpt, mbr};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io;

/// A disk of zeros, of any size.
struct Zeros(u64);

impl Source for Zeros {
    fn size_bytes(&self) -> u64 {
        self.0
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.fill(0);
        Ok(())
    }
}

/// A disk as a test makes it.
#[derive(Debug, Clone)]
struct Made {
    scheme: Scheme,
    sector_bytes: u64,
    sectors: u64,
    /// How much larger the disk is than the one that its GPT was made for, in sectors.
    grown: u64,
    partitions: Vec<(u64, u64)>,
    erase_bytes: u64,
}

fn made() -> impl Strategy<Value = Made> {
    let scheme = prop_oneof![Just(Scheme::Mbr), Just(Scheme::Gpt)];
    let sector = prop_oneof![Just(512u64), Just(4096)];
    let erase = prop_oneof![
        Just(0u64),
        Just(4 << 20),
        Just(8 << 20),
        Just(3 << 19),
        any::<u64>()
    ];
    // Gap before and size of up to four partitions, in sectors: from one sector on, so that starts are anything but aligned.
    let cuts = proptest::collection::vec((0u64..40_000, 1u64..300_000), 0..4);
    (
        scheme,
        sector,
        300_000u64..40_000_000,
        0u64..3_000_000,
        cuts,
        erase,
    )
        .prop_map(|(scheme, sector_bytes, room, grown, cuts, erase_bytes)| {
            let mut at = 2048;
            let mut partitions = Vec::new();
            for (gap, size) in cuts {
                partitions.push((at + gap, size));
                at += gap + size;
            }
            let grown = if scheme == Scheme::Gpt { grown } else { 0 };
            Made {
                scheme,
                sector_bytes,
                sectors: at + room,
                grown,
                partitions,
                erase_bytes,
            }
        })
}

impl Made {
    fn writes(&self) -> Vec<(u64, Vec<u8>)> {
        let mut writes = match self.scheme {
            Scheme::Mbr => Vec::new(),
            Scheme::Gpt => self.gpt(),
        };
        let mut sector = vec![0; 512];
        sector[440..444].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        match self.scheme {
            Scheme::Mbr => {
                for (index, (start, size)) in self.partitions.iter().enumerate() {
                    let entry = mbr::new_entry(*start, *size, mbr::LINUX).unwrap();
                    sector[446 + index * 16..][..16].copy_from_slice(&entry);
                }
            }
            Scheme::Gpt => {
                let size = u32::try_from(self.sectors - 1).unwrap_or(u32::MAX);
                let mut entry = mbr::new_entry(1, u64::from(size) - 1, 0xee).unwrap();
                entry[12..].copy_from_slice(&size.to_le_bytes());
                sector[446..462].copy_from_slice(&entry);
            }
        }
        writes.push((0, sector));
        writes
    }

    /// A GPT as `sfdisk` makes it, built here from the specification and not with the code under test.
    fn gpt(&self) -> Vec<(u64, Vec<u8>)> {
        let array_sectors = 16384 / self.sector_bytes;
        let mut entries = vec![0; 16384];
        for (index, (start, size)) in self.partitions.iter().enumerate() {
            let entry = &mut entries[index * 128..][..128];
            entry[..16].fill(0x11);
            entry[16..32].fill(index as u8 + 1);
            entry[32..40].copy_from_slice(&start.to_le_bytes());
            entry[40..48].copy_from_slice(&(start + size - 1).to_le_bytes());
        }
        let header = |own: u64, other: u64, array: u64| {
            let mut header = vec![0; self.sector_bytes as usize];
            header[..8].copy_from_slice(b"EFI PART");
            header[8..16].copy_from_slice(&[0, 0, 1, 0, 92, 0, 0, 0]);
            header[24..32].copy_from_slice(&own.to_le_bytes());
            header[32..40].copy_from_slice(&other.to_le_bytes());
            header[40..48].copy_from_slice(&2048u64.to_le_bytes());
            header[48..56].copy_from_slice(&(self.sectors - 2 - array_sectors).to_le_bytes());
            header[56..72].fill(7);
            header[72..80].copy_from_slice(&array.to_le_bytes());
            header[80..88].copy_from_slice(&[128, 0, 0, 0, 128, 0, 0, 0]);
            header[88..92].copy_from_slice(&crc32(&entries).to_le_bytes());
            let crc = crc32(&header[..92]);
            header[16..20].copy_from_slice(&crc.to_le_bytes());
            header
        };
        let (last, array) = (self.sectors - 1, self.sectors - 1 - array_sectors);
        vec![
            (self.sector_bytes, header(1, last, 2)),
            (2 * self.sector_bytes, entries.clone()),
            (last * self.sector_bytes, header(last, 1, array)),
            (array * self.sector_bytes, entries),
        ]
    }

    fn size_bytes(&self) -> u64 {
        (self.sectors + self.grown) * self.sector_bytes
    }

    fn state(&self, source: &dyn Source) -> DiskState {
        DiskState {
            path: "card.img".to_owned(),
            kind: Kind::Image,
            size_bytes: self.size_bytes(),
            sector_bytes: self.sector_bytes,
            erase_bytes: self.erase_bytes,
            read_only: false,
            held_by: Vec::new(),
            table: table::read(source, self.sector_bytes).unwrap(),
            contents: BTreeMap::new(),
            mounted: BTreeMap::new(),
            kernel: None,
            found: Vec::new(),
            hole: true,
        }
    }
}

/// CRC-32 bit by bit (ISO 3309), to compare with the crate's.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

fn request(sizes: &[Option<u64>], place: Place) -> Request {
    Request {
        disk: "card.img".to_owned(),
        os: None,
        place,
        minimum_bytes: 64 << 20,
        wipe: false,
        partitions: sizes
            .iter()
            .map(|size_bytes| Wish {
                size_bytes: *size_bytes,
                filesystem: Filesystem::Ext4,
                label: None,
                mount: None,
                persist: Persist::None,
            })
            .collect(),
    }
}

fn sizes() -> impl Strategy<Value = Vec<Option<u64>>> {
    let size = prop_oneof![2 => Just(None), 3 => (64u64 << 20..2 << 30).prop_map(Some)];
    proptest::collection::vec(size, 1..3)
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        Just(Place::End),
        Just(Place::Largest),
        (0u64..20 << 30).prop_map(Place::At)
    ]
}

fn planned(made: &Made, request: &Request, disk: &DiskState) -> Planned {
    let planned = plan("image", request, disk, &NodeState::default());
    assert_eq!(
        planned.plan.is_some(),
        cluster::finding::ok(&planned.findings),
        "{made:?}"
    );
    planned
}

/// The disk after a plan's writes, with the file systems that its commands would make.
fn after(
    made: &Made,
    writes: Vec<(u64, Vec<u8>)>,
    planned: &Planned,
    old: &DiskState,
) -> DiskState {
    let zeros = Zeros(made.size_bytes());
    let disk = Overlay::new(&zeros, writes);
    let mut state = made.state(&disk);
    state.contents = old.contents.clone();
    for partition in &planned.answer.partitions {
        let signature = Signature {
            kind: "ext4",
            offset: 1080,
            magic: vec![0x53, 0xef],
            label: None,
            uuid: partition.uuid.clone(),
        };
        state.contents.insert(partition.number.unwrap(), signature);
    }
    state
}

fn new_partitions(table: &Table, old: &Table) -> Vec<(u32, u64, u64)> {
    let new = table
        .partitions
        .iter()
        .filter(|entry| !old.partitions.contains(entry));
    new.map(|entry| {
        (
            entry.number,
            entry.start * table.sector_bytes,
            entry.sectors * table.sector_bytes,
        )
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn new_partitions_lie_free_inside_and_aligned_and_the_second_plan_is_empty(
        made in made(), sizes in sizes(), place in place()
    ) {
        let zeros = Zeros(made.size_bytes());
        let disk = Overlay::new(&zeros, made.writes());
        let state = made.state(&disk);
        let old = state.table.clone().unwrap();
        prop_assert_eq!(old.partitions.len(), made.partitions.len());
        let request = request(&sizes, place);
        let first = planned(&made, &request, &state);
        prop_assume!(first.plan.is_some());
        // What was planned twice is the same.
        let again = planned(&made, &request, &state);
        prop_assert_eq!(&again.plan, &first.plan);

        let mut writes = made.writes();
        writes.extend(first.writes.iter().map(|(_, at, _, bytes)| (*at, bytes.clone())));
        let done = after(&made, writes.clone(), &first, &state);
        // The reader itself refuses overlaps and what lies outside.
        let table = done.table.clone().unwrap();
        let new = new_partitions(&table, &old);
        prop_assert_eq!(new.len(), sizes.len());
        prop_assert_eq!(&table.disk_id, &old.disk_id);
        let unit = alignment(made.erase_bytes);
        let room = free(&old);
        for ((number, start, size), wish) in new.iter().zip(&sizes) {
            prop_assert_eq!((start % unit, size % unit), (0, 0));
            prop_assert!(*size >= 64 << 20);
            prop_assert!(wish.is_none_or(|wish| *size >= wish && *size < wish + unit));
            prop_assert!(room.iter().any(|free| free.start_bytes <= *start && start + size <= free.end()));
            let uuid = uuid_text(identity(&table, *number, *start, *size));
            let answer = first.answer.partitions.iter().find(|p| p.number == Some(*number)).unwrap();
            prop_assert_eq!(answer.uuid.as_deref(), Some(uuid.as_str()));
        }
        for entry in &old.partitions {
            prop_assert!(table.partitions.contains(entry));
        }
        let second = planned(&made, &request, &done);
        prop_assert!(second.plan.is_some(), "{:?}", second.findings);
        prop_assert!(second.plan.unwrap().steps.is_empty());
        prop_assert!(second.writes.is_empty());

        // Undone, every byte is the old one.
        let mut undone = writes;
        undone.extend(first.writes.iter().rev().map(|(_, at, before, _)| (*at, before.clone())));
        let undone = Overlay::new(&zeros, undone);
        for (_, at, before, _) in &first.writes {
            prop_assert_eq!(&undone.bytes(*at, before.len()).unwrap(), before);
        }
        prop_assert_eq!(table::read(&undone, made.sector_bytes).unwrap().unwrap(), old);
    }

    #[test]
    fn in_every_prefix_of_the_writes_the_table_is_the_old_or_the_new_one_or_the_primary_is_whole(made in made()) {
        let zeros = Zeros(made.size_bytes());
        let disk = Overlay::new(&zeros, made.writes());
        let state = made.state(&disk);
        let first = planned(&made, &request(&[None], Place::End), &state);
        prop_assume!(first.plan.is_some());
        let old = state.table.clone().unwrap();
        for length in 0..=first.writes.len() {
            let mut writes = made.writes();
            writes.extend(first.writes[..length].iter().map(|(_, at, _, bytes)| (*at, bytes.clone())));
            let disk = Overlay::new(&zeros, writes);
            match table::read(&disk, made.sector_bytes).unwrap() {
                Ok(table) => prop_assert!(table.partitions.len() >= old.partitions.len()),
                // Between the copies of a GPT they differ.
                Err(_) => prop_assert!(made.scheme == Scheme::Gpt, "after {length} writes"),
            }
            // Linux starts from a whole primary only.
            let primary = made.scheme == Scheme::Mbr || primary_is_whole(&disk, &made);
            prop_assert!(primary, "after {length} writes");
        }
    }

    #[test]
    fn hostile_bytes_neither_panic_nor_hang_nor_take_memory(
        made in made(),
        noise in proptest::collection::vec((0u64..40_000, any::<u8>()), 0..60),
        chain in proptest::collection::vec((any::<u32>(), any::<u32>(), 0u8..8), 0..12)
    ) {
        let zeros = Zeros(made.size_bytes());
        let mut writes = made.writes();
        // A chain of boot records that leads anywhere, back too.
        for (index, (start, size, kind)) in chain.iter().enumerate() {
            let mut sector = vec![0; 512];
            sector[510..].copy_from_slice(&[0x55, 0xaa]);
            for (slot, kind) in [(0, 0x83), (1, [5, 0xf, 0x85, 0x83, 0, 0xee, 5, 5][usize::from(*kind)])] {
                let entry = &mut sector[446 + slot * 16..][..16];
                entry[4] = kind;
                entry[8..12].copy_from_slice(&(start % 30_000).to_le_bytes());
                entry[12..16].copy_from_slice(&size.to_le_bytes());
            }
            let place = if index == 0 { 0 } else { u64::from(start % 30_000) };
            writes.push((place * made.sector_bytes, sector));
        }
        writes.extend(noise.iter().map(|(at, byte)| (*at, vec![*byte])));
        let disk = Overlay::new(&zeros, writes);
        if let Ok(table) = table::read(&disk, made.sector_bytes).unwrap() {
            let state = made.state(&disk);
            for extent in free(&table) {
                prop_assert!(extent.end() <= made.size_bytes());
            }
            let planned = plan("image", &request(&[None], Place::Largest), &state, &NodeState::default());
            for partition in planned.answer.partitions.iter().filter(|_| planned.plan.is_some()) {
                let end = partition.start_bytes.unwrap() + partition.size_bytes.unwrap();
                prop_assert!(end <= made.size_bytes());
            }
        }
    }
}

fn primary_is_whole(disk: &dyn Source, made: &Made) -> bool {
    let header = disk.bytes(made.sector_bytes, 92).unwrap();
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap());
    let four = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let mut plain = header.clone();
    plain[16..20].fill(0);
    let entries = disk.bytes(number(72) * made.sector_bytes, 16384).unwrap();
    gpt::has_signature(&header) && crc32(&plain) == four(16) && crc32(&entries) == four(88)
}

#[test]
fn a_chain_without_an_end_is_named() {
    let zeros = Zeros(1 << 30);
    let record = |next: u32| {
        let mut sector = vec![0; 512];
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector[446..462].copy_from_slice(&mbr::new_entry(1, 1, 0x83).unwrap());
        sector[462 + 4] = 5;
        sector[462 + 8..462 + 12].copy_from_slice(&next.to_le_bytes());
        sector[462 + 12..478].copy_from_slice(&10u32.to_le_bytes());
        sector
    };
    let mut first = vec![0; 512];
    first[510..].copy_from_slice(&[0x55, 0xaa]);
    first[446..462].copy_from_slice(&mbr::new_entry(2048, 1_000_000, 5).unwrap());
    let at = |sector: u64| sector * 512;
    for (writes, why) in [
        (vec![(at(2048), record(0))], "outside"),
        (
            vec![(at(2048), record(50)), (at(2098), record(50))],
            "comes back",
        ),
        (
            (0..200)
                .map(|n| (at(2048 + n * 50), record(n as u32 * 50 + 50)))
                .collect(),
            "more than 100",
        ),
        (vec![(at(2048), record(50))], "no boot record"),
        (
            vec![
                (at(2048), record(999_999)),
                (at(2048 + 999_999), record(10)),
            ],
            "outside",
        ),
    ] {
        let mut all = vec![(0, first.clone())];
        all.extend(writes);
        let damage = table::read(&Overlay::new(&zeros, all), 512)
            .unwrap()
            .unwrap_err();
        assert!(damage.message.contains(why), "{}", damage.message);
    }
}

#[test]
fn claims_of_a_gpt_are_not_believed() {
    let made = Made {
        scheme: Scheme::Gpt,
        sector_bytes: 512,
        sectors: 1 << 20,
        grown: 0,
        partitions: vec![(2048, 1000)],
        erase_bytes: 0,
    };
    let zeros = Zeros(made.size_bytes());
    for (at, bytes, why) in [
        (
            80,
            u32::MAX.to_le_bytes().to_vec(),
            "claims 4294967295 entries",
        ),
        (84, 1u32.to_le_bytes().to_vec(), "entries have 1 bytes"),
        (12, u32::MAX.to_le_bytes().to_vec(), "4294967295 bytes"),
        (72, u64::MAX.to_le_bytes().to_vec(), "places that cannot be"),
        (32, (1u64 << 40).to_le_bytes().to_vec(), "larger disk"),
        (48, u64::MAX.to_le_bytes().to_vec(), "places that cannot be"),
        // One array for both copies, and one header: whoever writes one has written both.
        (
            72,
            (made.sectors - 33).to_le_bytes().to_vec(),
            "places that cannot be",
        ),
        (32, 1u64.to_le_bytes().to_vec(), "places that cannot be"),
    ] {
        let mut writes = made.writes();
        let mut header = writes[0].1.clone();
        header[at..at + bytes.len()].copy_from_slice(&bytes);
        header[16..20].fill(0);
        let crc = crc32(&header[..92]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        writes.push((512, header));
        let damage = table::read(&Overlay::new(&zeros, writes), 512)
            .unwrap()
            .unwrap_err();
        assert!(damage.message.contains(why), "{at}: {}", damage.message);
    }
}
