//! The steps of a plan: from a layout to what is done, in the order in which it is done.

use crate::extent;
use crate::layout::{Layout, Placed};
use crate::persist::{self, Lasting};
use crate::plan::{node_path, saved};
use crate::refuse;
use crate::request::{Request, Wish};
use crate::state::{DiskState, Kind, NodeState, Target};
use crate::table::{Raw, Scheme, Table, gpt, mbr};
use cluster::finding::Finding;
use cluster::inventory::{Filesystem, Persist};
use cluster::plan::{Action, Check, Hex, KernelCall, Scratch, Step, uuid_text};
use serde_json::json;

/// How long making a file system may take, in seconds. A slow card writes the tables of 60 GB in about two minutes.
const MKFS_LIMIT_S: u64 = 1800;
/// How long the kernel and udev may take to make a device node, in seconds.
const NODE_LIMIT_S: u64 = 20;

/// Steps, the writes among them, and what speaks against them.
pub struct Made {
    /// The steps.
    pub steps: Vec<Step>,
    /// What is written to the table.
    pub writes: Vec<gpt::Write>,
    /// What was noticed on the way.
    pub findings: Vec<Finding>,
}

/// Makes the steps for a layout.
pub fn make(
    name: &str,
    request: &Request,
    disk: &DiskState,
    node: &NodeState,
    table: &Table,
    layout: &Layout,
) -> Made {
    let mut steps = Steps {
        request,
        disk,
        node,
        table,
        layout,
        name,
        steps: Vec::new(),
        writes: Vec::new(),
        findings: Vec::new(),
    };
    steps.all();
    Made {
        steps: steps.steps,
        writes: steps.writes,
        findings: steps.findings,
    }
}

/// The steps of one plan as they come together.
struct Steps<'a> {
    request: &'a Request,
    disk: &'a DiskState,
    node: &'a NodeState,
    table: &'a Table,
    layout: &'a Layout,
    name: &'a str,
    steps: Vec<Step>,
    writes: Vec<gpt::Write>,
    findings: Vec<Finding>,
}

