//! The job for an engine on this machine: look, plan, and with `--apply` act.

use super::act::{Acting, Report};
use super::answer::{Done, Node};
use super::check;
use super::inventory::Live;
use super::observe::{self, Seen};
use super::plan::{self, Direction, State};
use super::record::{self, Record};
use super::request::Request;
use super::switch::{self, Switch};
use crate::progress::{Show, Total};
use anyhow::{Context, Result};
use cluster::finding::{self, Finding};
use cluster::root::Root;
use cluster::run::{self, Journal, Refusal, Unfinished, system_path, told};
use serde_json::Value;
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Move to the new root.
    Move,
    /// Look and report.
    Check,
    /// Remove the root that was put away.
    Finish,
    /// Back to the old root; what was written since is copied back, is given up, or is asked about.
    Rollback {
        /// It is copied back.
        copy_back: bool,
        /// It is given up.
        discard: bool,
    },
}

/// An engine on this machine and what is wished of it.
#[derive(Debug)]
pub struct Local<'a> {
    /// The system's root.
    pub root: &'a Root,
    /// The node's name.
    pub name: String,
    /// What is asked.
    pub request: Request,
    /// What is to be done.
    pub wanted: Wanted,
    /// Whether to do it.
    pub apply: bool,
    /// The plan that the document holds.
    pub given: Option<Value>,
    /// How progress is shown.
    pub show: Show,
}

/// What came out: the answer and what was noticed.
pub(super) type Outcome = (Node, Vec<Finding>);

/// A plan with all that is needed to carry it out.
pub(super) struct Ready {
    pub state: State,
    pub record: Record,
    pub node: Node,
    pub findings: Vec<Finding>,
    pub total: Total,
    pub live: Option<Live>,
}

