//! Who uses a disk and its partitions: mounts, swap, what is stacked on them, other programs.

use crate::device::{KernelPartition, OpenDisk};
use crate::signature;
use crate::source::Source;
use crate::state::{DiskState, Kind};
use anyhow::Context;
use cluster::root::Root;
use cluster::run::mounts;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Mount points, swap and what is stacked on each partition.
pub(super) fn uses(
    open: &OpenDisk,
    kernel: &[KernelPartition],
) -> anyhow::Result<BTreeMap<u32, Vec<String>>> {
    let mut uses: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    if open.kind != Kind::Device {
        return Ok(uses);
    }
    let mounts = mounts::read(&Root::open(Path::new("/"))?)?;
    let swaps = swaps();
    for partition in kernel {
        let mut of = Vec::new();
        for mount in mounts
            .iter()
            .filter(|mount| mount.device == partition.numbers)
        {
            of.push(mount.target.display().to_string());
        }
        if swaps.contains(&partition.numbers) {
            of.push("swap".to_owned());
        }
        of.extend(partition.holders.iter().cloned());
        of.sort_unstable();
        of.dedup();
        if !of.is_empty() {
            uses.insert(partition.number, of);
        }
    }
    Ok(uses)
}

/// Device numbers of what is swapped to.
fn swaps() -> Vec<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    let lines = text.lines().skip(1);
    lines
        .filter_map(|line| {
            let device = std::fs::metadata(line.split_whitespace().next()?)
                .ok()?
                .rdev();
            Some((nix::sys::stat::major(device), nix::sys::stat::minor(device)))
        })
        .collect()
}

/// Who holds the whole disk: what is stacked on it, what it is a member of, who opened it for himself alone.
pub(super) fn held_by(
    open: &OpenDisk,
    state: &DiskState,
    source: &dyn Source,
) -> anyhow::Result<Vec<String>> {
    if open.kind == Kind::Image {
        return Ok(loops(&open.path));
    }
    let mut held: Vec<String> = open.sysfs_names("holders");
    let mounts = mounts::read(&Root::open(Path::new("/"))?)?;
    if let Some(mount) = mounts.iter().find(|mount| mount.device == open.numbers) {
        held.push(format!("a mount on {}", mount.target.display()));
    }
    if swaps().contains(&open.numbers) {
        held.push("swap".to_owned());
    }
    let members = signature::members(source).context("reading the disk's start and end")?;
    held.extend(members.into_iter().map(|member| member.kind.to_owned()));
    if held.is_empty() && state.mounted.is_empty() && is_claimed(&open.path) {
        held.push("another program that opened it for itself alone".to_owned());
    }
    Ok(held)
}

/// Whether somebody has the disk open with `O_EXCL`. Asked only where none of its partitions is in use, because those count too.
fn is_claimed(path: &Path) -> bool {
    let exclusive = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_EXCL | nix::libc::O_NONBLOCK)
        .open(path);
    exclusive.is_err_and(|error| error.raw_os_error() == Some(nix::libc::EBUSY))
}

/// The loop devices that show an image as a disk.
fn loops(image: &Path) -> Vec<String> {
    let Ok(image) = image.canonicalize() else {
        return Vec::new();
    };
    let entries = std::fs::read_dir("/sys/block").into_iter().flatten();
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let backing = std::fs::read_to_string(entry.path().join("loop/backing_file")).ok()?;
            let name = entry.file_name().into_string().ok()?;
            (Path::new(backing.trim_end_matches('\n')) == image).then(|| format!("/dev/{name}"))
        })
        .collect();
    found.sort_unstable();
    found
}
