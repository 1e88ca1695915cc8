//! `--leave`: what `--apply` did is taken back. The node's password stays, so that it may come back under its name.

use super::Here;
use super::flags::Discard;
use super::intent::kept;
use super::report::{Act, Report};
use super::wish::Planned;
use crate::TOOL;
use crate::answer::Answer;
use crate::apply::acting::Acting;
use crate::apply::steps::{self, KernelLine, Leaving, Uninstall};
use crate::apply::{carry_out, pending};
use crate::check::state::State;
use crate::kernel_line::taken_back;
use crate::observe::observe;
use crate::plan::files::{is_ca, own_paths};
use crate::platform::DATA_DIR;
use anyhow::Context;
use cluster::finding::{self, Finding};
use cluster::plan::Plan;
use cluster::root::Root;
use cluster::run::{Applied, Journal, JournalPlace, Refusal, Unfinished};
use serde_json::json;
use std::path::Path;

/// K3s's own scripts, of a server and of an agent. Each takes itself away as its last act.
const SCRIPTS: [&str; 2] = [
    "/usr/local/bin/k3s-uninstall.sh",
    "/usr/local/bin/k3s-agent-uninstall.sh",
];
/// What goes with K3s's data and cannot be had again.
const LOST: [(Discard, &str, &str); 2] = [
    (Discard::Datastore, "server/db", "the cluster's datastore"),
    (Discard::Volumes, "storage", "pods' local volumes"),
];
/// A command line is far shorter.
const LIMIT: u64 = 64 << 10;

/// A leave.
pub(super) struct Job<'a> {
    pub here: &'a Here,
    pub answer: &'a Answer,
    pub planned: &'a Planned,
    pub root: &'a Root,
}

