//! Changing a volume: the sequence, and what the volume survives at each point of it.

use crate::answer::{NodeStep, Part};
use crate::gluster;
use crate::oracle::{Kind, Oracle, State, Unit};
use crate::site::Site;
use crate::steps;
use crate::volume::{Brick, Volume};
use cluster::finding::Finding;
use cluster::plan::{Action, Step};
use schemars::JsonSchema;
use serde::Serialize;

/// How long a brick may take to be filled: 64 GB at the 10 MB/s that a slow stick writes are two hours.
const HEAL_LIMIT_S: u64 = 12 * 3600;

/// What is to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A stick dies: another takes its place, the same one in the document, or one that was free.
    Replace {
        /// The stick.
        old: usize,
        /// Where its bricks go; `None` for a new stick at the same place.
        new: Option<usize>,
    },
    /// Nodes that join.
    Add(Vec<usize>),
    /// A node that leaves.
    Remove(usize),
}

/// A point of a change, and what the volume survives there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stage {
    /// The volume.
    pub volume: String,
    /// The step that leads here; `null` before the first.
    pub after: Option<String>,
    /// What is so.
    pub what: String,
    /// Whether the volume can be used.
    pub available: bool,
    /// Further losses of nodes, whichever they are, that leave it available.
    pub guaranteed_nodes: usize,
    /// Further losses of nodes, whichever they are, that leave a whole copy of every file.
    pub kept_nodes: usize,
}

/// A change in steps.
#[derive(Debug, Default)]
pub struct Planned {
    /// The cluster's steps, in their order.
    pub cluster: Vec<Step>,
    /// Nodes whose own part is needed first.
    pub nodes: Vec<usize>,
    /// Steps of the node that the cluster's script runs on, where it is one particular.
    pub home: Option<usize>,
    /// What is survived on the way.
    pub stages: Vec<Stage>,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

impl Planned {
    pub(crate) fn refuse(&mut self, id: &'static str, subject: &str, message: String, fix: &str) {
        self.findings
            .push(Finding::error(id, subject, message).fix(fix));
    }

