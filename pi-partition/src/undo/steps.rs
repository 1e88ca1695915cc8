//! The steps of an undo: what holds a partition that goes is let go of, and the table's bytes come back.

use crate::plan::node_path;
use crate::state::{DiskState, Kind, NodeState};
use crate::table::{Entry, Table};
use cluster::plan::{Action, Check, Hex, KernelCall, Step};

/// What holds a partition that goes: its mount, what mounts it at the start, the kernel.
pub(super) fn let_go(disk: &DiskState, node: &NodeState, entry: &Entry, steps: &mut Vec<Step>) {
    let number = entry.number;
    for target in disk.mounted.get(&number).into_iter().flatten() {
        let check = Check::NotMounted {
            target: target.clone(),
        };
        let action = Action::Unmount {
            target: target.clone(),
        };
        let why = "the partition goes; a file that is open there keeps this from being done";
        let id = format!("unmount-{number}-{}", steps.len());
        steps.push(Step::new(id, why, action, check).harmless());
    }
    // A partition without a file system has no UUID, and nothing mounts it by one.
    if let Some(uuid) = disk.contents.get(&number).and_then(|c| c.uuid.as_deref()) {
        forget_fstab(node, number, uuid, steps);
    }
    if disk.kind == Kind::Device {
        let check = Check::NoPartition {
            disk: disk.path.clone(),
            path: node_path(&disk.path, number),
            number,
        };
        let action = Action::Kernel(KernelCall::BlkpgDelPartition {
            path: disk.path.clone(),
            number,
        });
        let why = "the kernel forgets it before the table does";
        steps.push(Step::new(format!("delete-{number}"), why, action, check).harmless());
    }
}

fn forget_fstab(node: &NodeState, number: u32, uuid: &str, steps: &mut Vec<Step>) {
    let source = format!("UUID={uuid}");
    let lines = node.fstab.iter().flatten();
    for line in lines.filter(|line| line.split_whitespace().next() == Some(&source)) {
        let path = "/etc/fstab".to_owned();
        let check = Check::NoLine {
            path: path.clone(),
            line: line.clone(),
        };
        let action = Action::RemoveLine {
            path: path.clone(),
            line: line.clone(),
        };
        let undo = Action::AppendLine {
            path,
            line: line.clone(),
        };
        let id = format!("forget-{number}-{}", steps.len());
        let why = "its line in fstab goes with it";
        steps.push(Step::new(id, why, action, check).undo(undo));
    }
}

pub(super) fn put_back(disk: &DiskState, offset_bytes: u64, now: Vec<u8>, old: &Hex) -> Step {
    let path = disk.path.clone();
    let check = Check::Bytes {
        path: path.clone(),
        offset_bytes,
        bytes: old.clone(),
    };
    let undo = Action::WriteBytes {
        path: path.clone(),
        offset_bytes,
        before: old.clone(),
        bytes: Hex(now.clone()),
    };
    let action = Action::WriteBytes {
        path,
        offset_bytes,
        before: Hex(now),
        bytes: old.clone(),
    };
    let why = "the table's bytes are as they were saved";
    Step::new(format!("restore-{offset_bytes}"), why, action, check).undo(undo)
}

/// Whether an action makes the byte at an offset read as zero.
pub(super) fn takes(action: &Action, offset: u64) -> bool {
    matches!(action, Action::Discard { offset_bytes, size_bytes, .. }
        if (*offset_bytes..offset_bytes + size_bytes).contains(&offset))
}

pub(super) fn give_back(disk: &DiskState, table: &Table, entry: &Entry) -> Step {
    let path = disk.path.clone();
    let (offset_bytes, size_bytes) = table.bytes(entry);
    let check = Check::Zeros {
        path: path.clone(),
        offset_bytes,
        size_bytes,
    };
    let action = Action::Discard {
        path,
        offset_bytes,
        size_bytes,
    };
    let why = "the image had a hole where the partition was, and has it again";
    Step::new(format!("discard-{}", entry.number), why, action, check)
}
