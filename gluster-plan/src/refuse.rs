//! What is refused.

use crate::remarks::list;
use crate::site::Site;
use crate::size;
use crate::volume::{Quorum, Volume};
use cluster::finding::Finding;
use cluster::inventory::{Inventory, Volume as Given};

/// Words that `gluster volume create` takes for something else (cli_cmd_volume_create_parse and its callers).
const RESERVED: [&str; 10] = [
    "all",
    "volume",
    "type",
    "subvolumes",
    "option",
    "end-volume",
    "volume_not_in_ring",
    "help",
    "force",
    "description",
];

/// What a volume's own fields show.
pub fn asked(given: &Given, index: usize, others: &[Given]) -> Vec<Finding> {
    let name = given.name.as_str();
    let mut findings = Vec::new();
    let mut error =
        |id, message: String, fix: &str| findings.push(Finding::error(id, name, message).fix(fix));
    if RESERVED.contains(&name) {
        error(
            "gluster-reserved-name",
            format!("{name:?} means something else to the gluster command"),
            "name the volume otherwise",
        );
    }
    if others[..index].iter().any(|other| other.name == given.name) {
        error(
            "gluster-volume-twice",
            format!("two volumes are called {name}"),
            "name one of them otherwise",
        );
    }
    let replica = given.replica.unwrap_or(3);
    if given.arbiter && !(2..=3).contains(&replica) {
        error(
            "gluster-arbiter",
            format!(
                "an arbiter goes with two copies (replica 3), not with {replica}: Gluster has no other kind"
            ),
            "say replica 3 with arbiter, or leave the arbiter out",
        );
    }
    if replica == 0 || replica > 16 {
        error(
            "gluster-replica",
            format!("expected 1 to 16 copies, found {replica}"),
            "say 3",
        );
    }
    let bricks = if given.arbiter { 3 } else { replica };
    match (Volume::asked(given).quorum, given.quorum_count) {
        (Quorum::Fixed(0), _) => error(
            "gluster-quorum-count",
            "quorum fixed needs quorum_count".to_owned(),
            "say how many bricks must be up",
        ),
        (Quorum::Fixed(count), _) if count > bricks => error(
            "gluster-quorum-count",
            format!("{count} bricks must be up, and a set has {bricks}: nobody could ever use it"),
            "say fewer than the copies",
        ),
        (Quorum::Auto | Quorum::None, Some(_)) => {
            error(
                "gluster-quorum-count",
                "quorum_count has a meaning with quorum fixed only".to_owned(),
                "leave it out, or say quorum: fixed",
            );
        }
        _ => {}
    }
    if given
        .server_quorum_ratio
        .is_some_and(|ratio| ratio == 0 || ratio > 100)
    {
        error(
            "gluster-server-quorum-ratio",
            "expected 1 to 100 percent of the peers".to_owned(),
            "leave it out for more than half",
        );
    }
    findings
}

/// A 32-bit node.
pub fn thirty_two_bit(name: &str, machine: &str) -> Finding {
    Finding::error(
        "gluster-32-bit",
        name,
        format!("{name} runs 32-bit programs ({machine}): Gluster 10 and newer crash on 32-bit ARM (SIGILL), and Debian 13 has no package"),
    )
    .fix("install a 64-bit system (aarch64); every Raspberry Pi 3, 4, 5 and Zero 2 runs one")
}

/// What speaks against the nodes of volumes.
pub fn nodes(site: &Site, volumes: &[Volume], inventory: &Inventory) -> Vec<Finding> {
    let mut used: Vec<usize> = volumes
        .iter()
        .filter(|v| !v.adopted)
        .flat_map(|volume| volume.nodes(site))
        .collect();
    used.sort_unstable();
    used.dedup();
    let mut findings = Vec::new();
    let mut unknown = Vec::new();
    let mut unproven = Vec::new();
    for node in &used {
        let node = &site.nodes[*node];
        match node.arch {
            Some(arch) if !arch.is_64_bit() => {
                findings.push(thirty_two_bit(&node.name, arch.as_str()))
            }
            Some(_) => {}
            None => unknown.push(node.name.as_str()),
        }
        if crate::rancher::rancher_os(node.os).is_some() {
            unproven.push(node.name.as_str());
        }
    }
    if !unknown.is_empty() {
        findings.push(
            Finding::info(
                "gluster-arch-unknown",
                list(&unknown),
                "Gluster crashes on 32-bit ARM, and the document does not say that these nodes are 64-bit; the script looks first",
            )
            .fix("say what `uname -m` prints there in nodes[].arch"),
        );
    }
    if !unproven.is_empty() {
        findings.push(
            Finding::warning(
                "gluster-os-unproven",
                list(&unproven),
                "RancherOS has neither a Gluster package nor systemd: the script is for its Debian console, and nobody has run it",
            )
            .fix("install Raspberry Pi OS Lite (64-bit), Ubuntu or Debian; there every step is proven"),
        );
    }
    findings.extend(disks(site, volumes, inventory));
    findings.extend(mounts(volumes, inventory));
    findings
}

