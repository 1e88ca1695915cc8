//! Finds the engine, its root, what decides on that, and what is at the target. Changes nothing.

use super::inventory::{Info, Live};
use super::kind::Engine;
use super::process::{self, Found, Process};
use super::request::Request;
use super::service::Service;
use super::switch::Switch;
use anyhow::Result;
use cluster::finding::Finding;
use cluster::root::Root;
use serde_json::json;

mod containerd;
mod docker;

use containerd::containerd;
use docker::docker;

/// An engine that was found.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its process and how it is asked; `None` where it does not run.
    pub running: Option<Running>,
    /// The root that is configured, as it is written there.
    pub root: String,
    /// What decides on it.
    pub switch: Switch,
    /// How it is stopped and started.
    pub service: Option<Service>,
}

/// An engine that runs.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its process.
    pub process: Process,
    /// How it is asked.
    pub live: Live,
    /// What Docker says of itself.
    pub info: Option<Info>,
}

/// Finds the engine. `Err` is what speaks against going on.
///
/// # Errors
/// What cannot be read.
pub fn engine(request: &Request, root: &Root) -> Result<Result<Seen, Finding>> {
    let processes = process::all(root)?;
    let mut running: Vec<&Found> = processes
        .iter()
        .filter(|found| is_engine(request.engine, found, &processes))
        .collect();
    if running.len() > 1 {
        let ids: Vec<i32> = running.iter().map(|found| found.process.id).collect();
        let name = request.engine.as_str();
        let message = format!("{} of them run: processes {ids:?}", running.len());
        return Ok(Err(Finding::error("dockerroot-several", name, message)
            .fix("stop the ones that are not meant")
            .evidence(json!({"processes": ids}))));
    }
    let found = running.pop();
    match request.engine {
        Engine::Docker => docker(request, root, found),
        Engine::Containerd | Engine::K3s => containerd(request, root, found),
    }
}

/// Whether the engine's process is there.
///
/// # Errors
/// `/proc` cannot be read.
pub fn is_running(engine: Engine, root: &Root) -> Result<bool> {
    let processes = process::all(root)?;
    Ok(processes
        .iter()
        .any(|found| is_engine(engine, found, &processes)))
}

/// Docker starts a containerd of its own and K3s another; the plain one is neither's child.
fn is_engine(engine: Engine, found: &Found, all: &[Found]) -> bool {
    let parent = all.iter().find(|other| other.process.id == found.parent);
    let of = |name: &str| parent.is_some_and(|parent| parent.name.starts_with(name));
    let k3s = || of("k3s") || found.arguments.iter().any(|word| word.contains("/k3s/"));
    match engine {
        // What it is about to run has its name for a moment.
        Engine::Docker => found.name == "dockerd" && !of("dockerd"),
        Engine::Containerd => found.name == "containerd" && !of("dockerd") && !k3s(),
        Engine::K3s => found.name == "containerd" && k3s(),
    }
}
