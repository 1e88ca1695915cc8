//! The command line.

use crate::answer::Answer;
use crate::engine::job::Wanted;
use crate::engine::kind::Engine;
use crate::engine::request::How;
use crate::progress::Show;
use crate::request::Request;
use crate::{nodes, render};
use anyhow::Context;
use clap::{Parser, ValueEnum};
use cluster::edge::node::{NodeArguments, host_name};
use cluster::edge::{Artefact, Common, Input, Tool, Usage, Verdict};
use cluster::finding::Finding;
use cluster::inventory::Section;
use std::path::PathBuf;

const EXAMPLES: &str = "
  What would the move of Docker's root on this machine do?
    sudo pi-dockerroot -n --to /mnt/docker -f text

  Move it; and when all is well, let go of the old root
    sudo pi-dockerroot -n --to /mnt/docker --apply
    sudo pi-dockerroot -n --finish --apply

  Back again, with what was written since
    sudo pi-dockerroot -n --rollback --copy-back --apply

  Make the partition and move there
    sudo pi-partition --apply cluster.json | sudo pi-dockerroot --apply

  Which root is in use, and does the next start of the machine keep it?
    sudo pi-dockerroot -n --check -f text

  What would a copy of any tree take; copy it, read it back and compare
    pi-dockerroot -n --tree --from /srv/a --to /mnt/b -f text
    pi-dockerroot -n --tree --from /srv/a --to /mnt/b --apply --verify

  Make an earlier copy equal again: changed, new, deleted
    pi-dockerroot -n --tree --from /srv/a --to /mnt/b --update --apply

  Progress for a program
    pi-dockerroot -n --tree --from /srv/a --to /mnt/b --apply \\
      --progress json 2>&1 >/dev/null | jq .left_s";

/// Move a container engine's data root to another file system, whole, and prove it
#[derive(Debug, Clone, Parser)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) common: Common<Format>,
    #[command(flatten)]
    pub(crate) node: NodeArguments,
    /// Which engine [default: docker]
    #[arg(long, value_enum, value_name = "ENGINE", conflicts_with = "tree")]
    pub(crate) engine: Option<Engine>,
    /// The root, or with --tree the folder to copy [default: the engine's]
    #[arg(long, value_name = "DIR")]
    pub(crate) from: Option<PathBuf>,
    /// The new root [default: where the partition labelled docker is mounted]
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
    /// How the engine is led to its new root
    #[arg(
        long = "switch",
        value_enum,
        value_name = "HOW",
        conflicts_with = "tree"
    )]
    pub(crate) how: Option<How>,
    /// The words that stop the engine, where no service manager does
    #[arg(
        long,
        value_name = "WORDS",
        requires = "start_command",
        conflicts_with = "tree"
    )]
    pub(crate) stop_command: Option<String>,
    /// The words that start it
    #[arg(long, value_name = "WORDS", requires = "stop_command")]
    pub(crate) start_command: Option<String>,
    /// The new root may be a folder that is no mount point
    #[arg(long, conflicts_with = "tree")]
    pub(crate) any_folder: bool,
    /// Look which root is in use and what a restart would make of it
    #[arg(long, conflicts_with_all = ["apply", "tree", "finish", "rollback"])]
    check: bool,
    /// Remove the root that a move left behind
    #[arg(long, conflicts_with_all = ["tree", "rollback", "from", "to"])]
    finish: bool,
    /// Back to the root that a move left behind
    #[arg(long, conflicts_with_all = ["tree", "from", "to"])]
    rollback: bool,
    /// With --rollback: copy back what was written since
    #[arg(long, requires = "rollback", conflicts_with = "discard")]
    copy_back: bool,
    /// With --rollback: give up what was written since
    #[arg(long, requires = "rollback")]
    discard: bool,
    /// Copy or compare any tree of files; no engine is asked or stopped
    #[arg(long, requires_all = ["from", "to"])]
    tree: bool,
    /// Compare every file's content and metadata; the copy is read from its disk
    #[arg(long, requires = "tree")]
    verify: bool,
    /// With --verify: mount each image chain of an overlay2 root on both sides and compare what a container would see
    #[arg(long, requires = "verify")]
    overlay: bool,
    /// The target may hold an earlier copy: make it equal, and remove what is only there
    #[arg(long, requires = "tree")]
    update: bool,
    /// The source may be a symbolic link: copy what it leads to
    #[arg(long, requires = "tree")]
    follow_source: bool,
    /// Whether and how progress is shown on standard error
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub(crate) progress: Show,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document with the key `pi_dockerroot`
    #[default]
    Json,
    /// Text for people
    Text,
    /// For RancherOS and BurmillaOS: what a card that is made anew needs
    CloudConfig,
}

impl cluster::edge::Format for Format {}

impl Tool for Cli {
    const NAME: &'static str = "pi-dockerroot";
    const EXAMPLES: &'static str = EXAMPLES;
    const SYSTEMS: &'static [(&'static str, &'static str)] = &[
        (
            "raspios, ubuntu, debian",
            "daemon.json, a flag where one stands, or a mount; systemd, a sysvinit script, or commands",
        ),
        (
            "rancheros, burmillaos",
            "ros config, system-docker; not tried on a real one",
        ),
    ];
    const SECTIONS: &'static [Section] = &[Section::Nodes];
    type Format = Format;
    type Answer = Answer;

    fn common(&self) -> &Common<Format> {
        &self.common
    }

    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
        if let Some(request) = self.tree()? {
            return crate::tree(&request, self.progress);
        }
        nodes::run(self, &input)
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(render::text(verdict))
    }

    fn artefacts(&self, verdict: &Verdict<Answer>) -> anyhow::Result<Vec<Artefact>> {
        render::cloud_configs(&verdict.answer)
    }
}

impl Cli {
    /// What is asked for a tree; `None` without `--tree`.
    fn tree(&self) -> anyhow::Result<Option<Request>> {
        let (true, Some(from), Some(to)) = (self.tree, &self.from, &self.to) else {
            return Ok(None);
        };
        let root = self.node.root()?;
        if !root.is_system() {
            let problem =
                "--tree takes the paths of --from and --to as they are, without --sysroot";
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        let node = match &self.node.node {
            Some(node) => node.to_string(),
            None => host_name(&root).unwrap_or_else(|| "node".to_owned()),
        };
        Ok(Some(Request {
            node,
            from: from.clone(),
            to: to.clone(),
            apply: self.node.apply,
            verify: self.verify,
            overlay: self.overlay,
            update: self.update,
            follow_source: self.follow_source,
        }))
    }

    /// What is to be done with an engine.
    pub(crate) fn wanted(&self) -> Wanted {
        if self.check {
            Wanted::Check
        } else if self.finish {
            Wanted::Finish
        } else if self.rollback {
            Wanted::Rollback {
                copy_back: self.copy_back,
                discard: self.discard,
            }
        } else {
            Wanted::Move
        }
    }

    /// Whether what is asked for is about cards that are made anew.
    pub(crate) fn is_for_new_cards(&self) -> bool {
        self.common.format == Format::CloudConfig
    }

    /// Whether a flag is part of a request.
    pub(crate) fn requests(&self) -> bool {
        self.engine.is_some()
            || self.from.is_some()
            || self.to.is_some()
            || self.how.is_some()
            || self.stop_command.is_some()
            || self.any_folder
    }
}
