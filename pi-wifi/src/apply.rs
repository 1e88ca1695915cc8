//! `--apply`: what the radio needs, the trial, and only then what lasts.

use crate::answer::NodeAnswer;
use crate::check;
use crate::content::{Content, File};
use crate::control::Control;
use crate::job::{Done, Job};
use crate::nl80211::Radio;
use crate::owner;
use crate::plan;
use crate::render::common::ONE_SUBNET;
use crate::request::Site;
use crate::stack::{NetplanVersion, Stack};
use crate::trial::{Kept, Outcome, is_in};
use crate::wish;
use anyhow::{Context, bail};
use cluster::command::Command;
use cluster::edge::Usage;
use cluster::edge::node::{host_name, identity};
use cluster::finding::{self, Finding};
use cluster::inventory::Node;
use cluster::plan::{Action, Check, KernelCall, ServiceVerb, Step};
use cluster::root::{Attributes, Root};
use cluster::run::{self, Executor, Journal, Presence, Refusal, System, system_path, told};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Larger than any configuration file.
const LIMIT: u64 = 4 << 20;
/// The Pi's own radio.
const MODULE: &str = "brcmfmac";
/// How long a device may take until it is there, and rules until they hold.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// Acts on this machine.
pub fn run(job: &Job<'_>, earlier: &BTreeMap<String, Box<RawValue>>) -> anyhow::Result<Done> {
    let node = chosen(job)?;
    let name = job.name(node);
    let given: Option<Value> = earlier
        .get(&name)
        .map(|raw| serde_json::from_str(raw.get()).context("reading the plan in the document"))
        .transpose()?;
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

/// The node of the document that this machine is.
fn chosen<'a>(job: &'a Job<'_>) -> anyhow::Result<Option<&'a Node>> {
    let nodes = &job.inventory.nodes;
    let chosen = job.cli.node.choose(nodes, job.root)?;
    let host = host_name(job.root).unwrap_or_default();
    let problem = match chosen {
        None if !nodes.is_empty() => format!(
            "no node of the document is named like this machine ({host:?}); give --node NAME"
        ),
        Some(node) if node.name.as_str() != host => {
            format!(
                "--apply acts on this machine, whose name is {host:?}, and not on {}",
                node.name
            )
        }
        _ => return Ok(chosen),
    };
    Err(Usage::new(problem)).context("reading the arguments")
}

/// The arguments with the stack that this node has, where none was named.
fn on_this_node(
    job: &Job<'_>,
    given: Option<&Value>,
    interface: &str,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<crate::cli::Cli> {
    let mut cli = job.cli.clone();
    let planned = given.and_then(|given| given.pointer("/request/stack"));
    let planned: Option<Stack> = planned
        .map(|stack| {
            serde_json::from_value(stack.clone()).context("reading the plan in the document")
        })
        .transpose()?;
    cli.stack = planned.or(cli.stack);
    if !job.root.is_system() {
        return Ok(cli);
    }
    let owner = owner::find(job.root, interface);
    if owner.name == "iwd" {
        let message = "iwd configures this interface, and this program knows no way through it";
        findings.push(
            Finding::error("wifi-owner-iwd", interface, message)
                .fix("systemctl disable --now iwd, and run it again"),
        );
    }
    match (cli.stack, owner.stack) {
        (None, found) => cli.stack = found,
        (Some(Stack::CloudConfig), _) | (_, None) => {}
        (Some(wanted), Some(found)) if wanted == found => {}
        (Some(wanted), Some(found)) => {
            let message = format!(
                "{} configures {interface} ({}), and the plan is for {}",
                owner.name,
                found.as_str(),
                wanted.as_str()
            );
            let fix = format!(
                "give --stack {}, or have the other one give the interface up",
                found.as_str()
            );
            findings.push(Finding::error("wifi-owner-differs", interface, message).fix(fix));
        }
    }
    if cli.stack == Some(Stack::Netplan) && cli.netplan_version.is_none() {
        cli.netplan_version = netplan();
    }
    Ok(cli)
}

fn netplan() -> Option<NetplanVersion> {
    let asked = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", "netplan.io"])
        .run()
        .ok()?;
    String::from_utf8_lossy(&asked).parse().ok()
}

/// What was reviewed is what happens.
fn differs(own: &NodeAnswer, mut given: Value) -> Option<Finding> {
    let mut own = serde_json::to_value(own).unwrap_or_default();
    for value in [&mut own, &mut given] {
        for field in ["ok", "pending", "changed", "check"] {
            value.as_object_mut().map(|object| object.remove(field));
        }
    }
    told::differs("wifi-plan-differs", "pi_wifi", &own, &given)
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
            .partition(|step| step.id.starts_with("write-") || step.id == "enable");
        let on_card = !self.job.root.is_system();
        if on_card || request.stack == Stack::CloudConfig {
            answer.changed = self.last(site, lasting.clone(), on_card)?;
            answer.pending = on_card || answer.changed;
            answer.steps = lasting;
            return Ok(());
        }
        let mut kept = Kept::default();
        for step in radio.iter().filter(|step| step.id != "power-save") {
            answer.changed |= self.radio(site, step, &mut kept, findings)?;
        }
        answer.changed |= self.last(site, lasting.clone(), false)?;
        self.clear(site, &kept)?;
        for step in radio.iter().filter(|step| step.id == "power-save") {
            answer.changed |= self.radio(site, step, &mut kept, findings)?;
        }
        answer.pending = false;
        answer.steps = radio.into_iter().chain(lasting).collect();
        answer.check = Some(check::look(self.job.root, &request.interface)?);
        Ok(())
    }

    /// What lasts, through the journal. Whether something was done.
    fn last(&self, site: Site<'_>, steps: Vec<Step>, on_card: bool) -> anyhow::Result<bool> {
        let steps = steps
            .into_iter()
            .filter(|step| !on_card || step.id.starts_with("write-"));
        let plan = plan::plan(site.request, steps.collect());
        let path = system_path("pi-wifi", &site.request.interface);
        let path = self
            .job
            .cli
            .node
            .sysroot
            .join(path.strip_prefix("/").unwrap_or(&path));
        let journal = Journal::open(&path, "pi-wifi")?;
        let mut writer = Writer {
            files: self.files,
            site,
            root: self.job.root,
        };
        Ok(!run::apply(journal, &plan, &mut writer)?.did.is_empty())
    }

    /// A step that touches the radio. Whether something was done.
    fn radio(
        &self,
        site: Site<'_>,
        step: &Step,
        kept: &mut Kept,
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
            _ => self.try_out(site, kept),
        }
    }

    fn try_out(&self, site: Site<'_>, kept: &mut Kept) -> anyhow::Result<bool> {
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
            return Ok(false);
        }
        let owner = owner::find(root, &site.request.interface);
        let before = check::addresses(&site.request.interface);
        let former = check::link(&site.request.interface).map(|link| link.ssid_hex);
        match self
            .job
            .trial(site, &owner, &before, former.as_deref())
            .run()?
        {
            Outcome::Kept(kept_now) => {
                *kept = kept_now;
                Ok(true)
            }
            Outcome::TakenBack(finding) => Err(Refusal(*finding).into()),
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

/// Whether a file is there with the content, secrets and all, and the permissions that it shall have.
fn present(root: &Root, file: &File, site: Site<'_>) -> anyhow::Result<bool> {
    let path = Path::new(&file.path);
    let reading = || format!("reading {}", file.path);
    let Some(found) = root.read_if_there(path, LIMIT).with_context(reading)? else {
        return Ok(false);
    };
    let mode = root
        .file(path)
        .and_then(|file| file.metadata())
        .with_context(reading)?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o7777;
    Ok(file.content.reveal(site.networks) == Some(found) && mode == file.mode)
}

/// Writes the files with their secrets, which the steps do not hold.
struct Writer<'a> {
    files: &'a [File],
    site: Site<'a>,
    root: &'a Root,
}

impl Writer<'_> {
    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl Executor for Writer<'_> {
    fn presence(&mut self, step: &Step) -> anyhow::Result<Presence> {
        if let Check::File { path, .. } = &step.check
            && let Some(file) = self.file(path)
        {
            return Ok(match present(self.root, file, self.site)? {
                true => Presence::Present,
                false => Presence::Absent,
            });
        }
        let seen = System::new(self.root).presence(step)?;
        seen.with_context(|| format!("the step {} has no check that is known here", step.id))
    }

    fn act(&mut self, step: &Step) -> anyhow::Result<()> {
        let Action::WriteFile { path, mode, .. } = &step.action else {
            if System::new(self.root).act(step)? {
                return Ok(());
            }
            bail!("the step {} is not known here", step.id);
        };
        let file = self
            .file(path)
            .with_context(|| format!("{path} is not of this plan"))?;
        let content = file
            .content
            .reveal(self.site.networks)
            .context("a key is not known")?;
        let writing = || format!("writing {path}");
        let place = Path::new(path);
        let folder = place.parent().unwrap_or(Path::new("/"));
        self.root.make_folder(folder, 0o755).with_context(writing)?;
        let attributes = Attributes {
            mode: *mode,
            owner: None,
        };
        self.root
            .write(place, &content, attributes)
            .with_context(writing)
    }
}

