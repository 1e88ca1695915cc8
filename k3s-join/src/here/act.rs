//! `--apply`: the node becomes what is planned, and joins, with an end to every wait.

use super::report::{Act, Report};
use super::wish::Planned;
use crate::answer::{Answer, NodeAnswer};
use crate::apply::acting::Acting;
use crate::apply::release::{self, Given, PROGRAM};
use crate::apply::steps::{self, BACKUP, Installer, Intent, KernelLine};
use crate::apply::{carry_out, pending, service};
use crate::check::state::State;
use crate::check::{check, wants_words};
use crate::cli::Cli;
use crate::kernel_line::with_memory;
use crate::observe::observe;
use crate::platform::DATA_DIR;
use crate::secrets;
use anyhow::Context;
use cluster::finding::{self, Finding, Severity};
use cluster::inventory::Role;
use cluster::plan::Plan;
use cluster::root::Root;
use cluster::run::Refusal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Errors of a check that keep anything from being written: this may not be the node, or it is another cluster's, or
/// what is written would not last. All others keep K3s from being started.
const BLOCKING: [&str; 11] = [
    "agent-of-another-cluster",
    "data-filesystem",
    "hostname-differs",
    "hostname-invalid",
    "kernel-line-unfit",
    "machine-id-twice",
    "node-identity",
    "other-kubernetes",
    "other-role-installed",
    "server-token-differs",
    "server-url",
];
/// A command line is far shorter.
const LIMIT: u64 = 64 << 10;

/// The command line's file as it was before this program came. On FAT a power cut may leave the name of the copy without its content,
/// and a command line is never empty: then there is none yet.
pub(super) fn kept(root: &Root, path: &str) -> std::io::Result<Option<Vec<u8>>> {
    let kept = root.read_if_there(Path::new(&format!("{path}{BACKUP}")), LIMIT)?;
    Ok(kept.filter(|content| !content.is_empty()))
}

