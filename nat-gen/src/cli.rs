//! The command line.

use crate::answer::Answer;
use crate::kubectl;
use crate::render::{metallb, nft, rest, rsc, rsc_remove, text};
use crate::request::{Purpose, Request};
use crate::reserved;
use crate::selection::{Select, Selection};
use anyhow::Context;
use clap::{Parser, ValueEnum};
use cluster::edge::node::named;
use cluster::edge::{Artefact, Common, Input, Tool, Usage, Verdict};
use cluster::finding::Finding;
use cluster::invalid::suggestion;
use cluster::inventory::{Inventory, RouterOs, Section};
use cluster::name::Label;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "
  The reference cluster, for people, and as a script for the router
    nat-gen --example | nat-gen -f text
    nat-gen --example | nat-gen -f rsc > nat.rsc
    scp nat.rsc admin@192.168.11.1:    then there: /import nat.rsc

  The same, undone after two minutes unless it is confirmed
    nat-gen -f rsc --confirm 120 -o nat.rsc cluster.json

  The services that opted in with the annotation cloud-at-home/expose=true
    kubectl get svc -A -o json | nat-gen --cluster cluster.json -f rsc

  Two services by name, one of them with one port only
    kubectl get svc -A -o json | nat-gen --cluster cluster.json \\
      --select web/nginx --select dns/coredns:dns -f text

  A Linux router instead
    nat-gen -f nft --interface WAN=ppp0 --interface LAN=br0 cluster.json |
      nft -f -

  Requests for a router with RouterOS 7, against its present rules
    curl -u admin https://192.168.11.1/rest/ip/firewall/nat > nat.json
    nat-gen -f rest --rest-nat nat.json cluster.json

  MetalLB's address pool
    nat-gen -f metallb cluster.json | kubectl apply -f -";

/// Expose cluster services through the router, as a script that can be imported twice
///
/// A Kubernetes service is exposed when its annotation cloud-at-home/expose is "true". With
/// cloud-at-home/expose-ports ("http,443") only these of its ports are, and cloud-at-home/public-port ("8080", or
/// "http=8080,https=8443") gives them other public ports.
#[derive(Debug, Parser)]
pub struct Cli {
    #[command(flatten)]
    common: Common<Format>,
    /// Take the services from standard input (or FILE), which is what `kubectl get svc -A -o json` prints, and the rest from
    /// this document
    #[arg(long, value_name = "FILE", conflicts_with = "null_input")]
    cluster: Option<PathBuf>,
    /// Expose this service, or this port of it (by name or number), without an annotation
    #[arg(long, value_name = "NAMESPACE/NAME[:PORT]", requires = "cluster")]
    select: Vec<Select>,
    /// Expose every service of type LoadBalancer or NodePort that is not annotated "false"
    #[arg(long, requires = "cluster")]
    all: bool,
    /// Reach services without a load balancer through this node's NodePorts
    #[arg(long, value_name = "NAME", requires = "cluster")]
    node: Option<Label>,
    /// Expose a port of the cluster's own parts, such as kubernetes-api, all the same
    #[arg(long, value_name = "NAME")]
    force_port: Vec<String>,
    /// With -f rsc: the script undoes itself after this many seconds unless it is confirmed
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(10..=86400))]
    confirm: Option<u32>,
    /// With -f rsc: the script ends UDP connections to a target that changed
    #[arg(long)]
    drop_udp: bool,
    /// With -f nft: the interfaces that an interface list stands for [default: one of the list's name]
    #[arg(long, value_name = "LIST=NAME[,NAME]", value_parser = parse_interface)]
    interface: Vec<(String, Vec<String>)>,
    /// With -f rest: what the router answers to GET /rest/ip/firewall/nat
    #[arg(long, value_name = "FILE")]
    rest_nat: Option<PathBuf>,
    /// With -f rest: what it answers to GET /rest/ip/firewall/filter
    #[arg(long, value_name = "FILE", requires = "rest_nat")]
    rest_filter: Option<PathBuf>,
    /// With -f rest: what it answers to GET /rest/ipv6/firewall/filter
    #[arg(long, value_name = "FILE", requires = "rest_nat")]
    rest_filter6: Option<PathBuf>,
    /// What kubectl printed, once it was read.
    #[arg(skip)]
    services: OnceCell<Vec<u8>>,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `nat_gen`
    #[default]
    Json,
    /// A table for people
    Text,
    /// A RouterOS script
    Rsc,
    /// A RouterOS script that takes everything away
    RscRemove,
    /// An nftables ruleset
    Nft,
    /// Requests to RouterOS's REST API, one JSON object a line
    Rest,
    /// MetalLB's address pool and its announcement
    Metallb,
}

impl cluster::edge::Format for Format {}

