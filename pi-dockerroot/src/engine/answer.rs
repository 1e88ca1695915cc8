//! A node's answer about its engine.

pub use super::check::Checked;
use super::plan::State;
use super::request::Request;
use cluster::inventory::Os;
use cluster::plan::{Plan, Step};
use schemars::JsonSchema;
use serde::Serialize;

/// A node's answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Node {
    /// Whether nothing speaks against the plan.
    pub ok: bool,
    /// Whether there is something to do; `null` where that is not known.
    pub pending: Option<bool>,
    /// Whether this run did something.
    pub changed: bool,
    /// The version of the tool that planned.
    pub tool_version: String,
    /// The operating system, where the document tells it.
    pub os: Option<Os>,
    /// What is asked: what a plan is made from again.
    pub request: Request,
    /// The engine, `docker`, `containerd` or `k3s`.
    pub engine: String,
    /// The root that is in use before the plan; `null` where it is not known.
    pub from: Option<String>,
    /// The root that is in use after it; `null` where it is not known.
    pub to: Option<String>,
    /// What there is to move and what that takes; missing where nothing is to be copied or it was not counted.
    #[serde(flatten)]
    pub size: Option<Size>,
    /// Containers that run and would stop, by name.
    pub running: Vec<String>,
    /// Mounts below the root, which go with the engine or are taken away.
    pub mounts: Vec<String>,
    /// What the plan is made from.
    pub state: Option<State>,
    /// The hash of that.
    pub state_sha256: Option<String>,
    /// The hash of the plan.
    pub plan_sha256: Option<String>,
    /// The plan's steps; none where it is already so.
    pub steps: Vec<Step>,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Done>,
    /// What `--check` saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Checked>,
}

/// What there is to move.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Size {
    /// Bytes of content, each file once.
    pub bytes: u64,
    /// Inodes.
    pub inodes: u64,
    /// Free space that the new root's file system needs, with a margin.
    pub needed_bytes: u64,
    /// How long the first pass takes, in seconds: estimated from the kind of disk alone.
    pub copy_estimate_s: f64,
    /// How long the engine stands still, in seconds: estimated from the number of files and containers alone.
    pub downtime_estimate_s: f64,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Done {
    /// Bytes of content that were written.
    pub copied_bytes: u64,
    /// Files that were made anew.
    pub copied_files: u64,
    /// From the engine's stop to the moment at which what ran ran again, in seconds; `null` where an earlier run stopped it.
    pub downtime_s: Option<f64>,
    /// Whether the copy was compared and every difference would have ended the move.
    pub verified: bool,
    /// Names that were compared after the last copy.
    pub verified_names: u64,
    /// Bytes of content that were read back.
    pub verified_bytes: u64,
    /// Paths that were rewritten in the records of containers.
    pub rewritten_paths: u64,
    /// The steps that this run did, by id.
    pub steps: Vec<String>,
}

impl Node {
    /// An answer of which only the wish is known.
    pub fn new(request: &Request) -> Self {
        Self {
            ok: false,
            pending: None,
            changed: false,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            os: None,
            request: request.clone(),
            engine: request.engine.as_str().to_owned(),
            from: request.from.clone(),
            to: request.to.clone(),
            size: None,
            running: Vec::new(),
            mounts: Vec::new(),
            state: None,
            state_sha256: None,
            plan_sha256: None,
            steps: Vec::new(),
            result: None,
            check: None,
        }
    }

    /// The same with a plan.
    #[must_use]
    pub fn with_plan(mut self, state: &State, plan: &Plan) -> Self {
        self.from = Some(state.source().to_owned());
        self.to = Some(state.target().to_owned());
        self.state_sha256 = Some(plan.state_sha256());
        self.plan_sha256 = Some(plan.plan_sha256());
        self.pending = Some(!plan.steps.is_empty());
        self.state = Some(state.clone());
        self.steps = plan.steps.clone();
        self
    }
}
