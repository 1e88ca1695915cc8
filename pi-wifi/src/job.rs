//! The job on one page: plan for each node, look at this one, or act on it.

use crate::answer::{Answer, NodeAnswer, PlannedFile};
use crate::check;
use crate::cli::{Cli, Format};
use crate::content::File;
use crate::request::{Network, Request, Site};
use crate::{apply, guard, plan, render, watch, wish};
use anyhow::Context;
use cluster::edge::node::host_name;
use cluster::edge::nodes::Earlier;
use cluster::edge::{Artefact, Input, Usage};
use cluster::finding::{self, Finding};
use cluster::inventory::{Inventory, Node, Wifi};
use cluster::plan::Plan;
use cluster::root::Root;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What all nodes share.
pub(crate) struct Job<'a> {
    pub(crate) cli: &'a Cli,
    pub(crate) root: &'a Root,
    pub(crate) inventory: &'a Inventory,
    pub(crate) wifi: &'a Wifi,
    pub(crate) networks: &'a [Network],
    pub(crate) fragments: &'a [(String, String)],
}

/// Plans for every node that is asked for, looks at this one, or acts on it.
pub fn run(cli: &Cli, input: &Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let root = cli.node.root()?;
    let earlier = Earlier::of(input.document, "pi_wifi")?;
    let none: Wifi = serde_json::from_str("{}").context("making an empty description")?;
    let wifi = input.inventory.wifi.as_ref().unwrap_or(&none);
    wish::check(wifi).context("reading the document")?;
    let mut findings = Vec::new();
    let networks =
        wish::networks(wifi, &cli.secrets, &mut findings).context("reading the document")?;
    let fragments = fragments(cli)?;
    let job = Job {
        cli,
        root: &root,
        inventory: &input.inventory,
        wifi,
        networks: &networks,
        fragments: &fragments,
    };
    let interface = wish::interface(cli, wifi);
    if let Some(path) = &cli.guard {
        guard::watch(&root, path)?;
        return Ok((Answer::default(), Vec::new()));
    }
    if cli.watch {
        watch::run(cli, &root, &interface)?;
        return Ok((Answer::default(), Vec::new()));
    }
    if !(cli.check && cli.common.null_input) {
        findings.extend(plan::remarks(&input.inventory, wifi, &interface));
    }
    if cli.common.format != Format::Json
        && cli.common.format != Format::Text
        && cli.common.format != Format::Sh
    {
        findings.extend(plan::missing(&networks));
    }
    let mut done = job.run(&interface, &earlier)?;
    findings.append(&mut done.findings);
    let artefacts = match finding::ok(&findings) {
        true => done.artefacts,
        false => Vec::new(),
    };
    let mut answer = join(done.nodes, earlier, &mut findings);
    answer.artefacts = artefacts;
    Ok((answer, findings))
}

/// The texts that the configuration is merged with, by their names.
fn fragments(cli: &Cli) -> anyhow::Result<Vec<(String, String)>> {
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {name}"))?;
        Ok((name, text))
    };
    cli.merge.iter().map(read).collect()
}

/// What came of some nodes.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) nodes: BTreeMap<String, NodeAnswer>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) artefacts: Vec<Artefact>,
}

