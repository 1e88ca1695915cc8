//! A root that is not used any more: its content in a folder of its own, until it is finished or taken into use again.

use super::{OLD_MARK, folder, lock, mark, names, says_bare, set_immutable};
use crate::copy;
use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, FileType, Mode, fsync, mkdirat, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Where a root's content is kept until it is finished or rolled back.
const RETIRED: &CStr = c"pi-dockerroot.retired";
const OLD: &str = "This was a container engine's data root. Its content lies in pi-dockerroot.retired until\n\
    `pi-dockerroot --finish --apply` removes it or `pi-dockerroot --rollback` takes it into use again.\n";

/// Whether the root's content, or a part of it, was put away.
///
/// # Errors
/// It cannot be read.
pub fn is_retired(root: BorrowedFd<'_>) -> Result<bool> {
    Ok(names(root)?.iter().any(|name| name.as_c_str() == RETIRED))
}

/// Whether the root was put away: its content is in a folder of its own, or was removed for good.
///
/// # Errors
/// It cannot be read.
pub fn is_put_away(root: BorrowedFd<'_>) -> Result<bool> {
    let names = names(root)?;
    let has = |mark: &CStr| names.iter().any(|name| name.as_c_str() == mark);
    Ok(has(RETIRED) || (has(OLD_MARK) && !says_bare(root)?))
}

/// Whether all of it was.
///
/// # Errors
/// It cannot be read.
pub fn is_wholly_retired(root: BorrowedFd<'_>) -> Result<bool> {
    let names = names(root)?;
    let (ours, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| is_ours(name));
    Ok(ours.len() == 2 && others.iter().all(|name| is_blocker(root, name)))
}

/// Puts the content of a root away, below the same folder: no byte moves, and nothing else finds it there.
///
/// # Errors
/// It cannot be written.
pub fn retire(root: BorrowedFd<'_>) -> Result<()> {
    set_immutable(root, false)?;
    match mkdirat(root, RETIRED, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error).context("putting the old root away"),
    }
    let inside = folder(root, RETIRED)?;
    for name in names(root)? {
        let is_inside = statat(&inside, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        let stays = is_ours(&name) || (is_inside && is_blocker(root, &name));
        if !stays {
            renameat(root, &name, &inside, &name)
                .with_context(|| format!("putting {} away", name.to_string_lossy()))?;
        }
    }
    fsync(&inside).context("putting the old root away")?;
    mark(root, OLD_MARK, OLD)?;
    lock(root, &names(&inside)?).context("putting the old root away")
}

/// Takes the content of a root into its place again.
///
/// # Errors
/// It cannot be written, or something else stands there by now.
pub fn restore(root: BorrowedFd<'_>) -> Result<()> {
    if !is_put_away(root)? {
        return Ok(());
    }
    set_immutable(root, false)?;
    if !is_retired(root)? {
        return remove_mark(root);
    }
    let inside = folder(root, RETIRED)?;
    for name in names(&inside)? {
        if is_blocker(root, &name) {
            unlinkat(root, &name, AtFlags::empty()).context("taking the old root back")?;
        } else if statat(root, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            bail!(
                "{} stands in the old root's place by now",
                name.to_string_lossy()
            );
        }
        renameat(&inside, &name, root, &name)
            .with_context(|| format!("taking {} back", name.to_string_lossy()))?;
    }
    fsync(&inside).context("taking the old root back")?;
    remove_mark(root)?;
    unlinkat(root, RETIRED, AtFlags::REMOVEDIR).context("taking the old root back")?;
    fsync(root).context("taking the old root back")
}

fn is_ours(name: &CStr) -> bool {
    [RETIRED, OLD_MARK].contains(&name)
}

/// Whether an empty file stands there, as [`lock`] makes them where no folder can be immutable.
fn is_blocker(root: BorrowedFd<'_>, name: &CStr) -> bool {
    statat(root, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::RegularFile
            && found.st_size == 0
            && found.st_mode & 0o7777 == 0
    })
}

fn remove_mark(root: BorrowedFd<'_>) -> Result<()> {
    match unlinkat(root, OLD_MARK, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error).context("taking the old root back"),
    }
}

/// Removes what was put away for good. The folder stays empty and immutable.
///
/// # Errors
/// It cannot be removed.
pub fn finish(root: BorrowedFd<'_>) -> Result<()> {
    set_immutable(root, false)?;
    let names = names(folder(root, RETIRED)?)?;
    copy::remove_tree(root, RETIRED).context("removing the old root")?;
    mark(root, OLD_MARK, OLD)?;
    lock(root, &names).context("removing the old root")
}

/// Where a root's content was put.
///
/// # Errors
/// It is not there.
pub fn retired_folder(root: BorrowedFd<'_>) -> Result<OwnedFd> {
    folder(root, RETIRED)
}
