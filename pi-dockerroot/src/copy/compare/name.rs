//! One name in both trees that is no folder.

use super::{Compare, Content, Pair};
use crate::copy::meta::{self, Place};
use crate::copy::scratch::Scratch;
use crate::copy::walk::{Dir, Entry};
use crate::copy::{data, same_target};
use anyhow::{Context, Result};
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

impl Compare<'_> {
    /// Opens a file of the copy and starts reading it; `None` where it is not there or no file.
    pub(super) fn prefetch(&self, pair: &Pair, name: &CStr) -> Result<Option<OwnedFd>> {
        let file = match meta::open_file(pair.to.as_fd(), name) {
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(None),
            file => file.context("opening the copy")?,
        };
        let from_disk =
            self.content != Content::View && self.due_by_copy(pair, &meta::stat(&file)?);
        if from_disk {
            data::read_from_disk(file.as_fd()).context("reading the copy")?;
        }
        Ok(Some(file))
    }

    pub(super) fn entry(
        &self,
        dir: &Dir<Pair>,
        entry: &Entry,
        ahead: Option<OwnedFd>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (from, name) = (dir.node.from.as_fd(), &entry.name);
        let stat = meta::stat_if_there(from, name).context("reading the status")?;
        let Some(stat) = stat else {
            // Gone since it was listed.
            return Ok(());
        };
        let compared = self.names(dir, name, &stat, ahead, scratch);
        if compared.is_err() {
            // A running engine removes what is being compared, or puts something else there, which was not compared.
            let now = meta::stat_if_there(from, name).context("reading the status")?;
            match now {
                None => return Ok(()),
                Some(now) if is_another(&stat, &now) => {
                    self.differ(&dir.path(name), "type");
                    return Ok(());
                }
                Some(_) => {}
            }
        }
        compared
    }

    /// Compares a name of the source that has this status with the same name of the copy.
    fn names(
        &self,
        dir: &Dir<Pair>,
        name: &CString,
        stat: &Statx,
        ahead: Option<OwnedFd>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (pair, path) = (&dir.node, dir.path(name));
        let found = match &ahead {
            Some(file) => meta::stat(file).map(Some),
            None => meta::stat_if_there(pair.to.as_fd(), name),
        };
        let Some(found) = found.context("reading the copy's status")? else {
            self.differ(&path, "missing");
            return Ok(());
        };
        if !self.status(&path, stat, &found) {
            return Ok(());
        }
        self.link(&path, stat, &found)?;
        match meta::kind(stat) {
            FileType::RegularFile => {
                let to = match ahead {
                    Some(to) => to,
                    None => meta::open_file(pair.to.as_fd(), name).context("opening the copy")?,
                };
                self.file(pair, (name, &path), stat, (to.as_fd(), &found), scratch)
            }
            FileType::Directory => Ok(()),
            kind => self.special(pair, (name, &path), kind, scratch),
        }
    }

    fn file(
        &self,
        pair: &Pair,
        (name, path): (&CStr, &[u8]),
        stat: &Statx,
        (to, found): (BorrowedFd<'_>, &Statx),
        scratch: &mut Scratch,
    ) -> Result<()> {
        let from = meta::open_file(pair.from.as_fd(), name).context("opening the source")?;
        let from = from.as_fd();
        self.extra(path, Place::Open(from), Place::Open(to), scratch)?;
        self.holes(path, (from, stat), (to, found))?;
        if !self.due(pair, stat, found) || stat.stx_size != found.stx_size {
            return Ok(());
        }
        if !self.due_by_copy(pair, found) {
            // Nothing of the copy said that it would be read.
            data::read_from_disk(to).context("reading the copy")?;
        }
        self.content(path, (from, stat), to, scratch)
    }

    /// A symbolic link, device, FIFO or socket.
    fn special(
        &self,
        pair: &Pair,
        (name, path): (&CStr, &[u8]),
        kind: FileType,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (from, to) = (pair.from.as_fd(), pair.to.as_fd());
        if kind == FileType::Symlink && !same_target(from, to, name)? {
            self.differ(path, "symlink");
        }
        let (from, to) = (Place::Named(from, name), Place::Named(to, name));
        self.extra(path, from, to, scratch)
    }
}

/// Whether two statuses of one name are not of one file.
fn is_another(before: &Statx, now: &Statx) -> bool {
    meta::identity(before) != meta::identity(now) || meta::kind(before) != meta::kind(now)
}
