//! Reading what a disk and its node are.

use crate::device::{KernelPartition, OpenDisk};
use crate::extent::Extent;
use crate::layout;
use crate::plan::node_path;
use crate::request::Request;
use crate::signature::{self, Signature};
use crate::source::{Disk, Overlay, Source};
use crate::state::{DiskState, Kind, NodeState, Target};
use crate::table::{self, Raw, Role, Table, gpt};
use crate::unwind;
use anyhow::Context;
use cluster::cloud_config;
use cluster::command::Command;
use cluster::inventory::Os;
use cluster::root::Root;
use cluster::run::{Unfinished, mounts};
use nix::fcntl::PosixFadviseAdvice;
use nix::unistd::Whence;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Larger than any configuration file.
const FILE_LIMIT: u64 = 4 << 20;
/// More data than this is not an old backup of a table.
const MOST_LEFT: u64 = 256 << 10;

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
        let (start, size) = (
            entry.start * table.sector_bytes,
            entry.sectors * table.sector_bytes,
        );
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

/// Whether a range of a file holds nothing but an old backup of the table: giving it back, and that backup's bytes with it,
/// leaves the file as it is now.
fn is_hole(file: &File, extent: Extent, table: &Table) -> bool {
    let old = match &table.raw {
        Raw::Gpt(raw) => gpt::left_behind(raw, table.sector_bytes, table.sectors),
        _ => Vec::new(),
    };
    let mut at = extent.start_bytes;
    while at < extent.end() {
        let Ok(place) = i64::try_from(at) else {
            return false;
        };
        let data = match nix::unistd::lseek(file, place, Whence::SeekData) {
            Ok(data) => u64::try_from(data).unwrap_or(0),
            Err(nix::Error::ENXIO) => return true,
            Err(_) => return false,
        };
        if data >= extent.end() {
            return true;
        }
        let hole = nix::unistd::lseek(file, i64::try_from(data).unwrap_or(0), Whence::SeekHole);
        let end = hole.map_or(data, |hole| u64::try_from(hole).unwrap_or(data));
        let end = end.min(extent.end());
        if end <= data || end - data > MOST_LEFT || !only(file, data, end, &old) {
            return false;
        }
        at = end;
    }
    true
}

/// Whether the bytes of a range are zeros but for those of `known`.
fn only(file: &File, start: u64, end: u64, known: &[(u64, Vec<u8>)]) -> bool {
    // At most `MOST_LEFT`.
    let mut bytes = vec![0; (end - start) as usize];
    if file.read_exact_at(&mut bytes, start).is_err() {
        return false;
    }
    let mut places = start..end;
    bytes.iter().all(|byte| {
        let place = places.next().unwrap_or(end);
        let inside =
            |(from, old): &(u64, Vec<u8>)| (*from..from + old.len() as u64).contains(&place);
        *byte == 0 || known.iter().any(inside)
    })
}

