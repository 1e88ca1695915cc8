//! A node that leaves: one copy less.

use super::{Look, Planned, places};
use crate::gluster::bricks;
use crate::site::Site;
use crate::steps;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::plan::{Action, Check, Step};

/// Plans that a node leaves. The volumes are changed to what they are afterwards.
pub(super) fn remove(site: &Site, volumes: &mut [Volume], peers: &[usize], node: usize) -> Planned {
    let mut planned = Planned::default();
    let name = &site.nodes[node].name;
    for volume in volumes.iter_mut() {
        let gone = places(volume, |stick| site.sticks[stick].node == node);
        if let Some(place) = gone.first()
            && may_go(&mut planned, volume, name)
        {
            one_less(&mut planned, site, volume, peers, *place);
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
        planned.cluster.push(detach(site, peers, node));
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
    (set, place): (usize, usize),
) {
    let before = volume.clone();
    let old = before.brick_name(&before.sets[set][place], site);
    volume.sets[set].remove(place);
    volume.replica -= 1;
    planned.stage(Look::whole(&before, site, peers), None, "as it is");
    planned.cluster.push(bricks::in_step(&before.name, &old));
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

fn detach(site: &Site, peers: &[usize], node: usize) -> Step {
    let name = &site.nodes[node].name;
    let prefix = format!("Hostname: {name}");
    let others = peers
        .iter()
        .filter(|peer| **peer != node)
        .map(|peer| format!("Hostname: {}", site.nodes[*peer].name));
    Step::new(
        format!("detach-{name}"),
        "a peer without bricks still counts for the servers' quorum",
        steps::run(&["gluster", "--mode=script", "peer", "detach", name], 60),
        Check::OutputLines {
            argv: steps::argv(&["gluster", "peer", "status"]),
            lines: others.filter(|line| line.starts_with(&prefix)).collect(),
            prefix,
        },
    )
    .undo(Action::Run {
        argv: steps::argv(&["gluster", "--mode=script", "peer", "probe", name]),
        limit_s: 60,
        scratch: None,
    })
}
