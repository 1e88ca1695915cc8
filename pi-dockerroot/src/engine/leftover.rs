//! What a stopped engine leaves behind: containers that go on, and mounts below its root.

use super::guard;
use super::inventory::Inventory;
use super::process::Process;
use anyhow::{Context, Result, bail};
use cluster::root::Root;
use cluster::run::mounts;
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use std::path::{Path, PathBuf};
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
pub fn mounts_below(root: &Root, from: &Path) -> Result<Vec<PathBuf>> {
    let all = mounts::read(root)?;
    let mut found = Vec::new();
    if mounts::at(&all, from).is_some_and(|mount| mount.root != Path::new("/"))
        && guard::is_bound_to_itself(from)?
    {
        found.push(from.to_owned());
    }
    let below = |target: &Path| target.starts_with(from) && target != from;
    found.extend(
        all.into_iter()
            .map(|mount| mount.target)
            .filter(|target| below(target)),
    );
    Ok(found)
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
        for target in mounts.iter().rev() {
            match unmount(target, UnmountFlags::NOFOLLOW) {
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
            last.display()
        ),
    }
}
