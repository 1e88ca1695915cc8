//! Counts what a tree holds.

use super::links::{Links, Side};
use super::meta::{self, Extra, Place};
use super::scratch::Scratch;
use super::walk::{self, Dir, Entry, Walk};
use super::{Counters, Tree, data};
use anyhow::{Context, Result};
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

/// The usual block of ext4, XFS and btrfs.
const BLOCK: u64 = 4096;

/// What a tree holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Bytes of content, each file once.
    pub bytes: u64,
    /// Bytes that the content takes on a disk: without holes, each file in whole blocks of 4 KiB.
    pub allocated_bytes: u64,
    /// Inodes: each file once.
    pub inodes: u64,
    /// Folders among them.
    pub folders: u64,
    /// Regular files among them.
    pub files: u64,
    /// Symbolic links among them.
    pub symlinks: u64,
    /// Character devices 0:0 among them: overlayfs's mark of a deleted file.
    pub whiteouts: u64,
    /// Other devices, FIFOs and sockets among them.
    pub special: u64,
    /// Names beyond each file's first.
    pub links: u64,
    /// Files with holes.
    pub sparse_files: u64,
    /// Extents of data in those.
    pub sparse_extents: u64,
    /// Inodes with extended attributes.
    pub with_xattrs: u64,
    /// Inodes with access lists.
    pub with_acls: u64,
    /// Inodes with a project.
    pub with_project: u64,
    /// All `chattr` flags of all files.
    pub flags: u32,
    /// The most names that one file has.
    pub most_links: u64,
    /// Inodes of another owner than whoever asks.
    pub foreign: u64,
    /// Other file systems inside it, which are not entered.
    pub mounts: u64,
}

struct Scan<'a> {
    counters: &'a Counters,
    links: Mutex<Links>,
    total: Mutex<Holdings>,
    device: u64,
    user: u32,
}

