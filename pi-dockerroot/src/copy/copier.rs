//! Makes the target equal to the source: into an empty folder, or over an earlier copy.

use super::links::{Links, Side};
use super::meta::{self, Extra, Place};
use super::remove::remove;
use super::scratch::Scratch;
use super::settle::{Have, Settler, Want};
use super::walk::{Dir, Entry, Walk};
use super::{Counters, data, sys, walk};
use anyhow::{Context, Result};
use rustix::fs::{FileType, IFlags, Mode, OFlags, Statx, mkdirat, openat};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Flags that a new file takes over from its folder (ext4's FL_INHERITED and its kin).
const INHERITED: u32 = IFlags::SYNC.bits()
    | IFlags::NODUMP.bits()
    | IFlags::NOATIME.bits()
    | IFlags::COMPRESSED.bits()
    | super::settle::NO_COMPRESSION
    | IFlags::JOURNALING.bits()
    | IFlags::NOTAIL.bits()
    | IFlags::DIRSYNC.bits()
    | IFlags::SECURE_REMOVAL.bits()
    | IFlags::UNRM.bits()
    | IFlags::NOCOW.bits()
    | IFlags::PROJECT_INHERIT.bits();
/// The access list that a new file takes over from its folder.
const DEFAULT_ACL: &CStr = c"system.posix_acl_default";
/// How coarse the kernel's time stamps are at worst (a tick at 100 Hz), doubled.
const TICK: Duration = Duration::from_millis(20);

/// A folder in both trees.
pub(super) struct Pair {
    from: OwnedFd,
    to: OwnedFd,
    stat: Statx,
    extra: Extra,
    /// What the copy's folder was like; `None`: just made, nothing in it but what this pass puts there.
    before: Option<(Statx, Extra)>,
    /// Whether something was changed in the copy's folder; the lock keeps others from changing before it is ready.
    touched: Mutex<bool>,
}

/// One pass.
pub(super) struct Copier<'a> {
    pub settler: Settler,
    pub counters: &'a Counters,
    /// Whether files that look the same are read and compared.
    pub distrust: bool,
    pub links: Mutex<Links>,
    /// The top of the target, which a first hard link's path is below.
    pub top: BorrowedFd<'a>,
    /// Whose new files are.
    pub owner: (u32, u32),
    /// The source's file system; others inside it are not entered.
    pub device: u64,
}

/// How it went with a name.
enum Met {
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

impl Pair {
    /// The top of both trees. The target's own `lost+found` and the mark make it no new folder.
    pub fn top(
        from: OwnedFd,
        to: OwnedFd,
        update: bool,
        copier: &Copier<'_>,
        scratch: &mut Scratch,
    ) -> Result<Self> {
        let before = status(to.as_fd(), scratch).context("reading the target")?;
        let (stat, mut extra) = status(from.as_fd(), scratch).context("reading the source")?;
        // The mark of an unfinished copy has to go before nothing can be changed any more.
        extra.flags &= !super::settle::LOCKED;
        let pair = Self {
            from,
            to,
            stat,
            extra,
            before: Some(before),
            touched: Mutex::new(false),
        };
        if update {
            copier.remove_extras(&pair, true, scratch)?;
        }
        pair.touch()?;
        Ok(pair)
    }

    fn want(&self) -> Want<'_> {
        Want {
            stat: &self.stat,
            extra: &self.extra,
        }
    }

    /// Makes the copy's folder ready for changes: whatever it would hand down to new files, or keep from being changed,
    /// goes until the folder is left.
    fn touch(&self) -> Result<()> {
        let Some((stat, extra)) = &self.before else {
            return Ok(());
        };
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        if *touched {
            return Ok(());
        }
        let plain = extra.flags & !(INHERITED | super::settle::LOCKED);
        if plain != extra.flags {
            sys::set_flags(self.to.as_fd(), plain).context("setting the flags")?;
        }
        if extra.xattr(DEFAULT_ACL).is_some() {
            sys::remove_xattr(Place::Open(self.to.as_fd()), DEFAULT_ACL)
                .context("removing the default access list")?;
        }
        if stat.stx_mode & 0o2000 != 0 || stat.stx_mode & 0o300 != 0o300 {
            rustix::fs::fchmod(&self.to, Mode::RWXU).context("setting the mode")?;
        }
        *touched = true;
        Ok(())
    }
}

fn copying(path: &[u8]) -> String {
    format!("copying {}", super::shown(path))
}

