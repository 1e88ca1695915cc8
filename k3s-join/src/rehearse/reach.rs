//! The way to a server: its URL, its addresses, the first one that something listens at.

use super::connect::{Obstacle, Timed};
use super::url::Server;
use super::{Step, Stop};
use cluster::finding::Finding;
use serde_json::json;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::Duration;

pub(super) fn stop(
    id: &'static str,
    subject: &str,
    message: impl Into<String>,
    fix: impl Into<String>,
) -> Stop {
    Stop::from(Finding::error(id, subject, message).fix(fix))
}

/// The URL.
pub(super) fn server(url: &str) -> Step<Server> {
    Server::parse(url)
        .map_err(|problem| stop("k3s-server-url", url, problem, "https://ADDRESS:6443"))
}

/// The host's addresses.
pub(super) fn addresses(server: &Server, limit: Duration) -> Step<Vec<IpAddr>> {
    let found = server.addresses(limit);
    let problem = match found {
        Ok(addresses) if !addresses.is_empty() => return Ok(addresses),
        Ok(_) => "it has no address".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(stop(
        "k3s-server-name-unknown",
        &server.to_string(),
        format!("the name {:?} leads to no address: {problem}", server.host),
        "give the server by its address, or enter its name in /etc/hosts",
    ))
}

/// The first address that something listens at.
pub(super) fn tcp(server: &Server, addresses: &[IpAddr], limit: Duration) -> Step<IpAddr> {
    let each = limit / u32::try_from(addresses.len()).unwrap_or(1).max(1);
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses {
        match Timed::connect(*address, server.port, each) {
            Ok(_) => return Ok(*address),
            Err(error) => last = error,
        }
    }
    let (id, message, fix) = unreached(&last, server.port, limit);
    let finding = Finding::error(id, server.to_string(), message)
        .fix(fix)
        .evidence(json!({"addresses": addresses, "port": server.port}));
    Err(Stop::from(finding))
}

/// Why nothing was reached, and what to do.
fn unreached(
    error: &io::Error,
    port: u16,
    limit: Duration,
) -> (&'static str, String, &'static str) {
    match Obstacle::of(error) {
        Obstacle::Refused => (
            "k3s-server-refused",
            format!("nothing listens at port {port}"),
            "systemctl status k3s on the server; a firewall that rejects looks the same",
        ),
        Obstacle::Silent => (
            "k3s-server-silent",
            format!("no answer within {} s: a firewall drops the packets, here, on the way or there, or no host has this address", limit.as_secs_f64()),
            "ping it; open TCP 6443 on the server's firewall and between the networks",
        ),
        Obstacle::NoRoute => ("k3s-server-no-route", "there is no route to it from here".to_owned(), "ip route: a default route has to be there"),
        Obstacle::Unreachable => (
            "k3s-server-unreachable",
            "it cannot be reached: no host answers for the address, or a firewall on the way rejects".to_owned(),
            "ping it; check its address, the cable and the firewall's rules",
        ),
        Obstacle::Forbidden => (
            "k3s-server-forbidden",
            "this machine's own firewall does not let the connection out".to_owned(),
            "nft list ruleset (or iptables -S OUTPUT): allow TCP 6443 to the servers",
        ),
        Obstacle::Other => ("k3s-server-unreachable", format!("connecting failed: {error}"), "check the server's address and the network"),
    }
}
