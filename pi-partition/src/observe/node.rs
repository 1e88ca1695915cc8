//! Reading a node's configuration: its system, its mounts and what mounts again after a restart.

use crate::request::Request;
use crate::state::{DiskState, Kind, NodeState, Target};
use crate::unwind;
use anyhow::Context;
use cluster::cloud_config;
use cluster::command::Command;
use cluster::inventory::Os;
use cluster::root::Root;
use cluster::run::{Unfinished, mounts};
use std::path::{Path, PathBuf};

/// Larger than any configuration file.
const FILE_LIMIT: u64 = 4 << 20;

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
    // Nothing is mounted on a card that is not started.
    let mounts = match root.is_system() {
        true => mounts::read(root)?,
        false => Vec::new(),
    };
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
    if os.is_some_and(Os::is_rancher) && root.is_system() {
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
    if let Some(place) = led_elsewhere(root, path) {
        return Ok(Target::Link(place.display().to_string()));
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

/// Where a path leads whose folders are partly symbolic links; `None` where none is. The kernel lists what is mounted by the
/// place that it leads to, so that a mount by another name would never be found.
fn led_elsewhere(root: &Root, path: &Path) -> Option<PathBuf> {
    if !root.is_system() {
        return None;
    }
    path.ancestors().find(|part| part.is_symlink())?;
    // What is there is resolved; what is not will be made as it is named.
    let there = path.ancestors().find(|part| part.exists())?;
    let rest = path.strip_prefix(there).ok()?;
    let place = there.canonicalize().ok()?;
    Some(match rest.as_os_str().is_empty() {
        true => place,
        false => place.join(rest),
    })
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
