//! Carrying out a plan's steps on an open disk.

use crate::device::OpenDisk;
use crate::observe::{by_descriptor, open_partition};
use crate::signature;
use crate::source::{Disk, Overlay, Source};
use crate::state::Kind;
use crate::table::{self, Table, gpt};
use anyhow::{Context, bail};
use cluster::command::Command;
use cluster::plan::{Action, Check, KernelCall, Scratch, Step};
use cluster::root::Root;
use cluster::run::{Executor, Presence, Progress, System, Unfinished, bytes_presence};
use nix::fcntl::{FallocateFlags, FcntlArg, fallocate, fcntl};
use nix::unistd::Whence;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How much of a scratch file is copied at once.
const CHUNK: usize = 1 << 20;
/// A superblock lies within this much of a file system's start; it is copied last.
const SUPERBLOCK: u64 = 64 << 10;

/// What knows how this tool's steps are looked at and done.
pub struct Acting<'a> {
    disk: &'a OpenDisk,
    system: System<'a>,
    /// Steps that a killed run had begun and not finished.
    begun: Vec<String>,
}

impl<'a> Acting<'a> {
    /// On this disk. `left` is what a killed run left.
    pub fn new(disk: &'a OpenDisk, root: &'a Root, left: Option<&Unfinished>) -> Self {
        let begun = left.map(|left| {
            let started = left
                .progress
                .iter()
                .filter(|(_, p)| **p == Progress::Started);
            started.map(|(id, _)| id.clone()).collect()
        });
        Self {
            disk,
            system: System::new(root),
            begun: begun.unwrap_or_default(),
        }
    }

    /// A step's path has to be the disk that is open: nothing else is ever written to.
    fn is_ours(&self, path: &str) -> anyhow::Result<()> {
        if Path::new(path) != self.disk.path {
            bail!(
                "the step is about {path}, and {} is open",
                self.disk.path.display()
            );
        }
        Ok(())
    }

    fn bytes(
        &self,
        path: &str,
        offset: u64,
        before: &[u8],
        after: &[u8],
    ) -> anyhow::Result<Presence> {
        self.is_ours(path)?;
        let mut now = vec![0; before.len()];
        self.disk.file.read_exact_at(&mut now, offset)?;
        Ok(bytes_presence(&now, before, after))
    }

    fn partition(&self, check: &Check) -> anyhow::Result<Presence> {
        let Check::Partition {
            disk,
            path,
            number,
            start_bytes,
            size_bytes,
        } = check
        else {
            bail!("no check of a partition");
        };
        self.is_ours(disk)?;
        let known = self.disk.kernel_partitions();
        let Some(known) = known.iter().find(|known| known.number == *number) else {
            return Ok(Presence::Absent);
        };
        if (known.start_bytes, known.size_bytes) != (*start_bytes, *size_bytes) {
            return Ok(Presence::Foreign(format!(
                "the kernel has partition {number} at byte {} with {} bytes",
                known.start_bytes, known.size_bytes
            )));
        }
        // The kernel knows it; its node may take udev a moment.
        match open_partition(self.disk, known) {
            Some(_) => Ok(Presence::Present),
            None if !Path::new(path).exists() => Ok(Presence::Partial),
            None => Ok(Presence::Foreign(format!("{path} is another device"))),
        }
    }

    fn filesystem(
        &self,
        step: &Step,
        path: &str,
        offset: u64,
        uuid: &str,
    ) -> anyhow::Result<Presence> {
        let found = match self.disk.kind {
            Kind::Image => {
                self.is_ours(path)?;
                let disk = Disk::new(&self.disk.file, self.disk.size_bytes);
                self.look(&disk, offset, self.disk.size_bytes - offset)?
            }
            _ => match self.partition_file(path)? {
                Some(file) => {
                    let size = nix::unistd::lseek(&file, 0, Whence::SeekEnd)?;
                    let size = u64::try_from(size)?;
                    self.look(&Disk::new(&file, size), 0, size)?
                }
                None => return Ok(Presence::Absent),
            },
        };
        let Some((found, fresh)) = found else {
            return Ok(Presence::Absent);
        };
        if found.as_deref() != Some(uuid) {
            // Whatever was allowed to be there is what the step is for.
            return Ok(Presence::Absent);
        }
        // Its superblock is there, and the rest may not have been on the disk when the power went. Nothing was ever stored
        // in it, so it is made again.
        if fresh && self.begun.contains(&step.id) {
            return Ok(Presence::Partial);
        }
        Ok(Presence::Present)
    }

