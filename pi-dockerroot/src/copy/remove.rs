//! Removes what is only in the copy.

use super::meta;
use super::scratch::Scratch;
use super::settle::LOCKED;
use super::{sys, walk};
use anyhow::{Context, Result};
use rustix::fs::{AtFlags, FileType, unlinkat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

/// Removes a name from a folder, with all below it. Never follows a symbolic link; never leaves the file system.
pub(super) fn remove(folder: BorrowedFd<'_>, name: &CStr, scratch: &mut Scratch) -> Result<()> {
    let Some(stat) = meta::stat_if_there(folder, name).context("reading the status")? else {
        return Ok(());
    };
    let is_folder = meta::kind(&stat) == FileType::Directory;
    if is_folder {
        empty(folder, name, scratch)?;
    }
    let flags = if is_folder {
        AtFlags::REMOVEDIR
    } else {
        AtFlags::empty()
    };
    match unlinkat(folder, name, flags) {
        Err(Errno::PERM) => {
            unlock(folder, name, meta::kind(&stat))?;
            unlinkat(folder, name, flags).context("removing")
        }
        result => result.context("removing"),
    }
}

fn empty(parent: BorrowedFd<'_>, name: &CStr, scratch: &mut Scratch) -> Result<()> {
    let folder = meta::open_folder(parent, name).context("opening the folder")?;
    let (here, there) = (meta::stat(parent)?, meta::stat(&folder)?);
    if !meta::same_mount(&here, &there) {
        anyhow::bail!("another file system is mounted there");
    }
    unlock_open(folder.as_fd())?;
    loop {
        let (entries, more) = walk::read(folder.as_fd(), scratch)?;
        for entry in &entries {
            remove(folder.as_fd(), &entry.name, scratch)?;
        }
        if !more {
            return Ok(());
        }
    }
}

/// Takes the flags away that keep a file from being removed.
fn unlock(folder: BorrowedFd<'_>, name: &CStr, kind: FileType) -> Result<()> {
    let file = match kind {
        FileType::Directory => meta::open_folder(folder, name),
        FileType::RegularFile => meta::open_file(folder, name),
        // Only files and folders have flags; the removal that follows says why it fails.
        _ => return Ok(()),
    };
    unlock_open(file.context("opening")?.as_fd())
}

/// The same for what is open.
pub(super) fn unlock_open(file: BorrowedFd<'_>) -> Result<()> {
    let flags = sys::flags(file).context("reading the flags")?;
    if flags & LOCKED != 0 {
        sys::set_flags(file, flags & !LOCKED).context("setting the flags")?;
    }
    Ok(())
}
