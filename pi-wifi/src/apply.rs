//! `--apply`: what the radio needs, the trial, and only then what lasts.

use crate::answer::NodeAnswer;
use crate::check;
use crate::content::File;
use crate::control::Control;
use crate::guard::Guard;
use crate::job::{Done, Job};
use crate::owner;
use crate::plan;
use crate::render::common::ONE_SUBNET;
use crate::request::{Request, Site};
use crate::stack::Stack;
use crate::trial::{Kept, Outcome, is_in};
use crate::wish;
use anyhow::Context;
use cluster::command::Command;
use cluster::edge::node::identity;
use cluster::edge::nodes::Earlier;
use cluster::finding::{self, Finding};
use cluster::plan::{Action, KernelCall, Step};
use cluster::run::Refusal;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

mod lasting;
mod radio;
mod this_node;
mod watch_unit;
mod writer;

pub use radio::set_power_save;
pub use watch_unit::install_watch;

use lasting::Lasting;
use radio::{load, set_country, unblock};
use this_node::{chosen, differs, on_this_node};
use writer::present;

/// How long a device may take until it is there, and rules until they hold.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Acts on this machine.
pub fn run(job: &Job<'_>, earlier: &Earlier) -> anyhow::Result<Done> {
    let node = chosen(job)?;
    let name = job.name(node);
    let given = earlier.plan(&name)?;
    let mut done = Done {
        findings: node
            .map(|node| identity(node, job.root))
            .unwrap_or_default(),
        ..Done::default()
    };
    let interface = wish::interface(job.cli, job.wifi);
    let cli = on_this_node(job, given.as_ref(), &interface, &mut done.findings)?;
    let job = Job { cli: &cli, ..*job };
    let mut request = wish::request(&cli, job.inventory, job.wifi, node, job.networks);
    if let Some(range) = given
        .as_ref()
        .and_then(|given| given.pointer("/request/netplan"))
    {
        request.netplan =
            serde_json::from_value(range.clone()).context("reading the plan in the document")?;
    }
    let (mut answer, files, findings) = job.plan(&name, request);
    done.findings.extend(findings);
    done.findings.extend(plan::missing(job.networks));
    done.findings
        .extend(given.and_then(|given| differs(&answer, given)));
    if finding::ok(&done.findings) {
        let acting = Acting {
            job: &job,
            name: &name,
            files: &files,
        };
        match acting.run(&mut answer, &mut done.findings) {
            Ok(()) => {}
            Err(error) => done.findings.push(Refusal::finding(error)?),
        }
    }
    answer.ok = finding::ok(&done.findings);
    done.nodes.insert(name, answer);
    Ok(done)
}

/// What is done, and with what.
struct Acting<'a> {
    job: &'a Job<'a>,
    name: &'a str,
    files: &'a [File],
}

