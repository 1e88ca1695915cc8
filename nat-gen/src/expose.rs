//! From the document's `expose` to forwardings.

use crate::forward::{Forward, of_family};
use cluster::finding::Finding;
use cluster::inventory::Exposure;
use cluster::name::Network;
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

/// The forwardings, and a finding for each entry that leads nowhere. `default` is where an entry without an address goes.
pub fn forwards(expose: &[Exposure], default: Option<IpAddr>) -> (Vec<Forward>, Vec<Finding>) {
    let mut forwards = Vec::new();
    let mut findings = Vec::new();
    for entry in expose {
        let Some(to_address) = entry.to_address.or(default) else {
            findings.push(no_target(entry));
            continue;
        };
        let sources: Vec<IpNet> = entry.sources.iter().map(Network::net).collect();
        let Some(sources) = of_family(&sources, to_address) else {
            findings.push(no_source(entry, to_address));
            continue;
        };
        forwards.push(Forward {
            name: entry.name.to_string(),
            service: None,
            protocol: entry.protocol,
            port: entry.port.get(),
            to_address,
            to_port: entry.to_port.unwrap_or(entry.port).get(),
            sources,
        });
    }
    if expose.is_empty() {
        findings.push(
            Finding::info("nat-nothing-exposed", "expose", "the document exposes nothing")
                .fix("name services in `expose`, or pipe in `kubectl get svc -A -o json` with --cluster FILE"),
        );
    }
    (forwards, findings)
}

fn no_target(entry: &Exposure) -> Finding {
    let message =
        "it has no to_address, and the document has no load balancer's address to take instead";
    Finding::error("nat-no-target", entry.name.to_string(), message)
        .fix("name its to_address, or network.load_balancer.addresses")
}

/// Whoever limits an entry to some means that the others stay out, also where none of them is of the target's family.
fn no_source(entry: &Exposure, target: IpAddr) -> Finding {
    let family = if target.is_ipv4() { "IPv4" } else { "IPv6" };
    let message =
        format!("its sources let nobody connect to {target}: none of them is an {family} network");
    Finding::error("nat-no-source", entry.name.to_string(), message)
        .fix(format!("name {family} networks in its sources"))
}

/// k3s-join's answer, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct K3sJoin {
    /// Where services of type LoadBalancer answer, the preferred address first.
    #[serde(default)]
    pub service_addresses: Vec<IpAddr>,
}