/// Counts what `tree` holds.
///
/// # Errors
/// What cannot be read, with its path.
pub fn scan(tree: &Tree, counters: &Counters) -> Result<Holdings> {
    super::allow_many_files();
    let stat = meta::stat(tree.folder())?;
    let scan = Scan {
        counters,
        links: Mutex::new(Links::new(tempfile::tempfile)),
        total: Mutex::default(),
        device: meta::identity(&stat).0,
        user: rustix::process::geteuid().as_raw(),
    };
    let extra = Extra::read(Place::Open(tree.folder()), &mut Scratch::new())?;
    let mut top = Holdings::default();
    top.add(&stat, &extra, scan.user);
    scan.add(&top);
    walk::walk(&scan, tree.reopen()?, super::workers())?;
    Ok(scan
        .total
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

impl Holdings {
    fn add(&mut self, stat: &Statx, extra: &Extra, user: u32) {
        self.inodes += 1;
        match meta::kind(stat) {
            FileType::Directory => {
                self.folders += 1;
                self.allocated_bytes += stat.stx_size.next_multiple_of(BLOCK);
            }
            FileType::RegularFile => {
                self.files += 1;
                self.bytes += stat.stx_size;
                if !meta::may_have_holes(stat) {
                    self.allocated_bytes += stat.stx_size.next_multiple_of(BLOCK);
                }
            }
            FileType::Symlink => self.symlinks += 1,
            FileType::CharacterDevice if meta::device(stat) == 0 => self.whiteouts += 1,
            _ => self.special += 1,
        }
        if meta::kind(stat) != FileType::Directory {
            self.most_links = self.most_links.max(stat.stx_nlink.into());
        }
        let acl = |name: &CString| name.to_bytes().starts_with(b"system.posix_acl_");
        self.with_acls += u64::from(extra.xattrs.iter().any(|(name, _)| acl(name)));
        self.with_xattrs += u64::from(extra.xattrs.iter().any(|(name, _)| !acl(name)));
        self.with_project += u64::from(extra.project != 0);
        self.flags |= extra.flags & super::abilities::SETTABLE;
        self.foreign += u64::from(stat.stx_uid != user);
    }

    fn merge(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.allocated_bytes += other.allocated_bytes;
        self.inodes += other.inodes;
        self.folders += other.folders;
        self.files += other.files;
        self.symlinks += other.symlinks;
        self.whiteouts += other.whiteouts;
        self.special += other.special;
        self.links += other.links;
        self.sparse_files += other.sparse_files;
        self.sparse_extents += other.sparse_extents;
        self.with_xattrs += other.with_xattrs;
        self.with_acls += other.with_acls;
        self.with_project += other.with_project;
        self.flags |= other.flags;
        self.most_links = self.most_links.max(other.most_links);
        self.foreign += other.foreign;
        self.mounts += other.mounts;
    }
}

impl Scan<'_> {
    fn add(&self, holdings: &Holdings) {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        total.merge(holdings);
    }

    fn entry(
        &self,
        dir: &Dir<OwnedFd>,
        entry: &Entry,
        holdings: &mut Holdings,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let folder = dir.node.as_fd();
        let file = match entry.kind {
            FileType::RegularFile => match meta::open_file(folder, &entry.name) {
                Ok(file) => Some(file),
                // Gone, or of another type by now: the copy meets what it then is.
                Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(()),
                Err(error) => return Err(error).context("opening"),
            },
            _ => None,
        };
        let place = match &file {
            Some(file) => Place::Open(file.as_fd()),
            None => Place::Named(folder, &entry.name),
        };
        let found = match place {
            Place::Open(file) => meta::stat(file).map(Some),
            Place::Named(..) => meta::stat_if_there(folder, &entry.name),
        };
        let Some(stat) = found.context("reading the status")? else {
            return Ok(());
        };
        if stat.stx_nlink > 1 && self.met(&stat)? {
            holdings.links += 1;
            return Ok(());
        }
        let extra = match Extra::read(place, scratch) {
            Err(Errno::NOENT) => return Ok(()),
            extra => extra.context("reading the attributes")?,
        };
        holdings.add(&stat, &extra, self.user);
        if let (Some(file), true) = (&file, meta::may_have_holes(&stat)) {
            let (extents, data_bytes) = extents(file.as_fd(), stat.stx_size)?;
            holdings.allocated_bytes += data_bytes;
            // What is only stored small, inline or compressed, has no holes.
            if data_bytes < stat.stx_size {
                holdings.sparse_files += 1;
                holdings.sparse_extents += extents;
            }
        }
        Ok(())
    }

    /// Whether another name of this file was counted; notes it where not.
    fn met(&self, stat: &Statx) -> Result<bool> {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if links.get(Side::Source, stat.stx_ino)?.is_some() {
            return Ok(true);
        }
        links.put(Side::Source, stat.stx_ino, 0, b"")?;
        Ok(false)
    }
}

/// How many extents of data a file has, and how many bytes they take.
fn extents(file: BorrowedFd<'_>, size: u64) -> Result<(u64, u64)> {
    let (mut count, mut bytes, mut end) = (0, 0, 0);
    while let Some((start, stop)) = data::next_data(file, end, size).context("looking for holes")? {
        bytes += (stop - start).next_multiple_of(BLOCK);
        (count, end) = (count + 1, stop);
    }
    Ok((count, bytes))
}

impl Walk for Scan<'_> {
    type Node = OwnedFd;

    fn listed(node: &OwnedFd) -> BorrowedFd<'_> {
        node.as_fd()
    }

    fn enter(
        &self,
        parent: &Dir<OwnedFd>,
        name: &CString,
        scratch: &mut Scratch,
    ) -> Result<Option<OwnedFd>> {
        let reading = || format!("reading {}", super::shown(&parent.path(name)));
        let folder = match meta::open_folder(parent.node.as_fd(), name) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            folder => folder.with_context(reading)?,
        };
        let stat = meta::stat(&folder).with_context(reading)?;
        let extra = Extra::read(Place::Open(folder.as_fd()), scratch).with_context(reading)?;
        let mut holdings = Holdings::default();
        holdings.add(&stat, &extra, self.user);
        let inside = meta::identity(&stat).0 == self.device;
        holdings.mounts = u64::from(!inside);
        self.add(&holdings);
        self.counters.files.fetch_add(1, Relaxed);
        Ok(inside.then_some(folder))
    }

    fn batch(&self, dir: &Dir<OwnedFd>, entries: &[Entry], scratch: &mut Scratch) -> Result<()> {
        let mut holdings = Holdings::default();
        for entry in entries {
            self.entry(dir, entry, &mut holdings, scratch)
                .with_context(|| format!("reading {}", super::shown(&dir.path(&entry.name))))?;
        }
        self.add(&holdings);
        self.counters.files.fetch_add(entries.len() as u64, Relaxed);
        Ok(())
    }

    fn leave(&self, _: &Dir<OwnedFd>, _: &mut Scratch) -> Result<()> {
        Ok(())
    }
}