/// Loads the radio's module where the system did not. Whether it was loaded.
fn load(interface: &str) -> anyhow::Result<bool> {
    if there(interface)? {
        return Ok(false);
    }
    if !Path::new(&format!("/sys/module/{MODULE}")).exists() {
        // Without the module, or without such a radio, what is missing is said below.
        let _ = Command::new("modprobe").args([MODULE]).run();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if there(interface)? {
                return Ok(true);
            }
            thread::sleep(PAUSE);
        }
    }
    let root = Root::open(Path::new("/"))?;
    let report = check::look(&root, interface)?;
    Err(Refusal(check::absent(&report, interface)).into())
}

fn there(interface: &str) -> anyhow::Result<bool> {
    let Some(mut radio) = Radio::open()? else {
        return Ok(false);
    };
    Ok(radio.interface(interface)?.is_some())
}

/// Unblocks the radios, and reads it back.
fn unblock(root: &Root, interface: &str) -> anyhow::Result<bool> {
    let mut did = false;
    for switch in check::rfkill(root) {
        if switch.hard {
            let message = format!(
                "the radio {} is blocked by a switch on the machine",
                switch.name
            );
            return Err(Refusal(
                Finding::error("wifi-rfkill", interface, message).fix("turn it on"),
            )
            .into());
        }
        if switch.soft {
            let path = format!("/sys/class/rfkill/{}/soft", switch.id);
            std::fs::write(&path, "0")
                .with_context(|| format!("unblocking the radio by {path}"))?;
            did = true;
        }
    }
    if check::rfkill(root).iter().any(|switch| switch.soft) {
        let message = "the radio was unblocked, and is blocked again";
        return Err(Refusal(
            Finding::error("wifi-rfkill", interface, message)
                .fix("name a country: raspi-config nonint do_wifi_country CH"),
        )
        .into());
    }
    Ok(did)
}

