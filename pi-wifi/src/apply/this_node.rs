//! What is planned for this machine: its node, its stack, and whether that is what the document's plan says.

use crate::answer::NodeAnswer;
use crate::job::Job;
use crate::owner;
use crate::stack::{NetplanVersion, Stack};
use anyhow::Context;
use cluster::command::Command;
use cluster::edge::Usage;
use cluster::edge::node::{host_name, not_a_node};
use cluster::finding::Finding;
use cluster::inventory::Node;
use cluster::run::told;
use serde_json::Value;

/// The node of the document that this machine is.
pub(super) fn chosen<'a>(job: &'a Job<'_>) -> anyhow::Result<Option<&'a Node>> {
    let nodes = &job.inventory.nodes;
    let chosen = job.cli.node.choose(nodes, job.root)?;
    let host = host_name(job.root).unwrap_or_default();
    let wrong = match chosen {
        None if !nodes.is_empty() => not_a_node(&host),
        Some(node) if node.name.as_str() != host => Usage::new(format!(
            "--apply acts on this machine, whose name is {host:?}, and not on {}",
            node.name
        )),
        _ => return Ok(chosen),
    };
    Err(wrong).context("reading the arguments")
}

/// The arguments with the stack that this node has, where none was named.
pub(super) fn on_this_node(
    job: &Job<'_>,
    given: Option<&Value>,
    interface: &str,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<crate::cli::Cli> {
    let mut cli = job.cli.clone();
    let planned = given.and_then(|given| given.pointer("/request/stack"));
    let planned: Option<Stack> = planned
        .map(|stack| {
            serde_json::from_value(stack.clone()).context("reading the plan in the document")
        })
        .transpose()?;
    cli.stack = planned.or(cli.stack);
    if !job.root.is_system() {
        return Ok(cli);
    }
    let owner = owner::find(job.root, interface);
    if owner.name == "iwd" {
        let message = "iwd configures this interface, and this program knows no way through it";
        findings.push(
            Finding::error("wifi-owner-iwd", interface, message)
                .fix("systemctl disable --now iwd, and run it again"),
        );
    }
    match (cli.stack, owner.stack) {
        (None, found) => cli.stack = found,
        (Some(Stack::CloudConfig), _) | (_, None) => {}
        (Some(wanted), Some(found)) if wanted == found => {}
        (Some(wanted), Some(found)) => {
            let message = format!(
                "{} configures {interface} ({}), and the plan is for {}",
                owner.name,
                found.as_str(),
                wanted.as_str()
            );
            let fix = format!(
                "give --stack {}, or have the other one give the interface up",
                found.as_str()
            );
            findings.push(Finding::error("wifi-owner-differs", interface, message).fix(fix));
        }
    }
    if cli.stack == Some(Stack::Netplan) && cli.netplan_version.is_none() {
        cli.netplan_version = netplan();
    }
    Ok(cli)
}

fn netplan() -> Option<NetplanVersion> {
    let asked = Command::new("dpkg-query")
        .args(["-W", "-f", "${Version}", "netplan.io"])
        .run()
        .ok()?;
    String::from_utf8_lossy(&asked).parse().ok()
}

/// What was reviewed is what happens.
pub(super) fn differs(own: &NodeAnswer, mut given: Value) -> Option<Finding> {
    let mut own = serde_json::to_value(own).unwrap_or_default();
    for value in [&mut own, &mut given] {
        for field in ["ok", "pending", "changed", "check"] {
            value.as_object_mut().map(|object| object.remove(field));
        }
    }
    told::differs("wifi-plan-differs", "pi_wifi", &own, &given)
}
