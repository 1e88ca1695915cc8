//! Putting a stick in another's place.

use super::{Look, Planned, fill, places};
use crate::gluster::bricks;
use crate::node;
use crate::site::Site;
use crate::steps;
use crate::volume::Volume;
use cluster::plan::Step;

/// Plans a replacement. The volumes are changed to what they are afterwards.
pub(super) fn replace(
    site: &Site,
    volumes: &mut [Volume],
    peers: &[usize],
    old: usize,
    new: Option<usize>,
) -> Planned {
    let mut planned = Planned::default();
    let affected: Vec<&mut Volume> = volumes
        .iter_mut()
        .filter(|volume| !places(volume, |stick| stick == old).is_empty())
        .collect();
    if affected.is_empty() {
        let name = site.stick_name(old);
        planned.refuse(
            "gluster-not-a-brick",
            &name,
            format!("no volume has a brick on {name}"),
            "name a stick that holds a brick",
        );
        return planned;
    }
    match new {
        None => same_place(&mut planned, site, &affected, peers, old),
        Some(new) => other_place(&mut planned, site, affected, peers, (old, new)),
    }
    planned
}

/// A new stick where the dead one was: everything is done on that node.
fn same_place(
    planned: &mut Planned,
    site: &Site,
    affected: &[&mut Volume],
    peers: &[usize],
    old: usize,
) {
    let stick = &site.sticks[old];
    planned.home = Some(stick.node);
    for volume in affected {
        let dead = Look::whole(volume, site, peers).without(old);
        planned.stage(dead, None, "the stick is dead");
        for brick in volume.bricks().filter(|brick| brick.stick == old) {
            let brick = volume.brick_name(brick, site);
            planned.cluster.push(bricks::in_step(&volume.name, &brick));
            planned
                .cluster
                .push(bricks::reset_start(&volume.name, &brick, &stick.mount));
        }
    }
    let Some(device) = &stick.device else {
        let name = site.stick_name(old);
        planned.refuse(
            "gluster-no-device",
            &name,
            "the document does not say which device the stick is".to_owned(),
            "name it in nodes[].usb[].device",
        );
        return;
    };
    planned.cluster.push(unmount(&stick.name, &stick.mount));
    planned
        .cluster
        .push(node::make_filesystem(&stick.name, device, &stick.uuid));
    planned
        .cluster
        .push(node::mount(&stick.name, &stick.uuid, &stick.mount));
    for volume in affected {
        refill(planned, site, volume, peers, old);
    }
}

/// The volume's bricks begin anew on the stick that took the dead one's place.
fn refill(planned: &mut Planned, site: &Site, volume: &Volume, peers: &[usize], stick: usize) {
    for brick in volume.bricks().filter(|brick| brick.stick == stick) {
        let name = volume.brick_name(brick, site);
        planned.cluster.push(folder(&volume.name, &brick.path));
        planned
            .cluster
            .push(bricks::reset_commit(&volume.name, &name));
    }
    let stale = places(volume, |other| other == stick);
    let id = format!("commit-{}", volume.name);
    let what = "the new stick is there and not filled yet";
    let look = Look::whole(volume, site, peers);
    filled(planned, volume, look, &stale, (&id, what));
}

/// Whatever was mounted there goes, unless it can still be written: then it is the new one.
fn unmount(name: &str, target: &str) -> Step {
    let fit = format!(
        "findmnt -n --mountpoint \"$1\" >/dev/null || {{ echo fit; exit; }}; {}",
        bricks::FIT
    );
    Step::new(
        format!("unmount-{name}"),
        "the dead stick's file system is still mounted; one that can be written stays",
        steps::run(&["umount", "-l", target], 60),
        steps::line(&["sh", "-c", &fit, "fit", target], "fit"),
    )
    .harmless()
}

fn folder(volume: &str, path: &str) -> Step {
    Step::new(
        format!("folder-{volume}"),
        "the brick's folder; a reset, unlike a new volume, does not make it",
        steps::run(&["mkdir", path], 10),
        steps::line(&["stat", "-c", "%F", path], "directory"),
    )
    .undo(steps::run(&["rmdir", path], 10))
}

/// Bricks move to a stick of another place.
fn other_place(
    planned: &mut Planned,
    site: &Site,
    affected: Vec<&mut Volume>,
    peers: &[usize],
    (old, new): (usize, usize),
) {
    planned.nodes.push(site.sticks[new].node);
    for volume in affected {
        let before = volume.clone();
        let moved = places(&before, |stick| stick == old);
        if !take_places(planned, site, (&before, volume), &moved, new) {
            return;
        }
        let dead = Look::whole(&before, site, peers).without(old);
        planned.stage(dead, None, "the stick is dead or taken out");
        for (set, place) in &moved {
            let from = before.brick_name(&before.sets[*set][*place], site);
            let to = volume.brick_name(&volume.sets[*set][*place], site);
            planned.cluster.push(bricks::in_step(&before.name, &from));
            planned
                .cluster
                .push(bricks::replace(volume, site, &from, &to));
        }
        let id = format!("replace-{}", volume.name);
        let what = "the new brick is there and not filled yet";
        let look = Look::whole(volume, site, peers);
        filled(planned, volume, look, &moved, (&id, what));
    }
}

/// Gives a volume's places (set, brick) to the new stick; `false` where its node has a brick of the same set.
fn take_places(
    planned: &mut Planned,
    site: &Site,
    (before, after): (&Volume, &mut Volume),
    places: &[(usize, usize)],
    new: usize,
) -> bool {
    let name = site.stick_name(new);
    let node = site.sticks[new].node;
    for (set, place) in places {
        let mut others = before.sets[*set]
            .iter()
            .enumerate()
            .filter(|(at, _)| at != place);
        if others.any(|(_, brick)| site.sticks[brick.stick].node == node) {
            planned.refuse(
                "gluster-same-node",
                &name,
                format!("{name} is on a node that has a brick of the same set: its loss would take two copies"),
                "choose a stick of another node",
            );
            return false;
        }
        let brick = &mut after.sets[*set][*place];
        let suffix = if brick.arbiter { "-arbiter" } else { "" };
        brick.stick = new;
        brick.path = format!("{}/{}{suffix}", site.sticks[new].mount, before.name);
    }
    true
}

/// Bricks that lack everything are filled; `what` is so after the step `id`.
fn filled(
    planned: &mut Planned,
    volume: &Volume,
    whole: Look<'_>,
    stale: &[(usize, usize)],
    (id, what): (&str, &str),
) {
    planned.stage(whole.stale(stale), Some(id), what);
    fill(planned, volume);
    let id = format!("healed-{}", volume.name);
    planned.stage(whole, Some(&id), "every brick holds a whole copy");
}