    /// The UUID of what begins at `offset`, and whether it is an ext file system that was never mounted
    /// (`s_mtime` and `s_wtime` of its superblock: mkfs sets the second only).
    fn look(
        &self,
        source: &dyn Source,
        offset: u64,
        size: u64,
    ) -> anyhow::Result<Option<(Option<String>, bool)>> {
        let Some(found) = signature::read(source, offset, size)? else {
            return Ok(None);
        };
        let never = found.kind.starts_with("ext") && source.bytes(offset + 1024 + 44, 4)? == [0; 4];
        Ok(Some((found.uuid, never)))
    }

    /// A partition of this disk by its node's path, where the kernel knows it.
    fn partition_file(&self, path: &str) -> anyhow::Result<Option<File>> {
        let disk = self.disk.path.to_str().context("the path is not UTF-8")?;
        let known = self.disk.kernel_partitions();
        let known = known
            .iter()
            .find(|known| crate::plan::node_path(disk, known.number) == path);
        Ok(known.and_then(|known| open_partition(self.disk, known)))
    }

    fn write(&self, path: &str, offset: u64, bytes: &[u8]) -> anyhow::Result<()> {
        self.is_ours(path)?;
        let writing = || format!("writing {} bytes at {offset} of {path}", bytes.len());
        self.disk
            .file
            .write_all_at(bytes, offset)
            .with_context(writing)?;
        self.disk.file.sync_all().with_context(writing)
    }

    fn kernel(&self, call: &KernelCall) -> anyhow::Result<()> {
        match call {
            KernelCall::BlkpgAddPartition {
                path,
                number,
                start_bytes,
                size_bytes,
            } => {
                self.is_ours(path)?;
                self.disk.add_partition(*number, *start_bytes, *size_bytes)
            }
            KernelCall::BlkpgDelPartition { path, number } => {
                self.is_ours(path)?;
                self.disk.delete_partition(*number)
            }
            KernelCall::RadioUnblock
            | KernelCall::RadioCountry { .. }
            | KernelCall::RadioPowerSave { .. } => bail!("a disk has no radio"),
        }
    }