/// Sets the country and reads it back.
fn set_country(
    interface: &str,
    country: &str,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<bool> {
    let mut radio = Radio::open()?.context("the kernel has no radio support")?;
    if radio.country(None)?.as_deref() == Some(country) {
        return Ok(false);
    }
    radio.request_country(country)?;
    let deadline = Instant::now() + PATIENCE / 5;
    let mut now = radio.country(None)?;
    while now.as_deref() != Some(country) && Instant::now() < deadline {
        thread::sleep(PAUSE);
        now = radio.country(None)?;
    }
    if now.as_deref() == Some(country) {
        return Ok(true);
    }
    let message = format!(
        "the country {country} was asked for, and the kernel has {}",
        now.as_deref().unwrap_or("none")
    );
    findings.push(
        Finding::warning("wifi-country-not-taken", interface, message)
            .fix("install wireless-regdb; a country that an access point names is joined with the one that is asked for"),
    );
    Ok(false)
}

/// Sets power save and reads it back.
pub fn set_power_save(
    interface: &str,
    on: bool,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<bool> {
    let mut radio = Radio::open()?.context("the kernel has no radio support")?;
    let own = radio
        .interface(interface)?
        .with_context(|| format!("there is no {interface}"))?;
    if radio.power_save(own.index)? == Some(on) {
        return Ok(false);
    }
    let set = radio.set_power_save(own.index, on);
    if set.is_err() || radio.power_save(own.index)? != Some(on) {
        let why = set
            .err()
            .map_or("it is as before".to_owned(), |error| format!("{error:#}"));
        findings.push(Finding::warning(
            "wifi-power-save-stays",
            interface,
            format!("power save could not be changed: {why}"),
        ));
        return Ok(false);
    }
    Ok(true)
}

/// The unit that watches from the start on.
pub fn install_watch(job: &Job<'_>, interface: &str) -> anyhow::Result<Done> {
    if let Some(finding) = plan::check_interface(interface, interface) {
        return Ok(Done {
            findings: vec![finding],
            ..Done::default()
        });
    }
    let own = std::env::current_exe().context("finding this program")?;
    let text = format!(
        "[Unit]\nDescription=Watch the Wi-Fi link and mend it\nAfter=network.target\n\n[Service]\nExecStart={} -n --watch --apply --interface {interface}\nRestart=always\nRestartSec=10\nMemoryMax=32M\n\n[Install]\nWantedBy=multi-user.target\n",
        own.display()
    );
    let unit = "pi-wifi-watch.service";
    let file = File::new(format!("/etc/systemd/system/{unit}"), Content::plain(text));
    let site_request = wish::request(job.cli, job.inventory, job.wifi, None, job.networks);
    let site = job.site("", &site_request);
    let mut steps = vec![plan::write_step("write-1", &file)];
    let argv = ["systemctl", "is-enabled", "--", unit]
        .map(str::to_owned)
        .to_vec();
    let action = |verb| Action::Service {
        name: unit.to_owned(),
        verb,
    };
    steps.push(
        Step::new(
            "enable",
            "it watches from the start on",
            action(ServiceVerb::Enable),
            Check::Output {
                argv,
                text: "enabled".to_owned(),
            },
        )
        .undo(action(ServiceVerb::Disable)),
    );
    let mut answer = NodeAnswer::empty(interface);
    answer.pending = true;
    if job.cli.node.apply {
        let files = [file];
        let acting = Acting {
            job,
            name: "",
            files: &files,
        };
        answer.changed = acting.last(site, steps.clone(), !job.root.is_system())?;
        answer.pending = false;
        if job.root.is_system() && answer.changed {
            Command::new("systemctl").args(["daemon-reload"]).run()?;
            Command::new("systemctl")
                .args(["start", "--", unit])
                .run()?;
        }
    }
    answer.steps = steps;
    let mut done = Done::default();
    done.nodes.insert(job.name(None), answer);
    Ok(done)
}
