//! From Kubernetes services to forwardings: who opted in, which ports, and which address leads there.

use crate::forward::{self, Forward};
use crate::kubectl::{Port, Service};
use crate::selection::{PortRef, Selection, Wish};
use crate::site::Site;
use crate::view::View;
use crate::ways::{Way, local_policy, ways};
use cluster::finding::{Finding, Severity};
use cluster::invalid::Invalid;
use cluster::inventory::Protocol;
use cluster::name::Network;
use ipnet::IpNet;
use serde_json::json;
use std::net::IpAddr;

/// How to opt in, as a finding's fix.
const OPT_IN: &str = "opt in with `kubectl annotate service NAME -n NAMESPACE cloud-at-home/expose=true`, or with --select NAMESPACE/NAME[:PORT]; --all takes every one";

/// What the services come to.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The forwardings.
    pub forwards: Vec<Forward>,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

/// The forwardings of those services that opted in.
///
/// # Errors
/// A source range or an address that cannot be read; a service without a name.
pub fn choose(
    services: &[(usize, Service<'_>)],
    selection: &Selection,
    site: &Site,
) -> Result<Chosen, Invalid> {
    let mut chosen = Chosen::default();
    let mut seen = vec![false; selection.select.len()];
    let mut left_out = 0;
    for (index, service) in services {
        let view = View::read(*index, service)?;
        let wish = selection.wish(&view.names, view.annotations, &mut seen);
        match wish {
            Ok(Some(wish)) => expose(&view, &wish, selection, site, &mut chosen)?,
            Ok(None) => left_out += usize::from(view.may_be_exposed()),
            Err(problem) => chosen.findings.push(Finding::error(
                "nat-annotation",
                view.names.to_string(),
                problem,
            )),
        }
    }
    for (select, _) in selection
        .select
        .iter()
        .zip(&seen)
        .filter(|(_, seen)| !**seen)
    {
        chosen.findings.push(
            Finding::error(
                "nat-select-unknown",
                select.to_string(),
                "no service of this name and port was selected: it is not in the input",
            )
            .fix("see the names with `kubectl get svc -A`"),
        );
    }
    chosen
        .findings
        .extend(opt_in(left_out, chosen.forwards.len()));
    Ok(chosen)
}

/// What is said about services that nobody asked for.
fn opt_in(left_out: usize, exposed: usize) -> Option<Finding> {
    if left_out == 0 && exposed > 0 {
        return None;
    }
    let message = match left_out {
        0 => "the input has no service that could be exposed and opted in".to_owned(),
        1 => "1 service could be exposed and did not opt in".to_owned(),
        more => format!("{more} services could be exposed and did not opt in"),
    };
    Some(Finding::info("nat-not-opted-in", "services", message).fix(OPT_IN))
}

fn expose(
    view: &View<'_>,
    wish: &Wish,
    selection: &Selection,
    site: &Site,
    chosen: &mut Chosen,
) -> Result<(), Invalid> {
    let subject = view.names.to_string();
    if let Some(finding) = never(view, wish.severity()) {
        chosen.findings.push(finding);
        return Ok(());
    }
    let sources = view.sources()?;
    let ways = match ways(view, selection, site, wish)? {
        Ok((ways, said)) => {
            chosen.findings.extend(said);
            ways
        }
        Err(finding) => {
            chosen.findings.push(*finding);
            return Ok(());
        }
    };
    chosen.findings.extend(unknown_ports(view, wish));
    for port in view.ports.iter().filter(|port| wish.takes(port)) {
        let Some(protocol) = protocol(port) else {
            chosen.findings.push(other_protocol(&subject, port, wish));
            continue;
        };
        for way in &ways {
            let made = forward(view, wish, port, protocol, *way, sources.as_deref());
            match made {
                Ok(forward) => chosen.forwards.push(forward),
                Err(finding) => chosen.findings.push(*finding),
            }
        }
    }
    if view.is_local_policy() {
        chosen.findings.push(local_policy(&subject, &ways));
    }
    Ok(())
}

/// Services that no address of the local network leads to, whoever asks.
fn never(view: &View<'_>, severity: Severity) -> Option<Finding> {
    let spec = &view.service.spec;
    let (id, why, fix) = match view.kind() {
        "ExternalName" => (
            "nat-service-external-name",
            "a service of type ExternalName is a name in DNS: there is nothing to forward to",
            "expose what the name stands for by an entry of `expose`",
        ),
        _ if spec.cluster_ip.as_deref() == Some("None") => (
            "nat-service-headless",
            "a headless service (clusterIP None) has no address of its own",
            "make a second service of type LoadBalancer with the same selector",
        ),
        "ClusterIP" if spec.external_ips.as_deref().unwrap_or_default().is_empty() => (
            "nat-service-cluster-ip",
            "a service of type ClusterIP has an address inside the cluster only",
            "change its type to LoadBalancer",
        ),
        // `--all` takes load balancers and NodePorts; an address of its own is no wish to be reached from the internet.
        "ClusterIP" if severity == Severity::Info => (
            "nat-service-cluster-ip",
            "a service of type ClusterIP is exposed only where it is asked for, also one with externalIPs",
            "ask for it with --select NAMESPACE/NAME or the annotation cloud-at-home/expose",
        ),
        "ClusterIP" | "LoadBalancer" | "NodePort" => return None,
        _ => (
            "nat-service-type",
            "the service's type is not known here",
            "expose a service of type LoadBalancer or NodePort",
        ),
    };
    let names = view.names.to_string();
    Some(
        Finding::new(severity, id, names, why)
            .fix(fix)
            .evidence(json!({"type": view.kind()})),
    )
}

fn protocol(port: &Port<'_>) -> Option<Protocol> {
    match port.protocol.as_deref().unwrap_or("TCP") {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        _ => None,
    }
}

fn other_protocol(subject: &str, port: &Port<'_>, wish: &Wish) -> Finding {
    let name = port.protocol.as_deref().unwrap_or_default();
    let message = format!(
        "port {} speaks {name}: RouterOS matches ports of TCP and UDP only",
        port.port.0
    );
    Finding::new(wish.warning(), "nat-service-protocol", subject, message)
        .fix("leave the port out with the annotation cloud-at-home/expose-ports")
}

fn forward(
    view: &View<'_>,
    wish: &Wish,
    port: &Port<'_>,
    protocol: Protocol,
    way: Way,
    sources: Option<&[IpNet]>,
) -> Result<Forward, Box<Finding>> {
    let subject = view.names.to_string();
    let to_port = if way.node_port {
        let missing = || {
            let message = format!("port {} has no NodePort", port.port.0);
            Finding::new(
                wish.severity(),
                "nat-service-no-node-port",
                &subject,
                message,
            )
        };
        port.node_port.ok_or_else(missing)?.0
    } else {
        port.port.0
    };
    Ok(Forward {
        name: format!("{subject}:{}", PortRef::of(port)),
        protocol,
        port: wish.public(port),
        to_address: way.address,
        to_port,
        sources: of_family(&subject, sources, way.address)?,
        service: Some(subject),
    })
}

/// The sources of the target's family. Where there are only others, nobody may connect, and there is nothing to forward.
fn of_family(
    subject: &str,
    sources: Option<&[IpNet]>,
    target: IpAddr,
) -> Result<Vec<Network>, Box<Finding>> {
    forward::of_family(sources.unwrap_or_default(), target).ok_or_else(|| {
        let message = format!(
            "loadBalancerSourceRanges lets nobody connect to {target}: none is of its family"
        );
        Box::new(Finding::info("nat-service-no-source", subject, message))
    })
}

/// Ports that were asked for and that the service has not.
fn unknown_ports(view: &View<'_>, wish: &Wish) -> Option<Finding> {
    let unknown = wish.unknown(view.ports);
    if unknown.is_empty() {
        return None;
    }
    let known: Vec<String> = view
        .ports
        .iter()
        .map(|p| PortRef::of(p).to_string())
        .collect();
    let message = format!("the service has no port {}", unknown.join(", "));
    Some(
        Finding::error("nat-service-port-unknown", view.names.to_string(), message)
            .fix(format!("its ports are {}", known.join(", "))),
    )
}
