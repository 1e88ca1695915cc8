//! The command line.

use crate::answer::{Answer, Node};
use crate::progress::Show;
use crate::render;
use crate::request::Request;
use anyhow::Context;
use clap::{Parser, ValueEnum};
use cluster::edge::{Common, Form, Input, Tool, Usage, Verdict};
use cluster::finding::Finding;
use cluster::inventory::Section;
use cluster::name::Label;
use std::collections::BTreeMap;
use std::path::PathBuf;

const EXAMPLES: &str = "\
  What would a copy of this tree take, and does it fit?
    pi-dockerroot -n --tree --from /var/lib/docker --to /mnt/docker -f text

  Copy it, and then read everything back and compare
    pi-dockerroot -n --tree --from /srv/a --to /mnt/b --apply --verify

  Make an earlier copy equal again: changed, new, deleted
    pi-dockerroot -n --tree --from /srv/a --to /mnt/b --update --apply

  Do containers see the same images in both?
    pi-dockerroot -n --tree --from /var/lib/docker --to /mnt/docker \\
      --verify --overlay

  Progress for a program
    pi-dockerroot -n --tree --from /srv/a --to /mnt/b --apply \\
      --progress json 2>&1 >/dev/null | jq .left_s

What must be preserved is: holes, hard links, owners, modes, times, symbolic
links, devices, FIFOs, sockets, all extended attributes, access lists,
capabilities, chattr flags and project ids.";

/// Copy a container data root to another file system, whole, and prove it
#[derive(Debug, Parser)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Copy or compare any tree of files; no engine is asked or stopped
    #[arg(long, requires_all = ["from", "to"])]
    tree: bool,
    /// The folder to copy
    #[arg(long, value_name = "FOLDER", requires = "tree")]
    from: Option<PathBuf>,
    /// The folder that becomes its copy
    #[arg(long, value_name = "FOLDER", requires = "tree")]
    to: Option<PathBuf>,
    /// Copy; without it nothing is changed
    #[arg(long, requires = "tree")]
    apply: bool,
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
    /// The node whose answer this is; default: the host name
    #[arg(long, value_name = "NAME")]
    node: Option<Label>,
    /// Whether and how progress is shown on standard error
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    progress: Show,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The document with the key pi_dockerroot
    #[default]
    Json,
    /// Text for people
    Text,
}

impl Tool for Arguments {
    const NAME: &'static str = "pi-dockerroot";
    const EXAMPLES: &'static str = EXAMPLES;
    const SECTIONS: &'static [Section] = &[Section::Nodes];
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
        if let Some(request) = self.request()? {
            return crate::tree(&request, self.progress);
        }
        if self.common.null_input {
            let problem = "without a document --tree, --from and --to are needed".to_owned();
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        Ok(document(&input))
    }

    fn text(&self, verdict: &Verdict<Answer>) -> anyhow::Result<String> {
        Ok(render::text(verdict))
    }
}

impl Arguments {
    /// What is asked for a tree; `None` without `--tree`.
    fn request(&self) -> anyhow::Result<Option<Request>> {
        let (true, Some(from), Some(to)) = (self.tree, &self.from, &self.to) else {
            return Ok(None);
        };
        let node = match &self.node {
            Some(node) => node.to_string(),
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")
                .context("reading the host name")?
                .trim()
                .to_owned(),
        };
        Ok(Some(Request {
            node,
            from: from.clone(),
            to: to.clone(),
            apply: self.apply,
            verify: self.verify,
            overlay: self.overlay,
            update: self.update,
            follow_source: self.follow_source,
        }))
    }
}

/// The answer from a document alone: which folder would move where.
fn document(input: &Input<'_>) -> (Answer, Vec<Finding>) {
    let mut nodes = BTreeMap::new();
    for node in &input.inventory.nodes {
        let docker = |label: Option<&str>| label == Some("docker");
        let partition = node
            .partitions
            .iter()
            .find(|partition| docker(partition.label.as_ref().map(|label| label.as_str())));
        let to = partition.and_then(|partition| partition.mount.as_ref());
        let answer = Node {
            from: to.map(|_| "/var/lib/docker".to_owned()),
            to: to.map(ToString::to_string),
            plan: None,
            result: None,
            verified: None,
        };
        nodes.insert(node.name.to_string(), answer);
    }
    let message =
        "moving an engine's root is not built yet: this version copies and verifies trees";
    let fix = "pi-dockerroot --tree --from FOLDER --to FOLDER, with the engine stopped";
    let finding = Finding::info("engine-not-built", "pi-dockerroot", message).fix(fix);
    (
        Answer {
            pending: None,
            changed: false,
            nodes,
        },
        vec![finding],
    )
}
