//! The job on one page: which disks, observe, plan, and with `--apply` act.

use crate::answer::{Answer, NodeAnswer};
use crate::cli::Cli;
use crate::plan::{self, Planned};
use crate::report;
use crate::state::NodeState;
use cluster::edge::Input;
use cluster::edge::node::identity;
use cluster::edge::nodes::Earlier;
use cluster::finding::{self, Finding};
use cluster::inventory::Node;
use cluster::root::Root;
use serde_json::Value;
use std::collections::BTreeMap;

mod left;
mod local;
mod reviewed;

use local::local;

/// Plans for every node that is asked for, or acts on one.
pub fn run(cli: &Cli, input: &Input<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let root = cli.node.root()?;
    let nodes = &input.inventory.nodes;
    let earlier = Earlier::of(input.document, "pi_partition")?;
    let mut findings = Vec::new();
    let mut answers = BTreeMap::new();
    match local(cli, &root, nodes, &earlier, input.document)? {
        Some((local, node)) => {
            if cli.node.apply {
                findings.extend(node.map(|node| identity(node, &root)).unwrap_or_default());
            }
            let (answer, more) = if finding::ok(&findings) {
                local.run()?
            } else {
                (NodeAnswer::unknown(&local.request), Vec::new())
            };
            findings.extend(more);
            answers.insert(local.name, answer);
        }
        None => {
            for node in elsewhere(cli, nodes, &root)? {
                let (answer, more) = plan_elsewhere(cli, node)?;
                findings.extend(more);
                answers.insert(node.name.as_str().to_owned(), answer);
            }
        }
    }
    Ok((join(answers, earlier, &mut findings), findings))
}

/// The nodes that a laptop plans for.
fn elsewhere<'a>(cli: &Cli, nodes: &'a [Node], root: &Root) -> anyhow::Result<Vec<&'a Node>> {
    Ok(match cli.node.node {
        Some(_) => cli.node.choose(nodes, root)?.into_iter().collect(),
        None => nodes.iter().collect(),
    })
}

fn plan_elsewhere(cli: &Cli, node: &Node) -> anyhow::Result<(NodeAnswer, Vec<Finding>)> {
    let mut copy = cli.clone();
    // A report of an image names it in a way that no `disk.device` can.
    let declared = node.disk.as_ref().map(|disk| disk.device.to_string());
    copy.disk = Some(declared.unwrap_or_else(|| reported_device(node)).into());
    let request = copy.request(Some(node))?;
    if request.partitions.is_empty() && node.observed.is_none() {
        return Ok((NodeAnswer::unknown(&request).nothing(), Vec::new()));
    }
    let request = match node.partitions.is_empty() && !cli.wishes() {
        true => copy.request(None)?,
        false => request,
    };
    let disk = match report::disk(node, &request)? {
        Ok(disk) => disk,
        Err(finding) => return Ok((NodeAnswer::unknown(&request), vec![finding])),
    };
    let name = node.name.as_str();
    let Planned {
        answer, findings, ..
    } = plan::plan(name, &request, &disk, &NodeState::default());
    Ok((answer, of_node(name, findings)))
}

fn reported_device(node: &Node) -> String {
    let observed = node.observed.as_ref().map_or("null", |raw| raw.get());
    let value: Value = serde_json::from_str(observed).unwrap_or_default();
    let device = value["sfdisk"]["partitiontable"]["device"].as_str();
    device.unwrap_or("/dev/mmcblk0").to_owned()
}

/// With several nodes, a finding about `/dev/mmcblk0` has to say whose.
fn of_node(name: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let named = findings.into_iter().map(|mut finding| {
        if !finding.subject.starts_with(name) {
            finding.subject = format!("{name} {}", finding.subject);
        }
        finding
    });
    named.collect()
}

fn join(
    answers: BTreeMap<String, NodeAnswer>,
    earlier: Earlier,
    findings: &mut Vec<Finding>,
) -> Answer {
    let pending = answers.values().any(|node| node.pending);
    let changed = answers.values().any(|node| node.changed);
    let (nodes, kept) = earlier.join(answers, "partition-kept-answer", findings);
    Answer {
        pending: pending || kept,
        changed,
        nodes,
    }
}
