//! Expose cluster services through the router, as a script that can be imported twice.
//!
//! The job: the document's `expose`, or what `kubectl` prints ([`services`]), becomes a list of [`forward`]ings; what speaks
//! against one is [`refuse`]d; the rest becomes one [`firewall`] model, whose chains are named by their content; and each
//! of the [`render`]ings writes that model down. All of it is pure.

pub mod answer;
pub mod cli;
pub mod expose;
pub mod firewall;
pub mod forward;
pub mod kubectl;
pub mod plan;
pub mod ports;
pub mod refuse;
pub mod render;
pub mod request;
pub mod reserved;
pub mod routeros;
pub mod rules;
pub mod selection;
pub mod services;
pub mod site;
pub mod view;
pub mod ways;

use answer::Answer;
use anyhow::Context;
use cluster::document::Document;
use cluster::edge::Input;
use cluster::finding::{self, Finding, used_and_no};
use cluster::inventory::LoadBalancerKind;
use cluster::pool::Pool;
use forward::Forward;
use render::{metallb, nft, rest, rsc};
use request::{Purpose, Request};
use reserved::{GLUSTER, GlusterPlan, K3S, Reserved};
use site::Site;
use std::net::IpAddr;

/// The answer and what was noticed.
///
/// # Errors
/// Input that is not valid.
pub fn answer(input: &Input<'_>, request: &Request<'_>) -> anyhow::Result<(Answer, Vec<Finding>)> {
    let site = Site::read(&input.inventory).context("reading the document")?;
    match &request.purpose {
        Purpose::Remove => return Ok(plan::plan(Vec::new(), Vec::new(), site, &[])),
        Purpose::Pool => {
            let findings = metallb::faults(&site);
            return Ok(plan::plan(Vec::new(), findings, site, &[]));
        }
        Purpose::Forward | Purpose::Nft(_) | Purpose::Rest(_) => {}
    }
    let (forwards, mut asked) = forwards(input, request, &site)?;
    if let Purpose::Nft(interfaces) = &request.purpose {
        asked.extend(nft::faults(&site, interfaces));
    }
    let reserved = reserved(input.document, request, &site, &mut asked)?;
    let (mut answer, mut findings) = plan::plan(forwards, asked, site, &reserved);
    if let Purpose::Rest(state) = &request.purpose
        && finding::ok(&findings)
    {
        let hooks = rsc::hooks(answer.site.routeros, answer.site.lan_ipv6.is_some());
        match rest::plan(state, &answer.firewall, &answer.names(), &hooks) {
            Ok(requests) => answer.requests = requests,
            Err(finding) => findings.push(*finding),
        }
    }
    Ok((answer, findings))
}

/// What is to be forwarded, from kubectl's services or from the document.
fn forwards(
    input: &Input<'_>,
    request: &Request<'_>,
    site: &Site,
) -> anyhow::Result<(Vec<Forward>, Vec<Finding>)> {
    let expose = &input.inventory.expose;
    let Some(printed) = request.services else {
        let mut findings = Vec::new();
        let default = default_target(input.document, site, &mut findings)?;
        let (forwards, more) = expose::forwards(expose, default);
        let taken = expose.iter().any(|entry| entry.to_address.is_none());
        findings.retain(|_| taken);
        findings.extend(more);
        return Ok((forwards, findings));
    };
    let services = kubectl::parse(printed).context("reading the services")?;
    let chosen =
        services::choose(&services, &request.selection, site).context("reading the services")?;
    let mut findings = chosen.findings;
    if !expose.is_empty() {
        let message = format!(
            "the services come from kubectl; the document's {} entries are not used",
            expose.len()
        );
        findings.push(Finding::info("nat-expose-not-used", "expose", message));
    }
    Ok((chosen.forwards, findings))
}

/// Where an entry without an address goes: to k3s-join's service addresses, else to the load balancer's.
fn default_target(
    document: &Document,
    site: &Site,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<Option<IpAddr>> {
    let joined: Option<expose::K3sJoin> = document
        .answer("k3s_join")
        .context("reading k3s-join's answer")?;
    if let Some(first) = joined.and_then(|joined| joined.service_addresses.first().copied()) {
        findings.extend(used_and_no(document, "k3s_join", "nat-answer-not-ok"));
        return Ok(Some(first));
    }
    let pool = site
        .pool
        .as_ref()
        .filter(|pool| pool.kind != LoadBalancerKind::None);
    Ok(pool.and_then(Pool::first))
}

/// The ports that nobody on the internet may reach, without those that were forced.
fn reserved(
    document: &Document,
    request: &Request<'_>,
    site: &Site,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<Vec<Reserved>> {
    let planned: Option<GlusterPlan> = document
        .answer("gluster_plan")
        .context("reading gluster-plan's answer")?;
    let mut reserved = K3S.to_vec();
    if planned.is_some() || site.gluster {
        reserved.extend(GLUSTER);
    }
    if let Some(planned) = planned {
        findings.extend(used_and_no(document, "gluster_plan", "nat-answer-not-ok"));
        reserved.extend(
            planned
                .reserved()
                .context("reading gluster-plan's answer")?,
        );
    }
    reserved.retain(|reserved| !request.forced.iter().any(|name| name == reserved.name));
    Ok(reserved)
}
