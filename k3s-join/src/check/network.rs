//! Addresses, routes and ports (failures 13 and 15).

use super::state::{Address, Network, State, Wish};
use crate::plan::config::Effective;
use crate::ports as needed;
use cluster::finding::Finding;
use serde_json::{Value, json};

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let Some(network) = &state.network else {
        return;
    };
    let subject = wish.subject(state);
    let mut all = Vec::new();
    default_route(network, wish, subject, &mut all);
    address(network, wish, subject, &mut all);
    way(network, wish, subject, &mut all);
    if !state.k3s.running {
        ports(network, wish, subject, &mut all);
    }
    findings.append(&mut all);
}

fn addresses(network: &Network) -> Value {
    let line = |a: &Address| format!("{} {}", a.interface, a.address);
    network.addresses.iter().map(line).collect()
}

fn default_route(network: &Network, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let Some(first) = network.default_routes.first() else {
        let message =
            "there is no default route: K3s does not find its own address and refuses to start";
        let gateway = wish.interface.as_deref().unwrap_or("eth0");
        findings.push(
            Finding::error("k3s-no-default-route", subject, message)
                .fix(format!("ip route add default dev {gateway} metric 4096; a route that leads nowhere is enough"))
                .evidence(json!({"interfaces": network.interfaces})),
        );
        return;
    };
    if let Some(interface) = wish.interface.as_deref().filter(|name| name != first) {
        let message = format!(
            "the default route leads out of {first}, and the node's interface is {interface}: flannel takes that of the default route unless it is told"
        );
        findings.push(
            Finding::warning("k3s-default-route-interface", subject, message)
                .fix(format!("set both node-ip and flannel-iface: {interface}, as the planned configuration does"))
                .evidence(json!({"default_routes": network.default_routes, "interface": interface})),
        );
    }
}

/// The node's interface and address are there.
fn address(network: &Network, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let interface = wish.interface.as_ref();
    if let Some(name) = interface.filter(|name| !network.interfaces.contains(name)) {
        let there = network.interfaces.join(", ");
        let message = format!("there is no interface {name}; there are {there}");
        findings.push(
            Finding::error("k3s-interface-missing", subject, message)
                .fix("correct `interface` in the document; names change with net.ifnames= on the kernel command line"),
        );
        return;
    }
    let Some(wanted) = wish.address else {
        return;
    };
    match network.addresses.iter().find(|a| a.address == wanted) {
        Some(found) => findings.extend(place(network, wish, found, subject)),
        None => findings.push(
            Finding::error(
                "k3s-address-missing",
                subject,
                format!("no interface has the address {wanted}: the node was moved, or its lease changed"),
            )
            .fix("give the interface this address for good, or correct `address` in the document")
            .evidence(json!({"addresses": addresses(network)})),
        ),
    }
}

/// The address is on the node's interface, and stays there.
fn place(network: &Network, wish: &Wish, found: &Address, subject: &str) -> Vec<Finding> {
    let (at, on) = (found.address, &found.interface);
    let mut findings = Vec::new();
    if let Some(name) = wish.interface.as_ref().filter(|name| *name != on) {
        let message = format!("the address {at} is on {on}, and the document has it on {name}");
        findings.push(
            Finding::error("k3s-address-wrong-interface", subject, message)
                .fix("correct the document, or the node's network configuration")
                .evidence(json!({"addresses": addresses(network)})),
        );
    }
    if found.dynamic == Some(true) {
        let message =
            format!("{at} comes from a lease; when it changes, the node is lost to the cluster");
        findings.push(
            Finding::warning("k3s-address-leased", subject, message)
                .fix("a static address, or a reservation for its hardware address on the router"),
        );
    }
    findings
}

/// Packets to the server leave by the node's own interface.
fn way(network: &Network, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let Some(server) = wish.server.as_deref().filter(|_| network.source_asked) else {
        return;
    };
    let Some(source) = network.source else {
        let message = format!("there is no route to {server}");
        findings.push(
            Finding::error("k3s-no-route-to-server", subject, message)
                .fix("ip route: the server's network has to be in it")
                .evidence(json!({"addresses": addresses(network)})),
        );
        return;
    };
    let of_interface = |name: &str| {
        network
            .addresses
            .iter()
            .any(|a| a.interface == name && a.address == source)
    };
    if let Some(name) = wish
        .interface
        .as_deref()
        .filter(|name| !source.is_loopback() && !of_interface(name))
    {
        let by = network.addresses.iter().find(|a| a.address == source);
        let by = by.map_or("another interface", |a| a.interface.as_str());
        let message = format!(
            "the way to {server} leads out of {by} with the address {source}, not out of {name}"
        );
        findings.push(
            Finding::error("k3s-server-wrong-interface", subject, message)
                .fix(format!(
                    "ip route: the way to the server has to lead out of {name}"
                ))
                .evidence(json!({"source": source, "addresses": addresses(network)})),
        );
    }
}

fn ports(network: &Network, wish: &Wish, subject: &str, findings: &mut Vec<Finding>) {
    let usual = match wish.ports.is_empty() {
        true => needed::ports(&Effective::default(), 1),
        false => Vec::new(),
    };
    let ports = [wish.ports.as_slice(), &usual].concat();
    let mut taken = needed::opened(&ports, wish.server_role());
    taken.retain(|port| network.ports.contains(port));
    if taken.is_empty() {
        return;
    }
    let message = format!(
        "K3s needs ports that something else has: {}",
        taken.join(", ")
    );
    findings.push(
        Finding::error("k3s-port-taken", subject, message)
            .fix("ss -lntup shows who; stop it")
            .evidence(json!({"ports": taken})),
    );
}
