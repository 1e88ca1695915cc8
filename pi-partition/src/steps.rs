//! The steps of a plan: from a layout to what is done, in the order in which it is done.

use crate::layout::{Layout, Placed};
use crate::persist::{self, Lasting};
use crate::plan::node_path;
use crate::refuse;
use crate::request::{Request, Wish};
use crate::state::{DiskState, Kind, NodeState, Target};
use crate::table::{Scheme, Table, gpt};
use cluster::finding::Finding;
use cluster::inventory::{Filesystem, Persist};
use cluster::plan::{Action, Check, KernelCall, Step, uuid_text};

mod filesystem;
mod table;

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
            Some(Target::Link(place)) => {
                self.findings.push(refuse::mount_link(target, place));
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

    /// The partition's own identity as the kernel names it (`PARTUUID`).
    fn partuuid(&self, placed: &Placed) -> String {
        let mut entries = self.table.partitions.iter();
        let entry = entries.find(|entry| entry.number == placed.number);
        match (self.table.scheme, entry.and_then(|e| e.uuid.clone())) {
            (Scheme::Mbr, _) => format!("{}-{:02x}", self.table.disk_id, placed.number),
            (Scheme::Gpt, Some(uuid)) => uuid,
            (Scheme::Gpt, None) => uuid_text(placed.uuid),
        }
    }

    fn persist(&mut self, placed: &Placed, wish: &Wish, target: &str) {
        let os = self.request.os.or(self.node.os);
        let persist = persist::resolve(wish.persist, os);
        let uuid = placed.filesystem_uuid();
        let source = node_path(&self.disk.path, placed.number);
        let partuuid = self.partuuid(placed);
        let mount = Lasting {
            number: placed.number,
            device: &source,
            partuuid: &partuuid,
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
