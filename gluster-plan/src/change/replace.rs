//! Putting a stick in another's place.

use super::{HEAL_LIMIT_S, Look, Planned, fill, places};
use crate::gluster::bricks::{self, Down};
use crate::node;
use crate::site::Site;
use crate::steps;
use crate::volume::{Brick, Volume};
use cluster::plan::Step;

/// Plans a replacement: the stick, the one that takes its place, and whether the old one is dead for good. The volumes are
/// changed to what they are afterwards.
pub(super) fn replace(
    site: &Site,
    volumes: &mut [Volume],
    peers: &[usize],
    (old, new, dead): (usize, Option<usize>, bool),
) -> Planned {
    let mut planned = Planned::default();
    let holds = |volume: &Volume| volume.bricks().any(|brick| brick.stick == old);
    if !volumes.iter().any(holds) {
        no_brick(&mut planned, site, volumes, old);
        return planned;
    }
    let affected = volumes.iter_mut().filter(|volume| holds(volume));
    let affected: Vec<&mut Volume> = affected.collect();
    match new {
        None => same_place(&mut planned, site, &affected, peers, old),
        Some(new) => {
            planned.nodes.push(site.sticks[new].node);
            for volume in affected {
                let moving = Moving { old, new, dead };
                moving.plan(&mut planned, site, volume, peers);
            }
        }
    }
    planned
}

fn no_brick(planned: &mut Planned, site: &Site, volumes: &[Volume], old: usize) {
    let name = site.stick_name(old);
    let bricks = volumes.iter().flat_map(Volume::bricks);
    let mut others: Vec<usize> = bricks
        .map(|brick| brick.stick)
        .filter(|stick| site.sticks[*stick].node == site.sticks[old].node)
        .collect();
    others.sort_unstable();
    others.dedup();
    let fix = match others.first() {
        Some(other) => format!(
            "name a stick that holds a brick; where this one is to take its place: --replace {}={name}",
            site.stick_name(*other)
        ),
        None => "name a stick that holds a brick".to_owned(),
    };
    let message = format!("no volume has a brick on {name}");
    planned.refuse("gluster-not-a-brick", &name, message, &fix);
}