impl Job<'_> {
    fn run(&self, interface: &str, earlier: &Earlier) -> anyhow::Result<Done> {
        if self.cli.install_watch {
            apply::install_watch(self, interface)
        } else if self.cli.node.apply {
            apply::run(self, earlier)
        } else if self.cli.check {
            self.here()
        } else {
            self.elsewhere()
        }
    }

    /// Plans for the nodes of the document, or for one machine where it names none.
    fn elsewhere(&self) -> anyhow::Result<Done> {
        let nodes = &self.inventory.nodes;
        let chosen: Vec<Option<&Node>> = match (&self.cli.node.node, nodes.is_empty()) {
            (Some(_), false) => vec![self.cli.node.choose(nodes, self.root)?],
            (None, false) => nodes.iter().map(Some).collect(),
            (_, true) => vec![None],
        };
        let mut done = Done::default();
        let several = chosen.len() > 1;
        for node in chosen {
            let name = self.name(node);
            let request = wish::request(self.cli, self.inventory, self.wifi, node, self.networks);
            let (answer, files, findings) = self.plan(&name, request);
            if answer.ok
                && let Some(request) = &answer.request
            {
                let site = self.site(&name, request);
                done.artefacts.extend(self.artefacts(site, files, several)?);
            }
            done.findings.extend(findings);
            done.nodes.insert(name, answer);
        }
        Ok(done)
    }

    /// The key of a node's answer.
    pub(crate) fn name(&self, node: Option<&Node>) -> String {
        match (node, &self.cli.node.node) {
            (Some(node), _) => node.name.as_str().to_owned(),
            (None, Some(name)) => name.as_str().to_owned(),
            (None, None) => host_name(self.root).unwrap_or_else(|| "node".to_owned()),
        }
    }

    pub(crate) fn site<'s>(&'s self, node: &'s str, request: &'s Request) -> Site<'s> {
        Site {
            node,
            request,
            networks: self.networks,
            fragments: self.fragments,
        }
    }

    /// The plan for one node: pure.
    pub(crate) fn plan(
        &self,
        name: &str,
        request: Request,
    ) -> (NodeAnswer, Vec<File>, Vec<Finding>) {
        let mut findings = plan::node_remarks(name, &request);
        let site = self.site(name, &request);
        let (files, more) = match self.networks.is_empty() && self.fragments.is_empty() {
            true => (Vec::new(), Vec::new()),
            false => plan::files(site),
        };
        findings.extend(more);
        if self.cli.common.format == Format::Sh {
            findings.extend(render::sh::refusals(site, &files));
        }
        let ok = finding::ok(&findings);
        let steps = match files.is_empty() {
            true => Vec::new(),
            false => plan::steps(site, &files, self.cli.limit),
        };
        let plan = (!steps.is_empty()).then(|| plan::plan(&request, steps));
        let answer = NodeAnswer {
            ok,
            pending: ok && plan.is_some(),
            changed: false,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            interface: request.interface.clone(),
            files: files.iter().map(PlannedFile::of).collect(),
            state_sha256: plan.as_ref().map(Plan::state_sha256),
            plan_sha256: plan.as_ref().map(Plan::plan_sha256),
            steps: plan.map(|plan| plan.steps).unwrap_or_default(),
            request: Some(request),
            check: None,
        };
        (answer, files, findings)
    }

    /// The artefacts of the chosen format for one node; below a folder of its name where there are several nodes.
    fn artefacts(
        &self,
        site: Site<'_>,
        files: Vec<File>,
        several: bool,
    ) -> anyhow::Result<Vec<Artefact>> {
        let folder = if several {
            PathBuf::from(site.node)
        } else {
            PathBuf::new()
        };
        if self.cli.common.format == Format::Sh {
            let script = render::sh::script(site, &files);
            return Ok(vec![Artefact {
                path: folder.join("pi-wifi.sh"),
                content: script.into_bytes(),
                mode: 0o755,
            }]);
        }
        let own = files.into_iter().filter(|file| self.belongs(file));
        own.filter_map(|file| {
            let content = file.content.reveal(self.networks)?;
            let path = match self.cli.common.format {
                Format::Files => folder.join(file.path.trim_start_matches('/')),
                _ => folder.join(file.path.rsplit('/').next().unwrap_or("file")),
            };
            Some(Ok(Artefact {
                path,
                content,
                mode: file.mode,
            }))
        })
        .collect()
    }

    /// Whether a file belongs to the chosen format.
    fn belongs(&self, file: &File) -> bool {
        let path = file.path.as_str();
        match self.cli.common.format {
            Format::Json | Format::Text | Format::Sh => false,
            Format::Files => true,
            Format::WpaSupplicant | Format::Netplan | Format::CloudConfig => file.mode == 0o600,
            Format::NetworkManager => path.ends_with(".nmconnection"),
            Format::Systemd => !path.starts_with("/etc/modprobe.d"),
        }
    }

    /// Looks at this machine.
    fn here(&self) -> anyhow::Result<Done> {
        if !self.root.is_system() {
            let problem = "--check looks at the running kernel, which is not below a --sysroot";
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        let node = self.cli.node.choose(&self.inventory.nodes, self.root)?;
        let name = self.name(node);
        let interface = wish::interface(self.cli, self.wifi);
        let report = check::look(self.root, &interface)?;
        let mut done = Done {
            findings: check::findings(&report, &interface),
            ..Done::default()
        };
        let answer = NodeAnswer {
            ok: finding::ok(&done.findings),
            check: Some(report),
            ..NodeAnswer::empty(&interface)
        };
        done.nodes.insert(name, answer);
        Ok(done)
    }
}

fn join(
    answers: BTreeMap<String, NodeAnswer>,
    earlier: Earlier,
    findings: &mut Vec<Finding>,
) -> Answer {
    let pending = answers.values().any(|node| node.pending);
    let changed = answers.values().any(|node| node.changed);
    let (nodes, kept) = earlier.join(answers, "wifi-kept-answer", findings);
    Answer {
        pending: pending || kept,
        changed,
        nodes,
        artefacts: Vec::new(),
    }
}
