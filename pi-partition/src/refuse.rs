//! What speaks against a plan, and what a person should know of it.

use crate::extent::Place;
use crate::layout::Layout;
use crate::request::{Request, Wish};
use crate::state::{DiskState, Kind, NodeState};
use crate::table::{Role, Scheme, Table, mbr};
use cluster::finding::Finding;
use cluster::inventory::{Filesystem, Os};
use serde_json::json;

/// What keeps the disk itself from being written to.
pub fn disk(disk: &DiskState) -> Vec<Finding> {
    let mut findings = Vec::new();
    if disk.read_only {
        findings.push(
            Finding::error("partition-read-only", disk.path.clone(), "the disk is read-only").fix(
                "move the card's write-protect slide, or make the image writable; a card that turned read-only by itself is worn out",
            ),
        );
    }
    if !disk.held_by.is_empty() {
        let message = format!("the whole disk is held by {}", disk.held_by.join(", "));
        findings.push(
            Finding::error("partition-disk-held", disk.path.clone(), message)
                .fix("let go of it first; a disk that LVM, RAID, dm or swap fills has no room for a partition")
                .evidence(json!({"held_by": disk.held_by})),
        );
    }
    findings
}

/// Where the kernel knows other partitions than the table has, a write by the table may hit what is mounted.
pub fn table(disk: &DiskState, table: &Table) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, start, size) in disk.kernel.iter().flatten() {
        let entry = table
            .partitions
            .iter()
            .find(|entry| entry.number == *number);
        let same = entry.is_some_and(|entry| {
            let (from, length) = table.bytes(entry);
            // The kernel shows an extended partition as two sectors at most.
            from == *start && (length == *size || entry.role == Role::Extended)
        });
        if !same {
            findings.push(
                Finding::error(
                    "partition-kernel-differs",
                    disk.path.clone(),
                    format!(
                        "the kernel has partition {number} at byte {start} with {size} bytes, and the table {}",
                        if entry.is_some() { "has it elsewhere" } else { "does not have it" }
                    ),
                )
                .fix("the table was changed while the disk was in use: restart the node, and look again"),
            );
        }
    }
    let limit = mbr::LIMIT_SECTORS * table.sector_bytes;
    if table.scheme == Scheme::Mbr && disk.size_bytes > limit {
        findings.push(
            Finding::warning(
                "partition-beyond-mbr",
                disk.path.clone(),
                format!(
                    "an MBR cannot name what lies beyond {limit} bytes; the disk has {}",
                    disk.size_bytes
                ),
            )
            .fix(
                "what lies beyond stays unused; a GPT reaches it, and not every Pi starts from one",
            ),
        );
    }
    findings
}

/// Somebody's data where the new partitions would be.
pub fn signatures(request: &Request, disk: &DiskState, layout: &Layout) -> Vec<Finding> {
    if layout.choice.is_none() || request.wipe {
        return Vec::new();
    }
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for (offset, signature) in &disk.found {
        let place = offset + signature.offset;
        if seen.contains(&place) {
            continue;
        }
        seen.push(place);
        let label = match &signature.label {
            Some(label) => format!(" with the label {label:?}"),
            None => String::new(),
        };
        findings.push(
            Finding::error(
                "partition-foreign-signature",
                disk.path.clone(),
                format!(
                    "the free extent holds {}{label}: its signature stands at byte {place}",
                    signature.kind
                ),
            )
            .fix("look at it first: it may be a partition that was lost; --wipe takes the place all the same")
            .evidence(json!({
                "kind": signature.kind,
                "offset_bytes": place,
                "label": signature.label,
                "uuid": signature.uuid,
            })),
        );
    }
    findings
}

/// A mount point that is not free.
pub fn mount_point(target: &str, why: &str) -> Finding {
    Finding::error("partition-mount-point-used", target, format!("{target} is not free: {why}"))
        .fix("move what is there, or wish for another mount point: what lies below a mount is hidden by it")
}

/// A mount point behind a symbolic link.
pub fn mount_link(target: &str, place: &str) -> Finding {
    let message = format!("{target} leads to {place} by a symbolic link");
    Finding::error("partition-mount-point-link", target, message).fix(format!(
        "name the place itself: --mount {place}, or the same in the document"
    ))
}

/// A GPT that is only known from a report.
pub fn bytes_unknown(disk: &DiskState) -> Finding {
    Finding::info(
        "partition-bytes-unknown",
        disk.path.clone(),
        "a report does not hold a GPT's own bytes: the steps that write it are planned on the node",
    )
}

/// What RancherOS' configuration is written with.
pub fn ros(disk: &DiskState, read: bool) -> Finding {
    let message = if read {
        "the mount is made to last with `ros config set mounts`, which was not tried on a real RancherOS"
    } else {
        "what `ros config get mounts` says is not known here: the step that makes the mount last is planned on the node, where the present list can be kept"
    };
    Finding::warning("partition-os-unproven", disk.path.clone(), message)
}

/// What is worth knowing of a plan that works.
pub fn hints(
    request: &Request,
    disk: &DiskState,
    node: &NodeState,
    table: &Table,
    layout: &Layout,
) -> Vec<Finding> {
    let Some(choice) = layout.choice else {
        return Vec::new();
    };
    let mut hints = Vec::new();
    let is_rancher = request.os.or(node.os).is_some_and(Os::is_rancher);
    let start = choice.free.start_bytes / table.sector_bytes;
    let before = table.partitions.iter().find(|entry| entry.end() == start);
    let root_before = before.is_some_and(|entry| entry.number == 2);
    if is_rancher && root_before && request.place == Place::End {
        hints.push(grow_root(disk));
    }
    if disk.kind == Kind::Image && request.partitions.iter().any(|wish| wish.mount.is_some()) {
        let message = "an image has no mount points: the partition is made, and mounted by the same command on the node";
        let path = disk.path.clone();
        hints.push(Finding::info("partition-image-mount", path, message));
    }
    let xfs = |wish: &Wish| wish.filesystem == Filesystem::Xfs;
    if is_rancher && request.partitions.iter().any(xfs) {
        hints.push(xfs_kernel(disk));
    }
    hints
}

fn grow_root(disk: &DiskState) -> Finding {
    let message = "partition 2, the root, ends where the free extent begins: where one larger root is enough, RancherOS grows it itself";
    Finding::info("partition-grow-root", disk.path.clone(), message)
        .fix("instead of this plan: ros config set rancher.resize_device /dev/mmcblk0, and restart")
}

fn xfs_kernel(disk: &DiskState) -> Finding {
    let message = "RancherOS' kernel 4.14 may not mount an XFS that a newer mkfs.xfs made";
    Finding::warning("partition-xfs-kernel", disk.path.clone(), message).fix("wish for ext4")
}
