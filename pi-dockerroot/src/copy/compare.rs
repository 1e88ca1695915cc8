//! Says where two trees differ.

use super::abilities::Abilities;
use super::links::Links;
use super::meta::{self, Place};
use super::scratch::Scratch;
use super::walk::{self, Dir, Entry, Walk};
use super::{Counters, Tree};
use anyhow::{Context, Result};
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

mod due;
mod facts;
mod name;

/// How many differences are named; all are counted.
const NAMED: usize = 50;

/// What of the content is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing: size and time of modification stand for it.
    Metadata,
    /// All of it, the copy's as its disk has it.
    Bytes,
    /// The same of files that were last changed, and came to their place, before then (seconds since 1970), and stay as they
    /// are while they are compared; of the others as [`Content::Metadata`]. For a source that is in use.
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