impl Acting<'_> {
    fn run(&self, answer: &mut NodeAnswer, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
        let Some(request) = answer.request.clone() else {
            return Ok(());
        };
        let site = self.job.site(self.name, &request);
        let steps = std::mem::take(&mut answer.steps);
        let (lasting, radio): (Vec<Step>, Vec<Step>) = steps
            .into_iter()
            .partition(|step| step.id.starts_with("write-") || step.id.starts_with("enable"));
        let on_card = !self.job.root.is_system();
        let begun = self.begin(site, lasting.clone(), on_card)?;
        if on_card || request.stack == Stack::CloudConfig {
            answer.changed = self.last(site, begun)?;
            answer.pending = on_card || answer.changed;
            answer.steps = lasting;
            return Ok(());
        }
        let mut trial = None;
        for step in radio.iter().filter(|step| step.id != "power-save") {
            answer.changed |= self.radio(site, step, &mut trial, findings)?;
        }
        answer.changed |= self.keep(site, begun, trial)?;
        for step in radio.iter().filter(|step| step.id == "power-save") {
            answer.changed |= self.radio(site, step, &mut None, findings)?;
        }
        answer.pending = false;
        answer.steps = radio.into_iter().chain(lasting).collect();
        answer.check = Some(check::look(self.job.root, &request.interface)?);
        Ok(())
    }

    /// Makes what was tried last; only then its guard goes. Whether something was done.
    fn keep(
        &self,
        site: Site<'_>,
        begun: Lasting,
        trial: Option<(Guard, Kept)>,
    ) -> anyhow::Result<bool> {
        let root = self.job.root;
        let Some((guard, kept)) = trial else {
            let did = self.last(site, begun)?;
            self.clear(site, &Kept::default())?;
            return Ok(did);
        };
        let lasted = guard.stands(root).and_then(|()| self.last(site, begun));
        match lasted {
            Ok(did) => {
                guard
                    .keep(root)
                    .context("ending the guard; the files are written already")?;
                self.clear(site, &kept)?;
                Ok(did)
            }
            Err(error) => match guard.take_back(root) {
                Ok(()) => Err(error),
                Err(back) => Err(back.context(format!("taking the trial back after: {error:#}"))),
            },
        }
    }

    /// A step that touches the radio. Whether something was done.
    fn radio(
        &self,
        site: Site<'_>,
        step: &Step,
        trial: &mut Option<(Guard, Kept)>,
        findings: &mut Vec<Finding>,
    ) -> anyhow::Result<bool> {
        let interface = &site.request.interface;
        match &step.action {
            Action::Kernel(KernelCall::RadioUnblock) => {
                let loaded = load(interface)?;
                Ok(unblock(self.job.root, interface)? || loaded)
            }
            Action::Kernel(KernelCall::RadioCountry { country }) => {
                set_country(interface, country, findings)
            }
            Action::Kernel(KernelCall::RadioPowerSave { interface, enabled }) => {
                set_power_save(interface, *enabled, findings)
            }
            _ => {
                *trial = self.try_out(site)?;
                findings.extend(trial.as_ref().and_then(|_| untried(site.request)));
                Ok(trial.is_some())
            }
        }
    }

    /// The trial, where there is something to try.
    fn try_out(&self, site: Site<'_>) -> anyhow::Result<Option<(Guard, Kept)>> {
        let root = self.job.root;
        let secret = self
            .files
            .iter()
            .filter(|file| file.content.is_secret() || file.mode == 0o600);
        let mut same = true;
        for file in secret {
            same &= present(root, file, site)?;
        }
        if same && is_in(site.request, root)? {
            return Ok(None);
        }
        let owner = owner::find(root, &site.request.interface);
        let before = check::addresses(&site.request.interface);
        let former = check::link(&site.request.interface).map(|link| link.ssid_hex);
        match self
            .job
            .trial(site, &owner, &before, former.as_deref())
            .run()?
        {
            Outcome::Came(guard, kept) => Ok(Some((guard, kept))),
            Outcome::TakenBack(finding) => Err(Refusal(finding).into()),
        }
    }

    /// What was there before the trial goes, and what lasts takes the place of what was tried.
    fn clear(&self, site: Site<'_>, kept: &Kept) -> anyhow::Result<()> {
        let request = site.request;
        let owner = owner::find(self.job.root, &request.interface);
        if let Some(path) = owner.control.filter(|_| !kept.clear.is_empty()) {
            let control = Control::open(&path)?;
            for command in &kept.clear {
                control.ask(command.as_bytes())?;
            }
        }
        if request.stack == Stack::NetworkManager && !kept.remove.is_empty() {
            for path in &kept.remove {
                self.job
                    .root
                    .remove(Path::new(path))
                    .with_context(|| format!("removing {path}"))?;
            }
            Command::new("nmcli").args(["connection", "reload"]).run()?;
        }
        let interfaces = request.ethernet.iter().chain([&request.interface]);
        for interface in interfaces.filter(|_| request.ethernet.is_some()) {
            for (name, value) in ONE_SUBNET {
                // An interface that is not there gets it when it comes, from the file.
                let _ = std::fs::write(
                    format!("/proc/sys/net/ipv4/conf/{interface}/{name}"),
                    value.to_string(),
                );
            }
        }
        Ok(())
    }
}

/// A fixed address that the interface does not have: whoever has it keeps the one that it had until the files are read.
fn untried(request: &Request) -> Option<Finding> {
    let address = request.address.as_deref()?;
    let wanted: IpAddr = address.split('/').next()?.parse().ok()?;
    if check::addresses(&request.interface).contains(&wanted) {
        return None;
    }
    let message = format!(
        "the network was tried, and the address {address} was not: it is taken when the files are read, at the next start at the latest"
    );
    let fix = "make sure that nobody else has it and that it is of the network's subnet before the node restarts";
    Some(Finding::warning("wifi-address-untried", &request.interface, message).fix(fix))
}
