//! What is done on the node itself, or to its card: check, rehearse, apply, leave.

mod act;
mod born;
mod flags;
mod intent;
mod leave;
mod report;
mod wish;

pub use flags::Here;
pub use report::{Report, text};

use crate::TOOL;
use crate::answer::Answer;
use crate::check;
use crate::cli::Cli;
use crate::observe;
use crate::rehearse::{self, Target, ports};
use crate::request::Request;
use anyhow::Context;
use cluster::edge::Usage;
use cluster::edge::nodes::Earlier;
use cluster::finding::{self, Finding};
use cluster::root::Root;
use cluster::run::{Journal, JournalPlace, Refusal, told};
use std::time::Duration;
use wish::Planned;

/// How long a port of another node may take.
const PROBE: Duration = Duration::from_secs(2);

/// The node that this run is on, what came of it, and what was noticed.
///
/// # Errors
/// What keeps it from an answer.
pub fn run(
    cli: &Cli,
    request: &Request,
    answer: &Answer,
    earlier: &Earlier,
    blocked: bool,
) -> anyhow::Result<(String, Report, Vec<Finding>)> {
    let here = &cli.here;
    let root = cli.node.root()?;
    let mut findings = Vec::new();
    let planned = Planned::read(cli, request, answer, &root, &mut findings)?;
    let mut report = Report::default();
    if cli.node.apply
        && let Some(stranger) = planned.stranger(request)
    {
        return Ok((planned.name, report, vec![stranger]));
    }
    if here.leave {
        // What speaks against the plan speaks against acting on it.
        let act = cli.node.apply && !blocked;
        let leaving = leave::Job {
            here,
            answer,
            planned: &planned,
            root: &root,
        };
        findings.extend(leaving.run(act, &mut report)?);
    } else if cli.node.apply {
        let given = earlier.plan(&planned.name)?;
        let job = act::Job {
            cli,
            answer,
            planned: &planned,
            root: &root,
            given: given.as_ref(),
        };
        if !blocked {
            findings.extend(job.run(&mut report)?);
        }
    } else {
        if here.check {
            findings.extend(look(here, &root, &planned, &mut report)?);
        }
        if here.rehearse {
            findings.extend(rehearsal(here, &planned, &mut report)?);
        }
    }
    report.ok = !blocked && finding::ok(&findings);
    Ok((planned.name, report, findings))
}

/// `--check`.
fn look(
    here: &Here,
    root: &Root,
    planned: &Planned,
    report: &mut Report,
) -> anyhow::Result<Vec<Finding>> {
    let mut state = observe::observe(root, &planned.wish)?;
    if here.probe_disk
        && let Some(volume) = &state.resources.data
    {
        state.resources.latencies_us = observe::latencies(root, &volume.path)?;
    }
    let mut findings = check::check(&state, &planned.wish);
    findings.extend(planned.identity(root));
    findings.extend(unfinished(root, planned)?);
    report.observed(&state);
    Ok(findings)
}

/// What a run that was ended in the middle left.
fn unfinished(root: &Root, planned: &Planned) -> anyhow::Result<Option<Finding>> {
    let Some(place) = JournalPlace::new(root, TOOL, &planned.name, false)? else {
        return Ok(None);
    };
    let left = match Journal::peek(&place.path) {
        Ok(left) => left,
        Err(error) => return Refusal::finding(error).map(Some),
    };
    Ok(left.map(|left| told::unfinished("k3s-unfinished", &planned.name, &left)))
}

/// `--rehearse`.
fn rehearsal(here: &Here, planned: &Planned, report: &mut Report) -> anyhow::Result<Vec<Finding>> {
    let limit = Duration::from_secs(here.limit);
    let Some(url) = planned.wish.server.clone() else {
        if planned.first_server {
            let message = "it is the first server: there is none to rehearse with";
            return Ok(vec![Finding::info(
                "k3s-rehearse-first-server",
                &planned.name,
                message,
            )]);
        }
        let problem = "--rehearse needs a server: --server https://ADDRESS:6443, or a document with this node and a server";
        return Err(Usage::new(problem)).context("reading the arguments");
    };
    let target = Target {
        url,
        token: planned.token.clone(),
        pin: here.pin.clone(),
        role: planned.wish.role,
        settings: planned.settings.clone(),
        addresses: observe::own_addresses(),
        limit,
    };
    let (rehearsal, mut findings) = rehearse::rehearse(&target);
    report.rehearsal = Some(rehearsal);
    if let Some(role) = planned.wish.role {
        let (ports, more) =
            ports::probe(role, &planned.peers, &planned.wish.ports, limit.min(PROBE));
        report.ports = ports;
        findings.extend(more);
    }
    Ok(findings)
}
