//! From the document's `expose` to forwardings.

use crate::forward::{Forward, aggregate};
use cluster::finding::Finding;
use cluster::inventory::Exposure;
use serde::Deserialize;
use std::net::IpAddr;

/// The forwardings, and a finding for each entry that leads nowhere. `default` is where an entry without an address goes.
pub fn forwards(expose: &[Exposure], default: Option<IpAddr>) -> (Vec<Forward>, Vec<Finding>) {
    let mut forwards = Vec::new();
    let mut findings = Vec::new();
    for entry in expose {
        let Some(to_address) = entry.to_address.or(default) else {
            findings.push(
                Finding::error(
                    "nat-no-target",
                    entry.name.to_string(),
                    "it has no to_address, and the document has no load balancer's address to take instead",
                )
                .fix("name its to_address, or network.load_balancer.addresses"),
            );
            continue;
        };
        forwards.push(Forward {
            name: entry.name.to_string(),
            service: None,
            protocol: entry.protocol,
            port: entry.port.get(),
            to_address,
            to_port: entry.to_port.unwrap_or(entry.port).get(),
            sources: aggregate(entry.sources.iter().map(cluster::name::Network::net)),
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

/// k3s-join's answer, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct K3sJoin {
    /// Where services of type LoadBalancer answer, the preferred address first.
    #[serde(default)]
    pub service_addresses: Vec<IpAddr>,
}
