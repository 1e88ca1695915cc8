//! What a stopped engine leaves behind: containers that go on, and mounts below its root.

use super::guard;
use super::inventory::Inventory;
use super::process::Process;
use anyhow::{Context, Result, bail};
use cluster::root::Root;
use cluster::run::mounts::{self, Mount};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// How long a container may take to end itself: what `docker stop` gives it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Mounts are busy for a moment after what used them was ended.
const TRIES: u32 = 50;

/// Containers' processes that still run.
pub fn processes(inventory: &Inventory) -> Vec<Process> {
    inventory
        .processes()
        .filter(|process| process.runs())
        .collect()
}

/// The mounts below a root, the innermost last; with the root's own where it is bound to itself.
///
/// # Errors
/// They cannot be read.
pub fn mounts_below(root: &Root, from: &Path) -> Result<Vec<Mount>> {
    let all = mounts::read(root)?;
    let mut found = Vec::new();
    if let Some(mount) = mounts::at(&all, from)
        && mount.root != Path::new("/")
        && guard::is_bound_to_itself(from)?
    {
        found.push(mount.clone());
    }
    let below = |target: &Path| target.starts_with(from) && target != from;
    found.extend(all.into_iter().filter(|mount| below(&mount.target)));
    Ok(found)
}

/// Whether an engine made a mount that [`mounts_below`] found, and makes it again: a container's root, its shared memory and
/// secrets, a plugin's, its own root's on itself, a volume with options.
pub fn is_engines(from: &Path, mount: &Mount) -> bool {
    let Ok(inside) = mount.target.strip_prefix(from) else {
        return false;
    };
    let names: Vec<&str> = inside.iter().filter_map(OsStr::to_str).collect();
    match names[..] {
        [] | ["plugins" | "buildkit", ..] => true,
        ["volumes", volume, "_data"] => is_mounted_by_its_options(from, volume),
        ["volumes", ..] => false,
        // Where containerd and BuildKit look into an image.
        [.., "tmpmounts", _] => true,
        ["tmp", name] if name.starts_with("buildkit-mount") => true,
        ["containers", _, "mounts", _] | [.., "shm"] if mount.filesystem == "tmpfs" => true,
        _ => matches!(
            mount.filesystem.as_str(),
            "overlay" | "fuse.fuse-overlayfs" | "nsfs" | "mqueue"
        ),
    }
}

/// Whether a volume has options that make the engine mount something on it.
fn is_mounted_by_its_options(from: &Path, volume: &str) -> bool {
    let path = from.join("volumes").join(volume).join("opts.json");
    let text = std::fs::read(path).unwrap_or_default();
    let options: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    ["MountType", "MountDevice"]
        .iter()
        .any(|key| options[key].as_str().is_some_and(|value| !value.is_empty()))
}

/// Ends containers that outlived their engine, all at once, and takes their mounts away.
///
/// # Errors
/// One does not end, or a mount stays busy.
pub fn release(root: &Root, from: &Path, inventory: &Inventory) -> Result<()> {
    let left = processes(inventory);
    let stubborn: Vec<i32> = std::thread::scope(|scope| {
        let ends: Vec<_> = left
            .iter()
            .map(|process| (process.id, scope.spawn(|| process.end(PATIENCE))))
            .collect();
        ends.into_iter()
            .filter_map(|(id, end)| (!end.join().unwrap_or(false)).then_some(id))
            .collect()
    });
    if !stubborn.is_empty() {
        bail!("processes of containers do not end: {stubborn:?}");
    }
    for _ in 0..TRIES {
        let mounts = mounts_below(root, from)?;
        if mounts.is_empty() {
            return Ok(());
        }
        if let Some(foreign) = mounts.iter().find(|mount| !is_engines(from, mount)) {
            bail!(
                "{} is mounted at {} by now, and not by the engine",
                foreign.source.display(),
                foreign.target.display()
            );
        }
        for mount in mounts.iter().rev() {
            let target = &mount.target;
            // A root that is bound to itself hides nothing, and this process may have it open.
            let flags = if target == from {
                UnmountFlags::NOFOLLOW | UnmountFlags::DETACH
            } else {
                UnmountFlags::NOFOLLOW
            };
            match unmount(target, flags) {
                // Gone by itself, or busy for now.
                Ok(()) | Err(Errno::INVAL | Errno::BUSY | Errno::NOENT) => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("unmounting {}", target.display()));
                }
            }
        }
        if !mounts_below(root, from)?.is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let left = mounts_below(root, from)?;
    match left.last() {
        None => Ok(()),
        Some(last) => bail!(
            "{} is still used by somebody; `fuser -vm` names who",
            last.target.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_engine_mounts_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path();
        std::fs::create_dir_all(from.join("volumes/nfs")).unwrap();
        let options = r#"{"MountType":"nfs","MountOpts":"addr=a","MountDevice":":/x"}"#;
        std::fs::write(from.join("volumes/nfs/opts.json"), options).unwrap();
        std::fs::create_dir_all(from.join("volumes/quota")).unwrap();
        std::fs::write(from.join("volumes/quota/opts.json"), r#"{"MountType":""}"#).unwrap();
        let is_engines = |target: &str, filesystem: &str| {
            let mount = Mount {
                device: (0, 1),
                root: "/".into(),
                target: from.join(target),
                options: String::new(),
                filesystem: filesystem.to_owned(),
                source: "x".into(),
            };
            is_engines(from, &mount)
        };
        for (target, filesystem) in [
            ("", "ext4"),
            ("overlay2/ab/merged", "overlay"),
            ("containers/ab/mounts/shm", "tmpfs"),
            ("containers/ab/mounts/secrets", "tmpfs"),
            ("volumes/nfs/_data", "nfs4"),
            ("plugins/ab/propagated-mount", "ext4"),
            ("tmpmounts/x", "ext4"),
            ("tmp/buildkit-mount1", "ext4"),
        ] {
            assert!(is_engines(target, filesystem), "{target} {filesystem}");
        }
        for (target, filesystem) in [
            ("volumes/db/_data", "ext4"),
            ("volumes/db/_data", "overlay"),
            ("volumes/nfs/_data/more", "ext4"),
            ("volumes/quota/_data", "ext4"),
            ("volumes", "ext4"),
            ("overlay2", "ext4"),
            ("tmp", "tmpfs"),
        ] {
            assert!(!is_engines(target, filesystem), "{target} {filesystem}");
        }
    }
}
