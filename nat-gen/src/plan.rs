//! From what was asked for to the firewall, or to the reasons why not. Pure.

use crate::answer::Answer;
use crate::firewall::{Action, Firewall, Role, Rule};
use crate::forward::Forward;
use crate::ports::{MAX_ITEMS, Ports};
use crate::refuse;
use crate::reserved::Reserved;
use crate::routeros::Names;
use crate::site::Site;
use cluster::finding::{self, Finding};
use cluster::inventory::Protocol;
use std::net::IpAddr;

/// The answer for these forwardings. `asked` are the findings that came with them; an error among them is a no too.
pub fn plan(
    mut forwards: Vec<Forward>,
    asked: Vec<Finding>,
    site: Site,
    reserved: &[Reserved],
) -> (Answer, Vec<Finding>) {
    forwards.sort_by(|a, b| order(a).cmp(&order(b)));
    let mut findings = asked;
    findings.extend(refuse::check(&forwards, &site, reserved));
    findings.extend(worth_knowing(&forwards, &site));
    let mut firewall = Firewall::default();
    if finding::ok(&findings) {
        firewall = Firewall::new(&forwards, &site);
        findings.extend(faults(&firewall));
    }
    let good = finding::ok(&findings);
    let base = Names::new(&site.cluster, &firewall).base().to_owned();
    let answer = Answer {
        digest: good.then(|| firewall.digest.clone()),
        chain: good.then_some(base),
        rules: forwards,
        site,
        firewall,
        requests: Vec::new(),
    };
    (answer, findings)
}

fn order(forward: &Forward) -> impl Ord {
    (
        forward.protocol,
        forward.port,
        forward.to_address,
        forward.to_port,
        forward.name.clone(),
    )
}

/// What no forwarding is to blame for and people ask about later.
fn worth_knowing(forwards: &[Forward], site: &Site) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(router), Some(lan)) = (site.router, site.lan)
        && site.login().is_none()
        && !forwards.is_empty()
    {
        let message = format!("the router's address {router} is not in the local network {lan}");
        findings.push(
            Finding::warning("nat-router-outside-lan", "router", message)
                .fix("name its address in the nodes' network in router.address, others in router.other_addresses"),
        );
    }
    if forwards
        .iter()
        .any(|f| f.protocol == Protocol::Udp && f.to_address.is_ipv4())
    {
        findings.push(
            Finding::info(
                "nat-udp-keeps-target",
                "udp",
                "when a UDP target changes, clients that keep sending stay with the old one",
            )
            .fix("let the script end those connections: -f rsc --drop-udp"),
        );
    }
    if !site.default_firewall && forwards.iter().any(|f| f.to_address.is_ipv4()) {
        findings.push(Finding::info(
            "nat-filter-rule",
            "router",
            "without the router's default firewall a filter rule lets the translated connections in; connections that FastTrack already carries pass no filter rule until they close",
        ));
    }
    findings
}

/// What must never be in a firewall, whoever made it: the last look before it is rendered. No parser of RouterOS's language
/// checks these.
pub fn faults(firewall: &Firewall) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (role, rules) in &firewall.chains {
        for rule in rules {
            let Some(problem) = problem(*role, rule) else {
                continue;
            };
            findings.push(Finding::error(
                "nat-rule-unsafe",
                rule.to_string(),
                format!("the rule {problem}; this is an error in nat-gen"),
            ));
        }
    }
    findings
}

fn problem(role: Role, rule: &Rule) -> Option<&'static str> {
    let translates = matches!(
        rule.action,
        Action::DstNat(..) | Action::Masquerade | Action::Accept
    );
    let anywhere = !rule.to_router && rule.destination.is_none();
    let items: usize = rule.ports.iter().map(|range| range.items()).sum();
    let wrong = |range: &Ports| range.first == 0 || range.first > range.last;
    let of_family = |address: IpAddr| address.is_ipv6() == (role == Role::Accept6);
    let addresses = [rule.source.map(|net| net.addr()), rule.destination];
    if !addresses.into_iter().flatten().all(of_family) {
        Some("matches an address of another family than its chain")
    } else if translates && anywhere {
        Some(
            "has no destination match: it would take connections that only pass through the router",
        )
    } else if translates && (rule.protocol.is_none() || rule.ports.is_empty()) {
        Some("has no port match: it would take every connection")
    } else if items > MAX_ITEMS {
        Some("has more ports than a rule holds")
    } else if rule.ports.iter().any(wrong) || matches!(rule.action, Action::DstNat(_, Some(0))) {
        Some("has a port that is none")
    } else {
        None
    }
}
