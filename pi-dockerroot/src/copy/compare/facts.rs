//! What of two names is compared: their status, their attributes, their links, their content.

use super::{Compare, Content};
use crate::copy::links::Side;
use crate::copy::meta::{self, Extra, Place};
use crate::copy::scratch::Scratch;
use crate::copy::{data, settle};
use anyhow::{Context, Result};
use rustix::fs::{FileType, Statx};
use std::os::fd::BorrowedFd;
use std::sync::PoisonError;

impl Compare<'_> {
    /// Compares what a status says. Returns whether the types are the same.
    pub(super) fn status(&self, path: &[u8], stat: &Statx, found: &Statx) -> bool {
        let kind = meta::kind(stat);
        if kind != meta::kind(found) {
            self.differ(path, "type");
            return false;
        }
        if stat.stx_mode != found.stx_mode {
            self.differ(path, "mode");
        }
        if settle::owner(stat) != settle::owner(found) {
            self.differ(path, "owner");
        }
        if meta::modified(stat) != meta::modified(found) {
            self.differ(path, "mtime");
        }
        if meta::device(stat) != meta::device(found) {
            self.differ(path, "device");
        }
        if kind == FileType::RegularFile && stat.stx_size != found.stx_size {
            self.differ(path, "size");
        }
        true
    }

    pub(super) fn extra(
        &self,
        path: &[u8],
        from: Place<'_>,
        to: Place<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let wanted = Extra::read(from, scratch).context("reading the source's attributes")?;
        let found = Extra::read(to, scratch).context("reading the copy's attributes")?;
        if wanted.xattrs != found.xattrs {
            self.differ(path, "attributes");
        }
        if self.content == Content::View {
            return Ok(());
        }
        if (wanted.flags ^ found.flags) & self.flags != 0 {
            self.differ(path, "flags");
        }
        if wanted.project != found.project {
            self.differ(path, "project");
        }
        Ok(())
    }

    /// Whether two names that are one file in the source are one in the copy, and two are two.
    pub(super) fn link(&self, path: &[u8], stat: &Statx, found: &Statx) -> Result<()> {
        if self.content == Content::View || stat.stx_nlink == 1 && found.stx_nlink == 1 {
            return Ok(());
        }
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let other = links.get(Side::Source, stat.stx_ino)?.map(|met| met.other);
        let back = links.get(Side::Target, found.stx_ino)?.map(|met| met.other);
        let mut same = true;
        match other {
            Some(other) => same &= other == found.stx_ino,
            None => links.put(Side::Source, stat.stx_ino, found.stx_ino, b"")?,
        }
        match back {
            Some(back) => same &= back == stat.stx_ino,
            None => links.put(Side::Target, found.stx_ino, stat.stx_ino, b"")?,
        }
        drop(links);
        if !same {
            self.differ(path, "hard link");
        }
        Ok(())
    }

    pub(super) fn content(
        &self,
        path: &[u8],
        (from, stat): (BorrowedFd<'_>, &Statx),
        (to, found): (BorrowedFd<'_>, &Statx),
        scratch: &mut Scratch,
    ) -> Result<()> {
        if self.content != Content::View
            && meta::may_have_holes(stat)
            && !meta::may_have_holes(found)
        {
            self.differ(path, "holes");
        }
        let skipped = match self.content {
            Content::Metadata => true,
            Content::Settled(time) => stat.stx_mtime.tv_sec >= time,
            Content::Since { modified, copied } => {
                stat.stx_mtime.tv_sec < modified && found.stx_ctime.tv_sec < copied
            }
            Content::Bytes | Content::View => false,
        };
        if skipped || stat.stx_size != found.stx_size {
            return Ok(());
        }
        if !data::equal(from, to, stat.stx_size, scratch, &self.counters.compared)? {
            let settled = matches!(self.content, Content::Settled(_));
            // What changed under the comparison the next pass sees.
            let time = |stat: &Statx| (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec);
            if !settled || time(&meta::stat(from)?) == time(stat) {
                self.differ(path, "content");
            }
        }
        Ok(())
    }
}
