//! Symbolic links, devices, FIFOs and sockets. None is ever opened.

use super::copier::{Copier, Met, or_gone};
use super::file::remember;
use super::links::Side;
use super::meta::{self, Extra, Place};
use super::pair::Pair;
use super::scratch::Scratch;
use super::settle::{Have, Want};
use super::walk::Dir;
use anyhow::{Context, Result};
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;

impl Copier<'_> {
    /// A symbolic link, device (a whiteout is one), FIFO or socket. None is ever opened.
    pub(super) fn special(
        &self,
        dir: &Dir<Pair>,
        name: &CString,
        scratch: &mut Scratch,
    ) -> Result<Met> {
        let pair = &dir.node;
        let from = pair.from.as_fd();
        let stat = or_gone!(self.counters, meta::stat_at(from, name), Met::Done);
        if matches!(
            meta::kind(&stat),
            FileType::RegularFile | FileType::Directory
        ) {
            return Ok(Met::Retyped);
        }
        let existing = self.existing(pair, name)?;
        if self.still_equal(pair, &stat, existing.as_ref()) {
            return Ok(Met::Done);
        }
        let extra = or_gone!(
            self.counters,
            Extra::read(Place::Named(from, name), scratch),
            Met::Done
        );
        let want = Want {
            stat: &stat,
            extra: &extra,
        };
        if stat.stx_nlink > 1 {
            return self.linked_special(dir, name, want, existing, scratch);
        }
        let free = existing.as_ref().is_some_and(|copy| copy.stx_nlink == 1);
        self.keep_or_make_special(pair, name, want, (existing.as_ref(), free), scratch)
    }

    /// One with several names: the first that is met becomes the file, the others become links to it.
    fn linked_special(
        &self,
        dir: &Dir<Pair>,
        name: &CString,
        want: Want<'_>,
        existing: Option<Statx>,
        scratch: &mut Scratch,
    ) -> Result<Met> {
        let (pair, existing) = (&dir.node, existing.as_ref());
        // Held until the name is there, so that whoever meets the next name can link to it.
        let mut links = self.lock();
        if self.link_to_first(&links, dir, name, want, existing, scratch)? {
            return Ok(Met::Done);
        }
        let free = match existing {
            Some(copy) => links.get(Side::Target, copy.stx_ino)?.is_none(),
            None => false,
        };
        let met = self.keep_or_make_special(pair, name, want, (existing, free), scratch)?;
        if matches!(met, Met::Done) {
            let made = meta::stat_at(pair.to.as_fd(), name).context("reading the copy's status")?;
            remember(&mut links, dir, name, want.stat, made.stx_ino)?;
        }
        Ok(met)
    }

    /// Keeps what stands there where it is the same and, if it is free, no other file's; else makes it anew.
    fn keep_or_make_special(
        &self,
        pair: &Pair,
        name: &CStr,
        want: Want<'_>,
        (existing, free): (Option<&Statx>, bool),
        scratch: &mut Scratch,
    ) -> Result<Met> {
        if let Some(existing) = existing {
            if free && self.keep_special(pair, name, want, existing, scratch)? {
                return Ok(Met::Done);
            }
            self.clear(pair, name, scratch)?;
        }
        match self.make_special(pair, name, want)? {
            true => Ok(Met::Done),
            false => Ok(Met::Retyped),
        }
    }

    fn keep_special(
        &self,
        pair: &Pair,
        name: &CStr,
        want: Want<'_>,
        existing: &Statx,
        scratch: &mut Scratch,
    ) -> Result<bool> {
        let (from, to) = (pair.from.as_fd(), pair.to.as_fd());
        let kind = meta::kind(want.stat);
        let same = existing.stx_mode == want.stat.stx_mode
            && meta::device(existing) == meta::device(want.stat)
            && (kind != FileType::Symlink || same_link(from, to, name)?);
        if !same {
            return Ok(false);
        }
        let extra = Extra::read(Place::Named(to, name), scratch)
            .context("reading the copy's attributes")?;
        if self
            .settler
            .named(to, name, want, &Have::there(existing, &extra))?
        {
            self.counters.mended.fetch_add(1, Relaxed);
        }
        Ok(true)
    }

    /// Makes it. Returns whether it still was what it was taken for.
    fn make_special(&self, pair: &Pair, name: &CStr, want: Want<'_>) -> Result<bool> {
        pair.touch()?;
        let to = pair.to.as_fd();
        let mode = meta::permissions(want.stat);
        if meta::kind(want.stat) == FileType::Symlink {
            let target = match rustix::fs::readlinkat(&pair.from, name, Vec::new()) {
                Err(Errno::NOENT | Errno::INVAL) => return Ok(false),
                target => target.context("reading the symbolic link")?,
            };
            rustix::fs::symlinkat(target.as_c_str(), to, name)
                .context("making the symbolic link")?;
        } else {
            rustix::fs::mknodat(
                to,
                name,
                meta::kind(want.stat),
                mode,
                meta::device(want.stat),
            )
            .context("making the node")?;
        }
        let none = Extra::default();
        let have = Have {
            owner: self.owner,
            mode,
            extra: &none,
            modified: None,
        };
        self.settler.named(to, name, want, &have)?;
        self.counters.copied.fetch_add(1, Relaxed);
        Ok(true)
    }
}

/// Whether both are the same symbolic link; not where the source has none there any more.
fn same_link(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
    let same = super::same_target(from, to, name);
    if same.is_err() {
        let now = meta::stat_if_there(from, name).context("reading the status")?;
        if now.is_none_or(|now| meta::kind(&now) != FileType::Symlink) {
            return Ok(false);
        }
    }
    same
}
