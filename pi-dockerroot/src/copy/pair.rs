//! A folder in both trees while it is copied.

use super::copier::Copier;
use super::meta::{self, Extra, Place};
use super::pass::Pass;
use super::scratch::Scratch;
use super::settle::{self, Want};
use super::sys;
use anyhow::{Context, Result};
use rustix::fs::{IFlags, Mode, Statx};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// Flags that a new file takes over from its folder (ext4's FL_INHERITED and its kin).
const INHERITED: u32 = IFlags::SYNC.bits()
    | IFlags::NODUMP.bits()
    | IFlags::NOATIME.bits()
    | IFlags::COMPRESSED.bits()
    | settle::NO_COMPRESSION
    | IFlags::JOURNALING.bits()
    | IFlags::NOTAIL.bits()
    | IFlags::DIRSYNC.bits()
    | IFlags::SECURE_REMOVAL.bits()
    | IFlags::UNRM.bits()
    | IFlags::NOCOW.bits()
    | IFlags::PROJECT_INHERIT.bits();
/// The access list that a new file takes over from its folder.
const DEFAULT_ACL: &CStr = c"system.posix_acl_default";
/// A folder in both trees.
pub(super) struct Pair {
    pub from: OwnedFd,
    pub to: OwnedFd,
    pub stat: Statx,
    pub extra: Extra,
    /// What the copy's folder was like; `None`: just made, nothing in it but what this pass puts there.
    pub before: Option<(Statx, Extra)>,
    /// Whether something was changed in the copy's folder; the lock keeps others from changing before it is ready.
    pub touched: Mutex<bool>,
    /// Whether something was changed in it or its copy since the pass before.
    pub changed: bool,
    /// Whether it or a folder above it may have been another folder then.
    pub moved: bool,
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
        extra.flags &= !settle::LOCKED;
        let pair = Self {
            from,
            to,
            stat,
            extra,
            before: Some(before),
            touched: Mutex::new(false),
            changed: true,
            moved: copier.before.is_none(),
        };
        // The target's change time is that of its mark.
        let changed = copier.before.is_none_or(|before| {
            !before.source_unchanged(&pair.stat)
                || pair
                    .before
                    .as_ref()
                    .is_none_or(|(stat, _)| meta::modified(stat) != meta::modified(&pair.stat))
        });
        let pair = Self { changed, ..pair };
        if update {
            copier.remove_extras(&pair, true, scratch)?;
        }
        pair.touch()?;
        Ok(pair)
    }

    pub fn want(&self) -> Want<'_> {
        Want {
            stat: &self.stat,
            extra: &self.extra,
        }
    }

    /// Notes what was changed since the pass before. A folder that was moved has a new change time, and so has the folder
    /// that it was moved to: only where both have, may it have been another.
    pub fn known_since(self, before: Option<&Pass>, parent: &Self) -> Self {
        let (Some(pass), Some((copy, _))) = (before, &self.before) else {
            return self;
        };
        let changed = !pass.source_unchanged(&self.stat) || !pass.copy_unchanged(copy);
        Self {
            changed,
            moved: parent.moved || parent.changed && changed,
            ..self
        }
    }

    /// Whether there may be names in the copy's folder that are not in the source's. The times of modification say nothing
    /// about that: folders of one archive have the same, and one may have taken the place of another.
    pub fn may_have_extras(&self) -> bool {
        self.before.is_some() && (self.moved || self.changed)
    }

    /// Makes the copy's folder ready for changes: whatever it would hand down to new files, or keep from being changed,
    /// goes until the folder is left.
    pub fn touch(&self) -> Result<()> {
        let Some((stat, extra)) = &self.before else {
            return Ok(());
        };
        let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
        if *touched {
            return Ok(());
        }
        let plain = extra.flags & !(INHERITED | settle::LOCKED);
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

/// All of an open file beside its content.
pub(super) fn status(
    file: BorrowedFd<'_>,
    scratch: &mut Scratch,
) -> rustix::io::Result<(Statx, Extra)> {
    Ok((meta::stat(file)?, Extra::read(Place::Open(file), scratch)?))
}
