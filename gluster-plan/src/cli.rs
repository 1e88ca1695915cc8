//! The command line.

use crate::answer::Answer;
use crate::change::Change;
use crate::observed::Observed;
use crate::oracle::Unit;
use crate::render::{heketi, k8s, sh, svg, text};
use crate::request::Request;
use crate::site::Site;
use anyhow::Context;
use clap::{Parser, ValueEnum};
use cluster::edge::node::unknown;
use cluster::edge::{Artefact, Common, Input, Tool, Usage, Verdict};
use cluster::finding::Finding;
use cluster::invalid::suggestion;
use cluster::inventory::Section;
use cluster::name::Label;
use std::path::PathBuf;

const EXAMPLES: &str = "
  The reference cluster: what its volume survives, for people
    gluster-plan --example | gluster-plan -f text

  Brick 1 on the node that the switch keeps longest
    poe-budget < cluster.json | gluster-plan -f text

  Does it go on without these?
    gluster-plan --lose pi2,pi3:sda cluster.json >/dev/null && echo yes

  What else these sticks could be
    gluster-plan --compare -f text cluster.json

  Scripts: each node's own part, then the cluster's on one node
    gluster-plan -f sh --node pi1 cluster.json | ssh pi1 sudo sh
    gluster-plan -f sh cluster.json | ssh pi1 sudo sh

  What is there against the document
    ssh pi1 sudo gluster volume info --xml > info.xml
    ssh pi1 sudo gluster pool list --xml > pool.xml
    gluster-plan --observed info.xml --observed pool.xml -f text cluster.json

  A dead stick, replaced
    gluster-plan --replace pi3:sda -f sh cluster.json | ssh pi3 sudo sh

  The same where the new stick has another name than the old one
    gluster-plan --replace pi3:old=pi3:new --observed info.xml cluster.json

  A storage class for Kubernetes
    gluster-plan -f k8s cluster.json | kubectl apply -f -";

const READING: &str = "reading the arguments";

/// Lay replicated Gluster volumes over the nodes' USB sticks and prove what they survive
#[derive(Debug, Parser)]
pub struct Cli {
    #[command(flatten)]
    common: Common<Format>,
    /// With -f sh or text: the node whose own part is wanted
    #[arg(long, value_name = "NAME")]
    node: Option<Label>,
    /// Answer whether the volumes go on without these nodes, sticks (pi3:sda) and power domains
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    lose: Vec<String>,
    /// Compare the choices that these sticks leave
    #[arg(long)]
    compare: bool,
    /// What `gluster volume info --xml` or `gluster pool list --xml` printed; may be given twice
    #[arg(long, value_name = "FILE")]
    observed: Vec<PathBuf>,
    /// Plan that a stick is replaced: by a new one at its place, or by another of the document
    #[arg(long, value_name = "NODE:STICK[=NODE:STICK]", conflicts_with_all = ["add", "remove"])]
    replace: Option<String>,
    /// Plan that these nodes of the document join the volumes
    #[arg(
        long,
        value_name = "NODE,…",
        value_delimiter = ',',
        conflicts_with = "remove"
    )]
    add: Vec<Label>,
    /// Plan that a node leaves the volumes
    #[arg(long, value_name = "NODE")]
    remove: Option<Label>,
    /// With --remove or --replace OLD=NEW: it is dead for good, and what only it holds is given up
    #[arg(long)]
    dead: bool,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `gluster_plan`
    #[default]
    Json,
    /// A drawing and tables for people
    Text,
    /// A shell script: the cluster's part, or with --node a node's own
    Sh,
    /// Manifests of a storage class
    K8s,
    /// Heketi's topology.json
    Heketi,
    /// A picture of it (SVG), also of a no
    Svg,
}

impl cluster::edge::Format for Format {}

impl Tool for Cli {
    const NAME: &'static str = "gluster-plan";
    const EXAMPLES: &'static str = EXAMPLES;
    const SYSTEMS: &'static [(&'static str, &'static str)] = &[
        ("raspios, ubuntu, debian", "all of it; 64-bit only"),
        (
            "rancheros, burmillaos",
            "a script and a cloud-config fragment; unproven: there is no Gluster package",
        ),
    ];
    const SECTIONS: &'static [Section] = &[
        Section::Name,
        Section::Network,
        Section::Switches,
        Section::Nodes,
        Section::Storage,
    ];
    type Format = Format;
    type Answer = Answer;

    fn common(&self) -> &Common<Format> {
        &self.common
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        let (mut site, warning) = crate::site(&input)?;
        let observed = self.seen()?;
        let script = self.script(&site).context(READING)?;
        // A stick that the document names no more is still one that can be lost or replaced.
        observed.join(&mut site);
        let request = self.request(&site, observed, script)?;
        let (answer, mut findings) = crate::answer(&input.inventory, site, &request);
        findings.extend(warning);
        Ok((answer, findings))
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(match self.common.format {
            Format::Svg => svg::svg(verdict),
            _ => text::text(verdict),
        })
    }

    fn artefacts(&self, verdict: &Verdict<Answer>) -> anyhow::Result<Vec<Artefact>> {
        let answer = &verdict.answer;
        Ok(vec![match self.common.format {
            Format::K8s => Artefact::text("gluster.yaml", k8s::manifests(answer), 0o644),
            Format::Heketi => Artefact::text("topology.json", heketi::topology(answer), 0o644),
            _ => Artefact::text("gluster.sh", sh::script(answer), 0o755),
        }])
    }
}

