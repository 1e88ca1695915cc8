//! The command line.

use crate::answer::Answer;
use crate::measured::Measured;
use crate::question::{Add, Budget, Question};
use crate::render;
use crate::supply::check_temperature;
use crate::watts::Milliwatts;
use anyhow::Context;
use clap::{Parser, ValueEnum};
use cluster::edge::{Common, Input, Tool, Usage, Verdict};
use cluster::finding::Finding;
use cluster::inventory::Section;
use cluster::name::Label;
use cluster::quantity::{Celsius, PortNumber, PositiveWatts, Watts};
use std::path::PathBuf;

const EXAMPLES: &str = "
  The reference cluster, for people
    poe-budget --example | poe-budget -f text

  Is there a port and power for one more device? Exit code 3 says no
    poe-budget --add mobile-router=4.6 cluster.json

  The same on port 2 of a switch, in the place of a node
    poe-budget --remove pi2 --add camera=6.5@sw1:2 cluster.json

  How far does a smaller switch carry it, on a summer's day?
    poe-budget --budget 40 --ambient-c 45 -f text cluster.json

  Which device on which switch? Exit code 3 with a reason where there is no way
    poe-budget --assign -f text cluster.json

  What helps most?
    poe-budget --optimise -f text cluster.json

  Measured draws instead of estimates: {\"sw1\": {\"1\": 5.5, \"2\": 5.1}}
    ntgrrc poe status -a gs305ep -f json | jq '{sw1: (.poe_status
      | map({(.\"Port ID\"): (.\"PortPwr (W)\" | tonumber)}) | add)}' > draws.json
    poe-budget --measured draws.json cluster.json

  A picture of it
    poe-budget -f svg -o budget.svg cluster.json

  Who goes dark first?
    poe-budget < cluster.json | jq -r '.poe_budget.shed_order[]'";

/// Can the switch carry it, and who goes dark first when it can't
#[derive(Debug, Parser)]
pub struct Cli {
    #[command(flatten)]
    common: Common<Format>,
    /// Answer as if this device were there too: on the lowest free PoE port, or on this one
    #[arg(long, value_name = "NAME=WATTS[@[SWITCH:]PORT]", value_parser = parse_add)]
    add: Vec<Add>,
    /// Answer as if this device were not there
    #[arg(long, value_name = "NAME")]
    remove: Vec<Label>,
    /// Answer as if the switch gave this many watts
    #[arg(long, value_name = "[SWITCH=]WATTS", value_parser = parse_budget)]
    budget: Vec<Budget>,
    /// Answer as if it were this warm around all cables, in degrees Celsius
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true)]
    ambient_c: Option<Celsius>,
    /// Answer as if all devices were put on the ports of all switches anew, so that the fullest switch keeps the most watts
    #[arg(long)]
    assign: bool,
    /// Tell which single change buys the most headroom: a device elsewhere, another HAT, another switch
    #[arg(long, conflicts_with_all = ["add", "remove", "budget", "ambient_c", "assign"])]
    optimise: bool,
    /// Take draws measured at the switch from this file: an object of switches, each an object of ports with watts
    #[arg(long, value_name = "FILE")]
    measured: Option<PathBuf>,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `poe_budget`
    #[default]
    Json,
    /// A table for people
    Text,
    /// A picture of it (SVG), also of a no
    Svg,
}

impl cluster::edge::Format for Format {}

impl Tool for Cli {
    const NAME: &'static str = "poe-budget";
    const EXAMPLES: &'static str = EXAMPLES;
    const SECTIONS: &'static [Section] = &[Section::Switches, Section::Nodes, Section::Storage];
    type Format = Format;
    type Answer = Answer;

    fn common(&self) -> &Common<Format> {
        &self.common
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        let question = self.question().context("reading the arguments")?;
        crate::answer(input.inventory, &self.measured()?, &question)
            .context("working out the budget")
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(match self.common.format {
            Format::Svg => render::svg(verdict),
            Format::Text | Format::Json => render::text(verdict),
        })
    }
}

impl Cli {
    fn question(&self) -> Result<Question, Usage> {
        let ambient_c = self.ambient_c.map(|celsius| celsius.0);
        if let Some(celsius) = ambient_c {
            check_temperature(celsius, String::new)
                .map_err(|invalid| Usage::new(format!("--ambient-c: {}", invalid.problem)))?;
        }
        Ok(Question {
            add: self.add.clone(),
            remove: self.remove.clone(),
            budget: self.budget.clone(),
            ambient_c,
            assign: self.assign,
            optimise: self.optimise,
        })
    }

    fn measured(&self) -> anyhow::Result<Measured> {
        let Some(path) = &self.measured else {
            return Ok(Measured::default());
        };
        let reading = || format!("reading {}", path.display());
        let bytes = std::fs::read(path).with_context(reading)?;
        Measured::parse(&bytes).with_context(reading)
    }
}

/// `NAME=WATTS`, `NAME=WATTS@PORT` or `NAME=WATTS@SWITCH:PORT`.
fn parse_add(text: &str) -> Result<Add, String> {
    let expected = "expected NAME=WATTS, NAME=WATTS@PORT or NAME=WATTS@SWITCH:PORT";
    let (name, rest) = text.split_once('=').ok_or(expected)?;
    let (watts, place) = match rest.split_once('@') {
        Some((watts, place)) => (watts, Some(place)),
        None => (rest, None),
    };
    let watts: Watts = watts.parse()?;
    let (switch, port) = match place.map(|place| place.split_once(':').unwrap_or(("", place))) {
        Some(("", port)) => (None, Some(port)),
        Some((switch, port)) => (Some(switch.parse()?), Some(port)),
        None => (None, None),
    };
    Ok(Add {
        name: name.parse()?,
        draw: Milliwatts::given(watts.0, String::new).map_err(|invalid| invalid.problem)?,
        switch,
        port: port
            .map(str::parse::<PortNumber>)
            .transpose()?
            .map(PortNumber::get),
    })
}

/// `WATTS` or `SWITCH=WATTS`.
fn parse_budget(text: &str) -> Result<Budget, String> {
    let (switch, watts) = match text.split_once('=') {
        Some((switch, watts)) => (Some(switch.parse()?), watts),
        None => (None, text),
    };
    let watts: PositiveWatts = watts.parse()?;
    let budget = Milliwatts::given(watts.0, String::new).map_err(|invalid| invalid.problem)?;
    Ok(Budget { switch, budget })
}
