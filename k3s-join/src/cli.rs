//! The command line.

use crate::Mode;
use crate::answer::Answer;
use crate::render::text;
use clap::{Parser, ValueEnum};
use cluster::edge::{Common, Form, Input, Tool, Verdict};
use cluster::finding::Finding;
use cluster::inventory::Section;

/// What each node needs to become a K3s server or agent, checked before it joins
#[derive(Debug, Clone, Parser)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// The forms of output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `k3s_join`
    #[default]
    Json,
    /// Roles, order, ports and what was noticed, for people
    Text,
}

impl Cli {
    /// What is asked for.
    pub(crate) fn mode(&self) -> Mode {
        Mode::Plan
    }
}

impl Tool for Cli {
    const NAME: &'static str = "k3s-join";
    const EXAMPLES: &'static str = "\
  The reference cluster, for people
    k3s-join --example | k3s-join -f text";
    const SECTIONS: &'static [Section] = &[
        Section::Name,
        Section::Network,
        Section::Nodes,
        Section::Wifi,
        Section::Storage,
        Section::K3s,
    ];
    type Answer = Answer;

    fn common(&self) -> &Common {
        &self.common
    }

    fn form(&self) -> Form {
        match self.format {
            Format::Json => Form::Json,
            Format::Text => Form::Text,
        }
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        crate::answer(self, &input)
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(text::text(verdict))
    }
}
