//! Planning a move: from what is seen, with what speaks against it.

use super::answer::{Node, Size};
use super::job::{Local, Outcome, Ready, read_switch, refuse};
use super::observe::Seen;
use super::plan::{Direction, State};
use super::record::{Record, Stage};
use super::service::Service;
use super::switch::Switch;
use super::target::{self, Target};
use super::{guard, judge, roots};
use crate::copy::Tree;
use crate::progress::Total;
use crate::{observe as trees, plan as tree_plan, request as tree_request};
use anyhow::Result;
use cluster::finding::{self, Finding};
use cluster::plan::sha256;
use std::path::Path;

impl Local<'_> {
    /// Plans the move; `Err` is an answer without anything to do.
    pub(super) fn plan_forward(
        &self,
        record: Option<Record>,
    ) -> Result<Result<Box<Ready>, Box<Outcome>>> {
        let seen = self.seen()?;
        let Some(new) = self.new_root() else {
            let message = "it is not known where the root shall go: there is no file system with the label docker, and nothing was named";
            return Err(refuse(
                "dockerroot-target-missing",
                &self.name,
                message,
                "name the mount point with --to",
            ));
        };
        if seen.running.is_none() {
            return Err(judge::not_running(&self.request));
        }
        let old = judge::old_root(&self.request, &seen)?;
        let target = target::look(self.root, &new)?;
        if self.is_there(&old, &new, record.as_ref()) {
            return Ok(Err(Box::new(self.nothing_to_do(new))));
        }
        let mut findings = judge::target(self.root, &self.request, &new, &target)?;
        findings.extend(judge::engine(&self.name, &self.request, &seen, &old)?);
        findings.extend(self.still_open(record.as_ref())?);
        findings.extend(judge::mounts(self.root, &self.request, &old)?);
        let mut node = Node::new(&self.request);
        (node.from, node.to) = (Some(old.clone()), Some(new.clone()));
        let (Some(service), true) = (seen.service.clone(), finding::ok(&findings)) else {
            return Ok(Err(Box::new((node, findings))));
        };
        let ours = record
            .as_ref()
            .is_some_and(|record| record.new == new && record.old == old);
        let put_away = ours && guard::is_put_away(Tree::open(Path::new(&new), false)?.folder())?;
        let mut record = self.begun(&seen, &old, new)?;
        record.mount_point = target.mount.is_some();
        let mut state = self.state(&seen, &record, Direction::Forward, service)?;
        (state.mount_point, state.put_away) = (record.mount_point, put_away);
        let total = self.sizes(&seen, &target, ours, put_away, &mut node, &mut findings)?;
        self.running(&seen, &old, &mut node)?;
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

    /// An earlier move that is neither finished nor rolled back.
    fn still_open(&self, record: Option<&Record>) -> Result<Option<Finding>> {
        let Some(record) = record.filter(|record| record.stage == Stage::Moved) else {
            return Ok(None);
        };
        let there = self.root.exists(Path::new(&record.old))?;
        if !there || !guard::is_retired(self.old_tree(record)?.folder())? {
            return Ok(None);
        }
        let message = format!(
            "the move from {} to {} is neither finished nor rolled back",
            record.old, record.new
        );
        let finding = Finding::error("dockerroot-move-open", self.name.as_str(), message);
        let fix = "pi-dockerroot --finish --apply, when all is well; or --rollback";
        Ok(Some(finding.fix(fix)))
    }

    /// The answer where the root is there already.
    fn nothing_to_do(&self, root: String) -> Outcome {
        let mut node = Node::new(&self.request);
        (node.ok, node.pending) = (true, Some(false));
        (node.from, node.to) = (Some(root.clone()), Some(root));
        (node, Vec::new())
    }

    /// What is remembered of a move that begins.
    fn begun(&self, seen: &Seen, old: &str, new: String) -> Result<Record> {
        Ok(Record {
            engine: self.request.engine,
            old: old.to_owned(),
            new,
            switch: seen.switch.clone(),
            before: read_switch(self.root, &seen.switch)?,
            mount_point: false,
            stage: Stage::Begun,
            overwritten: false,
            inventory: None,
        })
    }

    /// Whether the new root is the one in use.
    fn is_there(&self, old: &str, new: &str, record: Option<&Record>) -> bool {
        let moved = record.filter(|record| record.stage == Stage::Moved && record.new == new);
        let bound = moved.filter(|record| record.switch == Switch::Bind);
        let real = |path: &str| Path::new(path).canonicalize().ok();
        bound.is_some_and(|record| {
            let at = record.switch.is_at(self.root, &record.old, new);
            at.unwrap_or(false)
        }) || (real(old).is_some() && real(old) == real(new))
    }

    /// What a plan is made from.
    pub(super) fn state(
        &self,
        seen: &Seen,
        record: &Record,
        direction: Direction,
        service: Service,
    ) -> Result<State> {
        let info = seen
            .running
            .as_ref()
            .and_then(|running| running.info.as_ref());
        let text = read_switch(self.root, &record.switch)?;
        let filesystem_id = |path: &str| {
            guard::filesystem_id(roots::of(&record.switch, &record.old, path)?.folder())
        };
        Ok(State {
            engine: self.request.engine,
            direction,
            driver: info.map(|info| info.driver.clone()).unwrap_or_default(),
            old_filesystem: filesystem_id(&record.old)?,
            new_filesystem: filesystem_id(&record.new)?,
            switch: record.switch.clone(),
            switch_sha256: text.map(|text| sha256(text.as_bytes())).unwrap_or_default(),
            service,
            mount_point: false,
            put_away: true,
            old: record.old.clone(),
            new: record.new.clone(),
        })
    }

    /// How much there is, and whether it fits.
    pub(super) fn sizes(
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
            findings.extend(more.filter(|finding| finding.id != "dockerroot-tree-mounts"));
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
    pub(super) fn running(&self, seen: &Seen, old: &str, node: &mut Node) -> Result<()> {
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
            .map(|mount| mount.target.display().to_string())
            .collect();
        Ok(())
    }
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
