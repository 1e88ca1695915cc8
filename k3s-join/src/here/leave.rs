//! `--leave`: what `--apply` did is taken back. The node's password stays, so that it may come back under its name.

use super::Here;
use super::flags::Discard;
use super::intent::kept;
use super::report::{Act, Report};
use super::wish::Planned;
use crate::answer::Answer;
use crate::apply::acting::Acting;
use crate::apply::steps::{self, KernelLine, Leaving};
use crate::apply::{carry_out, pending};
use crate::cli::Cli;
use crate::kernel_line::taken_back;
use crate::observe::observe;
use anyhow::Context;
use cluster::finding::Finding;
use cluster::root::Root;
use cluster::run::Refusal;
use serde_json::json;
use std::path::Path;

/// What K3s's own scripts are called, and the unit that each removes.
const SCRIPTS: [(&str, &str); 2] = [
    (
        "/usr/local/bin/k3s-uninstall.sh",
        "/etc/systemd/system/k3s.service",
    ),
    (
        "/usr/local/bin/k3s-agent-uninstall.sh",
        "/etc/systemd/system/k3s-agent.service",
    ),
];
/// Files of this program's, where no document says which.
const FILES: [&str; 7] = [
    "/etc/rancher/k3s/k3s-join.token",
    "/etc/rancher/k3s/k3s-join.agent-token",
    "/etc/rancher/k3s/config.yaml.d/50-k3s-join.yaml",
    "/etc/systemd/system/k3s.service.d/50-k3s-join.conf",
    "/etc/systemd/system/k3s-agent.service.d/50-k3s-join.conf",
    "/etc/modules-load.d/k3s-join.conf",
    "/etc/sysctl.d/90-k3s-join.conf",
];
/// What goes with K3s's data and cannot be had again.
const LOST: [(Discard, &str, &str); 2] = [
    (
        Discard::Datastore,
        "/var/lib/rancher/k3s/server/db",
        "the cluster's datastore",
    ),
    (
        Discard::Volumes,
        "/var/lib/rancher/k3s/storage",
        "pods' local volumes",
    ),
];
/// A command line is far shorter.
const LIMIT: u64 = 64 << 10;

/// Takes it back, or says what would be.
pub(super) fn run(
    cli: &Cli,
    answer: &Answer,
    root: &Root,
    planned: &Planned,
    report: &mut Report,
) -> anyhow::Result<Vec<Finding>> {
    let script = SCRIPTS
        .into_iter()
        .find(|(script, _)| root.is_system() && root.exists(Path::new(script)).unwrap_or(false));
    let mut findings = Vec::new();
    if script.is_some() {
        findings.extend(lost(&cli.here, root, planned));
    }
    if cli.node.apply {
        findings.extend(planned.identity(root));
    }
    let leaving = Leaving {
        node: planned.name.clone(),
        uninstall: script.map(|(script, gone)| (script.to_owned(), gone.to_owned())),
        files: files(answer, planned),
        kernel_line: kernel_line(root, planned)?,
    };
    let plan = steps::leave(&leaving);
    let mut acting = Acting::new(root, &[]);
    let mut act = Act {
        state_sha256: plan.state_sha256(),
        plan_sha256: plan.plan_sha256(),
        steps: plan.steps.clone(),
        ..Act::default()
    };
    if cli.node.apply && cluster::finding::ok(&findings) {
        match carry_out(&plan, &mut acting, root, &planned.name) {
            Ok(applied) => {
                act.changed = !applied.did.is_empty();
                act.continued = applied.continued;
                act.did = applied.did;
            }
            Err(error) => findings.push(Refusal::finding(error)?),
        }
    }
    act.pending = pending(&plan, &mut acting)?;
    if act.did.iter().any(|id| id == "kernel-line") {
        let message = "the kernel command line is as it was; it takes effect at the next start";
        findings
            .push(Finding::info("k3s-reboot-advised", &planned.name, message).fix("sudo reboot"));
    }
    report.act = Some(act);
    Ok(findings)
}

/// What would be lost, unless that is wanted.
fn lost(here: &Here, root: &Root, planned: &Planned) -> Option<Finding> {
    let filled = |path: &str| {
        root.names(Path::new(path))
            .is_ok_and(|names| !names.is_empty())
    };
    let lost = LOST
        .iter()
        .filter(|(kind, path, _)| filled(path) && !here.discard.contains(kind));
    let found: Vec<&str> = lost.clone().map(|(_, path, _)| *path).collect();
    let (_, path, what) = lost.clone().next()?;
    let message = format!("K3s's own script removes {path}, {what}, and nothing brings it back");
    Some(
        Finding::error("k3s-leave-loses-data", &planned.name, message)
            .fix("copy it elsewhere; then --leave --apply with --discard datastore, volumes or both. A server of several: k3s-join --remove first")
            .evidence(json!({ "paths": found })),
    )
}

fn files(answer: &Answer, planned: &Planned) -> Vec<String> {
    let own = planned
        .wish
        .name
        .as_deref()
        .and_then(|name| answer.planned(name));
    match own {
        // What lies below K3s's data goes with it.
        Some(own) => own
            .files
            .iter()
            .map(|file| file.path.clone())
            .filter(|path| !path.starts_with("/var/lib/rancher/k3s/"))
            .collect(),
        None => FILES.map(str::to_owned).to_vec(),
    }
}

/// The command line without the words that this program put there. The copy of the former one stays.
fn kernel_line(root: &Root, planned: &Planned) -> anyhow::Result<Option<KernelLine>> {
    let state = observe(root, &planned.wish)?;
    let Some(path) = state.boot.read else {
        return Ok(None);
    };
    let reading = || format!("reading {path}");
    let Some(before) = kept(root, &path).with_context(reading)? else {
        return Ok(None);
    };
    let now = root.read(Path::new(&path), LIMIT).with_context(reading)?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).with_context(reading);
    Ok(Some(KernelLine {
        after: text(taken_back(&now, &before))?,
        before: text(now)?,
        path: path.clone(),
    }))
}
