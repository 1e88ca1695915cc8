//! Text for people.

use super::{chosen, remove};
use crate::answer::{Answer, Ha, NodeAnswer};
use crate::ca::CaAnswer;
use crate::platform::os_name;
use cluster::edge::{Verdict, findings_text};
use cluster::name::{Label, escape_controls};
use std::fmt::Write;

/// Servers and agents in the order in which they join and why, what the number of servers means, ports, and what was
/// noticed.
pub fn text(verdict: &Verdict<Answer>, node: Option<&Label>) -> String {
    let answer = &verdict.answer;
    let mut out = String::new();
    if let Some((name, report)) = answer.report() {
        out.push_str(&crate::here::text(name, report));
    } else if let Some(ca) = &answer.ca {
        authorities(&mut out, ca);
    } else if let Some(removal) = &answer.removal {
        let _ = writeln!(
            out,
            "{} leaves; {} left, {} of them may fail",
            removal.node,
            servers(removal.servers_left),
            removal.tolerates
        );
        for (index, step) in removal.steps.iter().enumerate() {
            let _ = writeln!(
                out,
                "{:3}. {}\n     {}",
                index + 1,
                remove::command(removal, step),
                step.why
            );
        }
    } else {
        plan(&mut out, answer, node);
    }
    if !verdict.findings.is_empty() {
        out.push('\n');
        out.push_str(&findings_text(&verdict.findings));
    }
    out
}

fn servers(count: usize) -> String {
    match count {
        1 => "1 server".to_owned(),
        more => format!("{more} servers"),
    }
}

fn plan(out: &mut String, answer: &Answer, node: Option<&Label>) {
    // Writing to a String cannot fail.
    if let Some(ha) = &answer.ha {
        let agents = answer.plans().count() - ha.servers;
        let plural = if agents == 1 { "" } else { "s" };
        let _ = writeln!(
            out,
            "{} and {agents} agent{plural}: {}",
            servers(ha.servers),
            meaning(ha)
        );
        match &ha.ca_sha256 {
            Some(hash) => _ = writeln!(out, "Tokens pin the CA {hash}"),
            None => out.push_str("Tokens pin no CA: K3s makes its own at its first start\n"),
        }
    }
    let nodes = chosen(answer, node);
    if !nodes.is_empty() {
        out.push_str("\nIn this order, the next when the one before is ready:\n");
        table(out, &nodes);
    }
    ports(out, answer);
    if !answer.service_addresses.is_empty() {
        let all: Vec<String> = answer
            .service_addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        let _ = writeln!(
            out,
            "\nServices of type LoadBalancer answer at {}",
            all.join(", ")
        );
    }
    if let Some(storage) = &answer.storage {
        let _ = writeln!(
            out,
            "Volumes come from {} at {}: {}",
            storage.volume, storage.mount, storage.manifest
        );
    }
}

fn ports(out: &mut String, answer: &Answer) {
    if !answer.ports.is_empty() {
        out.push_str("\nPorts:\n");
    }
    for port in &answer.ports {
        let range = match port.first == port.last {
            true => port.first.to_string(),
            false => format!("{}-{}", port.first, port.last),
        };
        let _ = writeln!(
            out,
            "  {} {range:11}  from {:7}  to {:7}  {}",
            port.protocol, port.from, port.on, port.what
        );
    }
}

fn meaning(ha: &Ha) -> String {
    match (ha.datastore, ha.tolerates) {
        ("sqlite", _) => {
            "when the server fails, what runs goes on and nothing new starts".to_owned()
        }
        ("external", _) => "their state is in a datastore outside the cluster".to_owned(),
        (_, 0) => "the cluster stops when any server fails".to_owned(),
        (_, more) => format!("{more} of the servers may fail"),
    }
}

fn table(out: &mut String, nodes: &[(&str, &NodeAnswer)]) {
    let rows: Vec<[String; 5]> = nodes
        .iter()
        .map(|(name, node)| {
            let address = node.request.address.map(|address| address.to_string());
            let os = [
                os_name(node.request.os),
                node.request.os_release.as_deref().unwrap_or_default(),
            ];
            [
                (*name).to_owned(),
                node.role.as_str().to_owned(),
                address.unwrap_or_else(|| "?".to_owned()),
                escape_controls(os.join(" ").trim_end()).into_owned(),
                node.why.clone(),
            ]
        })
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), width(3)];
    for [name, role, address, os, why] in &rows {
        let _ = writeln!(
            out,
            "  {name:0$}  {role:1$}  {address:2$}  {os:3$}  {why}",
            widths[0], widths[1], widths[2], widths[3]
        );
    }
    kernel(out, nodes);
}

/// What the kernel's command line needs, each case once.
fn kernel(out: &mut String, nodes: &[(&str, &NodeAnswer)]) {
    let mut said: Vec<String> = Vec::new();
    for (_, node) in nodes {
        let line = &node.kernel_command_line;
        if !line.add.is_empty() {
            let text = format!(
                "Kernel: {} in {}",
                line.add.join(" "),
                line.paths.join(" or ")
            );
            if !said.contains(&text) {
                said.push(text);
            }
        }
    }
    for line in said {
        let _ = writeln!(out, "  {line}");
    }
}

fn authorities(out: &mut String, ca: &CaAnswer) {
    let _ = writeln!(
        out,
        "Certificate authorities in {}\n\nTokens pin {}",
        escape_controls(&ca.folder),
        ca.sha256
    );
    let _ = writeln!(
        out,
        "  server  {}PASSWORD\n  agent   {}PASSWORD",
        ca.server_token_prefix, ca.agent_token_prefix
    );
    let _ = writeln!(out, "\nkubeconfig is for {}\n", ca.server);
    for certificate in &ca.certificates {
        let _ = writeln!(
            out,
            "  {:21}  {} to {}  {}",
            certificate.file, certificate.not_before, certificate.not_after, certificate.subject
        );
    }
}
