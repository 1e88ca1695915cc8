//! What a run on a node found, as data and for people.

use crate::check::state::{Cgroups, State};
use crate::rehearse::ports::{PortReport, PortResult};
use crate::rehearse::{Rehearsal, StepResult};
use cluster::name::escape_controls;
use cluster::plan::Step;
use schemars::JsonSchema;
use serde::Serialize;

/// What a run on a node found.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Report {
    /// Whether nothing speaks against it.
    pub ok: bool,
    /// What was seen (`--check`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// How far the rehearsal came (`--rehearse`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rehearsal: Option<Rehearsal>,
    /// Ports of the other nodes (`--rehearse` with a document).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortReport>,
    /// What was done, or would be (`--apply`, `--leave`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Act {
    /// Whether this run did something.
    pub changed: bool,
    /// Whether it continued what a killed run had begun.
    pub continued: bool,
    /// The steps that were done.
    pub did: Vec<String>,
    /// The steps whose effect is not there.
    pub pending: Vec<String>,
    /// Whether K3s is ready; `null` where it was not started.
    pub ready: Option<bool>,
    /// Whether the machine has to start anew before K3s can run.
    pub reboot_required: bool,
    /// The hash of the state that the steps are for.
    pub state_sha256: String,
    /// The hash of the steps.
    pub plan_sha256: String,
    /// The steps.
    pub steps: Vec<Step>,
}

/// What was seen of a node.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Observed {
    /// Whether it is a running node, not a card.
    pub live: bool,
    /// The operating system's `ID` and `VERSION_ID`.
    pub os: String,
    /// The running kernel's release.
    pub kernel: Option<String>,
    /// The version of control groups, `v1` or `v2`.
    pub cgroups: Option<&'static str>,
    /// The controllers that the kernel has.
    pub controllers: Vec<String>,
    /// The file that the firmware takes the command line from.
    pub kernel_line_file: Option<String>,
    /// The units of K3s that are installed.
    pub units: Vec<String>,
    /// The 99th percentile of a flushed write in microseconds, where it was measured.
    pub write_p99_us: Option<u64>,
}

impl Report {
    /// Whether this run did something.
    pub fn changed(&self) -> bool {
        self.act.as_ref().is_some_and(|act| act.changed)
    }

    /// Whether there is something to do after it; `None` where that was not looked at.
    pub fn pending(&self) -> Option<bool> {
        let act = self.act.as_ref()?;
        let started = act.ready != Some(false) && !act.reboot_required;
        Some(!act.pending.is_empty() || !started)
    }

    /// Notes what was seen.
    pub fn observed(&mut self, state: &State) {
        let (cgroups, controllers) = match &state.cgroups {
            Some(Cgroups::V2(list)) => (Some("v2"), list.clone()),
            Some(Cgroups::V1(list)) => (Some("v1"), list.clone()),
            _ => (None, Vec::new()),
        };
        let sorted = &state.resources.latencies_us;
        self.observed = Some(Observed {
            live: state.live,
            os: format!("{} {}", state.os_id, state.os_version)
                .trim()
                .to_owned(),
            kernel: state.release.clone(),
            cgroups,
            controllers,
            kernel_line_file: state.boot.read.clone(),
            units: state.k3s.units.clone(),
            write_p99_us: sorted.get(sorted.len() * 99 / 100).copied(),
        });
    }
}

/// The report for people; the findings follow it.
pub fn text(node: &str, report: &Report) -> String {
    let mut out = format!("Node {}\n", escape_controls(node));
    if let Some(seen) = &report.observed {
        observed(&mut out, seen);
    }
    if let Some(rehearsal) = &report.rehearsal {
        rehearsed(&mut out, rehearsal);
    }
    for port in &report.ports {
        let word = match port.result {
            PortResult::Open => "open",
            PortResult::Reached => "reached, nothing listens yet",
            PortResult::Silent => "silent",
            PortResult::Barred => "barred",
            PortResult::Unknown => "unknown (UDP does not tell)",
        };
        out.push_str(&format!("  {} {:10} {word}\n", port.node, port.port));
    }
    if let Some(act) = &report.act {
        acted(&mut out, act);
    }
    out
}

fn observed(out: &mut String, seen: &Observed) {
    let what = if seen.live { "running" } else { "its files" };
    let system = match seen.os.as_str() {
        "" => "unknown system".into(),
        // What stands on a card is not ours.
        system => escape_controls(system),
    };
    out.push_str(&format!("  seen: {what}, {system}\n"));
    if let (Some(version), Some(kernel)) = (seen.cgroups, &seen.kernel) {
        let controllers = seen.controllers.join(" ");
        let controllers = escape_controls(&controllers);
        out.push_str(&format!(
            "  control groups {version} of {kernel}: {controllers}\n"
        ));
    }
    if let Some(file) = &seen.kernel_line_file {
        out.push_str(&format!(
            "  kernel command line: {}\n",
            escape_controls(file)
        ));
    }
}

fn rehearsed(out: &mut String, rehearsal: &Rehearsal) {
    out.push_str(&format!(
        "Rehearsal with {}\n",
        escape_controls(&rehearsal.server)
    ));
    for step in &rehearsal.steps {
        let word = match step.result {
            StepResult::Passed => "passed",
            StepResult::Failed => "FAILED",
            StepResult::Skipped => "-",
        };
        out.push_str(&format!("  {:12} {word}\n", step.step));
    }
    if let Some(hash) = &rehearsal.ca_hash {
        out.push_str(&format!("  CA hash      {hash}\n"));
    }
}

fn acted(out: &mut String, act: &Act) {
    let words = |ids: &[String]| ids.iter().map(|id| format!("  {id}\n")).collect::<String>();
    match (act.did.is_empty(), act.pending.is_empty()) {
        (false, _) => out.push_str(&format!("Done:\n{}", words(&act.did))),
        (true, false) => out.push_str(&format!("To do:\n{}", words(&act.pending))),
        (true, true) => out.push_str("Nothing to do: it is all so already\n"),
    }
    if act.ready == Some(true) {
        out.push_str("K3s is ready\n");
    }
}