/// What names the steps of a volume's brick: its name, and from the second brick on a number that no name can end in.
fn tag(volume: &Volume, number: usize) -> String {
    match number {
        0 => volume.name.clone(),
        more => format!("{}.{}", volume.name, more + 1),
    }
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
        let bricks = volume.bricks().filter(|brick| brick.stick == old);
        let names: Vec<String> = bricks.map(|b| volume.brick_name(b, site)).collect();
        let wait = bricks::in_step(&volume.name, volume, Down::NewStick, &names);
        planned.cluster.push(wait);
        for (number, brick) in names.iter().enumerate() {
            let tag = tag(volume, number);
            planned
                .cluster
                .push(bricks::reset_start(&tag, &volume.name, brick, &stick.mount));
        }
    }
    let Some(device) = &stick.device else {
        let name = site.stick_name(old);
        planned.refuse(
            "gluster-no-device",
            &name,
            "the document does not say which device the stick is".to_owned(),
            "name it in nodes[].usb[].device; where the new stick has another name: --replace OLD=NEW",
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
    let mut id = String::new();
    let bricks = volume.bricks().filter(|brick| brick.stick == stick);
    for (number, brick) in bricks.enumerate() {
        let (tag, name) = (tag(volume, number), volume.brick_name(brick, site));
        let commit = bricks::reset_commit(&tag, &volume.name, &name);
        id.clone_from(&commit.id);
        planned.cluster.extend([
            bricks::new_stick(&tag, &volume.name, &name, &brick.path),
            folder(&tag, &brick.path),
            commit,
        ]);
    }
    let stale = places(volume, |other| other == stick);
    let what = "the new stick is there and not filled yet";
    let whole = Look::whole(volume, site, peers);
    planned.stage(whole.stale(&stale), Some(&id), what);
    fill(planned, volume);
    let id = format!("healed-{}", volume.name);
    planned.stage(whole, Some(&id), "every brick holds a whole copy");
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

fn folder(tag: &str, path: &str) -> Step {
    Step::new(
        format!("folder-{tag}"),
        "the brick's folder; a reset, unlike a new volume, does not make it",
        steps::run(&["mkdir", path], 10),
        steps::line(&["stat", "-c", "%F", path], "directory"),
    )
    .undo(steps::run(&["rmdir", path], 10))
}

/// A stick whose bricks go to another one, and whether it is dead for good.
#[derive(Clone, Copy)]
struct Moving {
    old: usize,
    new: usize,
    dead: bool,
}

impl Moving {
    /// Brick after brick of a volume takes its place on the other stick and is filled.
    fn plan(self, planned: &mut Planned, site: &Site, volume: &mut Volume, peers: &[usize]) {
        let moved = places(volume, |stick| stick == self.old);
        let mut checked = volume.clone();
        for place in &moved {
            if !self.take_place(planned, site, &mut checked, *place) {
                return;
            }
        }
        let dead = Look::whole(volume, site, peers).without(self.old);
        planned.stage(dead, None, "the stick is dead or taken out");
        for (number, place) in moved.iter().enumerate() {
            let last = number + 1 == moved.len();
            self.one(planned, site, volume, peers, (number, *place, last));
        }
    }

    /// One brick moves: the volume is changed to what it is then, and nothing of a later move is looked for.
    fn one(
        self,
        planned: &mut Planned,
        site: &Site,
        volume: &mut Volume,
        peers: &[usize],
        (number, (set, place), last): (usize, (usize, usize), bool),
    ) {
        let tag = tag(volume, number);
        let from = volume.brick_name(&volume.sets[set][place], site);
        let down = if self.dead {
            planned.given_up(&volume.name, &from);
            Down::Dead
        } else {
            Down::Unknown
        };
        let own = std::slice::from_ref(&from);
        planned
            .cluster
            .push(bricks::in_step(&tag, volume, down, own));
        volume.sets[set][place] = self.brick(site, volume, (set, place));
        let to = volume.brick_name(&volume.sets[set][place], site);
        planned
            .cluster
            .push(bricks::replace(&tag, volume, site, &from, &to));
        let stale = [(set, place)];
        let look = Look::whole(volume, site, peers).without(self.old);
        let id = format!("replace-{tag}");
        let what = "the new brick is there and not filled yet";
        planned.stage(look.stale(&stale), Some(&id), what);
        if last {
            planned
                .cluster
                .push(bricks::healed(&tag, volume, HEAL_LIMIT_S));
        } else {
            planned
                .cluster
                .push(bricks::set_healed(&tag, volume, set, HEAL_LIMIT_S));
        }
        let what = if last {
            "every brick holds a whole copy"
        } else {
            "the new brick holds a whole copy"
        };
        planned.stage(look, Some(&format!("healed-{tag}")), what);
    }

    /// The brick that takes a place (set, brick) on the new stick.
    fn brick(self, site: &Site, volume: &Volume, (set, place): (usize, usize)) -> Brick {
        let arbiter = volume.sets[set][place].arbiter;
        let suffix = if arbiter { "-arbiter" } else { "" };
        Brick {
            stick: self.new,
            path: format!("{}/{}{suffix}", site.sticks[self.new].mount, volume.name),
            arbiter,
        }
    }

    /// Gives a volume's place to the new stick; `false` where a brick stands in the way.
    fn take_place(
        self,
        planned: &mut Planned,
        site: &Site,
        volume: &mut Volume,
        (set, place): (usize, usize),
    ) -> bool {
        let name = site.stick_name(self.new);
        let node = site.sticks[self.new].node;
        let brick = self.brick(site, volume, (set, place));
        let mut others = volume.sets[set].iter().enumerate();
        let beside =
            |(at, other): (usize, &Brick)| at != place && site.sticks[other.stick].node == node;
        if others.any(beside) {
            planned.refuse(
                "gluster-same-node",
                &name,
                format!("{name} is on a node that has a brick of the same set: its loss would take two copies"),
                "choose a stick of another node",
            );
            return false;
        }
        // An arbiter takes next to nothing, and may be where a brick of another set is.
        let taken = |other: &Brick| {
            other.stick == self.new && (other.arbiter == brick.arbiter || other.path == brick.path)
        };
        if volume.bricks().any(taken) {
            planned.refuse(
                "gluster-stick-taken",
                &name,
                format!("{name} would hold two bricks of {}", volume.name),
                "choose a stick that holds none of it",
            );
            return false;
        }
        volume.sets[set][place] = brick;
        true
    }
}
