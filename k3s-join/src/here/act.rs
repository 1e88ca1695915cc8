//! `--apply`: the node becomes what is planned, and joins, with an end to every wait.

use super::report::{Act, Report};
use super::wish::Planned;
use crate::answer::{Answer, NodeAnswer};
use crate::apply::acting::Acting;
use crate::apply::release::{self, PROGRAM};
use crate::apply::steps::{self, Intent};
use crate::apply::{carry_out, pending, service};
use crate::check::check;
use crate::cli::Cli;
use crate::observe::observe;
use crate::secrets;
use anyhow::Context;
use cluster::finding::{self, Finding, Severity};
use cluster::root::Root;
use cluster::run::{Refusal, told};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Errors of a check that keep anything from being written: this may not be the node, or it is another cluster's, or
/// what is written would not last. All others keep K3s from being started.
const BLOCKING: [&str; 11] = [
    "k3s-agent-of-another-cluster",
    "k3s-data-filesystem",
    "k3s-hostname-differs",
    "k3s-hostname-invalid",
    "k3s-kernel-line-unfit",
    "k3s-machine-id-twice",
    "k3s-other-kubernetes",
    "k3s-other-role-installed",
    "k3s-server-token-differs",
    "k3s-server-url",
    "node-identity",
];

/// An apply.
pub(super) struct Job<'a> {
    pub cli: &'a Cli,
    pub answer: &'a Answer,
    pub planned: &'a Planned,
    pub root: &'a Root,
    /// What the document says of this node after an earlier run.
    pub given: Option<&'a Value>,
}

impl Job<'_> {
    /// Checks, does, checks again, and starts K3s where nothing speaks against it.
    pub fn run(&self, report: &mut Report) -> anyhow::Result<Vec<Finding>> {
        match self.outcome(report) {
            Ok(findings) => Ok(findings),
            // A refusal on the way is an answer.
            Err(error) => Refusal::finding(error).map(|finding| vec![finding]),
        }
    }

    pub(super) fn own(&self) -> Option<&NodeAnswer> {
        self.answer.planned(self.planned.wish.name.as_deref()?)
    }

    fn outcome(&self, report: &mut Report) -> anyhow::Result<Vec<Finding>> {
        self.reviewed()?;
        let mut state = observe(self.root, &self.planned.wish)?;
        if state.live && self.root.exists(Path::new(PROGRAM))? {
            // It takes K3s a moment to say it, so a check alone does not ask.
            state.k3s.version = release::installed_version();
        }
        report.observed(&state);
        let mut before = check(&state, &self.planned.wish);
        before.extend(self.planned.identity(self.root));
        let blocks = |f: &Finding| f.severity == Severity::Error && BLOCKING.contains(&f.id);
        if before.iter().any(blocks) {
            return Ok(before);
        }
        let contents = self.contents()?;
        if let Some(found) = self.born(&state, &contents)? {
            return Ok([before, vec![found]].concat());
        }
        let (intent, found) = self.intent(&state)?;
        if !finding::ok(&found) {
            return Ok([before, found].concat());
        }
        let applied = self.carry_out(&intent, contents, report)?;
        let mut findings = found;
        let after = observe(self.root, &self.planned.wish)?;
        findings.extend(check(&after, &self.planned.wish));
        if let Some(act) = &mut report.act {
            act.reboot_required = findings.iter().any(|f| f.id == "k3s-reboot-required");
        }
        if finding::ok(&findings) {
            findings.extend(self.start(!applied.is_empty(), report)?);
        }
        Ok(findings)
    }

    /// What was reviewed is what happens: a plan in the document has to be the one that is made now.
    fn reviewed(&self) -> anyhow::Result<()> {
        let (Some(own), Some(given)) = (self.own(), self.given) else {
            return Ok(());
        };
        let mut given = given.clone();
        // What came of an earlier run is no part of the plan, and where there is nothing else there is no plan.
        match given.as_object_mut() {
            Some(fields) => drop(fields.remove("run")),
            None => return Ok(()),
        }
        if given == json!({}) {
            return Ok(());
        }
        let own = serde_json::to_value(own).context("describing the plan")?;
        match told::differs("k3s-plan-differs", &self.planned.name, &own, &given) {
            Some(finding) => Err(Refusal(finding).into()),
            None => Ok(()),
        }
    }

    /// The content of the files that come from secrets, by path.
    fn contents(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let files = self
            .own()
            .map(|own| own.files.as_slice())
            .unwrap_or_default();
        let secret = files.iter().filter(|file| file.secret_file.is_some());
        secret
            .map(|file| {
                Ok((
                    file.path.clone(),
                    secrets::content(&self.cli.secrets, file)?,
                ))
            })
            .collect()
    }

    /// Does what is not so yet. The ids of what was done.
    fn carry_out(
        &self,
        intent: &Intent,
        contents: BTreeMap<String, Vec<u8>>,
        report: &mut Report,
    ) -> anyhow::Result<Vec<String>> {
        let plan = steps::apply(intent);
        let mut acting = Acting::new(self.root, &intent.copies);
        acting.secrets = contents;
        acting.version.clone_from(&self.planned.wish.version);
        let applied = carry_out(&plan, &mut acting, self.root, &self.planned.name)?;
        report.act = Some(Act {
            changed: !applied.did.is_empty(),
            continued: applied.continued,
            did: applied.did.clone(),
            pending: pending(&plan, &mut acting)?,
            state_sha256: plan.state_sha256(),
            plan_sha256: plan.plan_sha256(),
            steps: plan.steps,
            ..Act::default()
        });
        Ok(applied.did)
    }

    /// Rehearses, starts, and waits.
    fn start(&self, touched: bool, report: &mut Report) -> anyhow::Result<Vec<Finding>> {
        let Some(unit) = self.unit().filter(|_| self.root.is_system()) else {
            return Ok(Vec::new());
        };
        if !self
            .root
            .exists(Path::new(&format!("/etc/systemd/system/{unit}")))?
        {
            let message = format!(
                "what K3s needs is in place, and there is no {unit}: K3s itself is not installed"
            );
            return Ok(vec![
                Finding::error("k3s-not-installed", &self.planned.name, message)
                    .fix("--run-installer install.sh, the official script (https://get.k3s.io); with --binary and --images nothing is downloaded"),
            ]);
        }
        let mut findings = Vec::new();
        if self.planned.wish.server.is_some() {
            findings = super::rehearsal(&self.cli.here, self.planned, report)?;
            if !finding::ok(&findings) {
                return Ok(findings);
            }
        }
        if touched {
            let files = self.own().map(|own| own.files.as_slice());
            findings.extend(service::load(&self.planned.name, files.unwrap_or_default()));
        }
        let wait = Duration::from_secs(self.cli.here.wait);
        let mut known: Vec<Vec<u8>> = self.contents()?.into_values().collect();
        known.extend(
            self.planned
                .token
                .as_ref()
                .map(|token| token.password().to_vec()),
        );
        let failed = service::start(&unit, touched, wait, &known)?;
        if let Some(act) = &mut report.act {
            act.ready = Some(failed.is_none());
        }
        findings.extend(failed);
        Ok(findings)
    }
}