impl Cli {
    /// What the files of `--observed` hold.
    fn seen(&self) -> anyhow::Result<Observed> {
        let mut observed = Observed::default();
        for path in &self.observed {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {shown}"))?;
            observed.read(&shown, &text)?;
        }
        if self.observed.len() > 1 && (observed.volumes.is_none() || observed.peers.is_none()) {
            let problem = "--observed was given twice, and both files are of the same command";
            return Err(Usage::new(problem)).context(READING);
        }
        Ok(observed)
    }

    /// The node whose own part is wanted: one of the document.
    fn script(&self, site: &Site) -> Result<Option<usize>, Usage> {
        let Some(name) = &self.node else {
            return Ok(None);
        };
        if !matches!(self.common.format, Format::Sh | Format::Text) {
            return Err(Usage::new("--node has no effect without -f sh or -f text"));
        }
        node(site, name, "--node").map(Some)
    }

    /// Arguments as one request.
    fn request(
        &self,
        site: &Site,
        observed: Observed,
        script: Option<usize>,
    ) -> anyhow::Result<Request> {
        Ok(Request {
            lose: self.units(site).context(READING)?,
            change: self.change(site).context(READING)?,
            node: script,
            compare: self.compare,
            heketi: self.common.format == Format::Heketi,
            observed,
        })
    }

    fn units(&self, site: &Site) -> Result<Vec<Unit>, Usage> {
        let mut units = Vec::new();
        for name in &self.lose {
            let domain = || {
                site.domains
                    .iter()
                    .position(|domain| domain == name)
                    .map(Unit::Domain)
            };
            let unit = site
                .node(name)
                .map(Unit::Node)
                .or_else(|| site.stick(name).map(Unit::Stick))
                .or_else(domain);
            let Some(unit) = unit else {
                let known = site.nodes.iter().map(|node| node.name.clone());
                let sticks = (0..site.sticks.len()).map(|stick| site.stick_name(stick));
                let known: Vec<String> = known
                    .chain(sticks)
                    .chain(site.domains.iter().cloned())
                    .collect();
                let hint = suggestion(name, known.iter().map(String::as_str).collect::<Vec<_>>());
                return Err(Usage::new(format!(
                    "--lose {name}: the document has no such node, stick (NODE:STICK) or power domain{hint}"
                )));
            };
            if !units.contains(&unit) {
                units.push(unit);
            }
        }
        Ok(units)
    }

    fn change(&self, site: &Site) -> Result<Option<Change>, Usage> {
        let dead = self.dead;
        if let Some(text) = &self.replace {
            return replace(site, text, dead).map(Some);
        }
        if let Some(name) = &self.remove {
            let node = node(site, name, "--remove")?;
            return Ok(Some(Change::Remove { node, dead }));
        }
        if dead {
            return Err(Usage::new(
                "--dead has no effect without --remove or --replace OLD=NEW",
            ));
        }
        let mut nodes: Vec<usize> = Vec::new();
        for name in &self.add {
            let node = node(site, name, "--add")?;
            if nodes.contains(&node) {
                return Err(Usage::new("--add names a node twice"));
            }
            nodes.push(node);
        }
        Ok((!nodes.is_empty()).then_some(Change::Add(nodes)))
    }
}

/// `OLD` or `OLD=NEW`.
fn replace(site: &Site, text: &str, dead: bool) -> Result<Change, Usage> {
    let (old, new) = match text.split_once('=') {
        Some((old, new)) => (stick(site, old)?, Some(stick(site, new)?)),
        None => (stick(site, text)?, None),
    };
    if new == Some(old) {
        let name = site.stick_name(old);
        return Err(Usage::new(format!(
            "--replace {text}: nothing moves; a new stick in the dead one's place is --replace {name}"
        )));
    }
    if dead && new.is_none() {
        return Err(Usage::new(
            "--dead has no effect with --replace NODE:STICK: the stick is dead there",
        ));
    }
    Ok(Change::Replace { old, new, dead })
}

fn node(site: &Site, name: &Label, option: &str) -> Result<usize, Usage> {
    let known = site.nodes.iter().map(|node| node.name.as_str());
    let found = site.node(name.as_str());
    found.ok_or_else(|| unknown(name, option, known))
}

fn stick(site: &Site, name: &str) -> Result<usize, Usage> {
    site.stick(name).ok_or_else(|| {
        let known: Vec<String> = (0..site.sticks.len())
            .map(|stick| site.stick_name(stick))
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Usage::new(format!(
            "--replace {name}: expected a brick's stick as NODE:STICK{}",
            suggestion(name, known)
        ))
    })
}
