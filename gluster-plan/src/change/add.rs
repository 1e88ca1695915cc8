//! Nodes that join: more copies where a volume has one set, more sets where there are enough of them.

use super::{Look, Planned, fill, places};
use crate::gluster::{self, bricks};
use crate::site::Site;
use crate::volume::{Brick, Volume};

/// Plans bricks on nodes that join. The volume is changed to what it is afterwards.
pub(super) fn add(
    site: &Site,
    volume: &mut Volume,
    peers: &[usize],
    nodes: &[usize],
    more_copies: bool,
) -> Planned {
    let mut planned = Planned::default();
    let before = volume.clone();
    let new = new_bricks(&mut planned, site, volume, nodes);
    if !planned.findings.is_empty() {
        return planned;
    }
    let Some(grows) = enlarge(volume, &new, more_copies) else {
        let message = format!(
            "{} new bricks make no whole set of {}",
            new.len(),
            volume.replica
        );
        let fix = "add as many nodes as a set has bricks";
        planned.refuse("gluster-brick-count", &volume.name, message, fix);
        return planned;
    };
    planned.nodes = nodes.to_vec();
    planned.stage(Look::whole(&before, site, peers), None, "as it is");
    let peers = join(&mut planned, site, peers, nodes);
    if before.replica > 1 {
        planned.cluster.push(bricks::in_step(
            &before.name,
            &before,
            bricks::Down::Unknown,
            &[],
        ));
    }
    grow(&mut planned, site, volume, &peers, &new, grows);
    planned
}

/// Takes the nodes into the pool; the peers that it then has.
fn join(planned: &mut Planned, site: &Site, peers: &[usize], nodes: &[usize]) -> Vec<usize> {
    let name = |node: &usize| site.nodes[*node].name.as_str();
    let probes = nodes.iter().map(|node| gluster::probe(name(node)));
    planned.cluster.extend(probes);
    let mut all: Vec<usize> = peers.to_vec();
    all.extend(nodes.iter().filter(|node| !peers.contains(node)));
    let others: Vec<&str> = all.iter().skip(1).map(name).collect();
    planned.cluster.push(gluster::connected(&others));
    all
}

/// The new bricks take their places, and are filled or get their share of the files.
fn grow(
    planned: &mut Planned,
    site: &Site,
    volume: &Volume,
    peers: &[usize],
    new: &[Brick],
    more_copies: bool,
) {
    let bricks: Vec<&Brick> = new.iter().collect();
    planned
        .cluster
        .push(bricks::add(volume, site, &bricks, more_copies));
    let stale = if more_copies {
        places(volume, |stick| new.iter().any(|brick| brick.stick == stick))
    } else {
        Vec::new()
    };
    let whole = Look::whole(volume, site, peers);
    planned.stage(
        whole.stale(&stale),
        Some(&format!("add-{}", volume.name)),
        "the new bricks are there and not filled yet",
    );
    if more_copies {
        fill(planned, volume);
    } else {
        let node = |brick: &Brick| site.nodes[site.sticks[brick.stick].node].name.as_str();
        let nodes: Vec<&str> = new.iter().map(node).collect();
        planned
            .cluster
            .extend(bricks::rebalance(&volume.name, &nodes));
    }
    let id = planned.cluster.last().map(|step| step.id.clone());
    planned.stage(whole, id.as_deref(), "all is in its place");
}

/// A brick on each node that joins; what speaks against one is a finding.
fn new_bricks(planned: &mut Planned, site: &Site, volume: &Volume, nodes: &[usize]) -> Vec<Brick> {
    let present = volume.nodes(site);
    let mut new = Vec::new();
    for node in nodes {
        let name = &site.nodes[*node].name;
        let stick = (0..site.sticks.len()).find(|stick| {
            site.sticks[*stick].node == *node && site.sticks[*stick].device.is_some()
        });
        match stick {
            _ if present.contains(node) => planned.refuse(
                "gluster-same-node",
                name,
                format!("{name} holds a brick of {} already", volume.name),
                "add a node that holds none",
            ),
            None => planned.refuse(
                "gluster-too-few-bricks",
                name,
                format!("{name} has no stick for a brick"),
                "give it one: nodes[].usb with use: brick",
            ),
            Some(stick) => new.push(Brick {
                stick,
                path: format!("{}/{}", site.sticks[stick].mount, volume.name),
                arbiter: false,
            }),
        }
    }
    new
}

/// Gives a volume more copies, or more sets; `None` where the bricks make neither.
fn enlarge(volume: &mut Volume, new: &[Brick], more_copies: bool) -> Option<bool> {
    if volume.arbiter {
        return None;
    }
    if volume.sets.len() == 1 && more_copies {
        volume.replica += new.len();
        volume.sets[0].extend(new.iter().cloned());
        return Some(true);
    }
    let sets = new.chunks(volume.replica).map(<[Brick]>::to_vec);
    if !new.len().is_multiple_of(volume.replica) {
        return None;
    }
    volume.sets.extend(sets);
    Some(false)
}
