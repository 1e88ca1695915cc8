//! The number of servers, their versions, their disks, their systems.

use crate::keys::TABLE_MINOR;
use crate::platform::os_name;
use crate::request::Request;
use crate::roles::{Part, carries_etcd, on_wifi};
use crate::version::Version;
use cluster::finding::Finding;
use cluster::inventory::{Node, Role};
use serde_json::json;

/// Kubelets may be this many minor versions older than the API server (Kubernetes' version skew policy, since 1.28).
const SKEW: u32 = 3;

/// How many of `servers` must be up, and how many may fail.
pub fn quorum(servers: usize) -> (usize, usize) {
    let quorum = servers / 2 + 1;
    (quorum, servers.saturating_sub(quorum))
}

/// What speaks against the servers.
pub fn findings(request: &Request, parts: &[Part]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let nodes = request.nodes();
    if nodes.is_empty() {
        findings.push(
            Finding::warning(
                "k3s-no-nodes",
                "nodes",
                "the document has no nodes: there is nothing to plan",
            )
            .fix("name them in `nodes`, or pipe in [{\"hostname\": …, \"ip\": …}]"),
        );
        return findings;
    }
    let servers = servers(parts);
    findings.extend(number(request, &servers));
    findings.extend(versions(request, &servers));
    for (index, node) in nodes.iter().enumerate() {
        findings.extend(system(node));
        if servers.contains(&index) {
            findings.extend(hardware(request, node, servers.len()));
        }
    }
    findings
}

/// The places of the servers.
pub fn servers(parts: &[Part]) -> Vec<usize> {
    let all = 0..parts.len();
    all.filter(|at| parts[*at].role == Role::Server).collect()
}

fn number(request: &Request, servers: &[usize]) -> Option<Finding> {
    let count = servers.len();
    if count == 0 {
        return Some(
            Finding::error(
                "k3s-no-server",
                "nodes",
                "every node is an agent, and agents join a server",
            )
            .fix("give one node the role server, or leave a role out"),
        );
    }
    // With a datastore of its own any number of servers does.
    if !count.is_multiple_of(2) || request.external_datastore() {
        return None;
    }
    let (quorum, tolerates) = quorum(count);
    let fails = match tolerates {
        0 => "the cluster stops when either one fails".to_owned(),
        more => format!("{more} may fail"),
    };
    let message = format!(
        "{count} servers need {quorum} of {count} for a quorum (more than half), so {fails}; that is no better than with {}, and one more can fail: take 1, 3 or 5",
        count - 1
    );
    let names: Vec<&str> = servers
        .iter()
        .map(|at| request.nodes()[*at].name.as_str())
        .collect();
    Some(
        Finding::error("k3s-servers-even", "nodes", message)
            .fix(format!(
                "make one of {} an agent, or another node a server",
                names.join(", ")
            ))
            .evidence(json!({"servers": names, "quorum": quorum, "tolerates": tolerates})),
    )
}

fn versions(request: &Request, servers: &[usize]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let all = 0..request.nodes().len();
    if all.clone().any(|at| request.version_on(at).is_none()) {
        findings.push(
            Finding::warning(
                "k3s-version-missing",
                "k3s",
                "no version is named: each node gets what is stable on the day it joins, and they may differ",
            )
            .fix("name one in k3s.version, such as \"v1.33.4+k3s1\""),
        );
    }
    let known = servers.iter().filter_map(|at| request.version_on(*at));
    let (Some(oldest), Some(newest)) = (known.clone().min(), known.max()) else {
        return findings;
    };
    if newest.minor != oldest.minor || newest.major != oldest.major {
        let message = format!(
            "servers of {oldest} and {newest}: upgrade one after the other, never past a minor version, and let none stay behind"
        );
        findings.push(Finding::warning("k3s-version-servers", "k3s", message));
    }
    for at in all.filter(|at| !servers.contains(at)) {
        findings.extend(skew(request, at, oldest));
    }
    if oldest.minor.abs_diff(TABLE_MINOR) > 2 {
        let message = format!(
            "the configuration keys that are known here are those of 1.{TABLE_MINOR}; {oldest} may know others"
        );
        findings.push(Finding::info("k3s-version-far", "k3s", message));
    }
    findings
}

fn skew(request: &Request, at: usize, oldest: &Version) -> Option<Finding> {
    let name = request.nodes()[at].name.as_str();
    let agent = request.version_on(at)?;
    if agent.is_newer_minor(oldest) {
        let message = format!(
            "the agent's {agent} is newer than the server's {oldest}, which Kubernetes does not support"
        );
        return Some(
            Finding::error("k3s-version-skew", name, message)
                .fix("upgrade the servers first, then the agents"),
        );
    }
    let behind = oldest.minor.saturating_sub(agent.minor);
    (behind > SKEW).then(|| {
        let message = format!(
            "the agent's {agent} is {behind} minor versions behind the server's {oldest}; Kubernetes supports {SKEW}"
        );
        Finding::error("k3s-version-skew", name, message).fix("upgrade the agent")
    })
}

fn system(node: &Node) -> Option<Finding> {
    let platform = Request::platform(node);
    let name = node.name.as_str();
    if platform.is_rancher() {
        let message = format!(
            "{} has no systemd and an old kernel: K3s is planned as a container of its own (cloud-config), which nobody has proven on a Pi",
            os_name(node.os)
        );
        return Some(
            Finding::warning("k3s-os-unproven", name, message)
                .fix("Raspberry Pi OS Lite or Ubuntu Server (64 bit) on this node: set nodes[].os to raspios or ubuntu"),
        );
    }
    node.os.is_none().then(|| {
        Finding::warning(
            "k3s-os-unknown",
            name,
            "the operating system is not known: planned as for systemd, and where the kernel's command line stands is not said",
        )
        .fix("name it in nodes[].os")
    })
}

fn hardware(request: &Request, node: &Node, servers: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = node.name.as_str();
    if on_wifi(request, node) {
        findings.push(
            Finding::warning(
                "k3s-server-on-wifi",
                name,
                "a server whose address is on Wi-Fi: when the radio is gone, so is the cluster",
            )
            .fix("give its address to the wired interface, or let a wired node be the server"),
        );
    }
    let card = node.disk.is_some() && !carries_etcd(node);
    if card && servers > 1 && !request.external_datastore() {
        findings.push(
            Finding::warning(
                "k3s-etcd-on-card",
                name,
                "etcd on a card: K3s's manual says that SD cards and eMMC cannot carry it; it gets slow, loses its leader, and wears the card out",
            )
            .fix("start the servers from a USB disk or NVMe, or take one server, which uses SQLite"),
        );
    }
    findings
}