/// Mount points, swap and what is stacked on each partition.
fn uses(open: &OpenDisk, kernel: &[KernelPartition]) -> anyhow::Result<BTreeMap<u32, Vec<String>>> {
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
fn held_by(open: &OpenDisk, state: &DiskState, source: &dyn Source) -> anyhow::Result<Vec<String>> {
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
    let whole = signature::read(source, 0, open.size_bytes).context("reading the disk's start")?;
    if let Some(whole) = whole.filter(|whole| whole.kind.ends_with("_member")) {
        held.push(whole.kind.to_owned());
    }
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

/// The node's configuration, as far as the request needs it.
///
/// # Errors
/// It cannot be read.
pub fn node(
    root: &Root,
    request: &Request,
    disk: &DiskState,
    left: Option<&Unfinished>,
) -> anyhow::Result<NodeState> {
    let mut node = NodeState {
        os: os(root)?,
        ..NodeState::default()
    };
    if disk.kind != Kind::Device {
        return Ok(node);
    }
    node.fstab = text(root, "/etc/fstab")?.map(|text| text.lines().map(str::to_owned).collect());
    node.systemd = root.exists(Path::new("/run/systemd/system"))?;
    let mounts = mounts::read(root)?;
    for target in request
        .partitions
        .iter()
        .filter_map(|wish| wish.mount.as_ref())
    {
        node.targets
            .insert(target.clone(), self::target(root, &mounts, target)?);
    }
    for name in names_of_units(root)? {
        let path = format!("/etc/systemd/system/{name}");
        if let Some(content) = text(root, &path)? {
            node.units.insert(path, content);
        }
    }
    node.other_disk = other_disk(&mounts, disk);
    let os = request.os.or(node.os);
    if matches!(os, Some(Os::RancherOs | Os::BurmillaOs)) && root.is_system() {
        node.ros_mounts = ros_mounts()?;
    }
    if let Some(left) = left {
        unwind::node(&mut node, left);
    }
    Ok(node)
}

fn text(root: &Root, path: &str) -> anyhow::Result<Option<String>> {
    let content = root
        .read_if_there(Path::new(path), FILE_LIMIT)
        .with_context(|| format!("reading {path}"))?;
    Ok(content.map(|content| String::from_utf8_lossy(&content).into_owned()))
}

fn os(root: &Root) -> anyhow::Result<Option<Os>> {
    let release = text(root, "/etc/os-release")?.unwrap_or_default();
    let id = release
        .lines()
        .find_map(|line| line.strip_prefix("ID="))
        .map(|id| id.trim_matches(['"', '\'']));
    let is_pi = root.exists(Path::new("/etc/rpi-issue"))?;
    Ok(match id {
        Some("rancheros") => Some(Os::RancherOs),
        Some("burmilla" | "burmillaos") => Some(Os::BurmillaOs),
        Some("raspbian") => Some(Os::RaspiOs),
        Some("debian") if is_pi => Some(Os::RaspiOs),
        Some("debian") => Some(Os::Debian),
        Some("ubuntu") => Some(Os::Ubuntu),
        _ => None,
    })
}

fn target(root: &Root, mounts: &[mounts::Mount], target: &str) -> anyhow::Result<Target> {
    let path = Path::new(target);
    if let Some(mount) = mounts::at(mounts, path) {
        return Ok(Target::Mounted(mounted_device(mount)));
    }
    match root.names(path) {
        Ok(names) if names.is_empty() => Ok(Target::Free),
        Ok(names) => Ok(Target::Used(format!(
            "it holds {} files or folders",
            names.len()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Target::Free),
        Err(error) => Ok(Target::Used(error.to_string())),
    }
}

/// The device of a mount by its numbers; what was named as its source may be anything.
fn mounted_device(mount: &mounts::Mount) -> String {
    let link = format!("/sys/dev/block/{}:{}", mount.device.0, mount.device.1);
    std::fs::canonicalize(link)
        .ok()
        .and_then(|path| Some(format!("/dev/{}", path.file_name()?.to_str()?)))
        .unwrap_or_else(|| mount.source.display().to_string())
}

fn names_of_units(root: &Root) -> anyhow::Result<Vec<String>> {
    match root.names(Path::new("/etc/systemd/system")) {
        Ok(names) => Ok(names
            .into_iter()
            .filter_map(|name| name.into_string().ok())
            .filter(|name| name.ends_with(".mount"))
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).context("reading /etc/systemd/system"),
    }
}

/// Where a writable file system of another disk is mounted, below the places that people mount disks on. The first by name.
fn other_disk(mounts: &[mounts::Mount], disk: &DiskState) -> Option<String> {
    let own = Path::new(&disk.path).file_name()?.to_str()?;
    let mut found: Vec<String> = mounts
        .iter()
        .filter(|mount| {
            let below = ["/mnt", "/media", "/srv"]
                .iter()
                .any(|place| mount.target.starts_with(place));
            let writable = mount.options.split(',').any(|option| option == "rw");
            let lasting = matches!(
                mount.filesystem.as_str(),
                "ext4" | "xfs" | "btrfs" | "vfat" | "f2fs"
            );
            let device = mounted_device(mount);
            let name = device.trim_start_matches("/dev/");
            below && writable && lasting && mount.root == Path::new("/") && !name.starts_with(own)
        })
        .filter_map(|mount| mount.target.to_str().map(str::to_owned))
        .collect();
    found.sort_unstable();
    found.into_iter().next()
}

fn ros_mounts() -> anyhow::Result<Option<Vec<[String; 4]>>> {
    let out = Command::new("ros")
        .args(["config", "get", "mounts"])
        .run()?;
    let text = String::from_utf8(out).context("reading what ros says of its mounts")?;
    cloud_config::read_mounts(&text)
        .map(Some)
        .map_err(anyhow::Error::msg)
        .context("reading what ros says of its mounts")
}

/// A file as the descriptor that another program opens it by.
pub fn by_descriptor(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}
