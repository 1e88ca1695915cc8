//! What a killed run left: gone on with, or given up.

use super::act::Acting;
use super::answer::Node;
use super::job::{Local, Outcome, Ready, read_switch, refuse, state_of, unfinished};
use super::plan::{Direction, State};
use super::record::{Record, Stage};
use super::roots::Roots;
use crate::progress::Total;
use anyhow::{Context, Result};
use cluster::finding::{self, Finding};
use cluster::run::{Journal, Unfinished};

impl Local<'_> {
    /// Goes on with what a killed run left: the plan is made again from the state that it was made from, as far as that can
    /// still be seen.
    pub(super) fn go_on(
        &self,
        journal: Option<Journal>,
        left: &Unfinished,
        record: Option<Record>,
    ) -> Result<Outcome> {
        let state = state_of(left)?;
        let record = self.record_of(left, &state, record)?;
        let mut node = Node::new(&self.request);
        (node.from, node.to) = (
            Some(state.source().to_owned()),
            Some(state.target().to_owned()),
        );
        // Also where nothing is to be done yet.
        Roots::open(&state)?;
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

    /// What is remembered of the move that a killed run left. Where that was killed before it had written this down, what is there is
    /// an earlier move's, or nothing: it is made from what the plan was made from, as nothing was changed yet.
    pub(super) fn record_of(
        &self,
        left: &Unfinished,
        state: &State,
        record: Option<Record>,
    ) -> Result<Record> {
        if left.progress.keys().any(|step| step != "remember") {
            let message = "an earlier run was ended in the middle, and what it remembered is gone";
            let fix = "look at /var/lib/cluster/pi-dockerroot; `pi-dockerroot --check` says what is in use";
            return record.ok_or_else(|| refuse("state-unexplained", &self.name, message, fix));
        }
        let forward = state.direction == Direction::Forward;
        if let Some(record) = record.filter(|_| !forward) {
            return Ok(Record {
                overwritten: record.overwritten || state.direction == Direction::Back,
                inventory: None,
                ..record
            });
        }
        Ok(Record {
            engine: state.engine,
            old: state.old.clone(),
            new: state.new.clone(),
            switch: state.switch.clone(),
            before: read_switch(self.root, &state.switch)?,
            mount_point: state.mount_point,
            stage: if forward { Stage::Begun } else { Stage::Moved },
            overwritten: state.direction == Direction::Back,
            inventory: None,
        })
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
        let record = self.record_of(left, &state, record)?;
        let mut node = Node::new(&self.request);
        node.from = Some(state.target().to_owned());
        node.to = Some(state.source().to_owned());
        node.pending = Some(true);
        let mut findings = vec![unfinished(&self.name, left)];
        let roots = Roots::for_the_way_back(&state)?;
        let (local, places) = ((self.root, &self.request), (&state, roots));
        let mut acting =
            Acting::new(local, places, record, self.show, Total::default(), None).resumed(left)?;
        let forward = state.direction == Direction::Forward;
        if acting.is_late() && !forward {
            return Err(self.to_be_ended(state.direction));
        }
        if acting.is_late() && !discard {
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
        acting
            .fall_back()
            .context("starting the engine on the root that it had")?;
        journal.close()?;
        // What was wished instead of a rollback that is given up has still to be done.
        (node.ok, node.pending, node.changed) = (true, Some(!forward), true);
        Ok((node, Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::job::Wanted;
    use crate::engine::kind::Engine;
    use crate::engine::request::{How, Request};
    use crate::engine::service::Service;
    use crate::engine::switch::{self, Switch};
    use crate::progress::Show;
    use cluster::plan::Plan;
    use cluster::root::Root;
    use cluster::run::Progress;
    use serde_json::Value;

    fn state(direction: Direction) -> State {
        State {
            engine: Engine::Docker,
            direction,
            driver: String::new(),
            old: "/old".to_owned(),
            new: "/new".to_owned(),
            old_filesystem: String::new(),
            new_filesystem: String::new(),
            switch: Switch::Json {
                path: "/etc/docker/daemon.json".to_owned(),
                key: "data-root".to_owned(),
            },
            switch_sha256: String::new(),
            service: Service {
                manager: "commands".to_owned(),
                stop: Vec::new(),
                start: Vec::new(),
            },
            mount_point: true,
            put_away: false,
        }
    }

    fn left(steps: &[&str]) -> Unfinished {
        Unfinished {
            plan: Plan {
                tool: String::new(),
                tool_version: String::new(),
                request: Value::Null,
                state: Value::Null,
                steps: Vec::new(),
            },
            progress: steps
                .iter()
                .map(|step| ((*step).to_owned(), Progress::Started))
                .collect(),
            about: Value::Null,
        }
    }

    #[test]
    fn what_was_not_yet_remembered_is_made_from_the_plan() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        switch::write(&root, "/etc/docker/daemon.json", "{}").unwrap();
        let local = Local {
            root: &root,
            name: "a".to_owned(),
            request: Request {
                engine: Engine::Docker,
                from: None,
                to: None,
                how: How::Auto,
                stop_command: None,
                start_command: None,
                any_folder: false,
            },
            wanted: Wanted::Move,
            apply: true,
            given: None,
            show: Show::None,
        };
        let forward = state(Direction::Forward);
        let made = local
            .record_of(&left(&["remember"]), &forward, None)
            .unwrap();
        let seen = (made.stage, made.overwritten, made.before.as_deref());
        assert_eq!(seen, (Stage::Begun, false, Some("{}")));
        // An earlier move's is not this one's.
        let earlier = Record {
            old: "/other".to_owned(),
            stage: Stage::Moved,
            before: None,
            ..made.clone()
        };
        let again = local.record_of(&left(&[]), &forward, Some(earlier.clone()));
        assert_eq!(again.unwrap(), made);
        let back = local.record_of(&left(&[]), &state(Direction::Back), Some(earlier.clone()));
        let back = back.unwrap();
        assert!(back.overwritten && back.old == "/other");
        // From the first step on that changes something what is there is this move's.
        let kept = local.record_of(
            &left(&["remember", "stop"]),
            &forward,
            Some(earlier.clone()),
        );
        assert_eq!(kept.unwrap(), earlier);
        assert!(local.record_of(&left(&["stop"]), &forward, None).is_err());
    }
}
