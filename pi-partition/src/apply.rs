//! Carrying out a plan's steps on an open disk.

use crate::device::OpenDisk;
use anyhow::{Context, bail};
use cluster::plan::{Action, Check, KernelCall, Step};
use cluster::root::Root;
use cluster::run::{Executor, Presence, Progress, System, Unfinished};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

mod format;
mod presence;
mod programs;
mod rehearse;

pub use presence::bytes_presence;
pub use programs::missing;
pub use rehearse::rehearse;

/// How much of a file is read or copied at once.
const CHUNK: usize = 1 << 20;
/// What knows how this tool's steps are looked at and done.
pub struct Acting<'a> {
    disk: &'a OpenDisk,
    system: System<'a>,
    /// Steps that a killed run had begun and not finished.
    begun: Vec<String>,
    /// Whether it had saved the table.
    saved: bool,
}

/// The step that saves the table. Once done it is not looked at again: its place may be a stick that is not there any more.
pub const SAVE_TABLE: &str = "save-table";

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
        let saved = left.and_then(|left| left.progress.get(SAVE_TABLE));
        Self {
            disk,
            system: System::new(root),
            begun: begun.unwrap_or_default(),
            saved: saved == Some(&Progress::Done),
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

    /// How much of a step's effect is there by its check, where it writes no bytes of its own.
    fn checked(&self, step: &Step) -> anyhow::Result<Presence> {
        match &step.check {
            check @ Check::Partition { .. } => self.partition(check),
            Check::NoPartition { disk, number, .. } => {
                self.is_ours(disk)?;
                let known = self.disk.kernel_partitions();
                Ok(match known.iter().any(|known| known.number == *number) {
                    true => Presence::Absent,
                    false => Presence::Present,
                })
            }
            Check::Filesystem {
                path,
                offset_bytes,
                uuid,
                ..
            } => self.filesystem(step, path, *offset_bytes, uuid),
            Check::Zeros {
                path,
                offset_bytes,
                size_bytes,
            } => {
                self.is_ours(path)?;
                self.zeros(*offset_bytes, *size_bytes)
            }
            _ => self
                .system
                .presence(step)?
                .with_context(|| format!("the step {} has a check of another tool", step.id)),
        }
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
}

impl Executor for Acting<'_> {
    fn presence(&mut self, step: &Step) -> anyhow::Result<Presence> {
        if step.id == SAVE_TABLE && self.saved {
            return Ok(Presence::Present);
        }
        match &step.action {
            Action::WriteBytes {
                path,
                offset_bytes,
                before,
                bytes,
            } => self.bytes(path, *offset_bytes, &before.0, &bytes.0),
            Action::Erase {
                path,
                offset_bytes,
                before,
            } => self.bytes(path, *offset_bytes, &before.0, &vec![0; before.0.len()]),
            _ => self.checked(step),
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