impl Local<'_> {
    /// Does what is wanted. A refusal on the way is a finding.
    ///
    /// # Errors
    /// What cannot be read or done.
    pub fn run(&self) -> Result<Outcome> {
        match self.outcome() {
            Err(error) => {
                let finding = Refusal::finding(error)?;
                Ok((Node::new(&self.request), vec![finding]))
            }
            outcome => outcome,
        }
    }

    fn outcome(&self) -> Result<Outcome> {
        if self.root.is_system() && !rustix::process::geteuid().is_root() {
            let message = "only root sees and moves an engine's root";
            return Err(refuse(
                "dockerroot-not-root",
                &self.name,
                message,
                "run it with sudo",
            ));
        }
        if self.wanted == Wanted::Check {
            return self.check();
        }
        let path = self.journal();
        // Before anything is looked at, so that nobody else changes it meanwhile.
        let journal = if self.apply {
            Some(Journal::open(&path, "pi-dockerroot")?)
        } else {
            None
        };
        let left = match &journal {
            Some(journal) => journal.unfinished().cloned(),
            None => Journal::peek(&path)?,
        };
        let record = record::read(self.root, self.request.engine)?;
        let left = left
            .map(|left| Ok::<_, anyhow::Error>((state_of(&left)?.direction, left)))
            .transpose()?;
        match (self.wanted, left, record) {
            (Wanted::Rollback { discard, .. }, Some((Direction::Forward, left)), record) => {
                self.give_up(journal, &left, record, discard)
            }
            (Wanted::Move, Some((Direction::Forward, left)), Some(record))
            | (Wanted::Rollback { .. }, Some((_, left)), Some(record)) => {
                self.go_on(journal, &left, record)
            }
            (_, Some((direction, _)), _) => {
                let what = if direction == Direction::Forward {
                    "a move"
                } else {
                    "a rollback"
                };
                let message = format!("an earlier run was ended in the middle of {what}");
                let fix = match direction {
                    Direction::Forward => {
                        "pi-dockerroot --apply ends it, pi-dockerroot --rollback --apply gives it up"
                    }
                    Direction::Back => "pi-dockerroot --rollback --copy-back --apply ends it",
                    Direction::BackWithout => "pi-dockerroot --rollback --discard --apply ends it",
                };
                Err(refuse("dockerroot-unfinished", &self.name, &message, fix))
            }
            (Wanted::Finish, _, record) => self.finish(record),
            (Wanted::Rollback { copy_back, discard }, _, record) => {
                let ready = self.plan_back(record, copy_back, discard)?;
                self.carry_out(journal, ready, false)
            }
            (_, _, record) => match self.plan_forward(record)? {
                Ok(ready) => self.carry_out(journal, *ready, false),
                Err(outcome) => Ok(*outcome),
            },
        }
    }

    fn journal(&self) -> PathBuf {
        system_path("pi-dockerroot", self.request.engine.as_str())
    }

    pub(super) fn seen(&self) -> Result<Seen> {
        observe::engine(&self.request, self.root)?.map_err(|finding| Refusal(finding).into())
    }

    /// Where to; what is named is taken without a slash at its end.
    pub(super) fn new_root(&self) -> Option<String> {
        let to = self.request.to.as_deref()?;
        let trimmed = to.trim_end_matches('/');
        Some(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
    }

    fn check(&self) -> Result<Outcome> {
        let seen = self.seen()?;
        let record = record::read(self.root, self.request.engine)?;
        let new = self
            .new_root()
            .or_else(|| record.as_ref().map(|record| record.new.clone()));
        let target = new
            .as_deref()
            .map(|new| super::target::look(self.root, new))
            .transpose()?;
        let (checked, mut findings) =
            check::check(&seen, new.as_deref(), target.as_ref(), record.as_ref())?;
        if let Some(left) = Journal::peek(&self.journal())? {
            findings.push(unfinished(&self.name, &left));
        }
        let mut node = Node::new(&self.request);
        node.from = checked.in_use.clone().or(Some(checked.configured.clone()));
        node.to = new;
        node.check = Some(checked);
        Ok((node, findings))
    }

    /// Shows the plan, or does it.
    pub(super) fn carry_out(
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
        let Some(journal) = journal.filter(|_| finding::ok(&findings)) else {
            return Ok((node, findings));
        };
        let mut acting = Acting::new(
            (self.root, &self.request),
            &state,
            record,
            self.show,
            total,
            live,
        );
        if let Some(left) = journal.unfinished() {
            acting = acting.resumed(left)?;
        }
        let applied = match run::apply_in_turn(journal, &plan, &mut acting) {
            Ok(applied) => applied,
            Err(error) => return Err(self.failed(error, &mut acting, &state)),
        };
        findings.retain(|finding| finding.id != "dockerroot-unfinished");
        if resumed || applied.continued {
            findings.push(told::continued(
                "dockerroot-continued",
                &self.name,
                &applied.did,
            ));
        }
        findings.append(&mut acting.report.findings);
        node.pending = Some(false);
        node.changed = !applied.did.is_empty();
        node.result = Some(done(&acting.report, applied.did));
        Ok((node, findings))
    }

    /// Whatever failed: the engine on the root that it had, where the move was not complete yet.
    fn failed(
        &self,
        error: anyhow::Error,
        acting: &mut Acting<'_>,
        state: &State,
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
        let back = acting
            .fall_back()
            .and_then(|()| Journal::open(&self.journal(), "pi-dockerroot")?.close());
        match back {
            Ok(()) if error.is::<Refusal>() => error,
            Ok(()) => error.context(format!("{moving} (the engine is on {}, as before)", state.source())),
            Err(second) => error.context(format!(
                "{moving} (and starting the engine on {} again failed: {second:#}; `pi-dockerroot --rollback --apply` tries again)",
                state.source()
            )),
        }
    }
}

/// What a journal's plan was made from.
pub(super) fn state_of(left: &Unfinished) -> Result<State> {
    serde_json::from_value(left.plan.state.clone()).context("reading the journal's state")
}

pub(super) fn refuse(id: &'static str, subject: &str, message: &str, fix: &str) -> anyhow::Error {
    Refusal(Finding::error(id, subject, message).fix(fix)).into()
}

pub(super) fn read_switch(root: &Root, switch: &Switch) -> Result<Option<String>> {
    switch
        .file()
        .map_or(Ok(None), |path| switch::read(root, path))
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

pub(super) fn unfinished(name: &str, left: &Unfinished) -> Finding {
    let finding = told::unfinished("dockerroot-unfinished", name, left);
    finding.fix("run it again with --apply: it goes on where it was ended; or --rollback --apply: the engine is started on the root that it had")
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
