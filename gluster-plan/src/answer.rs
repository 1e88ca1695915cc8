//! The tool's value in the document.

use crate::change::Stage;
use crate::compare::Candidate;
use crate::oracle::State;
use crate::site::Site;
use crate::split::SplitBrain;
use crate::volume::Volume;
use cluster::inventory::{Protocol, Provisioner};
use cluster::plan::Step;
use schemars::JsonSchema;
use serde::Serialize;

/// Volumes, what they survive, and what makes them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// Whether there is something to do.
    pub pending: bool,
    /// The volumes, those of the document first.
    pub volumes: Vec<VolumeAnswer>,
    /// What all sticks hold together.
    pub pool: Pool,
    /// Ports that nodes reach each other on, and that nobody else may reach.
    pub ports: Vec<Ports>,
    /// The mount that Kubernetes gets its volumes from: of the first volume that asks for a provisioner, else of the first
    /// one; `null` without a volume.
    pub mount: Option<Mount>,
    /// The answer to `--lose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lose: Option<Lose>,
    /// The answer to `--compare`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Vec<Candidate>>,
    /// What a change passes through (`--replace`, `--add`, `--remove`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<Stage>>,
    /// What is to be done, node by node and then once for the cluster.
    pub steps: Vec<NodeStep>,
    /// The place, for rendering.
    #[serde(skip)]
    pub(crate) site: Site,
    /// The volumes, for rendering.
    #[serde(skip)]
    pub(crate) plain: Vec<Volume>,
    /// The node that a script for one node is for; `None` for the cluster's.
    #[serde(skip)]
    pub(crate) script: Option<usize>,
    /// Where the cluster's script runs.
    #[serde(skip)]
    pub(crate) home: Option<usize>,
}

/// A step and where it is done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NodeStep {
    /// The node.
    pub node: String,
    /// Whether it is the node's own part (disks, mounts), or the cluster's, which is done on one node.
    pub part: Part,
    /// What is done.
    #[serde(flatten)]
    pub step: Step,
}

/// Whose part a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Each node's.
    Node,
    /// The cluster's.
    Cluster,
}

/// A volume.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VolumeAnswer {
    /// Its name.
    pub name: String,
    /// `distribute`, `replicate`, `arbiter`, `distributed-replicate`, `distributed-arbiter`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Bricks of a set, an arbiter counted.
    pub replica: usize,
    /// Whether the last brick of each set is an arbiter.
    pub arbiter: bool,
    /// Whether it was found, and not asked for.
    pub adopted: bool,
    /// The bricks in their order: `replica` of them make a set, and the first of each set decides where half is left.
    pub bricks: Vec<BrickAnswer>,
    /// What it holds in bytes; `null` where a size is not known.
    pub usable_bytes: Option<u64>,
    /// No other placement of these sticks holds more; `null` where a size is not known.
    pub usable_bound_bytes: Option<u64>,
    /// Where nodes mount it.
    pub mount: String,
    /// What gives Kubernetes its volumes.
    pub provisioner: Option<Provisioner>,
    /// When it may be used.
    pub quorum: QuorumAnswer,
    /// What it survives.
    pub survival: Survival,
    /// Whether two halves can disagree.
    pub split_brain: SplitBrain,
}

/// A brick.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BrickAnswer {
    /// Its node.
    pub node: String,
    /// Its folder there.
    pub path: String,
    /// Its stick; `null` where the document does not say it.
    pub device: Option<String>,
    /// Whether it holds names only.
    pub arbiter: bool,
}

/// Quorums.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QuorumAnswer {
    /// `auto`, `fixed 2`, `none`.
    pub client: String,
    /// The servers'; `null` without one.
    pub server: Option<ServerAnswer>,
}

/// The servers' quorum.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServerAnswer {
    /// Percent of the peers; `null` for more than half.
    pub ratio: Option<u8>,
    /// All peers, those without bricks too.
    pub peers: usize,
    /// How many of them must be up.
    pub required: usize,
}

/// What a volume survives.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Survival {
    /// How many losses, whichever they are, leave it available.
    pub guaranteed_losses: Guaranteed,
    /// The sets of its nodes that can be left, the empty one not counted.
    pub node_sets: Counted,
    /// All combinations of lost nodes, sticks and domains, none of them included.
    pub combinations: Counted,
    /// What it survives by luck: of the losses of one node more than guaranteed, those that leave it available. `null`
    /// where they are too many to try.
    pub also: Option<Also>,
    /// Losses that make it unavailable and of which none can be left out.
    pub minimal_cuts: MinimalCuts,
    /// By the number of nodes lost: available, safe, lost.
    #[serde(skip)]
    pub(crate) by_losses: Vec<[u64; 3]>,
}

/// Losses of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Guaranteed {
    /// Nodes.
    pub nodes: usize,
    /// Sticks.
    pub sticks: usize,
    /// Power domains.
    pub domains: usize,
}

/// Combinations by what they leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counted {
    /// Things that can be lost.
    pub units: usize,
    /// Combinations that were tried.
    pub total: u64,
    /// The volume can be used.
    pub available: u64,
    /// It cannot be used, and nothing is gone.
    pub safe: u64,
    /// Files are gone.
    pub lost: u64,
    /// Every combination of up to so many losses was tried; `null` where all were.
    pub up_to_losses: Option<usize>,
}

/// Losses survived by luck.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Also {
    /// How many nodes at once.
    pub losses: usize,
    /// How many such combinations there are.
    pub of: usize,
    /// How many of them leave it available.
    pub survived: usize,
    /// Which ones, the first 100.
    pub sets: Vec<Vec<String>>,
}

/// Minimal cuts by kind; a node may stand for its stick in each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MinimalCuts {
    /// Of nodes.
    pub nodes: Vec<Vec<String>>,
    /// Of sticks.
    pub sticks: Vec<Vec<String>>,
    /// Of power domains.
    pub domains: Vec<Vec<String>>,
    /// Whether all are listed.
    pub complete: bool,
}

/// All sticks together.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pool {
    /// Sticks for bricks.
    pub sticks: usize,
    /// Sticks that no volume uses.
    pub spare: Vec<String>,
    /// Sticks that several volumes share: what one fills the others lack.
    pub shared: Vec<String>,
    /// What all volumes hold together in bytes, a shared stick counted once; `null` where a size is not known.
    pub usable_bytes: Option<u64>,
}

/// Ports.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ports {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The first port.
    pub first: u16,
    /// The last one.
    pub last: u16,
    /// What listens there.
    pub what: &'static str,
}

/// Where Kubernetes gets its volumes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mount {
    /// The volume.
    pub volume: String,
    /// Its path, the same on every node.
    pub path: String,
    /// What was asked for; `null` where nothing was.
    pub provisioner: Option<Provisioner>,
    /// The storage class that `-f k8s` makes.
    pub storage_class: String,
    /// The node whose NFS server exports it; `null` for the local path.
    pub nfs_server: Option<String>,
}

/// The answer to one question.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lose {
    /// What is lost.
    pub units: Vec<String>,
    /// The worst of all volumes.
    pub state: State,
    /// Each volume's.
    pub volumes: Vec<VolumeState>,
}

/// A volume's state.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VolumeState {
    /// The volume.
    pub name: String,
    /// What is left of it.
    pub state: State,
}
