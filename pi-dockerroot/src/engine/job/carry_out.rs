//! A plan that is made: shown, or carried out.

use super::{Local, Outcome, Ready};
use crate::engine::act::{Acting, Report};
use crate::engine::answer::{Done, Node};
use crate::engine::plan::{self, State};
use crate::engine::roots::Roots;
use anyhow::{Context, Result};
use cluster::finding::{self, Finding};
use cluster::run::{self, Journal, Refusal, signals, told};
use serde_json::Value;

impl Local<'_> {
    /// Shows the plan, or does it.
    pub(in crate::engine) fn carry_out(
        &self,
        journal: Option<Journal>,
        ready: Ready,
        resumed: bool,
    ) -> Result<Outcome> {
        let Ready {
            state,
            record,
            node,
            mut findings,
            total,
            live,
        } = ready;
        let request = serde_json::to_value(&self.request).context("describing the request")?;
        let plan = plan::plan(request, &state);
        let mut node = node.with_plan(&state, &plan);
        node.ok = finding::ok(&findings);
        if let Some(given) = &self.given {
            same(&self.name, &node, given)?;
        }
        let Some(mut journal) = journal.filter(|_| finding::ok(&findings)) else {
            return Ok((node, findings));
        };
        let mut acting = Acting::new(
            (self.root, &self.request),
            (&state, Roots::open(&state)?),
            record,
            self.show,
            total,
            live,
        );
        if let Some(left) = journal.unfinished() {
            acting = acting.resumed(left)?;
        }
        let applied = match run::apply_in_turn(&mut journal, &plan, &mut acting) {
            Ok(applied) => applied,
            Err(error) => return Err(failed(error, &mut acting, &state, journal)),
        };
        journal.close()?;
        findings.retain(|finding| finding.id != "dockerroot-unfinished");
        if resumed || applied.continued {
            findings.push(told::continued(
                "dockerroot-continued",
                &self.name,
                &applied.did,
            ));
        }
        findings.append(&mut acting.report.findings);
        findings.extend(signals::asked().map(|signal| self.was_late(signal)));
        node.pending = Some(false);
        node.changed = !applied.did.is_empty();
        node.result = Some(done(&acting.report, applied.did));
        Ok((node, findings))
    }

    /// After the switch an end would leave the engine down, and the move is nearly whole.
    fn was_late(&self, signal: &str) -> Finding {
        let message =
            format!("{signal} asked to end it after the switch: the move was ended first");
        Finding::info("dockerroot-asked-late", self.name.as_str(), message)
    }
}

/// Whatever failed: the engine on the root that it had, where the move was not complete yet.
fn failed(
    error: anyhow::Error,
    acting: &mut Acting<'_>,
    state: &State,
    journal: Journal,
) -> anyhow::Error {
    let another_plan = error
        .downcast_ref::<Refusal>()
        .is_some_and(|refusal| refusal.0.id == "journal-other-plan");
    if another_plan {
        return error;
    }
    let moving = format!(
        "moving the root of {} from {} to {}",
        state.engine.as_str(),
        state.source(),
        state.target()
    );
    if acting.is_compared() || acting.is_late() {
        return error.context(format!(
            "{moving} (the engine runs on {}; run this again to end it)",
            state.target()
        ));
    }
    // Nobody else begins anything before this is done: the journal stays locked.
    let back = acting.fall_back().and_then(|()| journal.close());
    match back {
        Ok(()) if error.is::<Refusal>() => error,
        Ok(()) => error.context(format!("{moving} (the engine is on {}, as before)", state.source())),
        Err(second) => error.context(format!(
            "{moving} (and starting the engine on {} again failed: {second:#}; `pi-dockerroot --rollback --apply` tries again)",
            state.source()
        )),
    }
}

fn done(report: &Report, steps: Vec<String>) -> Done {
    Done {
        copied_bytes: report.copied_bytes,
        copied_files: report.copied_files,
        downtime_s: report.downtime_s,
        verified: report.verified_names > 0,
        verified_names: report.verified_names,
        verified_bytes: report.verified_bytes,
        rewritten_paths: report.rewritten,
        steps,
    }
}

/// What was reviewed is what happens.
fn same(name: &str, node: &Node, given: &Value) -> Result<()> {
    if given["plan_sha256"].is_null() {
        return Ok(());
    }
    let own = serde_json::to_value(node).context("describing the plan")?;
    let plan = |value: &Value| -> Value {
        let keys = ["request", "state", "state_sha256", "steps", "plan_sha256"];
        let of = keys.map(|key| (key.to_owned(), value[key].clone()));
        of.into_iter().collect::<serde_json::Map<_, _>>().into()
    };
    match told::differs("dockerroot-plan-differs", name, &plan(&own), &plan(given)) {
        Some(finding) => Err(Refusal(finding).into()),
        None => Ok(()),
    }
}
