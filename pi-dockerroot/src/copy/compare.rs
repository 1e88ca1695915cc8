//! Says where two trees differ.

use super::abilities::Abilities;
use super::links::Links;
use super::meta::{self, Place};
use super::scratch::Scratch;
use super::walk::{self, Dir, Entry, Walk};
use super::{Counters, Tree, data};
use anyhow::{Context, Result};
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

mod due;
mod facts;

use due::changed_since;

/// How many differences are named; all are counted.
const NAMED: usize = 50;

/// What of the content is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing: size and time of modification stand for it.
    Metadata,
    /// All of it, the copy's as its disk has it.
    Bytes,
    /// The same of files that were last changed before then (seconds since 1970), and stay as they are while they are
    /// compared; of the others as [`Content::Metadata`]. For a source that is in use.
    Settled(i64),
    /// The same of files that were changed, or may have come to their place, or whose copy was made, since then (seconds
    /// since 1970); of the others as [`Content::Metadata`]. The change time (ctime) decides: whoever keeps a file's size and
    /// sets its time of modification back (`cp -p`, `tar`, `touch -r`) renews that, and nobody can set it.
    Since {
        /// Since when a file may have been changed: before that everything was flushed, so that no later change through
        /// memory (mmap) hides behind an older time.
        modified: i64,
        /// Since when copies were made.
        copied: i64,
    },
    /// All of it and the metadata that a container sees, of two overlay mounts: without flags, projects and the identity
    /// of inodes, which those do not show.
    View,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Difference {
    /// The path below the top; bytes that are not UTF-8 as `\xHH`.
    pub path: String,
    /// What differs: `missing`, `extra`, `type`, `mode`, `owner`, `size`, `mtime`, `content`, `symlink`, `device`,
    /// `attributes`, `flags`, `project`, `hard link`, `holes`.
    pub what: &'static str,
}

/// How two trees differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// How many differences there are.
    pub count: u64,
    /// How many of them are of content.
    pub content: u64,
    /// The first of them, sorted.
    pub named: Vec<Difference>,
}

struct Pair {
    from: OwnedFd,
    to: OwnedFd,
    stat: Statx,
    found: Statx,
    /// Whether it or a folder above it may have been another folder before the time that counts.
    moved: bool,
}

struct Compare<'a> {
    content: Content,
    flags: u32,
    /// Whether the source's file system renews the change time of whatever gets another name.
    renews: bool,
    counters: &'a Counters,
    links: Mutex<Links>,
    differences: Mutex<Differences>,
    device: u64,
}

/// Compares `copy` with `source`: everything but access times.
///
/// # Errors
/// What cannot be read, with its path.
pub fn verify(
    source: &Tree,
    copy: &Tree,
    content: Content,
    counters: &Counters,
) -> Result<Differences> {
    super::allow_many_files();
    let stat = meta::stat(source.folder())?;
    let top = Pair {
        from: source.reopen()?,
        to: copy.reopen()?,
        stat,
        found: meta::stat(copy.folder())?,
        moved: false,
    };
    let compare = Compare {
        content,
        flags: Abilities::of(copy)?.flags,
        renews: Abilities::of(source)?.renews_change_times(),
        counters,
        links: Mutex::new(Links::new(tempfile::tempfile)),
        differences: Mutex::default(),
        device: meta::identity(&stat).0,
    };
    if matches!(content, Content::Bytes | Content::Settled(_)) {
        // What is not on the disk yet stays in memory and would be read from there.
        rustix::fs::syncfs(copy.folder()).context("flushing the copy")?;
    }
    compare.folder(&top, b"", &mut Scratch::new())?;
    // Reading small files one by one waits for the disk; more workers wait together.
    walk::walk(&compare, top, super::workers() * 2)?;
    let differences = compare.differences.into_inner();
    let mut differences = differences.unwrap_or_else(PoisonError::into_inner);
    differences.named.sort();
    Ok(differences)
}

