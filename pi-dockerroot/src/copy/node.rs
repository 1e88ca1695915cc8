//! Symbolic links, devices, FIFOs and sockets. None is ever opened.

use super::copier::{Copier, Met, or_gone};
use super::file::remember;
use super::links::Side;
use super::meta::{self, Extra, Place};
use super::pair::Pair;
use super::scratch::Scratch;
use super::settle::{Have, Want};
use super::walk::Dir;
use anyhow::{Context, Result};
use rustix::fs::{FileType, Statx};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::Relaxed;

impl Copier<'_> {
    /// A symbolic link, device (a whiteout is one), FIFO or socket. None is ever opened.
    pub(super) fn special(
        &self,
        dir: &Dir<Pair>,
        name: &CString,
        scratch: &mut Scratch,
    ) -> Result<Met> {
        let pair = &dir.node;
        let from = pair.from.as_fd();
        let stat = or_gone!(self.counters, meta::stat_at(from, name), Met::Done);
        if matches!(
            meta::kind(&stat),
            FileType::RegularFile | FileType::Directory
        ) {
            return Ok(Met::Retyped);
        }
        let existing = self.existing(pair, name)?;
        if let (Some(before), Some(copy), false) = (self.before, &existing, pair.moved)
            && before.still_equal(&stat, copy)
        {
            return Ok(Met::Done);
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