fn status(file: BorrowedFd<'_>, scratch: &mut Scratch) -> rustix::io::Result<(Statx, Extra)> {
    Ok((meta::stat(file)?, Extra::read(Place::Open(file), scratch)?))
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
        let (stat, extra) = status(from.as_fd(), scratch).context("reading the status")?;
        let existing = match pair.before {
            None => None,
            Some(_) => {
                meta::stat_if_there(pair.to.as_fd(), name).context("reading the copy's status")?
            }
        };
        let is_folder = |stat: &Statx| meta::kind(stat) == FileType::Directory;
        let keep = existing.as_ref().is_some_and(is_folder);
        if !keep {
            pair.touch()?;
            if existing.is_some() {
                remove(pair.to.as_fd(), name, scratch)?;
            }
            mkdirat(&pair.to, name.as_c_str(), Mode::RWXU).context("making the folder")?;
        }
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
        };
        if meta::identity(&pair.stat).0 != self.device {
            // Another file system is mounted here: what is below the mount cannot be seen, what is on it is not asked for.
            self.counters.mounts.fetch_add(1, Relaxed);
            return Ok(None);
        }
        if keep {
            self.remove_extras(&pair, false, scratch)?;
        }
        Ok(Some(pair))
    }

    /// Removes from a folder of the copy what is not in the source's.
    fn remove_extras(&self, pair: &Pair, top: bool, scratch: &mut Scratch) -> Result<()> {
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

    fn regular(&self, dir: &Dir<Pair>, name: &CString, scratch: &mut Scratch) -> Result<Met> {
        let pair = &dir.node;
        let from = match meta::open_file(pair.from.as_fd(), name) {
            // A symbolic link, a socket, a device.
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(Met::Retyped),
            from => or_gone!(self.counters, from, Met::Done),
        };
        let mut stat = meta::stat(&from).context("reading the status")?;
        if meta::kind(&stat) != FileType::RegularFile {
            return Ok(Met::Retyped);
        }
        if just_modified(&stat) {
            // A change in the same tick of the clock would keep the time stamp, and the next pass would not see it.
            std::thread::sleep(TICK);
            stat = meta::stat(&from).context("reading the status")?;
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

    /// What stands at a name in the copy; nothing is asked where the folder is new.
    fn existing(&self, pair: &Pair, name: &CStr) -> Result<Option<Statx>> {
        if pair.before.is_none() {
            return Ok(None);
        }
        meta::stat_if_there(pair.to.as_fd(), name).context("reading the copy's status")
    }

    fn clear(&self, pair: &Pair, name: &CStr, scratch: &mut Scratch) -> Result<()> {
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
        if self.distrust
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

    fn settle(&self, to: BorrowedFd<'_>, want: Want<'_>, have: &Have<'_>) -> Result<()> {
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

    fn lock(&self) -> MutexGuard<'_, Links> {
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
    fn link_to_first(
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

    /// A symbolic link, device (a whiteout is one), FIFO or socket. None is ever opened.
    fn special(&self, dir: &Dir<Pair>, name: &CString, scratch: &mut Scratch) -> Result<Met> {
        let pair = &dir.node;
        let from = pair.from.as_fd();
        let stat = or_gone!(self.counters, meta::stat_at(from, name), Met::Done);
        if matches!(
            meta::kind(&stat),
            FileType::RegularFile | FileType::Directory
        ) {
            return Ok(Met::Retyped);
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
        let existing = self.existing(pair, name)?;
        let mut links = (stat.stx_nlink > 1).then(|| self.lock());
        if let Some(links) = &links
            && self.link_to_first(links, dir, name, want, existing.as_ref(), scratch)?
        {
            return Ok(Met::Done);
        }
        let free = |existing: &Statx| match &links {
            Some(links) => Ok(links.get(Side::Target, existing.stx_ino)?.is_none()),
            None => anyhow::Ok(existing.stx_nlink == 1),
        };
        let kept = match &existing {
            Some(existing) => {
                free(existing)? && self.keep_special(pair, name, want, existing, scratch)?
            }
            None => false,
        };
        if !kept {
            if existing.is_some() {
                self.clear(pair, name, scratch)?;
            }
            if !self.make_special(pair, name, want)? {
                return Ok(Met::Retyped);
            }
        }
        if let Some(links) = &mut links {
            let made = meta::stat_at(pair.to.as_fd(), name).context("reading the copy's status")?;
            remember(links, dir, name, &stat, made.stx_ino)?;
        }
        Ok(Met::Done)
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
            && (kind != FileType::Symlink || super::same_target(from, to, name)?);
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

/// The mode that a new file is made with: what may have to change with its owner comes later.
fn created(stat: &Statx) -> Mode {
    meta::permissions(stat) & (Mode::RWXU | Mode::RWXG | Mode::RWXO)
}

/// Whether a file was modified so lately that its next change may have the same time stamp.
fn just_modified(stat: &Statx) -> bool {
    let (seconds, nanoseconds) = meta::modified(stat);
    let Ok(seconds) = u64::try_from(seconds) else {
        return false;
    };
    let modified = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age < TICK)
}

/// Notes the first name of a file with several.
fn remember(
    links: &mut Links,
    dir: &Dir<Pair>,
    name: &CString,
    stat: &Statx,
    ino: u64,
) -> Result<()> {
    links.put(Side::Source, stat.stx_ino, ino, &dir.path(name))?;
    links.put(Side::Target, ino, stat.stx_ino, b"")
}
