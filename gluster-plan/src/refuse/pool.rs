//! What a pool shows of itself: cloned peers, and fewer than there should be.

use crate::observed::Observed;
use crate::remarks::list;
use crate::site::Site;
use crate::volume::Volume;
use cluster::finding::Finding;

/// What a pool shows of itself: cloned peers, and fewer than there should be.
pub(super) fn pool(
    observed: &Observed,
    peers: &[usize],
    site: &Site,
    volumes: &[Volume],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(seen) = &observed.peers else {
        return findings;
    };
    for (index, peer) in seen.iter().enumerate() {
        if let Some(other) = seen[..index].iter().find(|other| other.uuid == peer.uuid) {
            let message = format!(
                "{} and {} have the same identity in Gluster",
                other.name, peer.name
            );
            findings.push(Finding::error("gluster-uuid-cloned", &peer.name, message).fix("remove /var/lib/glusterd/glusterd.info on one of them and restart glusterd there"));
        }
        if !peer.connected {
            findings.push(
                Finding::warning("gluster-peer-away", &peer.name, "it is not connected now")
                    .fix("find out why before anything is changed"),
            );
        }
    }
    let bricks: Vec<usize> = volumes
        .iter()
        .flat_map(|volume| volume.nodes(site))
        .collect();
    let brickless: Vec<&str> = peers
        .iter()
        .filter(|peer| !bricks.contains(peer))
        .map(|peer| site.nodes[*peer].name.as_str())
        .collect();
    if !brickless.is_empty() {
        let message = "peers that hold no brick of these volumes: a server quorum counts them too";
        findings.push(Finding::info(
            "gluster-more-peers",
            list(&brickless),
            message,
        ));
    }
    findings
}
