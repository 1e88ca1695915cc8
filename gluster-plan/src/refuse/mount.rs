//! Mount points that somebody else has.

use crate::site::MOUNTS;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::inventory::Inventory;

/// Mount points that somebody else has.
pub(super) fn mounts(volumes: &[Volume], inventory: &Inventory) -> Vec<Finding> {
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
        let bricks = MOUNTS;
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
