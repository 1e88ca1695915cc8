//! The copier and the verifier of trees: a library of its own, for the tool's own use.
//!
//! [`scan`] counts what a tree holds, [`copy`] makes one tree equal to another, [`verify`] says where two differ. All
//! three walk with a few workers over open folders, never by path, and never follow a symbolic link.

pub mod abilities;
mod compare;
mod copier;
mod data;
mod file;
mod hardlink;
mod links;
mod marker;
mod meta;
pub mod nesting;
mod node;
mod pair;
mod pass;
mod remove;
mod scan;
mod scratch;
mod settle;
mod sys;
mod tree;
mod walk;

pub use compare::{Content, Difference, Differences, verify};
pub use marker::Marker;
pub(crate) use marker::boot;
pub use pass::Pass;
pub use scan::{Holdings, scan};
pub use tree::{Tree, shown};

use abilities::Abilities;
use anyhow::{Context, Result};
use copier::Copier;
use links::Links;
use pair::Pair;
use pass::Begun;
use rustix::fs::{Mode, OFlags, fsync, openat, readlinkat, syncfs};
use scratch::Scratch;
use settle::Settler;
use std::ffi::CStr;
use std::fs::File;
use std::num::NonZero;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

/// How far a job is; read by whoever shows it, while it runs.
#[derive(Debug, Default)]
pub struct Counters {
    /// Names that are done.
    pub files: AtomicU64,
    /// Bytes that were copied.
    pub bytes: AtomicU64,
    /// Bytes that were compared.
    pub compared: AtomicU64,
    /// Files that were made anew.
    pub copied: AtomicU64,
    /// Files whose content was right and something else was not.
    pub mended: AtomicU64,
    /// Names that were only in the copy.
    pub removed: AtomicU64,
    /// Names that changed their type or went away while they were copied.
    pub changed: AtomicU64,
    /// Other file systems inside the source, not entered.
    pub mounts: AtomicU64,
}

/// How a copy is made.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// There may be an earlier copy: it is made equal, and what is only there is removed.
    pub update: bool,
    /// What is there is not trusted by size and time, but read: it may have lost its content in a crash.
    pub distrust: bool,
    /// The pass before this one, where it is known.
    pub before: Option<Pass>,
}

/// How many workers: both cores of a small machine, and not so many that a flash card is sent everywhere at once.
fn workers() -> usize {
    std::thread::available_parallelism()
        .map_or(2, NonZero::get)
        .clamp(2, 4)
}

/// Makes `target` equal to `source`, flushes it, and takes its mark of an unfinished copy away. Returns what lets the next
/// pass leave out what was not changed since, where that can be known.
///
/// # Errors
/// What cannot be read or written, with its path. The target then keeps its mark, and the next run goes on from there.
pub fn copy(
    source: &Tree,
    target: &Tree,
    options: Options,
    counters: &Counters,
) -> Result<Option<Pass>> {
    let begun = Begun::new(source, target)?;
    let before = options.before.filter(|before| {
        !options.distrust && begun.as_ref().is_some_and(|now| now.continues(before))
    });
    let options = Options { before, ..options };
    let mark = Marker::of(source)?;
    remove::unlock_open(target.folder())?;
    if Marker::read(target)?.is_none() {
        mark.write(target)?;
    }
    let umask = rustix::process::umask(Mode::empty());
    let copied = copy_marked(source, target, &options, counters);
    rustix::process::umask(umask);
    copied?;
    syncfs(target.folder()).context("flushing the copy")?;
    Marker::remove(target)?;
    finish_top(source, target)?;
    fsync(target.folder()).context("flushing the copy")?;
    Ok(begun.and_then(Begun::end))
}

fn copy_marked(source: &Tree, target: &Tree, options: &Options, counters: &Counters) -> Result<()> {
    allow_many_files();
    let mut scratch = Scratch::new();
    let abilities = Abilities::of(target)?;
    let spill = target.reopen()?;
    let copier = Copier {
        settler: Settler {
            flags: abilities.flags,
        },
        counters,
        distrust: options.distrust,
        before: options.before.as_ref(),
        links: Mutex::new(Links::new(move || unlinked(spill.as_fd()))),
        top: target.folder(),
        owner: (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        ),
        device: meta::identity(&meta::stat(source.folder())?).0,
    };
    let top = Pair::top(
        source.reopen()?,
        target.reopen()?,
        options.update,
        &copier,
        &mut scratch,
    )?;
    walk::walk(&copier, top, workers())
}

/// Removes a name from an open folder with all below it: never through a symbolic link, never into another file system.
///
/// # Errors
/// What cannot be removed.
pub fn remove_tree(folder: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    remove::remove(folder, name, &mut Scratch::new())
}

/// A top folder that is immutable gets its flags when its mark is gone.
fn finish_top(source: &Tree, target: &Tree) -> Result<()> {
    let flags = sys::flags(source.folder())? & settle::LOCKED & Abilities::of(target)?.flags;
    if flags != 0 {
        let now = sys::flags(target.folder())?;
        sys::set_flags(target.folder(), now | flags).context("setting the top folder's flags")?;
    }
    Ok(())
}

/// A file without a name in a folder's file system, or among the temporary files.
fn unlinked(folder: BorrowedFd<'_>) -> std::io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match openat(folder, c".", flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) => Ok(file.into()),
        Err(_) => tempfile::tempfile(),
    }
}

/// Each folder between the top and where a worker is stays open twice; deep trees need more than the usual 1024.
fn allow_many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is refused the usual limit is enough for all but very deep trees.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Whether a symbolic link says the same in both folders.
fn same_target(a: BorrowedFd<'_>, b: BorrowedFd<'_>, name: &CStr) -> Result<bool> {
    let read = |folder| readlinkat(folder, name, Vec::new()).context("reading the symbolic link");
    Ok(read(a)? == read(b)?)
}
