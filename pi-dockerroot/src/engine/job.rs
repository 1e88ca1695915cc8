//! The job for an engine on this machine: look, plan, and with `--apply` act.

use super::answer::Node;
use super::check;
use super::inventory::Live;
use super::observe::{self, Seen};
use super::plan::{Direction, State};
use super::record::{self, Record};
use super::request::Request;
use super::switch::{self, Switch};
use crate::progress::{Show, Total};
use anyhow::{Context, Result, bail};
use cluster::finding::Finding;
use cluster::root::Root;
use cluster::run::{Journal, Refusal, Unfinished, system_path, told};
use serde_json::Value;
use std::path::PathBuf;

mod carry_out;

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
            bail!("only root sees and moves an engine's root: run it with sudo");
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
            None => self.peek()?,
        };
        let record = record::read(self.root, self.request.engine)?;
        if let Some(left) = left {
            return self.after_a_kill(journal, &left, record);
        }
        match self.wanted {
            Wanted::Finish => self.finish(record),
            Wanted::Rollback { copy_back, discard } => {
                let ready = self.plan_back(record, copy_back, discard)?;
                self.carry_out(journal, ready, false)
            }
            Wanted::Move | Wanted::Check => match self.plan_forward(record)? {
                Ok(ready) => self.carry_out(journal, *ready, false),
                Err(outcome) => Ok(*outcome),
            },
        }
    }

    /// What a killed run left is ended or given up; what is wished has to say the same.
    fn after_a_kill(
        &self,
        journal: Option<Journal>,
        left: &Unfinished,
        record: Option<Record>,
    ) -> Result<Outcome> {
        let direction = state_of(left)?.direction;
        match (self.wanted, direction) {
            (Wanted::Rollback { discard, .. }, Direction::Forward) => {
                self.give_up(journal, left, record, discard)
            }
            (Wanted::Move, Direction::Forward)
            | (Wanted::Rollback { discard: false, .. }, Direction::Back) => {
                self.go_on(journal, left, record)
            }
            (Wanted::Rollback { discard: true, .. }, Direction::BackWithout) => {
                self.go_on(journal, left, record)
            }
            // Whoever wants what was written since back after all: until the switch nothing of it is lost.
            (Wanted::Rollback { .. }, Direction::BackWithout) => {
                self.give_up(journal, left, record, false)
            }
            _ => Err(self.to_be_ended(direction)),
        }
    }

    /// What was begun has to be ended, or given up, before anything else.
    pub(super) fn to_be_ended(&self, direction: Direction) -> anyhow::Error {
        let (what, fix) = match direction {
            Direction::Forward => (
                "a move",
                "pi-dockerroot --apply ends it, pi-dockerroot --rollback --apply gives it up",
            ),
            Direction::Back => (
                "a rollback",
                "pi-dockerroot --rollback --copy-back --apply ends it",
            ),
            Direction::BackWithout => (
                "a rollback",
                "pi-dockerroot --rollback --discard --apply ends it, --rollback --copy-back --apply gives it up while nothing is lost",
            ),
        };
        let message = format!("an earlier run was ended in the middle of {what}");
        refuse("dockerroot-unfinished", &self.name, &message, fix)
    }

    fn journal(&self) -> PathBuf {
        system_path("pi-dockerroot", self.request.engine.as_str())
    }

    /// What a killed run left on this machine; another's disk says nothing of that here.
    fn peek(&self) -> Result<Option<Unfinished>> {
        if !self.root.is_system() {
            return Ok(None);
        }
        Journal::peek(&self.journal())
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
        let (checked, mut findings) = check::check(
            self.root,
            &seen,
            new.as_deref(),
            target.as_ref(),
            record.as_ref(),
        )?;
        if let Some(left) = self.peek()? {
            findings.push(unfinished(&self.name, &left));
        }
        let mut node = Node::new(&self.request);
        node.from = checked.in_use.clone().or(Some(checked.configured.clone()));
        node.to = new;
        node.check = Some(checked);
        Ok((node, findings))
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

pub(super) fn unfinished(name: &str, left: &Unfinished) -> Finding {
    let finding = told::unfinished("dockerroot-unfinished", name, left);
    finding.fix("run it again with --apply: it goes on where it was ended; or --rollback --apply: the engine is started on the root that it had")
}