    /// After the kernel was told, its node takes udev a moment.
    fn wait(&mut self, step: &Step, limit_s: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(limit_s);
        loop {
            match self.partition(&step.check)? {
                Presence::Present => return Ok(()),
                Presence::Foreign(what) => bail!("{what}"),
                _ if Instant::now() >= deadline => bail!("waited {limit_s} s for its node in vain"),
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Runs mkfs on a partition. The command gets the descriptors that were checked, not names that may change their meaning: the
    /// partition's to work on, and the whole disk's so that the lock lasts as long as the command does, even if this
    /// process is killed.
    fn format_partition(&self, argv: &[String], path: &str, limit_s: u64) -> anyhow::Result<()> {
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
    fn format_image(&self, argv: &[String], scratch: &Scratch, limit_s: u64) -> anyhow::Result<()> {
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
    fn discard(&self, offset: u64, size: u64) -> anyhow::Result<()> {
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

    fn zeros(&self, offset: u64, size: u64) -> anyhow::Result<Presence> {
        let mut at = offset;
        let end = offset + size;
        let mut buffer = vec![0; CHUNK];
        while at < end {
            // What is a hole is zeros without being read.
            match nix::unistd::lseek(&self.disk.file, i64::try_from(at)?, Whence::SeekData) {
                Ok(data) => at = u64::try_from(data)?,
                Err(nix::Error::ENXIO) => break,
                Err(error) => return Err(error.into()),
            }
            if at >= end {
                break;
            }
            let length = usize::try_from(end - at)?.min(CHUNK);
            self.disk.file.read_exact_at(&mut buffer[..length], at)?;
            if buffer[..length].iter().any(|byte| *byte != 0) {
                return Ok(Presence::Absent);
            }
            at += length as u64;
        }
        Ok(Presence::Present)
    }
}

impl Executor for Acting<'_> {
    fn presence(&mut self, step: &Step) -> anyhow::Result<Presence> {
        match (&step.action, &step.check) {
            (
                Action::WriteBytes {
                    path,
                    offset_bytes,
                    before,
                    bytes,
                },
                _,
            ) => self.bytes(path, *offset_bytes, &before.0, &bytes.0),
            (
                Action::Erase {
                    path,
                    offset_bytes,
                    before,
                },
                _,
            ) => self.bytes(path, *offset_bytes, &before.0, &vec![0; before.0.len()]),
            (_, Check::Partition { .. }) => self.partition(&step.check),
            (_, Check::NoPartition { disk, number, .. }) => {
                self.is_ours(disk)?;
                let known = self.disk.kernel_partitions();
                Ok(match known.iter().any(|known| known.number == *number) {
                    true => Presence::Absent,
                    false => Presence::Present,
                })
            }
            (
                _,
                Check::Filesystem {
                    path,
                    offset_bytes,
                    uuid,
                    ..
                },
            ) => self.filesystem(step, path, *offset_bytes, uuid),
            (
                _,
                Check::Zeros {
                    path,
                    offset_bytes,
                    size_bytes,
                },
            ) => {
                self.is_ours(path)?;
                self.zeros(*offset_bytes, *size_bytes)
            }
            _ => self
                .system
                .presence(step)?
                .with_context(|| format!("the step {} has a check of another tool", step.id)),
        }
    }

    fn act(&mut self, step: &Step) -> anyhow::Result<()> {
        self.begun.retain(|id| *id != step.id);
        match &step.action {
            Action::WriteBytes {
                path,
                offset_bytes,
                bytes,
                ..
            } => self.write(path, *offset_bytes, &bytes.0),
            Action::Erase {
                path,
                offset_bytes,
                before,
            } => self.write(path, *offset_bytes, &vec![0; before.0.len()]),
            Action::Discard {
                path,
                offset_bytes,
                size_bytes,
            } => {
                self.is_ours(path)?;
                self.discard(*offset_bytes, *size_bytes)
            }
            Action::Kernel(call) => self.kernel(call),
            Action::WaitFor { limit_s } => self.wait(step, *limit_s),
            Action::Run {
                argv,
                limit_s,
                scratch: Some(scratch),
            } => self.format_image(argv, scratch, *limit_s),
            Action::Run { argv, limit_s, .. } if matches!(step.check, Check::Filesystem { .. }) => {
                let Check::Filesystem { path, .. } = &step.check else {
                    bail!("no file system to make");
                };
                self.format_partition(argv, path, *limit_s)
            }
            _ => match self.system.act(step)? {
                true => Ok(()),
                false => bail!("the step {} is of another tool", step.id),
            },
        }
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

/// Tries the writes on a copy of the table: it has to read as the old one with the new partitions, and nothing else.
///
/// # Errors
/// It does not. Nothing was written.
pub fn rehearse(
    disk: &OpenDisk,
    overlay: Vec<(u64, Vec<u8>)>,
    old: &Table,
    writes: &[gpt::Write],
) -> anyhow::Result<()> {
    let plain = Disk::new(&disk.file, disk.size_bytes);
    let mut all = overlay;
    all.extend(
        writes
            .iter()
            .map(|(_, offset, _, after)| (*offset, after.clone())),
    );
    let copy = Overlay::new(&plain, all);
    let new = table::read(&copy, old.sector_bytes)
        .context("rehearsing the write")?
        .map_err(|damage| anyhow::anyhow!("rehearsing the write: {}", damage.message))?;
    let kept = old
        .partitions
        .iter()
        .all(|entry| new.partitions.contains(entry));
    if new.disk_id != old.disk_id || !kept || new.partitions.len() <= old.partitions.len() {
        bail!("rehearsing the write: the table would not be the old one with new partitions");
    }
    Ok(())
}

/// Reads a whole small file.
pub fn read_file(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let reading = || format!("reading {}", path.display());
    let mut content = Vec::new();
    let file = File::open(path).with_context(reading)?;
    file.take(limit)
        .read_to_end(&mut content)
        .with_context(reading)?;
    Ok(content)
}