/// Sticks that are none, or too small, or the system's own disk.
fn disks(site: &Site, volumes: &[Volume], inventory: &Inventory) -> Vec<Finding> {
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
            findings.push(
                Finding::error(
                    "gluster-no-device",
                    &name,
                    "the document does not say which device the stick is",
                )
                .fix("name it in nodes[].usb[].device, best as /dev/disk/by-id/…"),
            );
            continue;
        };
        let disk = node.disk.as_ref().map(|disk| disk.device.as_str());
        if disk.is_some_and(|disk| device == disk || is_partition(device, disk)) {
            findings.push(
                Finding::error("gluster-root-disk", &name, format!("{device} is on the disk that the system starts from: a brick that fills it stops the node"))
                    .fix("take another device for the brick"),
            );
        }
        if node
            .usb
            .iter()
            .filter(|other| other.device.as_ref().is_some_and(|d| d.as_str() == device))
            .count()
            > 1
        {
            findings.push(
                Finding::error(
                    "gluster-device-twice",
                    &name,
                    format!("{device} stands twice in the node's sticks"),
                )
                .fix("name each device once"),
            );
        }
        match stick.size {
            None => unsized_sticks.push(name),
            Some(bytes) if bytes < size::SMALLEST => findings.push(
                Finding::error(
                    "gluster-too-small",
                    &name,
                    format!(
                        "{bytes} bytes are too few for XFS, which wants {}",
                        size::SMALLEST
                    ),
                )
                .fix("take a larger stick"),
            ),
            Some(_) => {}
        }
    }
    if !unsized_sticks.is_empty() {
        let names: Vec<&str> = unsized_sticks.iter().map(String::as_str).collect();
        findings.push(
            Finding::info(
                "gluster-size-unknown",
                list(&names),
                "without the sticks' sizes nobody can say what the volume holds",
            )
            .fix("put what `lsblk -bdno SIZE` prints into nodes[].usb[].size_bytes"),
        );
    }
    findings
}

fn is_partition(device: &str, disk: &str) -> bool {
    device.strip_prefix(disk).is_some_and(|rest| {
        let rest = rest.strip_prefix('p').unwrap_or(rest);
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Mount points that somebody else has.
fn mounts(volumes: &[Volume], inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own: Vec<&Volume> = volumes.iter().filter(|volume| !volume.adopted).collect();
    for (index, volume) in own.iter().enumerate() {
        let mut taken = own[..index]
            .iter()
            .map(|other| (other.mount.as_str(), other.name.clone()))
            .collect::<Vec<_>>();
        for node in &inventory.nodes {
            for partition in &node.partitions {
                if let Some(mount) = &partition.mount {
                    taken.push((
                        mount.as_str(),
                        format!("a partition of {}", node.name.as_str()),
                    ));
                }
            }
        }
        let bricks = crate::site::MOUNTS;
        taken.push((bricks, "the bricks".to_owned()));
        let inside = |path: &str| {
            volume.mount == path
                || (path == bricks && volume.mount.starts_with(&format!("{bricks}/")))
        };
        if let Some((path, whose)) = taken.iter().find(|(path, _)| inside(path)) {
            findings.push(
                Finding::error(
                    "gluster-mount-taken",
                    &volume.name,
                    format!(
                        "its mount point {} is in use: {path} belongs to {whose}",
                        volume.mount
                    ),
                )
                .fix("choose another mount"),
            );
        }
    }
    findings
}
