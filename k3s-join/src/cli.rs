//! The command line.

use crate::Mode;
use crate::answer::Answer;
use crate::here::Here;
use crate::render::{ansible, files, k3sup, ports, remove, sh, text};
use anyhow::Context;
use clap::{Parser, ValueEnum};
use cluster::edge::node::{NodeArguments, unknown};
use cluster::edge::{Artefact, Common, Input, Tool, Usage, Verdict};
use cluster::finding::Finding;
use cluster::inventory::{Inventory, Section};
use cluster::name::Label;
use cluster::secret::Secrets;
use ipnet::IpNet;
use serde_json::Value;
use std::cell::OnceCell;
use std::path::PathBuf;

const EXAMPLES: &str = "
  The reference cluster, for people: who is a server, and why
    k3s-join --example | k3s-join -f text

  The cluster's certificate authorities, before any node exists
    k3s-join --make-ca k3s-ca cluster.json -f text

  A folder for each node, and one of them onto its node
    k3s-join -f files -o nodes cluster.json
    tar -C nodes/pi2 --owner=0 --group=0 -c . |
      ssh pi2 sudo tar -C / -x --no-overwrite-dir

  The configuration file of one node
    k3s-join -f config --node pi2 cluster.json

  From k3sup's list of machines, and back
    echo '[{\"hostname\": \"pi1\", \"ip\": \"192.168.11.11\"}]' | k3s-join

  How a node leaves, in the order that keeps the quorum
    k3s-join --remove pi3 -f text cluster.json

  On a node, or on its mounted card: what would keep it from joining
    sudo k3s-join --check -f text cluster.json
    k3s-join --check -n --sysroot /media/rootfs -f text

  How joining would go; nothing is registered
    k3s-join --rehearse -n --server https://192.168.11.11:6443 \\
      --token-file k3s.token -f text

  Join, or say within five minutes why not; and leave again
    sudo k3s-join --apply --run-installer install.sh cluster.json
    sudo k3s-join --leave --apply cluster.json";

/// What each node needs to become a K3s server or agent, checked before it joins
#[derive(Debug, Clone, Parser)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) common: Common<Format>,
    #[command(flatten)]
    pub(crate) node: NodeArguments,
    #[command(flatten)]
    pub(crate) secrets: Secrets,
    /// Make the cluster's certificate authorities and an administrator's kubeconfig in this new folder
    #[arg(long, value_name = "DIR")]
    pub(crate) make_ca: Option<PathBuf>,
    /// Say how this node leaves the cluster
    #[arg(long, value_name = "NODE", conflicts_with = "make_ca")]
    pub(crate) remove: Option<Label>,
    #[command(flatten)]
    pub(crate) here: Here,
    /// The local networks, once the document was read.
    #[arg(skip)]
    lans: OnceCell<Vec<IpNet>>,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `k3s_join`
    #[default]
    Json,
    /// Roles, order, ports and what was noticed, for people
    Text,
    /// Each node's configuration file
    Config,
    /// Every file of every node with its secrets, in a folder for each node
    Files,
    /// A script for each node; with --remove one for the removal
    Sh,
    /// Who may reach K3s's ports, as nftables rules
    Ports,
    /// A dynamic inventory for Ansible
    Ansible,
    /// The list of machines for k3sup
    K3sup,
}

/// A server's URL. K3s takes no other scheme.
fn url(text: &str) -> Result<(), &'static str> {
    let host = text.strip_prefix("https://").unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(good) {
        return Err("expected a URL such as https://192.168.11.11:6443");
    }
    Ok(())
}

impl Cli {
    /// What is asked for.
    pub(crate) fn mode(&self) -> Mode {
        match (&self.make_ca, &self.remove) {
            (Some(folder), _) => Mode::MakeCa(folder.clone()),
            (None, Some(node)) => Mode::Remove(node.clone()),
            (None, None) if (self.node.apply || self.here.asked()) => Mode::Here,
            (None, None) => Mode::Plan,
        }
    }

    /// Whether the document has the node, or there is none to have it.
    fn knows(&self, inventory: &Inventory, node: &Label) -> bool {
        let without = inventory.nodes.is_empty() && self.mode() == Mode::Here;
        without || inventory.nodes.iter().any(|known| known.name == *node)
    }

