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
use cluster::finding::Finding;
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
    },
    /// Nodes that join.
    Add(Vec<usize>),
    /// A node that leaves.
    Remove(usize),
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
        let (now, stage) = look.stage(after, what);
        if now == State::Lost {
            let message = format!("{what}: no whole copy of some files would be left");
            self.refuse(
                "gluster-only-copy",
                &stage.volume,
                message,
                "add a copy first (--add), and change this one when it is healed",
            );
        } else if now != State::Available {
            let message = format!("{what}: the volume cannot be used until the next step is done");
            self.findings.push(
                Finding::warning("gluster-change-stops", &stage.volume, message)
                    .fix("choose a quiet hour, or add a copy first (--add)"),
            );
        }
        self.stages.push(stage);
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
    let bricks = volume.bricks().count();
    planned
        .cluster
        .push(bricks::healed(&volume.name, bricks, HEAL_LIMIT_S));
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
        let planned = match change {
            Change::Replace { old, new } => {
                replace::replace(&self.site, &mut self.volumes, peers, *old, *new)
            }
            Change::Remove(node) => remove::remove(&self.site, &mut self.volumes, peers, *node),
            Change::Add(nodes) => self.add(nodes, peers),
        };
        let home = planned.home.or_else(|| match change {
            // The node that leaves cannot detach itself.
            Change::Remove(node) => peers.iter().copied().find(|peer| peer != node),
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