impl Job<'_> {
    /// Takes it back where `act` says so, or says what would be.
    pub fn run(&self, act: bool, report: &mut Report) -> anyhow::Result<Vec<Finding>> {
        match self.outcome(act, report) {
            Ok(findings) => Ok(findings),
            // A refusal on the way is an answer.
            Err(error) => Refusal::finding(error).map(|finding| vec![finding]),
        }
    }

    fn outcome(&self, act: bool, report: &mut Report) -> anyhow::Result<Vec<Finding>> {
        let state = observe(self.root, &self.planned.wish)?;
        let left = self.unfinished()?;
        let mut findings: Vec<Finding> = self.lost(&state).into_iter().collect();
        if act {
            findings.extend(self.planned.identity(self.root));
        }
        let plan = steps::leave(&self.leaving(&state, left.as_ref())?);
        let mut acting = Acting::new(self.root, &[]);
        let own = report.act.insert(Act {
            state_sha256: plan.state_sha256(),
            plan_sha256: plan.plan_sha256(),
            steps: plan.steps.clone(),
            ..Act::default()
        });
        if act && finding::ok(&findings) {
            match self.carry_out(&plan, left.as_ref(), &mut acting) {
                Ok(applied) => {
                    own.changed = !applied.did.is_empty();
                    own.continued = applied.continued;
                    own.did = applied.did;
                }
                Err(error) => findings.push(Refusal::finding(error)?),
            }
        }
        own.pending = pending(&plan, &mut acting)?;
        findings.extend(self.afterwards(&state, own));
        Ok(findings)
    }

    /// What an earlier run was ended in the middle of.
    fn unfinished(&self) -> anyhow::Result<Option<Unfinished>> {
        match JournalPlace::new(self.root, TOOL, &self.planned.name, false)? {
            Some(place) => Journal::peek(&place.path),
            None => Ok(None),
        }
    }

    /// Ends a leave that was begun, as it was begun: what it took away already, nobody can plan again. An apply that was begun
    /// is not ended but taken back, as a whole one is.
    fn carry_out(
        &self,
        plan: &Plan,
        left: Option<&Unfinished>,
        acting: &mut Acting<'_>,
    ) -> anyhow::Result<Applied> {
        let (root, name) = (self.root, self.planned.name.as_str());
        let mut all = Applied::default();
        match left {
            Some(left) if leaves(left) => all = carry_out(&left.plan, acting, root, name)?,
            Some(_) => self.supersede()?,
            None => {}
        }
        let rest = carry_out(plan, acting, root, name)?;
        all.did.extend(rest.did);
        Ok(all)
    }

    /// Forgets an apply that was begun.
    fn supersede(&self) -> anyhow::Result<()> {
        let place = JournalPlace::made(self.root, TOOL, &self.planned.name)?;
        let journal = Journal::open(&place.path, TOOL)?;
        match journal.unfinished() {
            // Another run ended it since, and began to leave.
            Some(left) if leaves(left) => Ok(()),
            _ => journal.close(),
        }
    }

    /// What would be lost, unless that is wanted.
    fn lost(&self, state: &State) -> Option<Finding> {
        let there = |path: &str| self.root.exists(Path::new(path)).unwrap_or(false);
        let script = self.root.is_system() && SCRIPTS.into_iter().any(there);
        let authorities = self
            .files(None)
            .iter()
            .any(|path| is_ca(path) && there(path));
        let goes = |kind: Discard| script || kind == Discard::Datastore && authorities;
        let mut found = Vec::new();
        for (kind, place, what) in LOST {
            let wanted = self.here.discard.contains(&kind);
            for data in state.k3s.data.iter().filter(|_| goes(kind) && !wanted) {
                let path = format!("{data}/{place}");
                let names = self.root.names(Path::new(&path)).unwrap_or_default();
                if !names.is_empty() {
                    found.push((path, what));
                }
            }
        }
        let (path, what) = found.first()?;
        let message = match script {
            true => format!("K3s's own script removes {path}, {what}, and nothing brings it back"),
            false => format!(
                "the keys of the cluster's certificate authorities go, and {path}, {what}, is of no use without them"
            ),
        };
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        Some(
            Finding::error("k3s-leave-loses-data", &self.planned.name, message)
                .fix("copy it elsewhere; then --leave --apply with --discard datastore, volumes or both. A server of several: k3s-join --remove first")
                .evidence(json!({ "paths": paths })),
        )
    }

    fn leaving(&self, state: &State, left: Option<&Unfinished>) -> anyhow::Result<Leaving> {
        let data = state.k3s.data.first().filter(|data| *data != DATA_DIR);
        let uninstall = |script: &str| Uninstall {
            script: script.to_owned(),
            data: data.cloned(),
        };
        let scripts = SCRIPTS.iter().filter(|_| self.root.is_system());
        Ok(Leaving {
            node: self.planned.name.clone(),
            uninstall: scripts.map(|script| uninstall(script)).collect(),
            files: self.files(left),
            kernel_line: self.kernel_line(state)?,
        })
    }

    /// The files that the document's plan has, with those of an apply that was begun for another; without a document all
    /// that may be this program's.
    fn files(&self, left: Option<&Unfinished>) -> Vec<String> {
        let name = self.planned.wish.name.as_deref();
        let own = name.and_then(|name| self.answer.planned(name));
        let mut files: Vec<String> = match own {
            Some(own) => own.files.iter().map(|file| file.path.clone()).collect(),
            None => own_paths().into(),
        };
        let begun = left.and_then(|left| left.plan.request["files"].as_array());
        let begun = begun.into_iter().flatten();
        for path in begun.filter_map(|file| file["path"].as_str()) {
            if !files.iter().any(|known| known == path) {
                files.push(path.to_owned());
            }
        }
        files
    }

    /// The command line without the words that this program put there.
    fn kernel_line(&self, state: &State) -> anyhow::Result<Option<KernelLine>> {
        let Some(path) = &state.boot.read else {
            return Ok(None);
        };
        let reading = || format!("reading {path}");
        let Some(before) = kept(self.root, path).with_context(reading)? else {
            return Ok(None);
        };
        let now = self.root.read(Path::new(path), LIMIT);
        let now = now.with_context(reading)?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).with_context(reading);
        Ok(Some(KernelLine {
            after: text(taken_back(&now, &before))?,
            before: text(now)?,
            path: path.clone(),
        }))
    }

    /// What a person has to know once it is done.
    fn afterwards(&self, state: &State, act: &Act) -> Vec<Finding> {
        let name = self.planned.name.as_str();
        let did = |part: &str| act.did.iter().any(|id| id.contains(part));
        let mut findings = Vec::new();
        if act.did.iter().any(|id| id == "kernel-line") {
            let message = "the kernel command line is as it was; it takes effect at the next start";
            findings.push(Finding::info("k3s-reboot-advised", name, message).fix("sudo reboot"));
        }
        let folders = state.k3s.data.iter().filter(|_| did("-uninstall"));
        for data in folders {
            let names = self.root.names(Path::new(data)).unwrap_or_default();
            if names.is_empty() {
                continue;
            }
            let message = format!(
                "K3s's own script left {data}, which holds what the node had of the cluster"
            );
            findings.push(
                Finding::warning("k3s-data-left", name, message)
                    .fix(format!("sudo rm -r {data}, once nothing in it is wanted")),
            );
        }
        findings
    }
}

/// Whether what was begun is a leave.
fn leaves(left: &Unfinished) -> bool {
    left.plan.request["do"] == "leave"
}