impl Tool for Cli {
    const NAME: &'static str = "nat-gen";
    const EXAMPLES: &'static str = EXAMPLES;
    const SECTIONS: &'static [Section] = &[
        Section::Name,
        Section::Network,
        Section::Router,
        Section::Nodes,
        Section::Storage,
        Section::Expose,
    ];
    type Format = Format;
    type Answer = Answer;

    fn common(&self) -> &Common<Format> {
        &self.common
    }

    fn adopt(&self, input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let Some(cluster) = &self.cluster else {
            if kubectl::looks_like(&input) {
                let problem =
                    "this is what kubectl prints; name the cluster document with --cluster FILE";
                return Err(Usage::new(problem).into());
            }
            return Ok(input);
        };
        // There is only one input, so nothing is in the cell yet.
        let _ = self.services.set(input);
        read(cluster)
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        let request = self.request(&input.inventory)?;
        crate::answer(&input, &request)
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(text::text(verdict))
    }

    fn artefacts(&self, verdict: &Verdict<Answer>) -> anyhow::Result<Vec<Artefact>> {
        let answer = &verdict.answer;
        let hooks = rsc::hooks(answer.site.routeros, answer.site.lan_ipv6.is_some());
        let (path, content) = match self.common.format {
            Format::RscRemove => (
                "nat-remove.rsc",
                rsc_remove::script(&answer.site.cluster, &answer.names(), &hooks),
            ),
            Format::Nft => (
                "nat.nft",
                nft::ruleset(&answer.site, &answer.firewall, &self.interfaces()),
            ),
            Format::Rest => (
                "nat-requests.jsonl",
                rest::lines(&answer.requests).context("writing the requests")?,
            ),
            Format::Metallb => ("metallb.yaml", metallb::manifest(&answer.site)),
            Format::Rsc | Format::Json | Format::Text => (
                "nat.rsc",
                rsc::script(&rsc::Script {
                    cluster: &answer.site.cluster,
                    firewall: &answer.firewall,
                    forwards: &answer.rules,
                    hooks: &hooks,
                    confirm: self.confirm,
                    drop_udp: self.drop_udp,
                }),
            ),
        };
        Ok(vec![Artefact::text(path, content, 0o644)])
    }
}

impl Cli {
    /// Arguments and files as one request.
    fn request(&self, inventory: &Inventory) -> anyhow::Result<Request<'_>> {
        let reading = "reading the arguments";
        self.check().context(reading)?;
        Ok(Request {
            services: self.services.get().map(Vec::as_slice),
            selection: Selection {
                select: self.select.clone(),
                all: self.all,
                node: self.node(inventory).context(reading)?,
            },
            forced: self.force_port.clone(),
            purpose: self.purpose(inventory)?,
        })
    }

    /// What clap cannot see: flags of a format that was not asked for, and names that are none.
    fn check(&self) -> Result<(), Usage> {
        let only = [
            ("--confirm", Format::Rsc, "rsc", self.confirm.is_some()),
            ("--drop-udp", Format::Rsc, "rsc", self.drop_udp),
            (
                "--interface",
                Format::Nft,
                "nft",
                !self.interface.is_empty(),
            ),
            ("--rest-nat", Format::Rest, "rest", self.rest_nat.is_some()),
        ];
        let wrong = only
            .iter()
            .find(|(_, format, _, given)| *given && *format != self.common.format);
        if let Some((flag, _, format, _)) = wrong {
            return Err(Usage::new(format!(
                "{flag} has no effect without -f {format}"
            )));
        }
        let known = reserved::names();
        match self
            .force_port
            .iter()
            .find(|name| !known.contains(&name.as_str()))
        {
            Some(name) => {
                let hint = suggestion(name, known.iter().copied());
                Err(Usage::new(format!(
                    "--force-port {name}: no such reserved port{hint}"
                )))
            }
            None => Ok(()),
        }
    }

    fn node(&self, inventory: &Inventory) -> Result<Option<(String, IpAddr)>, Usage> {
        let Some(name) = &self.node else {
            return Ok(None);
        };
        match named(&inventory.nodes, name, "--node")?.address {
            Some(address) => Ok(Some((name.to_string(), address.address()))),
            None => Err(Usage::new(format!(
                "--node {name}: the document does not say its address"
            ))),
        }
    }

    fn purpose(&self, inventory: &Inventory) -> anyhow::Result<Purpose> {
        Ok(match self.common.format {
            Format::Json | Format::Text | Format::Rsc => Purpose::Forward,
            Format::RscRemove => Purpose::Remove,
            Format::Metallb => Purpose::Pool,
            Format::Nft => Purpose::Nft(self.interfaces()),
            Format::Rest => Purpose::Rest(self.state(inventory)?),
        })
    }

    fn interfaces(&self) -> nft::Interfaces {
        self.interface.iter().cloned().collect()
    }

    fn state(&self, inventory: &Inventory) -> anyhow::Result<rest::State> {
        let routeros = inventory.router.as_ref().and_then(|router| router.routeros);
        if routeros == Some(RouterOs::V6) {
            let problem = "RouterOS 6 has no REST API; use -f rsc";
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        let Some(nat) = &self.rest_nat else {
            let problem = "-f rest needs what the router answers to GET /rest/ip/firewall/nat: name the file with --rest-nat";
            return Err(Usage::new(problem)).context("reading the arguments");
        };
        let saved = |file: &Option<PathBuf>| file.as_deref().map(read).transpose();
        let (filter, filter6) = (saved(&self.rest_filter)?, saved(&self.rest_filter6)?);
        rest::State::read(&read(nat)?, filter.as_deref(), filter6.as_deref())
            .context("reading the router's rules")
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}

/// `LIST=NAME[,NAME]`
fn parse_interface(text: &str) -> Result<(String, Vec<String>), String> {
    let expected = || format!("expected LIST=NAME[,NAME], found {text:?}");
    let (list, names) = text.rsplit_once('=').ok_or_else(expected)?;
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    if list.is_empty() || names.iter().any(String::is_empty) {
        return Err(expected());
    }
    Ok((list.to_owned(), names))
}
