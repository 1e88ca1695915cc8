//! What is refused: forwardings that would take away somebody's port, or lead somewhere they must not.

use crate::forward::Forward;
use crate::reserved::Reserved;
use crate::site::Site;
use cluster::finding::Finding;
use cluster::inventory::Protocol;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// DNS, TCP and UDP: with the router's default configuration the local network asks the router itself for names.
const DNS: u16 = 53;

/// Everything that speaks against the forwardings, and what is worth knowing about them.
pub fn check(forwards: &[Forward], site: &Site, reserved: &[Reserved]) -> Vec<Finding> {
    let mut findings = taken_twice(forwards);
    if let Some(finding) = no_lan(forwards, site) {
        findings.push(finding);
    }
    for forward in forwards {
        findings.extend(target(forward, site));
        findings.extend(ipv6_port(forward));
        findings.extend(router_port(forward, site));
        findings.extend(reserved_port(forward, reserved));
    }
    findings.extend(shared_with_router(forwards, site));
    findings
}

/// Two services on one public port and protocol. IPv6 targets have addresses of their own, and do not share one.
fn taken_twice(forwards: &[Forward]) -> Vec<Finding> {
    let mut takers: BTreeMap<(Protocol, u16, Option<IpAddr>), Vec<&Forward>> = BTreeMap::new();
    for forward in forwards {
        let own = Some(forward.to_address).filter(IpAddr::is_ipv6);
        let key = (forward.protocol, forward.port, own);
        takers.entry(key).or_default().push(forward);
    }
    let twice = takers.into_values().filter(|all| all.len() > 1);
    twice
        .map(|all| {
            let names: Vec<&str> = all.iter().map(|f| f.name.as_str()).collect();
            let message = format!(
                "{} want the public port {}: a port has one owner",
                names.join(" and "),
                all[0].public()
            );
            Finding::error("nat-port-twice", names[0], message)
                .fix("give one of them another public port (`port` in expose, the annotation cloud-at-home/public-port)")
        })
        .collect()
}

/// Without the local network nothing can be said about targets, and hairpin NAT has no source to match.
fn no_lan(forwards: &[Forward], site: &Site) -> Option<Finding> {
    let needed = forwards.iter().any(|f| f.to_address.is_ipv4());
    (needed && site.lan.is_none()).then(|| {
        Finding::error(
            "nat-no-lan",
            "network",
            "the document does not say what the local network is: targets cannot be checked, and clients inside it could not reach the public address",
        )
        .fix("name it in network.lan, such as \"192.168.11.0/24\"")
    })
}

fn target(forward: &Forward, site: &Site) -> Option<Finding> {
    let address = forward.to_address;
    let lan = match address {
        IpAddr::V4(_) => site.lan.map(|lan| lan.to_string()),
        IpAddr::V6(_) => site.lan_ipv6.map(|lan| lan.to_string()),
    };
    let Some(lan) = lan else {
        // For IPv4 this was said once for all.
        return address.is_ipv6().then(|| {
            let message =
                format!("{address} cannot be let through: the document has no local IPv6 network");
            Finding::error("nat-ipv6-no-lan", &forward.name, message)
                .fix("name it in network.lan_ipv6")
        });
    };
    if !site.is_local(address) {
        let message = format!("its target {address} is not in the local network {lan}");
        return Some(
            Finding::error("nat-target-outside-lan", &forward.name, message)
                .fix("forward to an address of the local network"),
        );
    }
    not_a_host(address, site).map(|what| {
        let message = format!("its target {address} is {what}");
        Finding::error("nat-target-not-a-host", &forward.name, message)
            .fix("forward to the load balancer's or a node's address")
    })
}

/// What an address of the local network is, where it is no host behind the router.
fn not_a_host(address: IpAddr, site: &Site) -> Option<&'static str> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    if site.own_addresses().contains(&address) {
        return Some("the router itself");
    }
    let ends = |lan: ipnet::Ipv4Net| -> [Ipv4Addr; 2] { [lan.network(), lan.broadcast()] };
    let lan = site.lan.filter(|lan| lan.prefix_len() < 31)?;
    ends(lan)
        .contains(&address)
        .then_some("the network's own or its broadcast address")
}

/// Through a filter rule the port stays what it is.
fn ipv6_port(forward: &Forward) -> Option<Finding> {
    (forward.to_address.is_ipv6() && forward.port != forward.to_port).then(|| {
        let message = format!(
            "IPv6 is let through, not translated: port {} cannot become {}",
            forward.port, forward.to_port
        );
        Finding::error("nat-ipv6-port", &forward.name, message)
            .fix("let the service listen on the public port")
    })
}

/// Without the router's address in the local network its own services cannot be kept apart from the forwarding.
fn router_port(forward: &Forward, site: &Site) -> Option<Finding> {
    (is_routers(forward, site) && site.login().is_none()).then(|| {
        let message = format!(
            "the router itself answers on {}, and its address in the local network is not known: nobody there could reach it on this port any more, be it to log in or to ask for a name",
            forward.public()
        );
        Finding::error("nat-router-port", &forward.name, message)
            .fix("name it in router.address (or network.gateway) or router.other_addresses, so that it is left out")
    })
}

fn is_routers(forward: &Forward, site: &Site) -> bool {
    let services = forward.protocol == Protocol::Tcp && site.router_ports.contains(&forward.port);
    forward.to_address.is_ipv4() && (services || forward.port == DNS)
}

fn reserved_port(forward: &Forward, reserved: &[Reserved]) -> Option<Finding> {
    let taken = reserved.iter().find(|reserved| {
        [forward.port, forward.to_port]
            .iter()
            .any(|port| reserved.covers(forward.protocol, *port))
    })?;
    let message = format!(
        "{} -> {} is {}: nobody on the internet may reach it",
        forward.public(),
        forward.target(),
        taken.what
    );
    Some(
        Finding::error("nat-reserved-port", &forward.name, message)
            .fix(format!(
                "use another port, or say --force-port {} where this is meant",
                taken.name
            ))
            .evidence(json!({"reserved": taken.name, "ports": taken.to_string()})),
    )
}

/// Ports that the router answers on too: worth a word about who gets which connection.
fn shared_with_router(forwards: &[Forward], site: &Site) -> Option<Finding> {
    let router = site.login()?;
    let shared: Vec<String> = forwards
        .iter()
        .filter(|f| is_routers(f, site))
        .map(Forward::public)
        .collect();
    if shared.is_empty() {
        return None;
    }
    let message = format!(
        "the router's own services on {} stay reachable at {router} from the local network; at its public address the ports lead to the cluster",
        shared.join(", ")
    );
    Some(Finding::info("nat-router-port-shared", "router", message))
}
