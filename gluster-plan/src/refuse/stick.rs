//! Sticks that are none, or too small, or the system's own disk.

use crate::remarks::list;
use crate::site::{Site, Stick};
use crate::size;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::inventory::{Inventory, Node};

/// What speaks against the sticks of volumes.
pub(super) fn sticks(site: &Site, volumes: &[Volume], inventory: &Inventory) -> Vec<Finding> {
    let mut sticks: Vec<usize> = volumes
        .iter()
        .flat_map(|v| v.bricks().map(|brick| brick.stick))
        .collect();
    sticks.sort_unstable();
    sticks.dedup();
    let mut findings = Vec::new();
    let mut unsized_sticks = Vec::new();
    for stick in sticks {
        let (name, stick) = (site.stick_name(stick), &site.sticks[stick]);
        // What was found and not planned here has no place in the document.
        let Some(node) = inventory
            .nodes
            .get(stick.node)
            .filter(|_| !stick.uuid.is_empty())
        else {
            continue;
        };
        let Some(device) = &stick.device else {
            findings.push(no_device(&name));
            continue;
        };
        findings.extend(root_disk(&name, device, node));
        findings.extend(twice(&name, device, node));
        findings.extend(too_small(&name, stick));
        if stick.size.is_none() {
            unsized_sticks.push(name);
        }
    }
    let names: Vec<&str> = unsized_sticks.iter().map(String::as_str).collect();
    findings.extend(size_unknown(&names));
    findings
}

fn no_device(name: &str) -> Finding {
    let message = "the document does not say which device the stick is";
    Finding::error("gluster-no-device", name, message)
        .fix("name it in nodes[].usb[].device, best as /dev/disk/by-id/…")
}

fn root_disk(name: &str, device: &str, node: &Node) -> Option<Finding> {
    let disk = node.disk.as_ref().map(|disk| disk.device.as_str())?;
    (device == disk || is_partition(device, disk)).then(|| {
        let message = format!("{device} is on the disk that the system starts from: a brick that fills it stops the node");
        Finding::error("gluster-root-disk", name, message).fix("take another device for the brick")
    })
}

fn twice(name: &str, device: &str, node: &Node) -> Option<Finding> {
    let devices = node.usb.iter().filter_map(|stick| stick.device.as_ref());
    let same = devices.filter(|other| other.as_str() == device);
    (same.count() > 1).then(|| {
        let message = format!("{device} stands twice in the node's sticks");
        Finding::error("gluster-device-twice", name, message).fix("name each device once")
    })
}

fn too_small(name: &str, stick: &Stick) -> Option<Finding> {
    let bytes = stick.size.filter(|bytes| *bytes < size::SMALLEST)?;
    let message = format!(
        "{bytes} bytes are too few for XFS, which wants {}",
        size::SMALLEST
    );
    Some(Finding::error("gluster-too-small", name, message).fix("take a larger stick"))
}

fn size_unknown(names: &[&str]) -> Option<Finding> {
    let message = "without the sticks' sizes nobody can say what the volume holds";
    (!names.is_empty()).then(|| {
        Finding::info("gluster-size-unknown", list(names), message)
            .fix("put what `lsblk -bdno SIZE` prints into nodes[].usb[].size_bytes")
    })
}

fn is_partition(device: &str, disk: &str) -> bool {
    device.strip_prefix(disk).is_some_and(|rest| {
        let rest = rest.strip_prefix('p').unwrap_or(rest);
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())
    })
}
