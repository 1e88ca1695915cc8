//! One pass over a tree by a few workers, with memory that does not grow with the tree.
//!
//! The work stands on one stack. A folder is listed [`CHUNK`] names at a time; what follows the chunk is listed when the
//! chunk is done. So the stack holds at most a chunk for each level and worker. Within a chunk, names go in the order of
//! their inodes: near the order in which they lie on the disk. A folder is left when all below it is done.

use super::scratch::Scratch;
use anyhow::{Context, Result};
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How many names of a folder are held at a time.
const CHUNK: usize = 4096;
/// How many files are one piece of work.
const BATCH: usize = 128;

/// What is done on the way through a tree.
pub(super) trait Walk: Sync {
    /// What is kept of a folder while something below it is to be done.
    type Node: Send + Sync;

    /// The open folder to list.
    fn listed(node: &Self::Node) -> BorrowedFd<'_>;

    /// Goes into a folder; `None` where there is nothing (more) to do in it.
    fn enter(
        &self,
        parent: &Dir<Self::Node>,
        name: &CString,
        scratch: &mut Scratch,
    ) -> Result<Option<Self::Node>>;

    /// Does everything in a folder that is no folder.
    fn batch(&self, dir: &Dir<Self::Node>, entries: &[Entry], scratch: &mut Scratch) -> Result<()>;

    /// Leaves a folder: all below it is done.
    fn leave(&self, dir: &Dir<Self::Node>, scratch: &mut Scratch) -> Result<()>;
}

/// A name in a folder.
#[derive(Debug)]
pub(super) struct Entry {
    pub ino: u64,
    pub kind: FileType,
    pub name: CString,
}

/// A folder with something left to do.
#[derive(Debug)]
pub(super) struct Dir<N> {
    pub node: N,
    parent: Option<Arc<Dir<N>>>,
    name: CString,
    pending: AtomicUsize,
}

impl<N> Dir<N> {
    /// The path below the top of `name` in this folder, for messages and hard links; no slash in front.
    pub fn path(&self, name: &CString) -> Vec<u8> {
        let mut names = vec![name.to_bytes()];
        let mut dir = self;
        while let Some(parent) = &dir.parent {
            names.push(dir.name.to_bytes());
            dir = parent;
        }
        names.reverse();
        names.retain(|name| !name.is_empty());
        names.join(&b'/')
    }
}

enum Task<N> {
    Enter(Arc<Dir<N>>, CString),
    List(Arc<Dir<N>>),
    Batch(Arc<Dir<N>>, Vec<Entry>),
}

struct Stack<N> {
    tasks: Vec<Task<N>>,
    busy: usize,
    failed: Option<anyhow::Error>,
}

struct Walker<'a, W: Walk> {
    walk: &'a W,
    stack: Mutex<Stack<W::Node>>,
    more: Condvar,
}

/// Walks everything below `top` with so many workers. The first error ends it.
///
/// # Errors
/// The first error of `walk`, or of reading a folder.
pub(super) fn walk<W: Walk>(walk: &W, top: W::Node, workers: usize) -> Result<()> {
    let top = Arc::new(Dir {
        node: top,
        parent: None,
        name: CString::default(),
        pending: AtomicUsize::new(1),
    });
    let walker = Walker {
        walk,
        stack: Mutex::new(Stack {
            tasks: vec![Task::List(top)],
            busy: 0,
            failed: None,
        }),
        more: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(|| walker.work());
        }
        walker.work();
    });
    let stack = walker.stack.into_inner();
    match stack.unwrap_or_else(PoisonError::into_inner).failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

