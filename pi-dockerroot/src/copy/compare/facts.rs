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

    /// Whether the copy has lost all holes that the original has.
    pub(super) fn holes(
        &self,
        path: &[u8],
        (from, stat): (BorrowedFd<'_>, &Statx),
        (to, found): (BorrowedFd<'_>, &Statx),
    ) -> Result<()> {
        if self.content == Content::View
            || !meta::may_have_holes(stat)
            || meta::may_have_holes(found)
        {
            return Ok(());
        }
        // The counts of blocks are a hint: what is stored inline or compressed takes few and has no hole.
        let looking = "looking for holes";
        if data::has_hole(from, stat.stx_size).context(looking)?
            && !data::has_hole(to, found.stx_size).context(looking)?
        {
            self.differ(path, "holes");
        }
        Ok(())
    }

    pub(super) fn content(
        &self,
        path: &[u8],
        (from, stat): (BorrowedFd<'_>, &Statx),
        to: BorrowedFd<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;
    use crate::copy::Counters;
    use crate::copy::links::Links;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;
    use std::sync::Mutex;

    /// What is said of the holes of two files, where the file system of the first says that it takes no blocks.
    fn said(from: &File, to: &File) -> Vec<&'static str> {
        let counters = Counters::default();
        let compare = Compare {
            content: Content::Bytes,
            flags: 0,
            renews: true,
            counters: &counters,
            links: Mutex::new(Links::new(tempfile::tempfile)),
            differences: Mutex::default(),
            device: 0,
        };
        let (mut stat, found) = (meta::stat(from).unwrap(), meta::stat(to).unwrap());
        stat.stx_blocks = 0;
        let sides = ((from.as_fd(), &stat), (to.as_fd(), &found));
        compare.holes(b"file", sides.0, sides.1).unwrap();
        let differences = compare.differences.into_inner().unwrap();
        differences.named.iter().map(|found| found.what).collect()
    }

    #[test]
    fn what_takes_few_blocks_has_no_holes_by_that_alone() {
        let [dense, sparse, copy] = [(); 3].map(|()| tempfile::tempfile().unwrap());
        for file in [&dense, &copy] {
            file.write_all_at(&[1; 200_000], 0).unwrap();
        }
        sparse.write_all_at(&[1; 1000], 199_000).unwrap();
        assert_eq!(said(&dense, &copy), [""; 0]);
        assert_eq!(said(&sparse, &copy), ["holes"]);
    }
}
