//! The way back, and letting go of the root that a move left behind.

use super::answer::Node;
use super::job::{Local, Outcome, Ready, refuse};
use super::plan::Direction;
use super::record::{self, Record, Stage};
use super::switch::Switch;
use super::{guard, judge, roots, target};
use crate::copy::{self, Content, Counters, Tree};
use crate::progress::{Phase, Total};
use anyhow::Result;
use cluster::finding::Finding;
use cluster::run::Refusal;
use serde_json::json;
use std::path::Path;

impl Local<'_> {
    /// Plans the way back.
    pub(super) fn plan_back(
        &self,
        record: Option<Record>,
        copy_back: bool,
        discard: bool,
    ) -> Result<Ready> {
        let Some(mut record) = record.filter(|record| record.stage == Stage::Moved) else {
            let message = "no move of this engine is remembered, so there is none to take back";
            return Err(refuse(
                "dockerroot-no-move",
                &self.name,
                message,
                "name the roots and move it: --from, --to",
            ));
        };
        let seen = self.seen()?;
        if seen.running.is_none() {
            return Err(judge::not_running(&self.request));
        }
        self.still_switched(&record)?;
        self.still_mounted(&record)?;
        let mut findings = Vec::new();
        let old = self.old_tree(&record)?;
        let kept = guard::is_retired(old.folder())? && !record.overwritten;
        record.overwritten |= copy_back;
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
        let Some(service) = seen.service.clone() else {
            return Err(Refusal(judge::no_service(&self.request)).into());
        };
        let state = self.state(&seen, &record, direction, service)?;
        let mut node = Node::new(&self.request);
        self.running(&seen, state.source(), &mut node)?;
        // The engine's mounts are below the path that it uses.
        let used = match record.switch {
            Switch::Bind => &record.old,
            _ => &record.new,
        };
        findings.extend(judge::mounts(self.root, &self.request, used)?);
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

    /// Refuses where the engine is configured for another root than the move's.
    fn still_switched(&self, record: &Record) -> Result<()> {
        if record.switch.is_at(self.root, &record.old, &record.new)? {
            return Ok(());
        }
        let message = format!("the engine is not configured for {} any more", record.new);
        Err(refuse(
            "dockerroot-root-ambiguous",
            &self.name,
            &message,
            "look what changed it; pi-dockerroot --check",
        ))
    }

    /// Refuses where the new root's file system is not mounted: the folder beneath it is no root.
    fn still_mounted(&self, record: &Record) -> Result<()> {
        if record.mount_point && target::look(self.root, &record.new)?.mount.is_none() {
            return Err(roots::not_mounted(&record.new));
        }
        Ok(())
    }

    pub(super) fn old_tree(&self, record: &Record) -> Result<Tree> {
        roots::of(&record.switch, &record.old, &record.old)
    }

    /// How the new root differs from the one that was left, but for paths in records.
    pub(super) fn written_since(&self, record: &Record, old: &Tree) -> Result<(u64, Vec<String>)> {
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

    /// Removes the root that was put away.
    pub(super) fn finish(&self, record: Option<Record>) -> Result<Outcome> {
        let mut node = Node::new(&self.request);
        (node.ok, node.pending) = (true, Some(false));
        let Some(record) = record.filter(|record| record.stage != Stage::Begun) else {
            return Ok((node, Vec::new()));
        };
        self.still_mounted(&record)?;
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
                "dockerroot-finish-early",
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
            if target::look(self.root, away)?.mount.is_some() {
                guard::unguard(guard::beneath(Path::new(away))?.folder())?;
            }
            record::forget(self.root, self.request.engine)?;
        }
        node.pending = Some(false);
        Ok((node, Vec::new()))
    }
}

/// What going back without copying would lose.
fn loses(record: &Record, kept: bool, discard: bool, lost: &(u64, Vec<String>)) -> Finding {
    let fix = "--copy-back copies it back first; --discard gives it up";
    if !kept {
        let message = format!(
            "the old root is not there as it was left (--finish removed it, or a --copy-back was begun): all that there is lies in {}",
            record.new
        );
        return Finding::error("dockerroot-rollback-loses", record.old.clone(), message)
            .fix("--copy-back");
    }
    let message = format!(
        "{} differences were written to {} since the move and would be lost",
        lost.0, record.new
    );
    let evidence = json!({"differences": lost.0, "first": lost.1});
    if discard {
        return Finding::warning("dockerroot-rollback-loses", record.new.clone(), message)
            .evidence(evidence);
    }
    Finding::error("dockerroot-rollback-loses", record.new.clone(), message)
        .fix(fix)
        .evidence(evidence)
}
