//! The steps of an undo: what holds a partition that goes is let go of, and the table's bytes come back.

use crate::plan::node_path;
use crate::state::{DiskState, Kind, NodeState};
use crate::table::{Entry, Table};
use cluster::cloud_config;
use cluster::command::quote;
use cluster::finding::Finding;
use cluster::plan::{Action, Check, Hex, KernelCall, ServiceVerb, Step};

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
        forget_units(node, number, uuid, steps);
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

/// Units that mount it: the link that starts each with the system first, then the unit.
fn forget_units(node: &NodeState, number: u32, uuid: &str, steps: &mut Vec<Step>) {
    let source = format!("What=/dev/disk/by-uuid/{uuid}");
    let mounts = |content: &String| content.lines().any(|line| line == source);
    for (path, content) in node.units.iter().filter(|(_, content)| mounts(content)) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let enable = Action::Service {
            name: name.to_owned(),
            verb: ServiceVerb::Enable,
        };
        let write = Action::WriteFile {
            path: path.clone(),
            content: content.clone(),
            mode: 0o644,
        };
        let link = format!("/etc/systemd/system/local-fs.target.wants/{name}");
        for (path, undo) in [(link, enable), (path.clone(), write)] {
            let check = Check::NoFile { path: path.clone() };
            let action = Action::RemoveFile { path };
            let id = format!("forget-{number}-{}", steps.len());
            let why =
                "the unit that mounts it goes with it, and is not started with the system any more";
            steps.push(Step::new(id, why, action, check).undo(undo));
        }
    }
}

/// The warning of what stays of it: RancherOS replaces its whole list of mounts, which is left to a person.
pub(super) fn ros_entry(disk: &DiskState, node: &NodeState, gone: &[Entry]) -> Option<Finding> {
    let uuids = gone.iter().filter_map(|entry| {
        let content = disk.contents.get(&entry.number);
        content.and_then(|content| content.uuid.as_deref())
    });
    let sources: Vec<String> = uuids.map(|uuid| format!("UUID={uuid}")).collect();
    let present = node.ros_mounts.as_ref()?;
    let (own, kept): (Vec<_>, Vec<_>) = present
        .iter()
        .cloned()
        .partition(|entry| sources.contains(&entry[0]));
    let first = own.first()?;
    let message = format!("RancherOS still mounts {} on {}", first[0], first[1]);
    let value = cloud_config::mounts_value(&kept).unwrap_or_default();
    let fix = format!("ros config set mounts {}", quote(&value));
    Some(Finding::warning("partition-undo-ros", disk.path.clone(), message).fix(fix))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_partitions_own_lines_and_units_go() {
        let unit = "[Mount]\nWhat=/dev/disk/by-uuid/abc\nWhere=/mnt/a\n";
        let folder = "/etc/systemd/system";
        let node = NodeState {
            fstab: Some(
                [
                    "",
                    "# UUID=abc",
                    "UUID=abc /mnt/a ext4",
                    "UUID=abcd /mnt/b ext4",
                    "  ",
                ]
                .map(str::to_owned)
                .to_vec(),
            ),
            units: [("mnt-a", unit), ("mnt-b", "[Mount]\nWhat=/dev/sda1\n")]
                .map(|(name, text)| (format!("{folder}/{name}.mount"), text.to_owned()))
                .into(),
            ..NodeState::default()
        };
        let mut steps = Vec::new();
        forget_fstab(&node, 3, "abc", &mut steps);
        forget_units(&node, 3, "abc", &mut steps);
        let actions: Vec<&Action> = steps.iter().map(|step| &step.action).collect();
        let remove = |path: String| Action::RemoveFile { path };
        assert_eq!(
            actions,
            [
                &Action::RemoveLine {
                    path: "/etc/fstab".to_owned(),
                    line: "UUID=abc /mnt/a ext4".to_owned(),
                },
                &remove(format!("{folder}/local-fs.target.wants/mnt-a.mount")),
                &remove(format!("{folder}/mnt-a.mount")),
            ]
        );
    }
}
