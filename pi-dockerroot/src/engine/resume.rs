//! What a killed run left: gone on with, or given up.

use super::act::Acting;
use super::answer::Node;
use super::guard;
use super::job::{Local, Outcome, Ready, refuse, state_of, unfinished};
use super::record::Record;
use super::switch::Switch;
use crate::progress::Total;
use anyhow::{Context, Result};
use cluster::finding::{self, Finding};
use cluster::run::{Journal, Unfinished};
use std::path::Path;

impl Local<'_> {
    /// Goes on with what a killed run left: the plan is made again from the state that it was made from, as far as that can
    /// still be seen.
    pub(super) fn go_on(
        &self,
        journal: Option<Journal>,
        left: &Unfinished,
        record: Record,
    ) -> Result<Outcome> {
        let state = state_of(left)?;
        let mut node = Node::new(&self.request);
        (node.from, node.to) = (
            Some(state.source().to_owned()),
            Some(state.target().to_owned()),
        );
        for (path, expected) in [
            (&state.old, &state.old_filesystem),
            (&state.new, &state.new_filesystem),
        ] {
            let found = guard::filesystem_id(Path::new(path))?;
            // Where the new root is mounted on the old one's path, both are one.
            if found != *expected
                && !(state.switch == Switch::Bind && found == state.new_filesystem)
            {
                let message = format!(
                    "an earlier run was ended in the middle, and {path} is on another file system now"
                );
                return Err(refuse(
                    "state-unexplained",
                    &self.name,
                    &message,
                    "mount it as it was, and run this again",
                ));
            }
        }
        let total = Total::default();
        let ready = Ready {
            state,
            record,
            node,
            findings: vec![unfinished(&self.name, left)],
            total,
            live: None,
        };
        self.carry_out(journal, ready, true)
    }

    /// Gives a move up that a killed run left: the engine on the root that it had.
    pub(super) fn give_up(
        &self,
        journal: Option<Journal>,
        left: &Unfinished,
        record: Option<Record>,
        discard: bool,
    ) -> Result<Outcome> {
        let state = state_of(left)?;
        let mut node = Node::new(&self.request);
        node.from = Some(state.target().to_owned());
        node.to = Some(state.source().to_owned());
        node.pending = Some(true);
        let mut findings = vec![unfinished(&self.name, left)];
        let acting = record.map(|record| {
            let local = (self.root, &self.request);
            Acting::new(local, &state, record, self.show, Total::default(), None).resumed(left)
        });
        let mut acting = acting.transpose()?;
        if acting.as_ref().is_some_and(Acting::is_late) && !discard {
            let message = format!(
                "the switch was made: what was written to {} since then would be lost",
                state.target()
            );
            let fix = "pi-dockerroot --apply ends the move, and --rollback --copy-back then brings everything back; or --rollback --discard";
            findings.insert(
                0,
                Finding::error("dockerroot-rollback-loses", state.target(), message).fix(fix),
            );
        }
        let Some(journal) = journal.filter(|_| finding::ok(&findings)) else {
            return Ok((node, findings));
        };
        if let Some(acting) = &mut acting {
            acting
                .fall_back()
                .context("starting the engine on the root that it had")?;
        }
        journal.close()?;
        (node.ok, node.pending, node.changed) = (true, Some(false), true);
        Ok((node, Vec::new()))
    }
}
