//! The command line.

use crate::answer::Answer;
use crate::stack::{NetplanVersion, Stack};
use crate::{job, render};
use clap::{Parser, ValueEnum};
use cluster::edge::node::NodeArguments;
use cluster::edge::{Artefact, Common, Form, Input, Tool, Verdict, word};
use cluster::finding::Finding;
use cluster::inventory::{Os, Section};
use cluster::name::InterfaceName;
use cluster::secret::Secrets;
use std::path::PathBuf;

const EXAMPLES: &str = "
  What each node gets, for people
    pi-wifi -f text cluster.json

  The file for one node; and each node's files, below a folder
    pi-wifi -f wpa-supplicant --node pi1 cluster.json
    pi-wifi -f files -o files cluster.json

  A script that reads the secrets where it runs, from the current folder
    pi-wifi -f sh --node pi1 cluster.json | ssh pi1 sudo sh

  The radio as it is
    sudo pi-wifi -n --check -f text

  On the node: try the networks, then make them last
    sudo pi-wifi --apply cluster.json

  Stay, report, and mend the link
    sudo pi-wifi -n --watch --apply";

/// One Wi-Fi description for every network stack, and a link that stays up
#[derive(Debug, Clone, Parser)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) common: Common<Format>,
    #[command(flatten)]
    pub(crate) node: NodeArguments,
    #[command(flatten)]
    pub(crate) secrets: Secrets,
    /// The network stack [default: the node's operating system's, or with --apply the one that owns the interface]
    #[arg(long, value_enum, value_name = "STACK")]
    pub(crate) stack: Option<Stack>,
    /// The operating system [default: the document's]
    #[arg(long, value_parser = word::<Os>, value_name = "OS")]
    pub(crate) os: Option<Os>,
    /// The radio's interface [default: the document's, or wlan0]
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Option<InterfaceName>,
    /// The node's netplan, such as 0.106 [default: what its release came with]
    #[arg(long, value_name = "VERSION")]
    pub(crate) netplan_version: Option<NetplanVersion>,
    /// With -f cloud-config: add these fragments of other tools, and make one
    #[arg(long, value_name = "FILE", num_args = 1)]
    pub(crate) merge: Vec<PathBuf>,
    /// Look at the radio, its driver and its owner, and report
    #[arg(long, conflicts_with_all = ["apply", "watch", "install_watch"])]
    pub(crate) check: bool,
    /// With --apply: keep the new network also where the connection that this was started from does not come back over it
    #[arg(long)]
    pub(crate) keep_anyway: bool,
    /// How long a new network may take until it is there, and as long again until there is an address
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(5..=600))]
    pub(crate) limit: u64,
    /// Stay and report what becomes of the link, one JSON object a line; with --apply also mend it
    #[arg(long)]
    pub(crate) watch: bool,
    /// With --watch: end after this long [default: never]
    #[arg(long, value_name = "SECONDS", requires = "watch")]
    pub(crate) seconds: Option<u64>,
    /// With --watch --apply: restart the machine where nothing else helped
    #[arg(long)]
    pub(crate) reboot: bool,
    /// With --apply: a unit that watches from the start on
    #[arg(long)]
    pub(crate) install_watch: bool,
    /// Wait, and take a trial back unless it was kept
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) guard: Option<PathBuf>,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `pi_wifi`
    #[default]
    Json,
    /// Networks, files and what was noticed
    Text,
    /// A shell script that writes the node's files; it reads the secrets there
    Sh,
    /// All files of the node's stack, into the folder of -o
    Files,
    /// wpa_supplicant.conf
    WpaSupplicant,
    /// RancherOS' or BurmillaOS' cloud-config
    CloudConfig,
    /// A file for /etc/netplan
    Netplan,
    /// NetworkManager's connections, one for each network
    #[value(name = "networkmanager")]
    NetworkManager,
    /// Files for systemd-networkd and wpa_supplicant's unit, into a folder
    Systemd,
}

impl cluster::edge::Format for Format {}

impl Format {
    /// The stack that it is a file of.
    pub(crate) fn stack(self) -> Option<Stack> {
        Some(match self {
            Self::Json | Self::Text | Self::Sh | Self::Files => return None,
            Self::WpaSupplicant => Stack::WpaSupplicant,
            Self::CloudConfig => Stack::CloudConfig,
            Self::Netplan => Stack::Netplan,
            Self::NetworkManager => Stack::NetworkManager,
            Self::Systemd => Stack::Systemd,
        })
    }
}

impl Tool for Cli {
    const NAME: &'static str = "pi-wifi";
    const EXAMPLES: &'static str = EXAMPLES;
    const SYSTEMS: &'static [(&'static str, &'static str)] = &[
        ("raspios", "networkmanager; up to 11 wpa-supplicant"),
        ("ubuntu", "netplan"),
        ("debian", "systemd"),
        (
            "rancheros, burmillaos",
            "cloud-config; not tried on a real one",
        ),
    ];
    const SECTIONS: &'static [Section] = &[Section::Network, Section::Nodes, Section::Wifi];
    type Format = Format;
    type Answer = Answer;

    fn common(&self) -> &Common<Format> {
        &self.common
    }

    fn form(&self) -> Form {
        if self.streams() {
            // The events are the output; behind them there is nothing to say.
            return Form::Text;
        }
        cluster::edge::Format::form(self.common.format)
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        job::run(self, &input)
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        if self.streams() {
            return Ok(String::new());
        }
        Ok(render::text::text(verdict))
    }

    fn artefacts(&self, verdict: &Verdict<Answer>) -> anyhow::Result<Vec<Artefact>> {
        Ok(verdict.answer.artefacts.clone())
    }
}

impl Cli {
    /// Whether lines go out while it runs, instead of an answer at its end.
    fn streams(&self) -> bool {
        self.watch || self.guard.is_some()
    }
}