impl Compare<'_> {
    fn differ(&self, path: &[u8], what: &'static str) {
        let mut differences = self
            .differences
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        differences.count += 1;
        differences.content += u64::from(what == "content");
        if differences.named.len() < NAMED {
            let path = super::shown(path);
            differences.named.push(Difference { path, what });
        }
    }

    /// Compares two folders without what is in them, and names what is only in the copy.
    fn folder(&self, pair: &Pair, path: &[u8], scratch: &mut Scratch) -> Result<()> {
        let (from, to) = (pair.from.as_fd(), pair.to.as_fd());
        self.status(path, &pair.stat, &pair.found);
        self.extra(path, Place::Open(from), Place::Open(to), scratch)?;
        loop {
            let (entries, more) = walk::read(to, scratch)?;
            for entry in entries {
                let is_lost = path.is_empty() && entry.name.as_bytes() == b"lost+found";
                if !is_lost && meta::stat_if_there(from, &entry.name)?.is_none() {
                    let mut extra = path.to_vec();
                    extra.extend_from_slice(if path.is_empty() { b"" } else { b"/" });
                    extra.extend_from_slice(entry.name.to_bytes());
                    self.differ(&extra, "extra");
                }
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Opens a file of the copy and starts reading it; `None` where it is not there or no file.
    fn prefetch(&self, pair: &Pair, name: &CStr) -> Result<Option<OwnedFd>> {
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

    fn entry(
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
        // What a running engine removes or replaces meanwhile cannot be read as what it was.
        if compared.is_err() && is_gone(from, name, &stat)? {
            return Ok(());
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
        let skipped = match self.content {
            Content::Settled(time) => changed_since(stat, time),
            _ => !self.due_by_copy(pair, found) && !self.changed(stat),
        };
        if skipped || stat.stx_size != found.stx_size {
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
        if kind == FileType::Symlink && !super::same_target(from, to, name)? {
            self.differ(path, "symlink");
        }
        let (from, to) = (Place::Named(from, name), Place::Named(to, name));
        self.extra(path, from, to, scratch)
    }
}

/// Whether a name no longer leads to the file that had this status.
fn is_gone(folder: BorrowedFd<'_>, name: &CStr, stat: &Statx) -> Result<bool> {
    let now = meta::stat_if_there(folder, name).context("reading the status")?;
    Ok(now.is_none_or(|now| {
        meta::identity(&now) != meta::identity(stat) || meta::kind(&now) != meta::kind(stat)
    }))
}

impl Walk for Compare<'_> {
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
        let path = parent.path(name);
        let comparing = || format!("comparing {}", super::shown(&path));
        let from = match meta::open_folder(parent.node.from.as_fd(), name) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            from => from.with_context(comparing)?,
        };
        let to = match meta::open_folder(parent.node.to.as_fd(), name) {
            Err(Errno::NOENT) => {
                self.differ(&path, "missing");
                return Ok(None);
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                self.differ(&path, "type");
                return Ok(None);
            }
            to => to.with_context(comparing)?,
        };
        self.counters.files.fetch_add(1, Relaxed);
        let stat = meta::stat(&from).with_context(comparing)?;
        let found = meta::stat(&to).with_context(comparing)?;
        if meta::identity(&stat).0 != self.device {
            return Ok(None);
        }
        let pair = Pair {
            from,
            to,
            stat,
            found,
            moved: self.moved(&parent.node, &stat),
        };
        self.folder(&pair, &path, scratch).with_context(comparing)?;
        Ok(Some(pair))
    }

    fn batch(&self, dir: &Dir<Pair>, entries: &[Entry], scratch: &mut Scratch) -> Result<()> {
        let comparing =
            |entry: &Entry| format!("comparing {}", super::shown(&dir.path(&entry.name)));
        let mut ahead = Vec::with_capacity(entries.len());
        for entry in entries {
            ahead.push(match entry.kind {
                FileType::RegularFile => self
                    .prefetch(&dir.node, &entry.name)
                    .with_context(|| comparing(entry))?,
                _ => None,
            });
        }
        for (entry, ahead) in entries.iter().zip(ahead) {
            self.entry(dir, entry, ahead, scratch)
                .with_context(|| comparing(entry))?;
        }
        self.counters.files.fetch_add(entries.len() as u64, Relaxed);
        Ok(())
    }

    fn leave(&self, _: &Dir<Pair>, _: &mut Scratch) -> Result<()> {
        Ok(())
    }
}
