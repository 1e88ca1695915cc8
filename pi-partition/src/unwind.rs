//! What a disk and its node were before a run that was killed: its plan's own effects taken out of what is seen now.
//!
//! The plan is then made again from that, and has to be the same. Nothing of the journal is executed: it only says which
//! of the effects seen may be that run's own.

use crate::apply::SAVE_TABLE;
use crate::signature::Signature;
use crate::state::{DiskState, NodeState, Target};
use cluster::plan::{Action, Check, KernelCall, Step};
use cluster::run::{Progress, Unfinished};

/// The writes that put the old table back, over what is read.
pub fn writes(left: &Unfinished) -> Vec<(u64, Vec<u8>)> {
    let writes = left
        .plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::WriteBytes {
                offset_bytes,
                before,
                ..
            }
            | Action::Erase {
                offset_bytes,
                before,
                ..
            } => Some((*offset_bytes, before.0.clone())),
            _ => None,
        });
    writes.collect()
}

/// Partitions that the run told the kernel of, and what it mounted.
pub fn disk(disk: &mut DiskState, left: &Unfinished) {
    for step in &left.plan.steps {
        if let Action::Kernel(KernelCall::BlkpgAddPartition { number, .. }) = step.action {
            if let Some(kernel) = &mut disk.kernel {
                kernel.retain(|known| known.0 != number);
            }
            disk.mounted.remove(&number);
        }
    }
}

/// What the run found where new partitions go. Since then it may have erased it, or made a file system there.
pub fn found(disk: &mut DiskState, left: &Unfinished) {
    disk.found = left.plan.steps.iter().filter_map(erased).collect();
    disk.hole = left
        .plan
        .steps
        .iter()
        .any(|step| matches!(step.undo, Some(Action::Discard { .. })));
}

fn erased(step: &Step) -> Option<(u64, Signature)> {
    let Action::Erase {
        offset_bytes,
        before,
        ..
    } = &step.action
    else {
        return None;
    };
    let kind = step.id.strip_prefix("erase-")?.rsplit_once('-')?.0;
    let signature = Signature {
        kind: crate::signature::known_kind(kind)?,
        offset: 0,
        magic: before.0.clone(),
        label: None,
        uuid: None,
    };
    Some((*offset_bytes, signature))
}

/// Mounts and configuration that the run made.
pub fn node(node: &mut NodeState, left: &Unfinished) {
    for step in &left.plan.steps {
        match (&step.action, &step.check) {
            (Action::Mount { target, .. }, _) => {
                node.targets.insert(target.clone(), Target::Free);
            }
            (Action::AppendLine { line, .. }, _) => {
                if let Some(fstab) = &mut node.fstab {
                    fstab.retain(|other| other != line);
                }
            }
            (Action::WriteFile { path, .. }, _) if step.id == SAVE_TABLE => {
                let done = left.progress.get(SAVE_TABLE) == Some(&Progress::Done);
                node.other_disk = match done {
                    true => folder_of_another_disk(path),
                    // Its place counts only if it is still there: what it was mounted on is a folder of the root.
                    false => node.other_disk.take(),
                };
            }
            (Action::WriteFile { path, .. }, _) => {
                match &step.undo {
                    Some(Action::WriteFile { content, .. }) => {
                        node.units.insert(path.clone(), content.clone());
                    }
                    _ => {
                        node.units.remove(path);
                    }
                };
            }
            (Action::Run { argv, .. }, Check::Output { text, .. })
                if argv.first().is_some_and(|word| word == "ros") =>
            {
                if let Some(mounts) = &mut node.ros_mounts {
                    mounts.retain(|entry| entry[0] != *text);
                }
            }
            _ => {}
        }
    }
}

/// The other disk's folder that a table was saved in, where it was one.
fn folder_of_another_disk(path: &str) -> Option<String> {
    let (folder, _) = path.rsplit_once('/')?;
    (folder != "/var/lib/cluster/pi-partition").then(|| folder.to_owned())
}
