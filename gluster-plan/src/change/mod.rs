//! Changing volumes: what is to change, and the change in steps.

mod add;
mod remove;
mod replace;
mod stage;

pub(crate) use stage::Look;
pub use stage::Stage;

use crate::answer::{NodeStep, Part};
use crate::draft::Draft;
use crate::gluster::bricks;
use crate::node;
use crate::oracle::State;
use crate::volume::Volume;
use cluster::finding::{Finding, Severity};
use cluster::inventory::Volume as Given;
use cluster::plan::Step;

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
        /// Whether it is dead for good, and what it holds given up.
        dead: bool,
    },
    /// Nodes that join.
    Add(Vec<usize>),
    /// A node that leaves.
    Remove {
        /// The node.
        node: usize,
        /// Whether it is dead for good, and what it holds given up.
        dead: bool,
    },
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

    /// Looks at the volume as it is after a step.
    pub(crate) fn stage(&mut self, look: Look<'_>, after: Option<&str>, what: &str) {
        let stage = look.stage(after, what);
        if stage.state == State::Lost {
            let message = format!("{what}: no whole copy of some files would be left");
            self.refuse(
                "gluster-only-copy",
                &stage.volume,
                message,
                "add a copy first (--add), and change this one when it is healed",
            );
        }
        self.stages.push(stage);
    }

    /// A brick that is down and dead for good goes without being asked for what it holds.
    fn given_up(&mut self, volume: &str, brick: &str) {
        let message =
            format!("--dead: {brick} may be down when it goes, and what only it holds is given up");
        self.findings.push(
            Finding::warning("gluster-given-up", volume, message).fix(
                "leave --dead out where it can come back: it is then healed to the others first",
            ),
        );
    }

    /// Says where a volume cannot be used on the way, and refuses what would leave it so.
    fn end(&mut self) {
        let refused = !self
            .findings
            .iter()
            .all(|found| found.severity != Severity::Error);
        let stages = self.stages.iter().enumerate();
        let stopped = stages.filter(|(_, stage)| stage.state == State::Safe);
        let found: Vec<Finding> = stopped
            .map(|(at, stage)| {
                let mut later = self.stages[at + 1..].iter();
                if refused || later.any(|later| later.volume == stage.volume) {
                    stops(stage)
                } else {
                    ends(stage)
                }
            })
            .collect();
        self.findings.extend(found);
    }

    /// Takes another volume's part of the same change along. What the pool does is done once.
    fn extend(&mut self, other: Planned) {
        let new = other
            .cluster
            .into_iter()
            .filter(|step| self.cluster.iter().all(|own| own.id != step.id));
        let new: Vec<Step> = new.collect();
        self.cluster.extend(new);
        if !other.nodes.is_empty() {
            self.nodes = other.nodes;
        }
        self.stages.extend(other.stages);
        self.findings.extend(other.findings);
    }
}

fn stops(stage: &Stage) -> Finding {
    let message = format!(
        "{}: the volume cannot be used until the next step is done",
        stage.what
    );
    Finding::warning("gluster-change-stops", &stage.volume, message)
        .fix("choose a quiet hour, or add a copy first (--add)")
}

fn ends(stage: &Stage) -> Finding {
    let message = format!(
        "{}: the volume could not be used, and no further step would change that",
        stage.what
    );
    Finding::error("gluster-change-ends", &stage.volume, message).fix(
        "first ask for a quorum that the bricks which are left can have, and apply that; then change the bricks",
    )
}

/// The stick's place in a volume: set and brick.
pub(crate) fn places(volume: &Volume, wanted: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
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
    planned
        .cluster
        .push(bricks::healed(&volume.name, volume, HEAL_LIMIT_S));
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

impl Draft<'_> {
    /// Steps of a change, what is survived on the way, and where they are done.
    pub(crate) fn change(
        &mut self,
        change: &Change,
        peers: &[usize],
        home: Option<usize>,
    ) -> (Vec<NodeStep>, Option<Vec<Stage>>, Option<usize>) {
        let mut planned = match change {
            Change::Replace { old, new, dead } => {
                let going = (*old, *new, *dead);
                replace::replace(&self.site, &mut self.volumes, peers, going)
            }
            Change::Remove { node, dead } => {
                remove::remove(&self.site, &mut self.volumes, peers, *node, *dead)
            }
            Change::Add(nodes) => self.add(nodes, peers),
        };
        planned.end();
        let without = |node: usize| peers.iter().copied().find(|peer| *peer != node);
        let home = planned.home.or_else(|| match change {
            // The node that leaves cannot detach itself.
            Change::Remove { node, .. } => without(*node),
            // On a node that is dead nothing can be run.
            Change::Replace {
                old, dead: true, ..
            } => home
                .filter(|home| *home != self.site.sticks[*old].node)
                .or_else(|| without(self.site.sticks[*old].node)),
            _ => home,
        });
        let mut steps = Vec::new();
        for node in &planned.nodes {
            steps.extend(node::node_part(&self.site, &self.volumes, *node));
        }
        if let Some(home) = home {
            steps.extend(on(&self.site.nodes[home].name, planned.cluster));
        }
        self.findings.extend(planned.findings);
        (steps, Some(planned.stages), home)
    }

    /// The volumes that nodes join.
    fn add(&mut self, nodes: &[usize], peers: &[usize]) -> Planned {
        let names: Vec<&str> = nodes
            .iter()
            .map(|node| self.site.nodes[*node].name.as_str())
            .collect();
        let mut all = Planned::default();
        for volume in &mut self.volumes {
            let given = self
                .given
                .iter()
                .find(|given| given.name.as_str() == volume.name);
            if volume.adopted
                || volume.sets.is_empty()
                || !given.is_none_or(|given| may_use(given, &names))
            {
                continue;
            }
            let wanted = given.map_or(volume.replica, |given| Volume::asked(given).replica);
            let more_copies = wanted > volume.replica || nodes.len() < volume.replica;
            all.extend(add::add(&self.site, volume, peers, nodes, more_copies));
        }
        all
    }
}

/// Whether a volume of the document may have bricks on all these nodes.
fn may_use(given: &Given, nodes: &[&str]) -> bool {
    given.nodes.is_empty()
        || nodes
            .iter()
            .all(|node| given.nodes.iter().any(|name| name.as_str() == *node))
}
