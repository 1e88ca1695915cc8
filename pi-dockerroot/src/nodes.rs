//! Which node a run is about.

use crate::answer::{About, Answer};
use crate::cli::Cli;
use crate::engine::answer::Node as NodeAnswer;
use crate::engine::job::Wanted;
use anyhow::Context;
use cluster::edge::node::{host_name, identity, not_a_node};
use cluster::edge::nodes::Earlier;
use cluster::edge::{Input, Usage};
use cluster::finding::Finding;
use cluster::inventory::Node;
use cluster::name::Label;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

mod wish;

use wish::{Partitioned, Wish};

/// Plans for every node that is asked for, or acts on this one.
pub fn run(arguments: &Cli, input: &Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let root = arguments.node.root()?;
    let earlier = Earlier::of(input.document, "pi_dockerroot")?;
    let partitioned: Partitioned = answer_of(input, "pi_partition")?;
    let nodes = &input.inventory.nodes;
    // Without a document there is none to choose from, and --node is only a name.
    let chosen = match arguments.common.null_input {
        true => None,
        false => arguments.node.choose(nodes, &root)?,
    };
    let host = host_name(&root).unwrap_or_else(|| "node".to_owned());
    let here = chosen.is_some_and(|node| node.name.as_str() == host)
        || (nodes.is_empty() && partitioned.nodes.contains_key(&host));
    let mut found = Found::default();
    let wish = |node, name| Wish {
        arguments,
        node,
        partitioned: partitioned.nodes.get(name),
        name,
    };
    if here
        || arguments.common.null_input
        || arguments.node.apply
        || arguments.wanted() != Wanted::Move
    {
        right_machine(arguments, nodes, chosen, &host)?;
        let named = chosen
            .map(|node| &node.name)
            .or(arguments.node.node.as_ref());
        let name = named.map_or(host.as_str(), Label::as_str);
        if let Some(node) = chosen.filter(|_| arguments.node.apply) {
            found.findings.extend(identity(node, &root));
        }
        let outcome = wish(chosen, name).local(&root, &earlier, &mut found.findings)?;
        found.add(name, outcome);
    } else {
        let only = arguments.node.node.as_ref();
        for node in nodes {
            if only.is_some_and(|name| node.name != *name) {
                continue;
            }
            let name = node.name.as_str();
            found.add(name, wish(Some(node), name).elsewhere());
        }
    }
    let Found {
        answers,
        mut findings,
    } = found;
    Ok((join(answers, earlier, &mut findings), findings))
}

/// What was found of the nodes so far.
#[derive(Default)]
struct Found {
    answers: BTreeMap<String, About>,
    findings: Vec<Finding>,
}

impl Found {
    fn add(&mut self, name: &str, (answer, findings): (NodeAnswer, Vec<Finding>)) {
        self.findings.extend(findings);
        self.answers
            .insert(name.to_owned(), About::Engine(Box::new(answer)));
    }
}

/// A tool's answer in the document.
fn answer_of<T: DeserializeOwned + Default>(input: &Input<'_>, key: &str) -> anyhow::Result<T> {
    let answer = input.document.answer(key).context("reading the document")?;
    Ok(answer.unwrap_or_default())
}

/// Whoever acts has to be on the machine that is meant.
fn right_machine(
    arguments: &Cli,
    nodes: &[Node],
    chosen: Option<&Node>,
    host: &str,
) -> anyhow::Result<()> {
    let usage = |problem: String| Err(Usage::new(problem)).context("reading the arguments");
    if arguments.node.apply && arguments.node.sysroot != Path::new("/") {
        return usage(
            "--apply needs the machine itself, and --sysroot is another's disk".to_owned(),
        );
    }
    match chosen {
        Some(node) if node.name.as_str() != host && arguments.node.sysroot == Path::new("/") => {
            usage(format!(
                "this machine's name is {host:?}, and {:?} was asked for",
                node.name.as_str()
            ))
        }
        None if !nodes.is_empty() => Err(not_a_node(host)).context("reading the arguments"),
        _ => Ok(()),
    }
}

fn join(answers: BTreeMap<String, About>, earlier: Earlier, findings: &mut Vec<Finding>) -> Answer {
    let known = answers.values().all(|node| node.pending().is_some());
    let pending = answers.values().any(|node| node.pending() == Some(true));
    let changed = answers.values().any(About::changed);
    let (nodes, kept) = earlier.join(answers, "dockerroot-kept-answer", findings);
    Answer {
        pending: known.then_some(pending || kept),
        changed,
        nodes,
    }
}
