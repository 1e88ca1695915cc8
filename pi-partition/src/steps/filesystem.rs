//! The steps that put a file system into a new partition: what old ones left goes first.

use super::Steps;
use crate::layout::Placed;
use crate::plan::node_path;
use crate::request::Wish;
use crate::state::Kind;
use crate::table::{Raw, gpt};
use cluster::inventory::Filesystem;
use cluster::plan::{Action, Check, Hex, Scratch, Step, uuid_text};

/// How long making a file system may take, in seconds. A slow card writes the tables of 60 GB in about two minutes.
const MKFS_LIMIT_S: u64 = 1800;

impl Steps<'_> {
    /// Old signatures in a new partition: left there, the next program would see two file systems.
    pub(super) fn erase(&mut self, placed: &Placed) {
        let end = placed.start_bytes + placed.size_bytes;
        let inside = |offset: u64| (placed.start_bytes..end).contains(&offset);
        let mut erased = Vec::new();
        for (place, signature) in &self.disk.found {
            let offset_bytes = place + signature.offset;
            if !inside(offset_bytes) || erased.contains(&offset_bytes) {
                continue;
            }
            erased.push(offset_bytes);
            let path = self.disk.path.clone();
            let check = Check::Zeros {
                path: path.clone(),
                offset_bytes,
                size_bytes: signature.magic.len() as u64,
            };
            let action = Action::Erase {
                path,
                offset_bytes,
                before: Hex(signature.magic.clone()),
            };
            let id = format!("erase-{}-{offset_bytes}", signature.kind);
            let why = "--wipe: its magic bytes go, so that no program finds it beside the new one";
            self.steps.push(Step::new(id, why, action, check));
        }
        self.erase_backup(placed);
    }

    /// A GPT's backup that stood at the end of a smaller disk: left inside a partition it would mislead whoever repairs the
    /// table. The step keeps its bytes.
    fn erase_backup(&mut self, placed: &Placed) {
        let Raw::Gpt(raw) = &self.table.raw else {
            return;
        };
        let end = placed.start_bytes + placed.size_bytes;
        for (offset_bytes, bytes) in
            gpt::left_behind(raw, self.table.sector_bytes, self.table.sectors)
        {
            let size_bytes = bytes.len() as u64;
            if offset_bytes < placed.start_bytes || offset_bytes + size_bytes > end {
                continue;
            }
            let path = self.disk.path.clone();
            let check = Check::Zeros {
                path: path.clone(),
                offset_bytes,
                size_bytes,
            };
            let undo = Action::WriteBytes {
                path: path.clone(),
                offset_bytes,
                before: Hex(vec![0; bytes.len()]),
                bytes: Hex(bytes.clone()),
            };
            let action = Action::Erase {
                path,
                offset_bytes,
                before: Hex(bytes),
            };
            let id = format!("erase-old-backup-{offset_bytes}");
            let why = "the table's backup from the end of a smaller disk, inside the new partition now: left there, it would mislead whoever repairs the table";
            self.steps
                .push(Step::new(id, why, action, check).undo(undo));
        }
    }

    pub(super) fn make_filesystem(&mut self, placed: &Placed, wish: &Wish) {
        if wish.filesystem == Filesystem::None {
            return;
        }
        let image = self.disk.kind == Kind::Image;
        let path = match image {
            true => self.disk.path.clone(),
            false => node_path(&self.disk.path, placed.number),
        };
        let offset_bytes = if image { placed.start_bytes } else { 0 };
        let uuid = uuid_text(placed.uuid);
        let target = if image {
            Scratch::WORD.to_owned()
        } else {
            path.clone()
        };
        let (argv, why) = mkfs(wish, &uuid, target);
        let action = Action::Run {
            argv,
            limit_s: MKFS_LIMIT_S,
            scratch: image.then(|| Scratch {
                path: path.clone(),
                offset_bytes,
                size_bytes: placed.size_bytes,
            }),
        };
        let check = Check::Filesystem {
            path: path.clone(),
            offset_bytes,
            filesystem: wish.filesystem.as_str().to_owned(),
            uuid,
        };
        let mut step = Step::new(format!("format-{}", placed.number), why, action, check);
        if image && self.disk.hole {
            step = step.undo(Action::Discard {
                path,
                offset_bytes,
                size_bytes: placed.size_bytes,
            });
        }
        self.steps.push(step);
    }
}

/// The command that makes a file system, and why with these options.
fn mkfs(wish: &Wish, uuid: &str, target: String) -> (Vec<String>, &'static str) {
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let (mut argv, why) = match wish.filesystem {
        Filesystem::Xfs => (
            words(&["mkfs.xfs", "-q", "-f", "-m", &format!("uuid={uuid}")]),
            "XFS, with the UUID that a rerun knows its own by",
        ),
        Filesystem::Ext4 | Filesystem::None => (
            words(&[
                "mkfs.ext4",
                "-q",
                "-F",
                "-U",
                uuid,
                "-i",
                "8192",
                "-m",
                "1",
                "-E",
                "root_owner=0:0",
            ]),
            "ext4 for container layers: an inode for each 8 KiB, because layers are many small files; 1 % kept for root instead of 5 %; the UUID that a rerun knows its own by",
        ),
    };
    if let Some(label) = &wish.label {
        argv.extend(["-L".to_owned(), label.clone()]);
    }
    argv.push(target);
    (argv, why)
}
