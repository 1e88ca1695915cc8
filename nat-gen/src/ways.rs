//! Which address leads to a service: its load balancer's, or a node's.

use crate::selection::{Selection, Wish};
use crate::site::Site;
use crate::view::View;
use cluster::finding::{Finding, Severity};
use cluster::invalid::Invalid;
use cluster::inventory::LoadBalancerKind;
use serde_json::json;
use std::net::IpAddr;

/// A way to a service: an address, and whether the port there is the node's.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// Where the service answers.
    pub address: IpAddr,
    /// Whether it is a node's, and the port the NodePort.
    pub node_port: bool,
}

/// The ways with what is to be said about them, or why there are none.
pub type Ways = Result<(Vec<Way>, Vec<Finding>), Box<Finding>>;

/// The ways to a service, at most one for each family.
///
/// # Errors
/// An address that cannot be read.
pub fn ways(
    view: &View<'_>,
    selection: &Selection,
    site: &Site,
    wish: &Wish,
) -> Result<Ways, Invalid> {
    if view.kind() == "NodePort" {
        return Ok(by_node(view, selection, wish, Vec::new()));
    }
    let (addresses, assigned) = view.addresses()?;
    if addresses.is_empty() {
        return Ok(pending(view, selection, site, wish));
    }
    let subject = view.names.to_string();
    let mut said = Vec::new();
    if !assigned {
        let message = format!(
            "the load balancer has not assigned an address yet; {} is what the service asks for",
            addresses[0]
        );
        said.push(expected(&subject, message));
    }
    let (ways, more) = by_family(&subject, &addresses, site, wish);
    said.extend(more);
    Ok(Ok((ways, said)))
}

/// One way for each family: to an address of the local network where there is one.
fn by_family(
    subject: &str,
    addresses: &[IpAddr],
    site: &Site,
    wish: &Wish,
) -> (Vec<Way>, Vec<Finding>) {
    let mut said = Vec::new();
    let mut ways = Vec::new();
    for v4 in [true, false] {
        let family: Vec<IpAddr> = addresses
            .iter()
            .copied()
            .filter(|a| a.is_ipv4() == v4)
            .collect();
        let Some(first) = family.first() else {
            continue;
        };
        let address = *family.iter().find(|a| site.is_local(**a)).unwrap_or(first);
        if !v4 && site.lan_ipv6.is_none() {
            said.push(no_ipv6(subject, address, ways.is_empty(), wish));
            continue;
        }
        said.extend(others(subject, &family, address));
        ways.push(Way {
            address,
            node_port: false,
        });
    }
    (ways, said)
}

fn no_ipv6(subject: &str, address: IpAddr, only: bool, wish: &Wish) -> Finding {
    let severity = if only {
        wish.severity()
    } else {
        Severity::Info
    };
    let message = format!("{address} is not exposed: the document has no local IPv6 network");
    Finding::new(severity, "nat-ipv6-no-lan", subject, message)
        .fix("name it in network.lan_ipv6; IPv6 is let through by a filter rule, not translated")
}

/// Addresses of the same family that are not used.
fn others(subject: &str, family: &[IpAddr], used: IpAddr) -> Option<Finding> {
    let rest: Vec<String> = family
        .iter()
        .filter(|a| **a != used)
        .map(IpAddr::to_string)
        .collect();
    if rest.is_empty() {
        return None;
    }
    let message = format!(
        "of {} addresses only {used} is used: a forwarding has one target",
        family.len()
    );
    Some(
        Finding::info("nat-service-several-addresses", subject, message)
            .evidence(json!({"used": used.to_string(), "not_used": rest})),
    )
}

/// A service of type LoadBalancer without an address.
fn pending(view: &View<'_>, selection: &Selection, site: &Site, wish: &Wish) -> Ways {
    let subject = view.names.to_string();
    let hosts = view.host_names();
    if let Some(host) = hosts.first() {
        let message = format!(
            "its load balancer has only a host name ({host}); a forwarding needs an address"
        );
        return Err(Box::new(Finding::new(
            wish.severity(),
            "nat-service-host-name",
            subject,
            message,
        )));
    }
    if selection.node.is_some() {
        return by_node(view, selection, wish, Vec::new());
    }
    let pool = site.pool.as_ref();
    let only = pool
        .filter(|pool| pool.kind == LoadBalancerKind::Metallb)
        .and_then(cluster::pool::Pool::only);
    if let Some(address) = only {
        let message = format!(
            "the load balancer has not assigned an address yet; {address} is the only one it may hand out"
        );
        let way = Way {
            address,
            node_port: false,
        };
        return Ok((vec![way], vec![expected(&subject, message)]));
    }
    Err(Box::new(unassigned(subject, wish)))
}

/// An address that the load balancer is expected to assign.
fn expected(subject: &str, message: String) -> Finding {
    Finding::warning("nat-service-pending", subject, message)
        .fix("wait until `kubectl get svc` shows it under EXTERNAL-IP, then plan again")
}

fn unassigned(subject: String, wish: &Wish) -> Finding {
    Finding::new(
        wish.warning(),
        "nat-service-pending",
        subject,
        "the load balancer has not assigned an address yet",
    )
    .fix("wait until `kubectl get svc` shows one under EXTERNAL-IP, or name a node with --node to go through its NodePort")
}

/// Through the NodePort of the node that was named.
fn by_node(view: &View<'_>, selection: &Selection, wish: &Wish, said: Vec<Finding>) -> Ways {
    let subject = view.names.to_string();
    let Some((_, address)) = &selection.node else {
        return Err(Box::new(
            Finding::new(
                wish.severity(),
                "nat-service-needs-node",
                subject,
                "a service of type NodePort is reached through a node, and none is named",
            )
            .fix("name one with --node NAME, or change the service's type to LoadBalancer"),
        ));
    };
    let way = Way {
        address: *address,
        node_port: true,
    };
    Ok((vec![way], said))
}

/// What externalTrafficPolicy Local means for a forwarding.
pub fn local_policy(subject: &str, ways: &[Way]) -> Finding {
    let by_node = ways.iter().any(|way| way.node_port);
    let (severity, message) = if by_node {
        (
            Severity::Warning,
            "externalTrafficPolicy Local: the node named by --node answers only while a pod of the service runs on it",
        )
    } else {
        (
            Severity::Info,
            "externalTrafficPolicy Local: the pods see the clients' own addresses, and the load balancer announces the address from a node that runs one; the rules need no change, because they match the port after translation",
        )
    };
    Finding::new(severity, "nat-local-policy", subject, message)
}
