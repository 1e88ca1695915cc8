//! Makes the target equal to the source: into an empty folder, or over an earlier copy.

use super::links::Links;
use super::meta;
use super::pair::{Pair, status};
use super::pass::Pass;
use super::remove::remove;
use super::scratch::Scratch;
use super::settle::{Have, Settler};
use super::walk::{Dir, Entry, Walk};
use super::{Counters, walk};
use anyhow::{Context, Result};
use rustix::fs::{FileType, Mode, Statx, mkdirat};
use rustix::io::Errno;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

/// One pass.
pub(super) struct Copier<'a> {
    pub settler: Settler,
    pub counters: &'a Counters,
    /// Whether files that look the same are read and compared.
    pub distrust: bool,
    /// The pass before this one.
    pub before: Option<&'a Pass>,
    pub links: Mutex<Links>,
    /// The top of the target, which a first hard link's path is below.
    pub top: BorrowedFd<'a>,
    /// Whose new files are.
    pub owner: (u32, u32),
    /// The source's file system; others inside it are not entered.
    pub device: u64,
}

/// How it went with a name.
pub(super) enum Met {
    Done,
    /// It is of another type than it was listed as.
    Retyped,
}

/// Reads a name of the source; `$gone` where it is no more, which a running engine makes happen.
macro_rules! or_gone {
    ($counters:expr, $read:expr, $gone:expr) => {
        match $read {
            Err(Errno::NOENT) => {
                $counters.changed.fetch_add(1, Relaxed);
                return Ok($gone);
            }
            result => result.context("reading the status")?,
        }
    };
}
pub(super) use or_gone;

impl Walk for Copier<'_> {
    type Node = Pair;

    fn listed(node: &Pair) -> BorrowedFd<'_> {
        node.from.as_fd()
    }

    fn enter(
        &self,
        parent: &Dir<Pair>,
        name: &CString,
        scratch: &mut Scratch,
    ) -> Result<Option<Pair>> {
        self.enter_folder(parent, name, scratch)
            .with_context(|| copying(&parent.path(name)))
    }

    fn batch(&self, dir: &Dir<Pair>, entries: &[Entry], scratch: &mut Scratch) -> Result<()> {
        for entry in entries {
            self.entry(dir, entry, scratch)
                .with_context(|| copying(&dir.path(&entry.name)))?;
        }
        self.counters.files.fetch_add(entries.len() as u64, Relaxed);
        Ok(())
    }

    fn leave(&self, dir: &Dir<Pair>, scratch: &mut Scratch) -> Result<()> {
        let (pair, to) = (&dir.node, dir.node.to.as_fd());
        let touched = *pair.touched.lock().unwrap_or_else(PoisonError::into_inner);
        let settling = || copying(&dir.path(&CString::default()));
        let now = match &pair.before {
            Some(before) if !touched => before.clone(),
            _ => status(to, scratch).with_context(settling)?,
        };
        let mut have = Have::there(&now.0, &now.1);
        if touched {
            have.modified = None;
        }
        self.settle(to, pair.want(), &have).with_context(settling)
    }
}

fn copying(path: &[u8]) -> String {
    format!("copying {}", super::shown(path))
}

impl Copier<'_> {
    fn enter_folder(
        &self,
        parent: &Dir<Pair>,
        name: &CString,
        scratch: &mut Scratch,
    ) -> Result<Option<Pair>> {
        let pair = &parent.node;
        let from = match meta::open_folder(pair.from.as_fd(), name) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                self.counters.changed.fetch_add(1, Relaxed);
                return Ok(None);
            }
            from => from.context("opening the folder")?,
        };
        let (mut stat, extra) = status(from.as_fd(), scratch).context("reading the status")?;
        if meta::just_modified(&stat) {
            stat = meta::stat_later(from.as_fd()).context("reading the status")?;
        }
        let keep = self.keep_or_make(pair, name, scratch)?;
        self.counters.files.fetch_add(1, Relaxed);
        let to = meta::open_folder(pair.to.as_fd(), name).context("opening the copy's folder")?;
        let before = if keep {
            Some(status(to.as_fd(), scratch).context("reading the copy's status")?)
        } else {
            None
        };
        let pair = Pair {
            from,
            to,
            stat,
            extra,
            before,
            touched: Mutex::new(!keep),
            moved: true,
            changed: true,
        };
        let pair = pair.known_since(self.before, &parent.node);
        if meta::identity(&pair.stat).0 != self.device {
            // Another file system is mounted here: what is below the mount cannot be seen, what is on it is not asked for.
            self.counters.mounts.fetch_add(1, Relaxed);
            return Ok(None);
        }
        if pair.may_have_extras() {
            self.remove_extras(&pair, false, scratch)?;
        }
        Ok(Some(pair))
    }

    /// A folder of the copy: kept where it is there, else made. Whether it was there.
    fn keep_or_make(&self, pair: &Pair, name: &CString, scratch: &mut Scratch) -> Result<bool> {
        let existing = self.existing(pair, name)?;
        let is_folder = |stat: &Statx| meta::kind(stat) == FileType::Directory;
        let keep = existing.as_ref().is_some_and(is_folder);
        if !keep {
            pair.touch()?;
            if existing.is_some() {
                remove(pair.to.as_fd(), name, scratch)?;
            }
            mkdirat(&pair.to, name.as_c_str(), Mode::RWXU).context("making the folder")?;
        }
        Ok(keep)
    }

    /// Removes from a folder of the copy what is not in the source's.
    pub(super) fn remove_extras(
        &self,
        pair: &Pair,
        top: bool,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let listing = walk::reopen(&pair.to).context("opening the copy's folder")?;
        loop {
            let (entries, more) = walk::read(listing.as_fd(), scratch)?;
            for entry in entries {
                if top && entry.name.as_bytes() == b"lost+found" {
                    continue;
                }
                let there = meta::stat_if_there(pair.from.as_fd(), &entry.name);
                if there.context("reading the status")?.is_none() {
                    pair.touch()?;
                    remove(pair.to.as_fd(), &entry.name, scratch).with_context(|| {
                        format!("removing {}", super::shown(entry.name.to_bytes()))
                    })?;
                    self.counters.removed.fetch_add(1, Relaxed);
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn entry(&self, dir: &Dir<Pair>, entry: &Entry, scratch: &mut Scratch) -> Result<()> {
        let mut kind = entry.kind;
        // Once for what it was listed as, once for what it has become since.
        for _ in 0..2 {
            let met = match kind {
                FileType::RegularFile => self.regular(dir, &entry.name, scratch)?,
                FileType::Directory => Met::Retyped,
                _ => self.special(dir, &entry.name, scratch)?,
            };
            if matches!(met, Met::Done) {
                return Ok(());
            }
            kind = meta::kind(&or_gone!(
                self.counters,
                meta::stat_at(dir.node.from.as_fd(), &entry.name),
                ()
            ));
        }
        self.counters.changed.fetch_add(1, Relaxed);
        Ok(())
    }
}
