//! The job for an engine on this machine: look, plan, and with `--apply` act.

use super::act::{Acting, Report};
use super::answer::{Done, Node, Size};
use super::inventory::Live;
use super::observe::{self, Seen, Target};
use super::plan::{self, Direction, State};
use super::record::{self, Record, Stage};
use super::request::Request;
use super::switch::{self, Switch};
use super::{check, guard, judge};
use crate::copy::{self, Content, Counters, Tree};
use crate::progress::{Phase, Show, Total};
use crate::{observe as trees, plan as tree_plan, request as tree_request};
use anyhow::{Context, Result};
use cluster::finding::{self, Finding};
use cluster::plan::{Plan, sha256};
use cluster::root::Root;
use cluster::run::{self, Journal, Refusal, Unfinished, system_path};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
type Outcome = (Node, Vec<Finding>);

/// A plan with all that is needed to carry it out.
struct Ready {
    state: State,
    record: Record,
    node: Node,
    findings: Vec<Finding>,
    total: Total,
    live: Option<Live>,
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
                "engine-not-root",
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
            (Wanted::Rollback { .. }, Some((Direction::Forward, left)), record) => {
                self.give_up(journal, &left, record)
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
                Err(refuse("engine-unfinished", &self.name, &message, fix))
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

    fn seen(&self) -> Result<Seen> {
        observe::engine(&self.request, self.root)?.map_err(|finding| Refusal(finding).into())
    }

    /// Where to; what is named is taken without a slash at its end.
    fn new_root(&self) -> Option<String> {
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
            .map(|new| observe::target(self.root, new))
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

    /// Plans the move; `Err` is an answer without anything to do.
    fn plan_forward(&self, record: Option<Record>) -> Result<Result<Box<Ready>, Box<Outcome>>> {
        let seen = self.seen()?;
        let Some(new) = self.new_root() else {
            let message = "it is not known where the root shall go: there is no file system with the label docker, and nothing was named";
            return Err(refuse(
                "engine-target-missing",
                &self.name,
                message,
                "name the mount point with --to",
            ));
        };
        if seen.running.is_none() {
            return Err(judge::not_running(&self.request));
        }
        let old = judge::old_root(&self.request, &seen)?;
        let target = observe::target(self.root, &new)?;
        let moved = record
            .as_ref()
            .filter(|record| record.stage == Stage::Moved && record.new == new);
        let real = |path: &str| Path::new(path).canonicalize().ok();
        let bound = moved.is_some_and(|record| {
            record.switch == Switch::Bind
                && record
                    .switch
                    .is_at(self.root, &record.old, &new)
                    .unwrap_or(false)
        });
        if bound || (real(&old).is_some() && real(&old) == real(&new)) {
            let mut node = Node::new(&self.request);
            (node.ok, node.pending) = (true, Some(false));
            (node.from, node.to) = (Some(new.clone()), Some(new));
            return Ok(Err(Box::new((node, Vec::new()))));
        }
        let mut findings = judge::target(self.root, &self.request, &new, &target)?;
        findings.extend(judge::engine(
            &self.name,
            &self.request,
            &seen,
            &old,
            record.as_ref(),
        )?);
        let mut node = Node::new(&self.request);
        (node.from, node.to) = (Some(old.clone()), Some(new.clone()));
        let (Some(service), true) = (seen.service.clone(), finding::ok(&findings)) else {
            return Ok(Err(Box::new((node, findings))));
        };
        let ours = record
            .as_ref()
            .is_some_and(|record| record.new == new && record.old == old);
        let put_away = ours && guard::is_put_away(Tree::open(Path::new(&new), false)?.folder())?;
        let before = read_switch(self.root, &seen.switch)?;
        let state = State {
            engine: self.request.engine,
            direction: Direction::Forward,
            driver: driver(&seen),
            old_filesystem: guard::filesystem_id(Path::new(&old))?,
            new_filesystem: guard::filesystem_id(Path::new(&new))?,
            switch_sha256: before
                .as_deref()
                .map(|text| sha256(text.as_bytes()))
                .unwrap_or_default(),
            switch: seen.switch.clone(),
            service,
            mount_point: target.mount.is_some(),
            put_away,
            old: old.clone(),
            new: new.clone(),
        };
        let total = self.sizes(&seen, &target, ours, put_away, &mut node, &mut findings)?;
        self.running(&seen, &old, &mut node)?;
        let record = Record {
            engine: self.request.engine,
            old,
            new,
            switch: seen.switch.clone(),
            before,
            stage: Stage::Begun,
            inventory: None,
        };
        let live = seen.running.map(|running| running.live);
        Ok(Ok(Box::new(Ready {
            state,
            record,
            node,
            findings,
            total,
            live,
        })))
    }

    /// How much there is, and whether it fits.
    fn sizes(
        &self,
        seen: &Seen,
        target: &Target,
        ours: bool,
        put_away: bool,
        node: &mut Node,
        findings: &mut Vec<Finding>,
    ) -> Result<Total> {
        let (Some(from), Some(to)) = (node.from.clone(), node.to.clone()) else {
            return Ok(Total::default());
        };
        let tree = tree_request::Request {
            node: self.name.clone(),
            from: from.into(),
            to: to.into(),
            apply: false,
            verify: false,
            overlay: false,
            update: ours,
            follow_source: false,
        };
        let refused = trees::refusals(&tree)?;
        if !refused.is_empty() {
            findings.extend(refused);
            return Ok(Total::default());
        }
        let seen_trees = trees::observe(&tree, self.show)?;
        if !put_away {
            // The engine's own mounts are named by themselves.
            let more = tree_plan::judge(&tree, &seen_trees).into_iter();
            findings.extend(more.filter(|finding| finding.id != "tree-mounts"));
        }
        let Some(figures) = tree_plan::figures(&seen_trees) else {
            return Ok(Total::default());
        };
        let slow = target
            .mount
            .as_ref()
            .is_some_and(|mount| mount.source.to_string_lossy().starts_with("/dev/mmcblk"));
        node.size = Some(size(&figures, slow, seen));
        Ok(seen_trees
            .holdings
            .as_ref()
            .map(Total::of)
            .unwrap_or_default())
    }

    /// What runs and would stop, and what is mounted.
    fn running(&self, seen: &Seen, old: &str, node: &mut Node) -> Result<()> {
        if let Some(running) = &seen.running {
            let inventory = running.live.inventory(self.root)?;
            let runs = inventory
                .containers
                .values()
                .filter(|container| container.runs);
            node.running = runs.map(|container| container.name.clone()).collect();
        }
        let below = super::leftover::mounts_below(self.root, Path::new(old))?;
        node.mounts = below
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Ok(())
    }

    /// Plans the way back.
    fn plan_back(&self, record: Option<Record>, copy_back: bool, discard: bool) -> Result<Ready> {
        let Some(mut record) = record.filter(|record| record.stage == Stage::Moved) else {
            let message = "no move of this engine is remembered, so there is none to take back";
            return Err(refuse(
                "engine-no-move",
                &self.name,
                message,
                "name the roots and move it: --from, --to",
            ));
        };
        let seen = self.seen()?;
        if seen.running.is_none() {
            return Err(judge::not_running(&self.request));
        }
        if !record.switch.is_at(self.root, &record.old, &record.new)? {
            let message = format!("the engine is not configured for {} any more", record.new);
            return Err(refuse(
                "engine-root-ambiguous",
                &self.name,
                &message,
                "look what changed it; pi-dockerroot --check",
            ));
        }
        let mut findings = Vec::new();
        let old = self.old_tree(&record)?;
        let kept = guard::is_retired(old.folder())?;
        if !copy_back {
            let lost = if kept {
                self.written_since(&record, &old)?
            } else {
                (u64::MAX, Vec::new())
            };
            findings.push(loses(&record, kept, discard, &lost));
        }
        let direction = if copy_back {
            Direction::Back
        } else {
            Direction::BackWithout
        };
        let (old, new) = (record.old.clone(), record.new.clone());
        let Some(service) = seen.service.clone() else {
            return Err(Refusal(judge::no_service(&self.request)).into());
        };
        let state = State {
            engine: self.request.engine,
            direction,
            driver: driver(&seen),
            old_filesystem: guard::filesystem_id(Path::new(&old))?,
            new_filesystem: guard::filesystem_id(Path::new(&new))?,
            switch: record.switch.clone(),
            switch_sha256: read_switch(self.root, &record.switch)?
                .map(|text| sha256(text.as_bytes()))
                .unwrap_or_default(),
            service,
            mount_point: false,
            put_away: true,
            old,
            new,
        };
        let mut node = Node::new(&self.request);
        self.running(&seen, state.source(), &mut node)?;
        record.inventory = None;
        let live = seen.running.map(|running| running.live);
        Ok(Ready {
            state,
            record,
            node,
            findings,
            total: Total::default(),
            live,
        })
    }

    fn old_tree(&self, record: &Record) -> Result<Tree> {
        match record.switch {
            Switch::Bind => guard::beneath(Path::new(&record.old)),
            _ => Tree::open(Path::new(&record.old), false),
        }
    }

    /// How the new root differs from the one that was left, but for paths in records.
    fn written_since(&self, record: &Record, old: &Tree) -> Result<(u64, Vec<String>)> {
        let kept = Tree::of(guard::retired_folder(old.folder())?, old.shown().to_owned());
        let new = Tree::open(Path::new(&record.new), false)?;
        let counters = Counters::default();
        let found = self
            .show
            .while_running(Phase::Compare, Total::default(), &counters, || {
                copy::verify(&new, &kept, Content::Metadata, &counters)
            })?;
        let mut names: Vec<String> = found.named.into_iter().map(|one| one.path).collect();
        names.dedup();
        Ok((found.count, names))
    }

    /// Goes on with what a killed run left: the plan is made again from the state that it was made from, as far as that can
    /// still be seen.
    fn go_on(
        &self,
        journal: Option<Journal>,
        left: &Unfinished,
        record: Record,
    ) -> Result<Outcome> {
        let state: State = serde_json::from_value(left.plan.state.clone())
            .context("reading the journal's state")?;
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
    fn give_up(
        &self,
        journal: Option<Journal>,
        left: &Unfinished,
        record: Option<Record>,
    ) -> Result<Outcome> {
        let state: State = serde_json::from_value(left.plan.state.clone())
            .context("reading the journal's state")?;
        let mut node = Node::new(&self.request);
        (node.from, node.to) = (
            Some(state.target().to_owned()),
            Some(state.source().to_owned()),
        );
        node.pending = Some(true);
        let mut findings = vec![unfinished(&self.name, left)];
        let Some(journal) = journal else {
            return Ok((node, findings));
        };
        if let Some(record) = record {
            let mut acting = Acting::new(
                (self.root, &self.request),
                &state,
                record,
                self.show,
                Total::default(),
                None,
            );
            acting
                .fall_back()
                .context("starting the engine on the root that it had")?;
        }
        journal.close()?;
        (node.pending, node.changed) = (Some(false), true);
        findings.clear();
        Ok((node, findings))
    }

    /// Shows the plan, or does it.
    fn carry_out(&self, journal: Option<Journal>, ready: Ready, resumed: bool) -> Result<Outcome> {
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
        let applied = match run::apply_in_turn(journal, &plan, &mut acting) {
            Ok(applied) => applied,
            Err(error) => return Err(self.failed(error, &mut acting, &state)),
        };
        findings.retain(|finding| finding.id != "engine-unfinished");
        if resumed || applied.continued {
            let message = format!(
                "what an earlier run had begun was ended: {}",
                applied.did.join(", ")
            );
            findings.push(Finding::info(
                "engine-continued",
                self.name.clone(),
                message,
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
        if acting.is_compared() {
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

    /// Removes the root that was put away.
    fn finish(&self, record: Option<Record>) -> Result<Outcome> {
        let mut node = Node::new(&self.request);
        (node.ok, node.pending) = (true, Some(false));
        let Some(record) = record.filter(|record| record.stage != Stage::Begun) else {
            return Ok((node, Vec::new()));
        };
        let seen = self.seen()?;
        let (used, away) = match record.stage {
            Stage::RolledBack => (&record.old, &record.new),
            _ => (&record.new, &record.old),
        };
        (node.from, node.to) = (Some(away.clone()), Some(used.clone()));
        let at_new = record.switch.is_at(self.root, &record.old, &record.new)?;
        if seen.running.is_none() || at_new != (record.stage == Stage::Moved) {
            let message = format!(
                "the engine does not run on {used}: what was put away in {away} may be the only whole root"
            );
            return Err(refuse(
                "engine-finish-early",
                &self.name,
                &message,
                "start it there first; pi-dockerroot --check",
            ));
        }
        let tree = match record.stage {
            Stage::Moved => self.old_tree(&record)?,
            _ => Tree::open(Path::new(away), false)?,
        };
        node.pending = Some(guard::is_retired(tree.folder())?);
        if !self.apply {
            return Ok((node, Vec::new()));
        }
        node.changed = node.pending == Some(true);
        if node.changed {
            guard::finish(tree.folder())?;
        }
        if record.stage == Stage::RolledBack {
            // Nothing of the move is left: the target is an empty mount point again.
            guard::restore(tree.folder())?;
            if observe::target(self.root, away)?.mount.is_some() {
                guard::unguard(guard::beneath(Path::new(away))?.folder())?;
            }
            record::forget(self.root, self.request.engine)?;
        }
        node.pending = Some(false);
        Ok((node, Vec::new()))
    }
}

/// What a journal's plan was made from.
fn state_of(left: &Unfinished) -> Result<State> {
    serde_json::from_value(left.plan.state.clone()).context("reading the journal's state")
}

fn refuse(id: &'static str, subject: &str, message: &str, fix: &str) -> anyhow::Error {
    Refusal(Finding::error(id, subject, message).fix(fix)).into()
}

fn driver(seen: &Seen) -> String {
    let info = seen
        .running
        .as_ref()
        .and_then(|running| running.info.as_ref());
    info.map(|info| info.driver.clone()).unwrap_or_default()
}

fn read_switch(root: &Root, switch: &Switch) -> Result<Option<String>> {
    switch
        .file()
        .map_or(Ok(None), |path| switch::read(root, path))
}

/// Assumed of a flash card: 20 MB and 400 files a second; of anything else ten times that.
const CARD: (f64, f64) = (20e6, 400.0);
/// Assumed of walking over both roots, with what is known of them in memory: files a second.
const WALK: f64 = 30_000.0;
/// Assumed of an engine's stop and start, and of each container's.
const SERVICE_S: f64 = 2.0;
const CONTAINER_S: f64 = 0.5;

fn size(figures: &crate::answer::Figures, slow: bool, seen: &Seen) -> Size {
    let faster = if slow { 1.0 } else { 10.0 };
    let (bytes, inodes) = (figures.bytes as f64, figures.inodes as f64);
    let running = seen.running.as_ref().map_or(0.0, |_| SERVICE_S);
    let round = |seconds: f64| (seconds * 10.0).round() / 10.0;
    Size {
        bytes: figures.bytes,
        inodes: figures.inodes,
        needed_bytes: figures.needed_bytes,
        copy_estimate_s: round(bytes / (CARD.0 * faster) + inodes / (CARD.1 * faster)),
        downtime_estimate_s: round(running + CONTAINER_S + 2.0 * inodes / WALK),
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

fn unfinished(name: &str, left: &Unfinished) -> Finding {
    let message = format!(
        "an earlier run was ended in the middle: {} of {} steps were begun",
        left.progress.len(),
        left.plan.steps.len()
    );
    Finding::warning("engine-unfinished", name, message)
        .fix("run it again with --apply: it goes on where it was ended; or --rollback --apply: the engine is started on the root that it had")
}

/// What going back without copying would lose.
fn loses(record: &Record, kept: bool, discard: bool, lost: &(u64, Vec<String>)) -> Finding {
    let fix = "--copy-back copies it back first; --discard gives it up";
    if !kept {
        let message = format!(
            "the old root was removed by --finish: all that there is lies in {}",
            record.new
        );
        return Finding::error("engine-rollback-loses", record.old.clone(), message)
            .fix("--copy-back");
    }
    let message = format!(
        "{} differences were written to {} since the move and would be lost",
        lost.0, record.new
    );
    let evidence = json!({"differences": lost.0, "first": lost.1});
    if discard {
        return Finding::warning("engine-rollback-loses", record.new.clone(), message)
            .evidence(evidence);
    }
    Finding::error("engine-rollback-loses", record.new.clone(), message)
        .fix(fix)
        .evidence(evidence)
}

/// What was reviewed is what happens.
fn same(name: &str, node: &Node, given: &Value) -> Result<()> {
    if given["plan_sha256"].is_null() {
        return Ok(());
    }
    let own = serde_json::to_value(node).context("describing the plan")?;
    let mut differences = Vec::new();
    for key in ["request", "state", "state_sha256", "steps", "plan_sha256"] {
        differences.extend(
            Plan::differences(&own[key], &given[key])
                .into_iter()
                .map(|difference| format!(".{key}{difference}")),
        );
    }
    if differences.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the plan in the document is not the plan for this machine: {}",
        differences[0]
    );
    let finding = Finding::error("engine-plan-differs", name, message)
        .fix("plan again, look at the new plan, and apply that")
        .evidence(json!({ "differences": differences }));
    Err(Refusal(finding).into())
}
