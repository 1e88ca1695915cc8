//! Makes a file of the copy like its original in everything but content, with no call that changes nothing.

use super::meta::{self, Extra, Place};
use super::sys;
use anyhow::{Context, Result};
use cluster::root::by_descriptor;
use rustix::fs::{
    self, AtFlags, FileType, Gid, IFlags, Mode, OFlags, Statx, Uid, chownat, fchmod, fchown,
    futimens, openat, utimensat,
};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

/// Flags that keep a file from being changed.
pub(super) const LOCKED: u32 = IFlags::IMMUTABLE.bits() | IFlags::APPEND.bits();
/// Flags that say how content is stored, and only take before there is any (btrfs).
const BEFORE_CONTENT: u32 = IFlags::NOCOW.bits() | IFlags::COMPRESSED.bits() | NO_COMPRESSION;
/// FS_NOCOMP_FL (linux/fs.h).
pub(super) const NO_COMPRESSION: u32 = 0x400;
/// Set-user-ID and set-group-ID: the kernel takes them away when the owner changes.
const SET_ID: u32 = 0o6000;

/// What the original is like.
#[derive(Clone, Copy)]
pub(super) struct Want<'a> {
    pub stat: &'a Statx,
    pub extra: &'a Extra,
}

/// What the copy is like so far.
pub(super) struct Have<'a> {
    pub owner: (u32, u32),
    pub mode: Mode,
    pub extra: &'a Extra,
    /// Access and modification time: seconds and nanoseconds. `None`: just made or written.
    pub modified: Option<(i64, u32)>,
}

impl<'a> Have<'a> {
    /// A file that is there.
    pub fn there(stat: &Statx, extra: &'a Extra) -> Self {
        Self {
            owner: (stat.stx_uid, stat.stx_gid),
            mode: meta::permissions(stat),
            extra,
            modified: Some(meta::modified(stat)),
        }
    }
}

/// Which flags the target's file system keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settler {
    pub flags: u32,
}

impl Settler {
    /// An open file or folder of the copy. Returns whether anything was changed.
    pub fn open(self, file: BorrowedFd<'_>, want: Want<'_>, have: &Have<'_>) -> Result<bool> {
        let different = (want.extra.flags ^ have.extra.flags) & self.flags != 0;
        let same = have.owner == owner(want.stat)
            && have.mode == meta::permissions(want.stat)
            && have.modified == Some(meta::modified(want.stat))
            && have.extra.xattrs == want.extra.xattrs
            && have.extra.project == want.extra.project
            && !different;
        if same {
            return Ok(false);
        }
        let mut flags = have.extra.flags;
        if flags & LOCKED != 0 {
            flags &= !LOCKED;
            self.set_flags(file, flags)?;
        }
        let place = Place::Open(file);
        give(place, want, have)?;
        if want.extra.project != have.extra.project {
            sys::set_project(file, want.extra.project).context("setting the project")?;
        }
        set_times(place, want.stat).context("setting the times")?;
        if (want.extra.flags ^ flags) & self.flags != 0 {
            self.set_flags(file, want.extra.flags)?;
        }
        Ok(true)
    }

    /// A symbolic link, device, FIFO or socket of the copy, by its name.
    pub fn named(
        self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        want: Want<'_>,
        have: &Have<'_>,
    ) -> Result<bool> {
        if have.owner == owner(want.stat)
            && have.modified == Some(meta::modified(want.stat))
            && have.extra.xattrs == want.extra.xattrs
        {
            return Ok(false);
        }
        let place = Place::Named(folder, name);
        give(place, want, have)?;
        set_times(place, want.stat).context("setting the times")?;
        Ok(true)
    }

    /// Sets the flags that must be there before the content. Returns what the file then has.
    pub fn before_content(self, file: BorrowedFd<'_>, wanted: u32) -> Result<u32> {
        let early = wanted & self.flags & BEFORE_CONTENT;
        if early != 0 {
            self.set_flags(file, early)?;
        }
        Ok(early)
    }

    /// Sets those flags that the file system keeps; what it has of its own (extents …) stays.
    pub fn set_flags(self, file: BorrowedFd<'_>, flags: u32) -> Result<()> {
        let now = sys::flags(file).context("reading the flags")?;
        let wanted = now & !self.flags | flags & self.flags;
        sys::set_flags(file, wanted).context("setting the flags")
    }
}

/// Whose a file is.
pub(super) fn owner(stat: &Statx) -> (u32, u32) {
    (stat.stx_uid, stat.stx_gid)
}

/// Gives a file its owner, its attributes and its mode, in the order in which none takes another away.
fn give(place: Place<'_>, want: Want<'_>, have: &Have<'_>) -> Result<()> {
    let chowned = have.owner != owner(want.stat);
    if chowned {
        set_owner(place, owner(want.stat)).context("setting the owner")?;
    }
    let acl = set_xattrs(place, want.extra, have.extra, chowned)?;
    let mode = meta::permissions(want.stat);
    if have.mode != mode || acl || chowned && mode.bits() & SET_ID != 0 {
        set_mode(place, mode).context("setting the mode")?;
    }
    Ok(())
}

/// Makes the extended attributes those of the original. Returns whether an access list was touched.
fn set_xattrs(place: Place<'_>, want: &Extra, have: &Extra, chowned: bool) -> Result<bool> {
    let mut acl = false;
    for (name, _) in &have.xattrs {
        if want.xattr(name).is_none() {
            acl |= name.to_bytes().starts_with(b"system.");
            sys::remove_xattr(place, name)
                .with_context(|| format!("removing the attribute {}", name.to_string_lossy()))?;
        }
    }
    for (name, value) in &want.xattrs {
        // A change of owner takes capabilities away.
        if !chowned && have.xattr(name) == Some(value) {
            continue;
        }
        acl |= name.to_bytes().starts_with(b"system.");
        sys::set_xattr(place, name, value)
            .with_context(|| format!("setting the attribute {}", name.to_string_lossy()))?;
    }
    Ok(acl)
}

fn set_owner(place: Place<'_>, (uid, gid): (u32, u32)) -> rustix::io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    match place {
        Place::Open(file) => fchown(file, uid, gid),
        Place::Named(folder, name) => chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW),
    }
}

fn set_mode(place: Place<'_>, mode: Mode) -> rustix::io::Result<()> {
    match place {
        Place::Open(file) => fchmod(file, mode),
        Place::Named(folder, name) => chmod_named(folder, name, mode),
    }
}

fn set_times(place: Place<'_>, stat: &Statx) -> rustix::io::Result<()> {
    let times = meta::times(stat);
    match place {
        Place::Open(file) => futimens(file, &times),
        Place::Named(folder, name) => utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW),
    }
}

/// `chmod` of what must not be opened, without following a link that took its place.
fn chmod_named(folder: BorrowedFd<'_>, name: &CStr, mode: Mode) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty())?;
    if meta::kind(&meta::stat(file.as_fd())?) == FileType::Symlink {
        return Ok(());
    }
    fs::chmod(by_descriptor(&file), mode)
}
