//! Regular files: made, kept, or linked.

use super::copier::{Copier, Met, or_gone};
use super::data;
use super::links::{Links, Side};
use super::meta::{self, Extra, Place};
use super::pair::Pair;
use super::pass::Pass;
use super::remove::remove;
use super::scratch::Scratch;
use super::settle::{Have, Want};
use super::walk::Dir;
use anyhow::{Context, Result};
use rustix::fs::{FileType, Mode, OFlags, Statx, openat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, PoisonError};

impl Copier<'_> {
    pub(super) fn regular(
        &self,
        dir: &Dir<Pair>,
        name: &CString,
        scratch: &mut Scratch,
    ) -> Result<Met> {
        let pair = &dir.node;
        if self.need_not_open(pair, name)? {
            return Ok(Met::Done);
        }
        let from = match meta::open_file(pair.from.as_fd(), name) {
            // A symbolic link, a socket, a device.
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(Met::Retyped),
            from => or_gone!(self.counters, from, Met::Done),
        };
        let mut stat = meta::stat(&from).context("reading the status")?;
        if meta::kind(&stat) != FileType::RegularFile {
            return Ok(Met::Retyped);
        }
        if meta::just_modified(&stat) {
            stat = meta::stat_later(from.as_fd()).context("reading the status")?;
        }
        let from = from.as_fd();
        let extra = Extra::read(Place::Open(from), scratch).context("reading the attributes")?;
        let want = Want {
            stat: &stat,
            extra: &extra,
        };
        let existing = self.existing(pair, name)?;
        if stat.stx_nlink > 1 {
            return self.linked_file(dir, name, from, want, existing, scratch);
        }
        if let Some(existing) = existing {
            if existing.stx_nlink == 1 && self.keep(pair, name, from, want, &existing, scratch)? {
                return Ok(Met::Done);
            }
            self.clear(pair, name, scratch)?;
        }
        let to = self.create(pair, name, want)?;
        self.fill(from, to.as_fd(), want, scratch)?;
        Ok(Met::Done)
    }

    /// Whether a regular file and its copy are as the pass before left them, so that neither needs to be opened.
    fn need_not_open(&self, pair: &Pair, name: &CStr) -> Result<bool> {
        let Some(before) = self.before.filter(|_| !pair.moved) else {
            return Ok(false);
        };
        let reading = "reading the status";
        let Some(stat) = meta::stat_if_there(pair.from.as_fd(), name).context(reading)? else {
            return Ok(false);
        };
        if meta::kind(&stat) != FileType::RegularFile || !before.source_unchanged(&stat) {
            return Ok(false);
        }
        let copy = self.existing(pair, name)?;
        Ok(self.still_equal(pair, &stat, copy.as_ref()))
    }

    /// Whether what has these statuses is as the pass before left it.
    pub(super) fn still_equal(&self, pair: &Pair, stat: &Statx, copy: Option<&Statx>) -> bool {
        match (self.before, copy) {
            (Some(before), Some(copy)) => !pair.moved && before.still_equal(stat, copy),
            _ => false,
        }
    }

    /// Whether content may be another although size and time of modification are the same: something was changed since the
    /// pass before, or came from another place. Where that pass is not known the two stand for the content.
    fn doubted(&self, pair: &Pair, stat: &Statx, copy: &Statx) -> bool {
        let changed = |before: &Pass| {
            pair.moved || !before.source_unchanged(stat) || !before.copy_unchanged(copy)
        };
        self.distrust || self.before.is_some_and(changed)
    }

    /// What stands at a name in the copy; nothing is asked where the folder is new.
    pub(super) fn existing(&self, pair: &Pair, name: &CStr) -> Result<Option<Statx>> {
        if pair.before.is_none() {
            return Ok(None);
        }
        meta::stat_if_there(pair.to.as_fd(), name).context("reading the copy's status")
    }

    pub(super) fn clear(&self, pair: &Pair, name: &CStr, scratch: &mut Scratch) -> Result<()> {
        pair.touch()?;
        remove(pair.to.as_fd(), name, scratch)
    }

    /// Makes an existing file like its original where the content is the same. Returns whether it was.
    fn keep(
        &self,
        pair: &Pair,
        name: &CStr,
        from: BorrowedFd<'_>,
        want: Want<'_>,
        existing: &Statx,
        scratch: &mut Scratch,
    ) -> Result<bool> {
        let same = meta::kind(existing) == FileType::RegularFile
            && existing.stx_size == want.stat.stx_size
            && meta::modified(existing) == meta::modified(want.stat);
        if !same {
            return Ok(false);
        }
        let to = meta::open_file(pair.to.as_fd(), name).context("opening the copy")?;
        let to = to.as_fd();
        if self.doubted(pair, want.stat, existing)
            && !data::equal(
                from,
                to,
                want.stat.stx_size,
                scratch,
                &self.counters.compared,
            )?
        {
            return Ok(false);
        }
        let extra =
            Extra::read(Place::Open(to), scratch).context("reading the copy's attributes")?;
        self.settle(to, want, &Have::there(existing, &extra))?;
        Ok(true)
    }

    pub(super) fn settle(&self, to: BorrowedFd<'_>, want: Want<'_>, have: &Have<'_>) -> Result<()> {
        if self.settler.open(to, want, have)? && have.modified.is_some() {
            self.counters.mended.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    fn create(&self, pair: &Pair, name: &CStr, want: Want<'_>) -> Result<OwnedFd> {
        pair.touch()?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&pair.to, name, flags, created(want.stat)).context("making the copy")
    }

    /// Fills and finishes a file that was just made.
    fn fill(
        &self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        want: Want<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let flags = self.settler.before_content(to, want.extra.flags)?;
        data::copy(from, to, want.stat, scratch, &self.counters.bytes)?;
        let extra = Extra {
            flags,
            ..Extra::default()
        };
        let have = Have {
            owner: self.owner,
            mode: created(want.stat),
            extra: &extra,
            modified: None,
        };
        self.settler.open(to, want, &have)?;
        self.counters.copied.fetch_add(1, Relaxed);
        Ok(())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file with several names: the first that is met becomes the file, the others become links to it.
    fn linked_file(
        &self,
        dir: &Dir<Pair>,
        name: &CString,
        from: BorrowedFd<'_>,
        want: Want<'_>,
        existing: Option<Statx>,
        scratch: &mut Scratch,
    ) -> Result<Met> {
        let pair = &dir.node;
        // Held until the name is there, so that whoever meets the next name can link to it.
        let mut links = self.lock();
        if self.link_to_first(&links, dir, name, want, existing.as_ref(), scratch)? {
            return Ok(Met::Done);
        }
        if let Some(existing) = existing {
            if links.get(Side::Target, existing.stx_ino)?.is_none()
                && self.keep(pair, name, from, want, &existing, scratch)?
            {
                remember(&mut links, dir, name, want.stat, existing.stx_ino)?;
                return Ok(Met::Done);
            }
            self.clear(pair, name, scratch)?;
        }
        let to = self.create(pair, name, want)?;
        let ino = meta::stat(&to)
            .context("reading the copy's status")?
            .stx_ino;
        remember(&mut links, dir, name, want.stat, ino)?;
        drop(links);
        self.fill(from, to.as_fd(), want, scratch)?;
        Ok(Met::Done)
    }

    /// Links to the first of a file's names, where one was met.
    pub(super) fn link_to_first(
        &self,
        links: &Links,
        dir: &Dir<Pair>,
        name: &CStr,
        want: Want<'_>,
        existing: Option<&Statx>,
        scratch: &mut Scratch,
    ) -> Result<bool> {
        let Some(first) = links.get(Side::Source, want.stat.stx_ino)? else {
            return Ok(false);
        };
        if let Some(existing) = existing {
            if existing.stx_ino == first.other {
                return Ok(true);
            }
            self.clear(&dir.node, name, scratch)?;
        }
        dir.node.touch()?;
        super::hardlink::link(
            self.settler,
            self.top,
            &first.path,
            dir.node.to.as_fd(),
            name,
        )?;
        Ok(true)
    }
}

/// The mode that a new file is made with: what may have to change with its owner comes later.
fn created(stat: &Statx) -> Mode {
    meta::permissions(stat) & (Mode::RWXU | Mode::RWXG | Mode::RWXO)
}

/// Notes the first name of a file with several.
pub(super) fn remember(
    links: &mut Links,
    dir: &Dir<Pair>,
    name: &CString,
    stat: &Statx,
    ino: u64,
) -> Result<()> {
    links.put(Side::Source, stat.stx_ino, ino, &dir.path(name))?;
    links.put(Side::Target, ino, stat.stx_ino, b"")
}