/// An apply.
pub(super) struct Job<'a> {
    pub cli: &'a Cli,
    pub answer: &'a Answer,
    pub planned: &'a Planned,
    pub root: &'a Root,
    /// The document's own answer of an earlier run.
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

    fn own(&self) -> Option<&NodeAnswer> {
        self.answer.nodes.get(self.planned.wish.name.as_deref()?)
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
        let (intent, found) = self.intent(&state)?;
        if !finding::ok(&found) {
            return Ok([before, found].concat());
        }
        let applied = self.carry_out(&intent, report)?;
        let mut findings = found;
        let after = observe(self.root, &self.planned.wish)?;
        findings.extend(check(&after, &self.planned.wish));
        if let Some(act) = &mut report.act {
            act.reboot_required = findings.iter().any(|f| f.id == "reboot-required");
        }
        if finding::ok(&findings) {
            findings.extend(self.start(&applied, &intent, report)?);
        }
        Ok(findings)
    }

    /// What was reviewed is what happens: a plan in the document has to be the one that is made now.
    fn reviewed(&self) -> anyhow::Result<()> {
        let (Some(own), Some(given)) = (self.own(), self.given) else {
            return Ok(());
        };
        let given = &given["nodes"][&own.request.name];
        if given.is_null() {
            return Ok(());
        }
        let own = serde_json::to_value(own).context("describing the plan")?;
        let differences = Plan::differences(&own, given);
        let Some(first) = differences.first() else {
            return Ok(());
        };
        let message = format!("the plan in the document is not the one for this node now: {first}");
        let finding = Finding::error("k3s-plan-differs", &self.planned.name, message)
            .fix("plan again, look at the new plan, and apply that")
            .evidence(json!({ "differences": differences }));
        Err(Refusal(finding).into())
    }

    /// What shall be so.
    fn intent(&self, state: &State) -> anyhow::Result<(Intent, Vec<Finding>)> {
        let own = self.own();
        let data = own
            .and_then(|own| own.request.config.get("data-dir")?.as_str())
            .unwrap_or(DATA_DIR);
        let here = &self.cli.here;
        let (copies, findings) = release::copies(&Given {
            binary: here.binary.as_deref(),
            images: &here.images,
            sums: here.sums.as_deref(),
            data,
            machine: state.machine.as_deref(),
            version: self.planned.wish.version.as_deref(),
            may_run: state.live,
        })?;
        let intent = Intent {
            node: self.planned.name.clone(),
            kernel_line: self.kernel_line(state)?,
            files: own.map(|own| own.files.clone()).unwrap_or_default(),
            installer: self.installer(!copies.is_empty())?,
            copies,
        };
        Ok((intent, findings))
    }

    /// The command line before this program came, and with its words. The copy that is kept says what was before, so
    /// that a run that continues a killed one sees the same.
    fn kernel_line(&self, state: &State) -> anyhow::Result<Option<KernelLine>> {
        let Some(path) = &state.boot.read else {
            return Ok(None);
        };
        let reading = || format!("reading {path}");
        let now = self
            .root
            .read(Path::new(path), LIMIT)
            .with_context(reading)?;
        let kept = kept(self.root, path).with_context(reading)?;
        if kept.is_none() && !wants_words(state, &self.planned.wish) {
            return Ok(None);
        }
        let after = match with_memory(&now) {
            Ok(after) => after,
            // It works as it is: what is untidy in it is said, and left.
            Err(_) if !wants_words(state, &self.planned.wish) => return Ok(None),
            Err(unfit) => {
                let finding = Finding::error(
                    "kernel-line-unfit",
                    &self.planned.name,
                    format!("{path} is not edited: {unfit}"),
                )
                .fix(format!(
                    "mend {path} by hand: one line, with all words that shall be in effect"
                ));
                return Err(Refusal(finding).into());
            }
        };
        if kept.is_none() && after == now {
            return Ok(None);
        }
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).with_context(reading);
        Ok(Some(KernelLine {
            path: path.clone(),
            before: text(kept.unwrap_or(now))?,
            after: text(after)?,
        }))
    }

    /// The official installer, where it may be run.
    fn installer(&self, copied: bool) -> anyhow::Result<Option<Installer>> {
        let script = self.cli.here.run_installer.as_ref();
        let (Some(script), Some(unit), true) = (script, self.unit(), self.root.is_system()) else {
            return Ok(None);
        };
        let reading = || format!("reading {}", script.display());
        let script = script.canonicalize().with_context(reading)?;
        let script = script
            .to_str()
            .context("the path is not UTF-8")
            .with_context(reading)?;
        let mut variables = self.variables();
        if copied {
            variables.insert("INSTALL_K3S_SKIP_DOWNLOAD".to_owned(), "true".to_owned());
            variables.remove("INSTALL_K3S_VERSION");
        }
        Ok(Some(Installer {
            script: script.to_owned(),
            variables,
            unit,
        }))
    }

    /// The installer's variables: the plan's, or those for the part that a flag names.
    fn variables(&self) -> BTreeMap<String, String> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        if let Some(own) = self.own() {
            let planned = own.install.variables.iter();
            return planned.map(|(name, value)| owned((name, value))).collect();
        }
        let server = self.planned.wish.server_role();
        let word = if server { "server" } else { "agent" };
        let own = [
            ("INSTALL_K3S_EXEC", word),
            ("INSTALL_K3S_SKIP_START", "true"),
        ];
        own.map(owned).into()
    }

    /// The unit that runs K3s here; `None` where no role is known, or the system has none.
    fn unit(&self) -> Option<String> {
        match (self.own(), self.planned.wish.role) {
            (Some(own), _) => own.unit.map(str::to_owned),
            (None, Some(Role::Server)) => Some("k3s.service".to_owned()),
            (None, Some(Role::Agent)) => Some("k3s-agent.service".to_owned()),
            (None, None) => None,
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
    fn carry_out(&self, intent: &Intent, report: &mut Report) -> anyhow::Result<Vec<String>> {
        let plan = steps::apply(intent);
        let mut acting = Acting::new(self.root, &intent.copies);
        acting.secrets = self.contents()?;
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
    fn start(
        &self,
        did: &[String],
        intent: &Intent,
        report: &mut Report,
    ) -> anyhow::Result<Vec<Finding>> {
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
                Finding::error("not-installed", &self.planned.name, message)
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
        let wait = Duration::from_secs(self.cli.here.wait);
        let mut known: Vec<Vec<u8>> = self.contents()?.into_values().collect();
        known.extend(
            self.planned
                .token
                .as_ref()
                .map(|token| token.password().to_vec()),
        );
        let touched =
            did.iter().any(|id| *id != "install") || intent.installer.is_none() && !did.is_empty();
        let failed = service::start(&unit, touched, wait, &known)?;
        if let Some(act) = &mut report.act {
            act.ready = Some(failed.is_none());
        }
        findings.extend(failed);
        Ok(findings)
    }
}
