//! One Wi-Fi description for every network stack, and a link that stays up.
//!
//! [`wish`] reads the document, [`plan`] and [`render`] turn it into files (pure), [`check`] looks at a radio, `apply` tries a
//! network and makes it last, `watch` keeps it. What the kernel is asked goes through [`nl80211`].

mod answer;
mod apply;
pub mod check;
mod cli;
pub mod content;
pub mod control;
pub mod country;
pub mod guard;
mod job;
pub mod kernel_log;
pub mod key;
pub mod ladder;
pub mod nl80211;
pub mod owner;
pub mod plan;
pub mod processes;
pub mod render;
pub mod request;
pub mod ssh;
pub mod ssid;
pub mod stack;
mod trial;
mod watch;
pub mod wish;

pub use answer::{Answer, NodeAnswer};
pub use cli::Cli;

use cli::Format;
use cluster::edge::{Artefact, Common, Form, Input, Tool, Verdict};
use cluster::finding::Finding;
use cluster::inventory::Section;

impl Tool for Cli {
    const NAME: &'static str = "pi-wifi";
    const EXAMPLES: &'static str = "\
  pi-wifi -f wpa-supplicant --node pi1 cluster.json     the file for one node
  pi-wifi -f files -o files cluster.json                each node's files
  pi-wifi -f text cluster.json                          what each node gets
  pi-wifi -f sh --node pi1 cluster.json | ssh pi1 sudo sh
                                      secrets are read there, from .
  sudo pi-wifi --check -n -f text     the radio as it is
  sudo pi-wifi --apply cluster.json   try the networks, then make them last
  sudo pi-wifi --watch --apply -n     stay, report, and mend the link

Operating systems:
  raspios                  networkmanager; up to 11 wpa-supplicant
  ubuntu                   netplan
  debian                   systemd
  rancheros, burmillaos    cloud-config; not tried on a real one";
    const SECTIONS: &'static [Section] = &[Section::Network, Section::Nodes, Section::Wifi];
    type Answer = Answer;

    fn common(&self) -> &Common {
        &self.common
    }

    fn form(&self) -> Form {
        if self.streams() {
            // The events are the output; behind them there is nothing to say.
            return Form::Text;
        }
        match self.format {
            Format::Json => Form::Json,
            Format::Text => Form::Text,
            _ => Form::Artefact,
        }
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