    /// Refuses a node that the document does not have, and a mode that has no such artefact.
    fn check(&self, inventory: &Inventory) -> anyhow::Result<()> {
        if let (Mode::MakeCa(_), Some(Err(problem))) =
            (self.mode(), self.here.server.as_deref().map(url))
        {
            return Err(Usage::new(format!("--server: {problem}")))
                .context("reading the arguments");
        }
        let problem = match (&self.node.node, self.mode(), self.common.format) {
            (_, Mode::Plan | Mode::Remove(_), _) if self.here.stray().is_some() => format!(
                "{} goes with --check or --rehearse; a document says it in `k3s` and `nodes`",
                self.here.stray().unwrap_or_default()
            ),
            (_, Mode::Here, _) if self.node.apply && self.here.unwritten(inventory).is_some() => {
                format!(
                    "{} would be checked and not written: with --apply the document says it, in `k3s` and `nodes`",
                    self.here.unwritten(inventory).unwrap_or_default()
                )
            }
            (_, Mode::Here, format) if !matches!(format, Format::Json | Format::Text) => {
                "--check, --rehearse and --apply have the formats json and text".to_owned()
            }
            (Some(node), ..) if !self.knows(inventory, node) => {
                let known = inventory.nodes.iter().map(|node| node.name.as_str());
                return Err(unknown(node, "--node", known)).context("reading the arguments");
            }
            (_, Mode::MakeCa(_), format) if !matches!(format, Format::Json | Format::Text) => {
                "--make-ca writes its files itself; -f json or text says what".to_owned()
            }
            (_, Mode::Remove(_), format)
                if !matches!(format, Format::Json | Format::Text | Format::Sh) =>
            {
                "--remove has the formats json, text and sh".to_owned()
            }
            _ => return Ok(()),
        };
        Err(Usage::new(problem)).context("reading the arguments")
    }
}

impl cluster::edge::Format for Format {}

impl Tool for Cli {
    const NAME: &'static str = crate::TOOL;
    const EXAMPLES: &'static str = EXAMPLES;
    const SYSTEMS: &'static [(&'static str, &'static str)] = &[
        (
            "raspios, ubuntu, debian",
            "files, script, installer or airgap; not yet tried on real hardware",
        ),
        (
            "rancheros, burmillaos",
            "a container by cloud-config; unproven",
        ),
    ];
    const SECTIONS: &'static [Section] = &[
        Section::Name,
        Section::Network,
        Section::Nodes,
        Section::Wifi,
        Section::Storage,
        Section::K3s,
    ];
    type Format = Format;
    type Answer = Answer;

    fn common(&self) -> &Common<Format> {
        &self.common
    }

    fn adopt(&self, input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        crate::k3sup::adopt(input)
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        self.check(&input.inventory)?;
        let network = input.inventory.network.as_ref();
        let lans = network.map(|n| [n.lan, n.lan_ipv6]).unwrap_or_default();
        // There is only one document, so nothing is in the cell yet.
        let _ = self
            .lans
            .set(lans.iter().flatten().map(|lan| lan.net()).collect());
        crate::answer(self, &input)
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(text::text(verdict, self.node.node.as_ref()))
    }

    fn artefacts(&self, verdict: &Verdict<Answer>) -> anyhow::Result<Vec<Artefact>> {
        let answer = &verdict.answer;
        let node = self.node.node.as_ref();
        let one = |path: &str, content: String| vec![Artefact::text(path, content, 0o644)];
        Ok(match (self.common.format, &answer.removal) {
            (Format::Sh, Some(removal)) => one("remove.sh", remove::script(removal)),
            (Format::Sh, None) => sh::scripts(answer, node),
            (Format::Config, _) => files::configs(answer, node),
            (Format::Files, _) => files::trees(answer, node, &self.secrets)?,
            (Format::Ports, _) => {
                let lans = self.lans.get().map_or(&[][..], Vec::as_slice);
                one("k3s-join.nft", ports::ruleset(answer, lans))
            }
            (Format::Ansible, _) => one("inventory.json", pretty(&ansible::inventory(answer))?),
            (Format::K3sup | Format::Json | Format::Text, _) => {
                one("devices.json", pretty(&k3sup::list(answer))?)
            }
        })
    }
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(value).context("writing JSON")?;
    text.push('\n');
    Ok(text)
}
