//! Making a file system: in a partition, or beside an image and then copied to its place.

use super::{Acting, CHUNK};
use anyhow::Context;
use cluster::command::Command;
use cluster::plan::Scratch;
use cluster::root::by_descriptor;
use nix::fcntl::{FallocateFlags, FcntlArg, fallocate, fcntl};
use nix::unistd::Whence;
use std::fs::File;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// A superblock lies within this much of a file system's start; it is copied last.
const SUPERBLOCK: u64 = 64 << 10;

impl Acting<'_> {
    /// Runs mkfs on a partition. The command gets the descriptors that were checked, not names that may change their meaning: the
    /// partition's to work on, and the whole disk's so that the lock lasts as long as the command does, even if this
    /// process is killed.
    pub(super) fn format_partition(
        &self,
        argv: &[String],
        path: &str,
        limit_s: u64,
    ) -> anyhow::Result<()> {
        let partition = self
            .partition_file(path)?
            .with_context(|| format!("opening {path}: it is not a partition of this disk"))?;
        let _lock = inherited(&self.disk.file)?;
        let partition = inherited(&partition)?;
        run(argv, path, &by_descriptor(&partition), limit_s)?;
        File::from(partition)
            .sync_all()
            .with_context(|| format!("flushing {path}"))
    }

    /// Makes a file system in a file without a name, then copies it to its place: its data, then its superblock, so that an
    /// unfinished copy is no file system.
    pub(super) fn format_image(
        &self,
        argv: &[String],
        scratch: &Scratch,
        limit_s: u64,
    ) -> anyhow::Result<()> {
        self.is_ours(&scratch.path)?;
        let folder = self
            .disk
            .path
            .parent()
            .filter(|f| !f.as_os_str().is_empty());
        let file = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))
            .context("making a scratch file beside the image")?;
        file.set_len(scratch.size_bytes)
            .context("making a scratch file")?;
        let _lock = inherited(&self.disk.file)?;
        let handed = inherited(&file)?;
        run(argv, Scratch::WORD, &by_descriptor(&handed), limit_s)?;
        let copying = || format!("copying the file system to {}", scratch.path);
        self.discard(scratch.offset_bytes, scratch.size_bytes)
            .with_context(copying)?;
        let head = SUPERBLOCK.min(scratch.size_bytes);
        self.copy(&file, scratch, head, scratch.size_bytes)
            .with_context(copying)?;
        self.disk.file.sync_all().with_context(copying)?;
        self.copy(&file, scratch, 0, head).with_context(copying)?;
        self.disk.file.sync_all().with_context(copying)
    }

    /// Copies what is no hole between two places of a scratch file.
    fn copy(&self, file: &File, scratch: &Scratch, from: u64, to: u64) -> anyhow::Result<()> {
        let mut at = from;
        let mut buffer = vec![0; CHUNK];
        while at < to {
            let data = match nix::unistd::lseek(file, i64::try_from(at)?, Whence::SeekData) {
                Ok(data) => u64::try_from(data)?,
                Err(nix::Error::ENXIO) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let hole = nix::unistd::lseek(file, i64::try_from(data)?, Whence::SeekHole)?;
            let end = u64::try_from(hole)?.min(to);
            at = data;
            while at < end {
                let length = usize::try_from(end - at)?.min(CHUNK);
                file.read_exact_at(&mut buffer[..length], at)?;
                self.disk
                    .file
                    .write_all_at(&buffer[..length], scratch.offset_bytes + at)?;
                at += length as u64;
            }
        }
        Ok(())
    }

    /// Makes a range of an image read as zeros: a hole, or zeros where its file system knows no holes.
    pub(super) fn discard(&self, offset: u64, size: u64) -> anyhow::Result<()> {
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let (from, length) = (i64::try_from(offset)?, i64::try_from(size)?);
        match fallocate(self.disk.file.as_fd(), flags, from, length) {
            Ok(()) => {}
            Err(nix::Error::EOPNOTSUPP) => {
                let zeros = vec![0; CHUNK];
                let mut at = 0;
                while at < size {
                    let length = usize::try_from(size - at)?.min(CHUNK);
                    self.disk.file.write_all_at(&zeros[..length], offset + at)?;
                    at += length as u64;
                }
            }
            Err(error) => return Err(error.into()),
        }
        self.disk.file.sync_all()?;
        Ok(())
    }
}

/// Runs a command with one of its words replaced.
fn run(argv: &[String], word: &str, with: &str, limit_s: u64) -> anyhow::Result<()> {
    let (program, arguments) = argv.split_first().context("running a command: no words")?;
    let arguments = arguments
        .iter()
        .map(|argument| if argument == word { with } else { argument });
    Command::new(program)
        .args(arguments)
        .limit(Duration::from_secs(limit_s))
        .run()
        .with_context(|| format!("making a file system on {word}"))?;
    Ok(())
}

/// A descriptor that commands inherit.
fn inherited(file: &File) -> anyhow::Result<OwnedFd> {
    let copy = fcntl(file, FcntlArg::F_DUPFD(3)).context("handing on a descriptor")?;
    // SAFETY: fcntl just made this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
