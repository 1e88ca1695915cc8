//! A further name for a file of the copy.

use super::meta;
use super::settle::{LOCKED, Settler};
use super::sys;
use anyhow::{Context, Result};
use rustix::fs::{AtFlags, linkat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Gives the file at `path` below `top` the name `name` in `folder`. No part of `path` is followed if it is a symbolic
/// link.
pub(super) fn link(
    settler: Settler,
    top: BorrowedFd<'_>,
    path: &[u8],
    folder: BorrowedFd<'_>,
    name: &CStr,
) -> Result<()> {
    let (parent, first) = parent(top, path).context("finding the first name of a hard link")?;
    let parent = parent.as_ref().map_or(top, AsFd::as_fd);
    match linkat(parent, &first, folder, name, AtFlags::empty()) {
        // An immutable file takes no further name.
        Err(Errno::PERM) => {}
        result => return result.context("making the hard link"),
    }
    let file = meta::open_file(parent, &first).context("opening the first name of a hard link")?;
    let flags = sys::flags(file.as_fd()).context("reading the flags")?;
    settler.set_flags(file.as_fd(), flags & !LOCKED)?;
    let linked = linkat(parent, &first, folder, name, AtFlags::empty());
    settler.set_flags(file.as_fd(), flags)?;
    linked.context("making the hard link")
}

/// Opens the folder that holds the last part of a path, one part after the other; `None` for the top itself.
fn parent(top: BorrowedFd<'_>, path: &[u8]) -> Result<(Option<OwnedFd>, CString)> {
    let mut folder: Option<OwnedFd> = None;
    let mut names = path.split(|byte| *byte == b'/').peekable();
    while let Some(name) = names.next() {
        let name = CString::new(name)?;
        if names.peek().is_none() {
            return Ok((folder, name));
        }
        folder = Some(meta::open_folder(
            folder.as_ref().map_or(top, AsFd::as_fd),
            &name,
        )?);
    }
    anyhow::bail!("an empty path")
}
