//! How much of a step's effect is there: partitions, file systems, zeros.

use super::{Acting, CHUNK};
use crate::observe::open_partition;
use crate::signature;
use crate::source::{Disk, Source};
use crate::state::Kind;
use anyhow::{Context, bail};
use cluster::plan::{Check, Step};
use cluster::run::Presence;
use nix::unistd::Whence;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

impl Acting<'_> {
    pub(super) fn partition(&self, check: &Check) -> anyhow::Result<Presence> {
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

    pub(super) fn filesystem(
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
    pub(super) fn partition_file(&self, path: &str) -> anyhow::Result<Option<File>> {
        let disk = self.disk.path.to_str().context("the path is not UTF-8")?;
        let known = self.disk.kernel_partitions();
        let known = known
            .iter()
            .find(|known| crate::plan::node_path(disk, known.number) == path);
        Ok(known.and_then(|known| open_partition(self.disk, known)))
    }

    pub(super) fn zeros(&self, offset: u64, size: u64) -> anyhow::Result<Presence> {
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

/// How much of a write is there: `now` stands where `before` was and `after` shall be. A write may have been torn at any
/// byte.
pub fn bytes_presence(now: &[u8], before: &[u8], after: &[u8]) -> Presence {
    if now == after {
        return Presence::Present;
    }
    if now == before {
        return Presence::Absent;
    }
    let torn = now.len() == after.len()
        && before.len() == after.len()
        && (now.iter().zip(before).zip(after))
            .all(|((now, before), after)| now == before || now == after);
    if torn {
        return Presence::Partial;
    }
    Presence::Foreign("other bytes stand in its place than before or after it".to_owned())
}
