//! A node that leaves: one copy less.

use super::{Look, Planned, places};
use crate::gluster::bricks::{self, Down};
use crate::gluster::detach;
use crate::site::Site;
use crate::volume::Volume;
use cluster::finding::Finding;

/// Plans that a node leaves. The volumes are changed to what they are afterwards.
pub(super) fn remove(
    site: &Site,
    volumes: &mut [Volume],
    peers: &[usize],
    node: usize,
    dead: bool,
) -> Planned {
    let mut planned = Planned::default();
    let name = &site.nodes[node].name;
    for volume in volumes.iter_mut() {
        let gone = places(volume, |stick| site.sticks[stick].node == node);
        if let Some(place) = gone.first()
            && may_go(&mut planned, volume, name)
        {
            one_less(&mut planned, site, volume, peers, (*place, dead));
        }
    }
    if planned.cluster.is_empty() && planned.findings.is_empty() {
        planned.refuse(
            "gluster-not-a-brick",
            name,
            format!("no volume has a brick on {name}"),
            "name a node that holds one",
        );
    } else {
        let others = peers.iter().filter(|peer| **peer != node);
        let others: Vec<&str> = others.map(|peer| site.nodes[*peer].name.as_str()).collect();
        planned.cluster.push(detach(name, &others));
    }
    planned
}

/// Whether a volume is left when a node's brick goes; why not is a finding.
fn may_go(planned: &mut Planned, volume: &Volume, node: &str) -> bool {
    if volume.replica == 1 {
        planned.refuse(
            "gluster-only-copy",
            &volume.name,
            format!("{node} holds the only copy of some files"),
            "add a copy first (--add)",
        );
        return false;
    }
    if volume.sets.len() > 1 || volume.arbiter {
        planned.refuse(
            "gluster-remove-set",
            &volume.name,
            format!(
                "{node} holds a brick of a {} volume: without it a set would be incomplete",
                volume.kind()
            ),
            "move the brick to another node instead: --replace NODE:STICK=NODE:STICK",
        );
        return false;
    }
    true
}

/// Takes one brick from a volume.
fn one_less(
    planned: &mut Planned,
    site: &Site,
    volume: &mut Volume,
    peers: &[usize],
    ((set, place), dead): ((usize, usize), bool),
) {
    let before = volume.clone();
    let old = before.brick_name(&before.sets[set][place], site);
    volume.sets[set].remove(place);
    volume.replica -= 1;
    planned.stage(Look::whole(&before, site, peers), None, "as it is");
    let down = if dead { Down::Dead } else { Down::Unknown };
    if dead {
        planned.given_up(&before.name, &old);
    }
    let own = std::slice::from_ref(&old);
    planned
        .cluster
        .push(bricks::in_step(&before.name, &before, down, own));
    planned.cluster.push(bricks::remove(volume, site, &old));
    let id = format!("remove-{}", volume.name);
    let after = Look::whole(volume, site, peers);
    planned.stage(after, Some(&id), "one copy less");
    if place == 0 {
        let now = site.stick_name(volume.sets[0][0].stick);
        planned.findings.push(Finding::info(
            "gluster-first-brick-moves",
            &volume.name,
            format!("brick 1 is {now} from then on: with half of the bricks it decides"),
        ));
    }
}
