//! Addresses: twice, outside, overlapping, missing.

use crate::request::Request;
use crate::roles::Part;
use cluster::finding::Finding;
use cluster::inventory::{LoadBalancerKind, Role};
use cluster::pool::Fault;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

/// K3s's default for pods.
pub const CLUSTER_CIDR: &str = "10.42.0.0/16";
/// K3s's default for services.
pub const SERVICE_CIDR: &str = "10.43.0.0/16";

/// What speaks against the addresses.
pub fn findings(request: &Request, parts: &[Part]) -> Vec<Finding> {
    let mut findings = twice(request);
    findings.extend(overlaps(request));
    findings.extend(name_server(request));
    findings.extend(services(request));
    findings.extend(servers_address(request, parts));
    findings.extend(nodes(request));
    findings
}

/// The networks of pods and services.
pub fn cidrs(request: &Request) -> [(&'static str, IpNet); 2] {
    let or = |given: Option<cluster::name::Network>, default: &str| match given {
        Some(network) => network.net(),
        // The constants are networks; a test reads them.
        None => default.parse().unwrap_or_default(),
    };
    [
        (
            "k3s.cluster_cidr",
            or(request.k3s.cluster_cidr, CLUSTER_CIDR),
        ),
        (
            "k3s.service_cidr",
            or(request.k3s.service_cidr, SERVICE_CIDR),
        ),
    ]
}

fn twice(request: &Request) -> Vec<Finding> {
    let mut seen: HashMap<IpAddr, &str> = HashMap::new();
    let mut findings = Vec::new();
    for node in request.nodes() {
        let Some(address) = node.address.map(|address| address.address()) else {
            continue;
        };
        if let Some(first) = seen.insert(address, node.name.as_str()) {
            let message = format!("{address} is {first}'s address too");
            findings.push(
                Finding::error("k3s-address-twice", node.name.as_str(), message)
                    .fix("give each node an address of its own"),
            );
        }
    }
    findings
}

/// Whether two networks share an address.
fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

fn overlaps(request: &Request) -> Vec<Finding> {
    let [pods, services] = cidrs(request);
    let mut networks: Vec<(String, IpNet)> = Vec::new();
    for lan in request.lans() {
        networks.push(("the local network".to_owned(), lan));
    }
    for node in request.nodes() {
        // Such as a second network of the node's; in the local network nothing is new.
        let own = node.address.map(|address| address.network());
        if let Some(own) = own.filter(|own| !networks.iter().any(|(_, known)| known.contains(own)))
        {
            networks.push((format!("{}'s network", node.name), own));
        }
    }
    let error = |path: &str, own: IpNet, name: &str, other: IpNet| {
        let message =
            format!("{own} overlaps {name}, {other}: packets for one would go to the other");
        Finding::error("k3s-cidr-overlap", path, message)
            .fix("take a private network that is used nowhere near")
    };
    let mut findings = Vec::new();
    for (path, own) in [pods, services] {
        let clashes = networks.iter().filter(|(_, other)| overlap(&own, other));
        findings.extend(clashes.map(|(name, other)| error(path, own, name, *other)));
    }
    if overlap(&pods.1, &services.1) {
        findings.push(error(services.0, services.1, "the pods' network", pods.1));
    }
    findings
}

fn name_server(request: &Request) -> Option<Finding> {
    let dns = request.k3s.cluster_dns?;
    let [_, (_, services)] = cidrs(request);
    (!services.contains(&dns)).then(|| {
        let message = format!("{dns} is not among the services' addresses, {services}");
        Finding::error("k3s-dns-outside-services", "k3s.cluster_dns", message)
            .fix("take an address of k3s.service_cidr, or leave it out")
    })
}

/// Addresses of the load balancer: in the local network, and nobody else's.
fn services(request: &Request) -> Vec<Finding> {
    let pool = request.pool.as_ref();
    let Some(pool) = pool.filter(|pool| pool.kind == LoadBalancerKind::Metallb) else {
        return Vec::new();
    };
    let lans = request.lans();
    let network = request.inventory.network.as_ref();
    let gateway = network
        .and_then(|n| n.gateway)
        .map(|address| ("the gateway".to_owned(), address));
    let nodes = request.nodes().iter();
    let own = nodes.filter_map(|node| Some((node.name.to_string(), node.address?.address())));
    let owners: Vec<(String, IpAddr)> = gateway.into_iter().chain(own).collect();
    // Where the document does not say what the local network is, nothing is outside of it.
    let local = |address| lans.is_empty() || lans.iter().any(|lan| lan.contains(&address));
    let told = pool
        .faults(local, &owners)
        .into_iter()
        .map(|(range, fault)| {
            let id = match fault {
                Fault::Outside => "k3s-service-address-outside",
                Fault::InUse(..) => "k3s-service-address-in-use",
            };
            fault.finding(id, range)
        });
    told.collect()
}

/// Where nodes join.
fn servers_address(request: &Request, parts: &[Part]) -> Option<Finding> {
    let first = parts.iter().position(|part| part.role == Role::Server)?;
    let node = &request.nodes()[first];
    let known = request.k3s.server_address.is_some() || node.address.is_some();
    (parts.len() > 1 && !known).then(|| {
        Finding::error(
            "k3s-server-address-unknown",
            node.name.as_str(),
            "the first server's address is not known, and the others must find it",
        )
        .fix("name its address in nodes[].address, or k3s.server_address")
    })
}

fn nodes(request: &Request) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lans = request.lans();
    for node in request.nodes() {
        let name = node.name.as_str();
        let Some(address) = node.address.map(|address| address.address()) else {
            findings.push(
                Finding::warning(
                    "k3s-address-by-dhcp",
                    name,
                    "it has no fixed address: K3s keeps the one it registered with, and a node that comes back with another is lost",
                )
                .fix("name a fixed one in nodes[].address, or reserve one in the DHCP server and name that"),
            );
            continue;
        };
        if !lans.is_empty() && !lans.iter().any(|lan| lan.contains(&address)) {
            let message = format!("{address} is not in the local network");
            findings.push(Finding::warning("k3s-node-outside-lan", name, message));
        }
        if node.interface.is_none() {
            findings.push(
                Finding::info(
                    "k3s-interface-unknown",
                    name,
                    "no interface is named: flannel takes the default route's, which on a Pi may be Wi-Fi",
                )
                .fix("name it in nodes[].interface"),
            );
        }
    }
    let gateway = request.inventory.network.as_ref().and_then(|n| n.gateway);
    if gateway.is_none() && !request.nodes().is_empty() {
        findings.push(
            Finding::warning(
                "k3s-no-gateway",
                "network",
                "no gateway is named: K3s does not start on a node without a default route, as on a switch by itself",
            )
            .fix("name network.gateway; where there is none: ip route add default via ADDRESS dev eth0 metric 4096, with any address of the network"),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_networks() {
        for text in [CLUSTER_CIDR, SERVICE_CIDR] {
            assert_eq!(text.parse::<IpNet>().unwrap().to_string(), text);
        }
    }
}