impl Steps<'_> {
    fn all(&mut self) {
        let both: Vec<(&Placed, &Wish)> = self
            .layout
            .placed
            .iter()
            .zip(&self.request.partitions)
            .collect();
        let new: Vec<&Placed> = self.layout.placed.iter().filter(|p| !p.there).collect();
        if !new.is_empty() {
            self.write_table(&new);
        }
        for (placed, wish) in &both {
            if !placed.there {
                self.tell_kernel(placed);
                self.erase(placed);
                self.make_filesystem(placed, wish);
            } else if self.disk.kind == Kind::Device && !self.kernel_knows(placed) {
                self.tell_kernel(placed);
            }
        }
        for (placed, wish) in &both {
            if let (Some(target), true) = (&wish.mount, wish.filesystem != Filesystem::None) {
                self.mount(placed, wish, target);
            }
        }
    }

    fn kernel_knows(&self, placed: &Placed) -> bool {
        let known = self.disk.kernel.as_deref().unwrap_or_default();
        known.iter().any(|known| known.0 == placed.number)
    }

    fn write_table(&mut self, new: &[&Placed]) {
        let sector = self.table.sector_bytes;
        self.writes = match &self.table.raw {
            Raw::Mbr(slots) => new
                .iter()
                .filter_map(|placed| mbr_write(placed, sector, &slots[placed.number as usize - 1]))
                .collect(),
            // A report does not show unused entries; where one is not empty, the node refuses the plan.
            Raw::None if self.table.scheme == Scheme::Mbr => new
                .iter()
                .filter_map(|placed| mbr_write(placed, sector, &[0; mbr::ENTRY]))
                .collect(),
            Raw::Gpt(raw) => {
                let entries: Vec<_> = new
                    .iter()
                    .map(|placed| (placed.number, self.gpt_entry(placed)))
                    .collect();
                gpt::add(raw, sector, self.table.sectors, &entries)
            }
            Raw::None => Vec::new(),
        };
        if self.writes.is_empty() {
            self.findings.push(refuse::bytes_unknown(self.disk));
            return;
        }
        self.save_table();
        let numbers: Vec<u32> = new.iter().map(|placed| placed.number).collect();
        for (id, offset_bytes, before, after) in self.writes.clone() {
            let id = match id {
                "entry" => format!("write-entry-{}", mbr_number(offset_bytes)),
                id => format!("write-{id}"),
            };
            self.steps
                .push(self.write_step(id, offset_bytes, before, after, &numbers));
        }
    }

    fn gpt_entry(&self, placed: &Placed) -> [u8; 128] {
        let index = self.layout.placed.iter().position(|p| p == placed);
        let wish = index.and_then(|index| self.request.partitions.get(index));
        let name = wish.and_then(|wish| wish.label.clone()).unwrap_or_default();
        let sector = self.table.sector_bytes;
        gpt::new_entry(
            placed.start_bytes / sector,
            placed.size_bytes / sector,
            placed.uuid,
            &name,
        )
    }

    fn write_step(
        &self,
        id: String,
        offset_bytes: u64,
        before: Vec<u8>,
        after: Vec<u8>,
        numbers: &[u32],
    ) -> Step {
        let path = self.disk.path.clone();
        let (before, bytes) = (Hex(before), Hex(after));
        let why = match self.table.scheme {
            Scheme::Mbr => format!(
                "partition {} gets its entry: 16 bytes, and every other byte of the table stays; {}",
                mbr_number(offset_bytes),
                self.choice_in_words()
            ),
            Scheme::Gpt => format!(
                "partitions {numbers:?} get their entries; the backup is written first, so that one of the two copies is whole at every instant; {}",
                self.choice_in_words()
            ),
        };
        let check = Check::Bytes {
            path: path.clone(),
            offset_bytes,
            bytes: bytes.clone(),
        };
        let undo = Action::WriteBytes {
            path: path.clone(),
            offset_bytes,
            before: bytes.clone(),
            bytes: before.clone(),
        };
        let action = Action::WriteBytes {
            path,
            offset_bytes,
            before,
            bytes,
        };
        Step::new(id, why, action, check).undo(undo)
    }

    fn choice_in_words(&self) -> String {
        let Some(choice) = self.layout.choice else {
            return String::new();
        };
        let unit = extent::alignment(self.disk.erase_bytes);
        let reason = match self.disk.erase_bytes >= unit && unit > 1 << 20 {
            true => "what the disk erases at once",
            false => "1 MiB, because the disk names no larger unit",
        };
        let place = match self.request.place {
            extent::Place::End => "the free extent at the disk's end",
            extent::Place::Largest => "the largest free extent",
            extent::Place::At(_) => "the free extent that was named",
        };
        format!(
            "{place} has {} bytes from {} on, and start and end are multiples of {unit} ({reason})",
            choice.free.size_bytes, choice.free.start_bytes
        )
    }

    /// The table as it is goes into a file: off this disk where the node has another.
    fn save_table(&mut self) {
        if self.disk.kind == Kind::Image {
            return;
        }
        let folder = self
            .node
            .other_disk
            .clone()
            .unwrap_or_else(|| "/var/lib/cluster/pi-partition".to_owned());
        let path = format!("{folder}/pi-partition-{}.table.json", self.name);
        let saved = json!({
            "disk": self.disk.path,
            "disk_id": self.table.disk_id,
            "size_bytes": self.disk.size_bytes,
            "table_before": saved(self.table, &self.writes),
        });
        let content = format!("{saved:#}\n");
        let check = Check::File {
            path: path.clone(),
            sha256: cluster::plan::sha256(content.as_bytes()),
        };
        let action = Action::WriteFile {
            path,
            content,
            mode: 0o600,
        };
        let why = "the table's present bytes are kept, for --undo";
        self.steps
            .push(Step::new("save-table", why, action, check).harmless());
    }

    fn tell_kernel(&mut self, placed: &Placed) {
        if self.disk.kind == Kind::Image {
            return;
        }
        let (disk, number) = (self.disk.path.clone(), placed.number);
        let check = Check::Partition {
            disk: disk.clone(),
            path: node_path(&disk, number),
            number,
            start_bytes: placed.start_bytes,
            size_bytes: placed.size_bytes,
        };
        let call = KernelCall::BlkpgAddPartition {
            path: disk.clone(),
            number,
            start_bytes: placed.start_bytes,
            size_bytes: placed.size_bytes,
        };
        let undo = KernelCall::BlkpgDelPartition { path: disk, number };
        let why = "BLKPG adds one partition while others are mounted; reading the whole table again (BLKRRPART) is refused then, or drops what it does not understand";
        self.steps.push(
            Step::new(
                format!("add-{number}"),
                why,
                Action::Kernel(call),
                check.clone(),
            )
            .undo(Action::Kernel(undo)),
        );
        let wait = Action::WaitFor {
            limit_s: NODE_LIMIT_S,
        };
        let why = "the node is matched by number, start and size before anything is written to it";
        self.steps
            .push(Step::new(format!("wait-{number}"), why, wait, check).harmless());
    }

    /// Old signatures in a new partition: left there, the next program would see two file systems.
    fn erase(&mut self, placed: &Placed) {
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

    fn make_filesystem(&mut self, placed: &Placed, wish: &Wish) {
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

    fn mount(&mut self, placed: &Placed, wish: &Wish, target: &str) {
        if self.disk.kind == Kind::Image {
            return;
        }
        let source = node_path(&self.disk.path, placed.number);
        let there = match self.node.targets.get(target) {
            Some(Target::Mounted(device)) if *device == source => true,
            Some(Target::Mounted(other)) => {
                self.findings.push(refuse::mount_point(
                    target,
                    &format!("{other} is mounted there"),
                ));
                return;
            }
            Some(Target::Used(why)) => {
                self.findings.push(refuse::mount_point(target, why));
                return;
            }
            Some(Target::Free) | None => false,
        };
        if !there {
            let (source, target) = (source.clone(), target.to_owned());
            let check = Check::Mounted {
                source: source.clone(),
                target: target.clone(),
            };
            let undo = Action::Unmount {
                target: target.clone(),
            };
            let action = Action::Mount {
                source,
                target,
                filesystem: wish.filesystem.as_str().to_owned(),
                options: persist::OPTIONS.to_owned(),
            };
            let why = "in use at once, without a restart; noatime, because a write for each read wears flash out";
            self.steps
                .push(Step::new(format!("mount-{}", placed.number), why, action, check).undo(undo));
        }
        self.persist(placed, wish, target);
    }

    fn persist(&mut self, placed: &Placed, wish: &Wish, target: &str) {
        let os = self.request.os.or(self.node.os);
        let persist = persist::resolve(wish.persist, os);
        let uuid = placed.filesystem_uuid();
        let mount = Lasting {
            number: placed.number,
            uuid: &uuid,
            label: wish.label.as_deref(),
            filesystem: wish.filesystem,
            target,
        };
        if persist == Persist::Ros {
            self.findings
                .push(refuse::ros(self.disk, self.node.ros_mounts.is_some()));
        }
        match persist::steps(persist, mount, self.node) {
            Ok(steps) => self.steps.extend(steps),
            Err(finding) => self.findings.push(*finding),
        }
    }
}

/// The write of one MBR entry.
fn mbr_write(placed: &Placed, sector_bytes: u64, before: &[u8; mbr::ENTRY]) -> Option<gpt::Write> {
    let entry = mbr::new_entry(
        placed.start_bytes / sector_bytes,
        placed.size_bytes / sector_bytes,
        mbr::LINUX,
    )?;
    let offset = mbr::ENTRIES + (placed.number as usize - 1) * mbr::ENTRY;
    Some(("entry", offset as u64, before.to_vec(), entry.to_vec()))
}

/// The number of the MBR entry at an offset.
fn mbr_number(offset_bytes: u64) -> u64 {
    (offset_bytes - mbr::ENTRIES as u64) / mbr::ENTRY as u64 + 1
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