    /// Looks at the volume as it then is: `out` is a stick that is away, `stale` are bricks that are not filled yet.
    pub(crate) fn stage(&mut self, look: Look<'_>, after: Option<&str>, what: &str) {
        let oracle = Oracle::new(look.volume, look.site, look.peers).stale(look.stale.to_vec());
        let out: Vec<Unit> = look.out.map(Unit::Stick).into_iter().collect();
        let nodes = oracle.units(Kind::Nodes);
        let now = oracle.state(&out);
        let stage = Stage {
            volume: look.volume.name.clone(),
            after: after.map(str::to_owned),
            what: what.to_owned(),
            available: now == State::Available,
            guaranteed_nodes: survives(&oracle, &nodes, &out, State::Available),
            kept_nodes: survives(&oracle, &nodes, &out, State::Safe),
        };
        if now == State::Lost {
            let message = format!("{what}: no whole copy of some files would be left");
            self.refuse(
                "gluster-only-copy",
                &look.volume.name,
                message,
                "add a copy first (--add), and change this one when it is healed",
            );
        } else if now != State::Available {
            let message = format!("{what}: the volume cannot be used until the next step is done");
            self.findings.push(
                Finding::warning("gluster-change-stops", &look.volume.name, message)
                    .fix("choose a quiet hour, or add a copy first (--add)"),
            );
        }
        self.stages.push(stage);
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub(crate) volume: &'a Volume,
    pub(crate) site: &'a Site,
    pub(crate) peers: &'a [usize],
    pub(crate) stale: &'a [(usize, usize)],
    pub(crate) out: Option<usize>,
}

/// How many further losses of these nodes, whichever they are, leave the volume at least so well off. A set falls by its
/// own nodes, so more than its bricks need not be tried.
fn survives(oracle: &Oracle<'_>, nodes: &[Unit], out: &[Unit], least: State) -> usize {
    let mut all: Vec<Vec<Unit>> = vec![out.to_vec()];
    for losses in 0..=nodes.len() {
        if all.iter().any(|lost| oracle.state(lost) > least) {
            return losses.saturating_sub(1);
        }
        let longer = all.iter().flat_map(|lost| {
            let last = lost.last().filter(|unit| matches!(unit, Unit::Node(_)));
            let from = last
                .and_then(|last| nodes.iter().position(|unit| unit == last))
                .map_or(0, |at| at + 1);
            nodes[from..]
                .iter()
                .map(|unit| [&lost[..], &[*unit]].concat())
        });
        all = longer.collect();
        if all.len() > 20_000 {
            return losses;
        }
    }
    nodes.len()
}

/// The stick's place in a volume: set and brick.
pub(crate) fn places(
    volume: &Volume,
    site: &Site,
    wanted: impl Fn(usize) -> bool,
) -> Vec<(usize, usize)> {
    let _ = site;
    let sets = volume.sets.iter().enumerate();
    sets.flat_map(|(set, bricks)| {
        bricks
            .iter()
            .enumerate()
            .map(move |(place, brick)| (set, place, brick.stick))
    })
    .filter(|(_, _, stick)| wanted(*stick))
    .map(|(set, place, _)| (set, place))
    .collect()
}

pub(crate) fn fill(planned: &mut Planned, volume: &Volume) {
    let bricks = volume.bricks().count();
    planned
        .cluster
        .push(gluster::healed(&volume.name, bricks, HEAL_LIMIT_S));
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

/// Plans bricks on nodes that join: more copies where a volume has one set, more sets where there are enough of them.
pub fn add(
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
    let look = Look {
        volume: &before,
        site,
        peers,
        stale: &[],
        out: None,
    };
    planned.stage(look, None, "as it is");
    for node in nodes {
        planned
            .cluster
            .push(gluster::probe(&site.nodes[*node].name));
    }
    let mut all: Vec<usize> = peers.to_vec();
    all.extend(nodes.iter().filter(|node| !peers.contains(node)));
    let names: Vec<&str> = all
        .iter()
        .skip(1)
        .map(|node| site.nodes[*node].name.as_str())
        .collect();
    planned.cluster.push(gluster::connected(&names));
    if before.replica > 1 {
        planned.cluster.push(gluster::in_step(&before.name, ""));
    }
    let bricks: Vec<&Brick> = new.iter().collect();
    planned
        .cluster
        .push(gluster::add(volume, site, &bricks, grows));
    let stale = if grows {
        places(volume, site, |stick| {
            new.iter().any(|brick| brick.stick == stick)
        })
    } else {
        Vec::new()
    };
    let look = Look {
        volume,
        site,
        peers: &all,
        stale: &stale,
        out: None,
    };
    planned.stage(
        look,
        Some(&format!("add-{}", volume.name)),
        "the new bricks are there and not filled yet",
    );
    if grows {
        fill(&mut planned, volume);
    } else {
        planned.cluster.extend(gluster::rebalance(&volume.name));
    }
    let look = Look { stale: &[], ..look };
    let id = planned.cluster.last().map(|step| step.id.clone());
    planned.stage(look, id.as_deref(), "all is in its place");
    planned
}

/// Plans that a node leaves: one copy less.
pub fn remove(site: &Site, volumes: &mut [Volume], peers: &[usize], node: usize) -> Planned {
    let mut planned = Planned::default();
    let name = site.nodes[node].name.clone();
    for volume in volumes.iter_mut() {
        let gone = places(volume, site, |stick| site.sticks[stick].node == node);
        let Some((set, place)) = gone.first().copied() else {
            continue;
        };
        if volume.replica == 1 {
            planned.refuse(
                "gluster-only-copy",
                &volume.name,
                format!("{name} holds the only copy of some files"),
                "add a copy first (--add)",
            );
            continue;
        }
        if volume.sets.len() > 1 || volume.arbiter {
            planned.refuse(
                "gluster-remove-set",
                &volume.name,
                format!(
                    "{name} holds a brick of a {} volume: without it a set would be incomplete",
                    volume.kind()
                ),
                "move the brick to another node instead: --replace NODE:STICK=NODE:STICK",
            );
            continue;
        }
        let before = volume.clone();
        let old = before.brick_name(&before.sets[set][place], site);
        volume.sets[set].remove(place);
        volume.replica -= 1;
        let look = Look {
            volume: &before,
            site,
            peers,
            stale: &[],
            out: None,
        };
        planned.stage(look, None, "as it is");
        planned.cluster.push(gluster::in_step(&before.name, &old));
        planned.cluster.push(gluster::remove(volume, site, &old));
        let look = Look { volume, ..look };
        planned.stage(
            look,
            Some(&format!("remove-{}", volume.name)),
            "one copy less",
        );
        if place == 0 {
            let now = site.stick_name(volume.sets[0][0].stick);
            planned.findings.push(Finding::info(
                "gluster-first-brick-moves",
                &volume.name,
                format!("brick 1 is {now} from then on: with half of the bricks it decides"),
            ));
        }
    }
    if planned.cluster.is_empty() && planned.findings.is_empty() {
        planned.refuse(
            "gluster-not-a-brick",
            &name,
            format!("no volume has a brick on {name}"),
            "name a node that holds one",
        );
    } else {
        planned.cluster.push(detach(site, peers, node));
    }
    planned
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
        cluster::plan::Check::OutputLines {
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

/// The cluster's steps as steps of a node.
pub fn on(node: &str, steps: Vec<Step>) -> Vec<NodeStep> {
    let of_node = |step| NodeStep {
        node: node.to_owned(),
        part: Part::Cluster,
        step,
    };
    steps.into_iter().map(of_node).collect()
}
