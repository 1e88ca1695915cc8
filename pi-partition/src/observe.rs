//! Reading what a disk and its node are.

use crate::device::{KernelPartition, OpenDisk};
use crate::layout;
use crate::plan::node_path;
use crate::request::Request;
use crate::signature::{self, Signature};
use crate::source::{Disk, Overlay, Source};
use crate::state::{DiskState, Kind};
use crate::table::{self, Role, Table};
use crate::unwind;
use anyhow::Context;
use cluster::run::Unfinished;
use nix::fcntl::PosixFadviseAdvice;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

mod hole;
mod node;
mod uses;

use hole::is_hole;
pub use node::node;
use uses::{held_by, uses};

/// The disk as it is, or, where a run was killed, as it was before that run.
///
/// # Errors
/// The disk cannot be read.
pub fn disk(
    open: &OpenDisk,
    request: &Request,
    sector_bytes: Option<u64>,
    left: Option<&Unfinished>,
) -> anyhow::Result<DiskState> {
    let reading = || format!("reading {}", open.path.display());
    // A few places far apart are read: what lies between them is of no use.
    let _ = advise(open, PosixFadviseAdvice::POSIX_FADV_RANDOM);
    if open.kind == Kind::Device {
        // Pages that were read through the whole disk's node do not follow what is written through a partition's.
        let _ = advise(open, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
    let plain = Disk::new(&open.file, open.size_bytes);
    let source = Overlay::new(&plain, left.map(unwind::writes).unwrap_or_default());
    let sector_bytes = match (open.sector_bytes, sector_bytes) {
        (0, Some(given)) => given,
        (0, None) => table::image_sector_bytes(&source).with_context(reading)?,
        (device, _) => device,
    };
    let kernel = open.kernel_partitions();
    let uses = uses(open, &kernel)?;
    let mut state = DiskState {
        path: shown(open)?,
        kind: open.kind,
        size_bytes: open.size_bytes,
        sector_bytes,
        erase_bytes: erase_bytes(open),
        read_only: open.read_only,
        held_by: Vec::new(),
        table: table::read(&source, sector_bytes).with_context(reading)?,
        contents: BTreeMap::new(),
        mounted: uses,
        kernel: (open.kind == Kind::Device).then(|| {
            let known = kernel.iter();
            known
                .map(|p| (p.number, p.start_bytes, p.size_bytes))
                .collect()
        }),
        found: Vec::new(),
        hole: false,
    };
    state.held_by = held_by(open, &state, &plain)?;
    if let Ok(table) = state.table.clone() {
        state.contents = contents(open, &source, &table, &kernel).with_context(reading)?;
        if let Some(left) = left {
            unwind::disk(&mut state, left);
        }
        scan(open, request, &source, &mut state).with_context(reading)?;
        if let Some(left) = left {
            unwind::found(&mut state, left);
        }
    }
    Ok(state)
}

fn advise(open: &OpenDisk, advice: PosixFadviseAdvice) -> nix::Result<()> {
    nix::fcntl::posix_fadvise(open.file.as_fd(), 0, 0, advice)
}

fn shown(open: &OpenDisk) -> anyhow::Result<String> {
    let path = open.path.to_str();
    path.map(str::to_owned)
        .with_context(|| format!("reading {}: the path is not UTF-8", open.path.display()))
}

fn erase_bytes(open: &OpenDisk) -> u64 {
    let names = ["queue/discard_granularity", "device/preferred_erase_size"];
    let units = names.iter().filter_map(|name| open.sysfs_number(name));
    units.max().unwrap_or(0)
}

/// What is in each partition. Through the partition's own node where there is one: the whole disk's pages may be old.
fn contents(
    open: &OpenDisk,
    source: &dyn Source,
    table: &Table,
    kernel: &[KernelPartition],
) -> std::io::Result<BTreeMap<u32, Signature>> {
    let mut contents = BTreeMap::new();
    for entry in table
        .partitions
        .iter()
        .filter(|entry| entry.role != Role::Extended)
    {
        let (start, size) = table.bytes(entry);
        let known = kernel.iter().find(|known| known.number == entry.number);
        let found = match known.and_then(|known| open_partition(open, known)) {
            Some(file) => signature::read(&Disk::new(&file, size), 0, size)?,
            None => signature::read(source, start, size)?,
        };
        if let Some(found) = found {
            contents.insert(entry.number, found);
        }
    }
    Ok(contents)
}

/// A partition's node, where it is the one that the kernel means.
pub fn open_partition(open: &OpenDisk, known: &KernelPartition) -> Option<File> {
    let path = node_path(open.path.to_str()?, known.number);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)
        .ok()?;
    let device = file.metadata().ok()?.rdev();
    let numbers = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    (numbers == known.numbers).then_some(file)
}

/// Looks for signatures where new partitions would be: at their starts and ends, and where the free extent itself begins, which
/// is where a lost partition most often began.
fn scan(
    open: &OpenDisk,
    request: &Request,
    source: &dyn Source,
    state: &mut DiskState,
) -> std::io::Result<()> {
    let Ok(table) = &state.table else {
        return Ok(());
    };
    let Ok(layout) = layout::layout(request, state, table) else {
        return Ok(());
    };
    let Some(choice) = layout.choice else {
        return Ok(());
    };
    let mut places = vec![
        (choice.free.start_bytes, choice.free.size_bytes),
        (choice.aligned.start_bytes, choice.aligned.size_bytes),
    ];
    let new = layout.placed.iter().filter(|placed| !placed.there);
    places.extend(new.map(|placed| (placed.start_bytes, placed.size_bytes)));
    places.sort_unstable();
    places.dedup();
    let mut hole = false;
    let mut found = Vec::new();
    for (start, size) in places {
        if let Some(signature) = signature::read(source, start, size)? {
            found.push((start, signature));
        }
    }
    if open.kind == Kind::Image {
        hole = is_hole(&open.file, choice.aligned, table);
    }
    state.found = found;
    state.hole = hole;
    Ok(())
}