impl<W: Walk> Walker<'_, W> {
    fn work(&self) {
        let mut scratch = Scratch::new();
        while let Some(task) = self.next() {
            let result = self.run(task, &mut scratch);
            let mut stack = self.lock();
            stack.busy -= 1;
            if let Err(error) = result {
                stack.tasks.clear();
                stack.failed.get_or_insert(error);
            }
            if stack.busy == 0 && stack.tasks.is_empty() {
                self.more.notify_all();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stack<W::Node>> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of work; `None` at the end.
    fn next(&self) -> Option<Task<W::Node>> {
        let mut stack = self.lock();
        loop {
            if let Some(task) = stack.tasks.pop() {
                stack.busy += 1;
                return Some(task);
            }
            if stack.busy == 0 {
                return None;
            }
            stack = self
                .more
                .wait(stack)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn push(&self, tasks: impl IntoIterator<Item = Task<W::Node>>) {
        let mut stack = self.lock();
        if stack.failed.is_none() {
            stack.tasks.extend(tasks);
        }
        drop(stack);
        self.more.notify_all();
    }

    fn run(&self, task: Task<W::Node>, scratch: &mut Scratch) -> Result<()> {
        match task {
            Task::Enter(parent, name) => match self.walk.enter(&parent, &name, scratch)? {
                None => self.done(parent, scratch),
                Some(node) => {
                    let dir = Dir {
                        node,
                        parent: Some(parent),
                        name,
                        pending: AtomicUsize::new(1),
                    };
                    self.list(Arc::new(dir), scratch)
                }
            },
            Task::List(dir) => self.list(dir, scratch),
            Task::Batch(dir, entries) => {
                self.walk.batch(&dir, &entries, scratch)?;
                self.done(dir, scratch)
            }
        }
    }

    /// Reads a chunk of a folder and does its first files; the rest becomes work for whoever is free.
    fn list(&self, dir: Arc<Dir<W::Node>>, scratch: &mut Scratch) -> Result<()> {
        let (mut entries, more) = read(W::listed(&dir.node), scratch).with_context(|| {
            format!(
                "reading the folder {}",
                super::shown(&dir.path(&CString::default()))
            )
        })?;
        entries.sort_unstable_by_key(|entry| entry.ino);
        let (folders, mut files): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| entry.kind == FileType::Directory);
        let mut tasks = Vec::new();
        if more {
            tasks.push(Task::List(dir.clone()));
        }
        tasks.extend(
            folders
                .into_iter()
                .rev()
                .map(|entry| Task::Enter(dir.clone(), entry.name)),
        );
        while files.len() > BATCH {
            let batch = files.split_off(files.len() - BATCH);
            tasks.push(Task::Batch(dir.clone(), batch));
        }
        dir.pending.fetch_add(tasks.len(), Ordering::Relaxed);
        if !tasks.is_empty() {
            self.push(tasks);
        }
        if !files.is_empty() {
            self.walk.batch(&dir, &files, scratch)?;
        }
        self.done(dir, scratch)
    }

    /// A piece of work in `dir` is done: leaves it, and the folders above, where it was the last.
    fn done(&self, mut dir: Arc<Dir<W::Node>>, scratch: &mut Scratch) -> Result<()> {
        while dir.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.walk.leave(&dir, scratch)?;
            match &dir.parent {
                Some(parent) => dir = parent.clone(),
                None => break,
            }
        }
        Ok(())
    }
}

/// The next names of an open folder, and whether there may be more.
pub(super) fn read(folder: BorrowedFd<'_>, scratch: &mut Scratch) -> Result<(Vec<Entry>, bool)> {
    let mut entries = Vec::new();
    let mut listing = RawDir::new(folder, &mut scratch.names[..]);
    loop {
        if entries.len() >= CHUNK && listing.is_buffer_empty() {
            return Ok((entries, true));
        }
        let Some(entry) = listing.next() else {
            return Ok((entries, false));
        };
        let entry = match entry {
            // The folder was removed since it was opened; nothing is in it any more.
            Err(Errno::NOENT) => return Ok((entries, false)),
            entry => entry?,
        };
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        let mut found = Entry {
            ino: entry.ino(),
            kind: entry.file_type(),
            name: entry.file_name().to_owned(),
        };
        if found.kind == FileType::Unknown {
            // A file system without types in its folders: ask for each.
            match super::meta::stat_at(folder, &found.name) {
                Ok(stat) => found.kind = super::meta::kind(&stat),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        entries.push(found);
    }
}

/// Room for a listing.
pub(super) type Names = Box<[MaybeUninit<u8>]>;

/// Lists a folder from its start without keeping it open.
pub(super) fn reopen(folder: impl AsFd) -> rustix::io::Result<std::os::fd::OwnedFd> {
    super::meta::open_folder(folder.as_fd(), c".")
}
