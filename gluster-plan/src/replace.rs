//! Putting a stick in another's place.

use crate::change::{Look, Planned, fill, places};
use crate::gluster;
use crate::node;
use crate::site::Site;
use crate::steps;
use crate::volume::Volume;
use cluster::plan::Step;

/// Plans a replacement. The volumes are changed to what they are afterwards.
pub fn replace(
    site: &Site,
    volumes: &mut [Volume],
    peers: &[usize],
    old: usize,
    new: Option<usize>,
) -> Planned {
    let mut planned = Planned::default();
    let affected: Vec<usize> = (0..volumes.len())
        .filter(|index| !places(&volumes[*index], site, |stick| stick == old).is_empty())
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
        None => same_place(&mut planned, site, volumes, peers, &affected, old),
        Some(new) => other_place(&mut planned, site, volumes, peers, &affected, (old, new)),
    }
    planned
}

/// A new stick where the dead one was: everything is done on that node.
fn same_place(
    planned: &mut Planned,
    site: &Site,
    volumes: &[Volume],
    peers: &[usize],
    affected: &[usize],
    old: usize,
) {
    let stick = &site.sticks[old];
    planned.home = Some(stick.node);
    let of = |volume: &Volume| -> Vec<(String, String)> {
        let bricks = volume.bricks().filter(|brick| brick.stick == old);
        bricks
            .map(|brick| (volume.brick_name(brick, site), brick.path.clone()))
            .collect()
    };
    for index in affected {
        let volume = &volumes[*index];
        let look = Look {
            volume,
            site,
            peers,
            stale: &[],
            out: Some(old),
        };
        planned.stage(look, None, "the stick is dead");
        for (brick, _) in of(volume) {
            planned.cluster.push(gluster::in_step(&volume.name, &brick));
            planned
                .cluster
                .push(gluster::reset_start(&volume.name, &brick, &stick.mount));
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
    for index in affected {
        let volume = &volumes[*index];
        let stale = places(volume, site, |stick| stick == old);
        for (brick, path) in of(volume) {
            planned.cluster.push(folder(&volume.name, &path));
            planned
                .cluster
                .push(gluster::reset_commit(&volume.name, &brick));
        }
        let id = format!("commit-{}", volume.name);
        let look = Look {
            volume,
            site,
            peers,
            stale: &stale,
            out: None,
        };
        planned.stage(look, Some(&id), "the new stick is there and not filled yet");
        fill(planned, volume);
        let look = Look { stale: &[], ..look };
        planned.stage(
            look,
            Some(&format!("healed-{}", volume.name)),
            "every brick holds a whole copy",
        );
    }
}

/// Whatever was mounted there goes, unless it can still be written: then it is the new one.
fn unmount(name: &str, target: &str) -> Step {
    let fit = format!(
        "findmnt -n --mountpoint \"$1\" >/dev/null || {{ echo fit; exit; }}; {}",
        gluster::FIT
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
    volumes: &mut [Volume],
    peers: &[usize],
    affected: &[usize],
    (old, new): (usize, usize),
) {
    planned.nodes.push(site.sticks[new].node);
    for index in affected {
        let before = volumes[*index].clone();
        let after = &mut volumes[*index];
        let name = site.stick_name(new);
        let moved = places(&before, site, |stick| stick == old);
        for (set, place) in &moved {
            let node = site.sticks[new].node;
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
                return;
            }
            let brick = &mut after.sets[*set][*place];
            let suffix = if brick.arbiter { "-arbiter" } else { "" };
            brick.stick = new;
            brick.path = format!("{}/{}{suffix}", site.sticks[new].mount, before.name);
        }
        let look = Look {
            volume: &before,
            site,
            peers,
            stale: &[],
            out: Some(old),
        };
        planned.stage(look, None, "the stick is dead or taken out");
        for (set, place) in &moved {
            let from = before.brick_name(&before.sets[*set][*place], site);
            let to = after.brick_name(&after.sets[*set][*place], site);
            planned.cluster.push(gluster::in_step(&before.name, &from));
            planned
                .cluster
                .push(gluster::replace(after, site, &from, &to));
        }
        let after = after.clone();
        let look = Look {
            volume: &after,
            site,
            peers,
            stale: &moved,
            out: None,
        };
        planned.stage(
            look,
            Some(&format!("replace-{}", after.name)),
            "the new brick is there and not filled yet",
        );
        fill(planned, &after);
        let look = Look { stale: &[], ..look };
        planned.stage(
            look,
            Some(&format!("healed-{}", after.name)),
            "every brick holds a whole copy",
        );
    }
}
