//! Who the node says it is, and whether names lead to addresses.
//!
//! The system's own resolver is asked (`getent`, with a time limit): this program may be linked statically, and then has no
//! part in the system's name services.

use super::text;
use crate::check::state::{Host, Wish};
use crate::rehearse::url::{self, Server};
use cluster::command::{Command, CommandErrorKind};
use cluster::root::Root;
use std::time::Duration;

/// Long enough for one question to one name server.
const LIMIT: Duration = Duration::from_secs(3);

pub(super) fn read(root: &Root, wish: &Wish) -> Host {
    let file = match root.is_system() {
        true => "/proc/sys/kernel/hostname",
        false => "/etc/hostname",
    };
    let name = text(root, file)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    Host {
        resolves: name.as_deref().and_then(|name| own(root, name)),
        name,
        machine_id: text(root, "/etc/machine-id").map(|id| id.trim().to_owned()),
        server_resolves: wish
            .server
            .as_deref()
            .and_then(|server| of_server(root, server)),
    }
}

/// Whether the node's own name leads to an address.
fn own(root: &Root, name: &str) -> Option<(bool, String)> {
    let hosts = text(root, "/etc/hosts").unwrap_or_default();
    if url::in_hosts(&hosts, name).is_some() {
        return Some((true, "/etc/hosts".to_owned()));
    }
    let switch = text(root, "/etc/nsswitch.conf").unwrap_or_default();
    let myhostname = (switch.lines())
        .filter_map(|line| line.trim().strip_prefix("hosts:"))
        .any(|line| line.split_whitespace().any(|word| word == "myhostname"));
    if myhostname {
        return Some((true, "nss-myhostname".to_owned()));
    }
    if !root.is_system() {
        return Some((false, "neither /etc/hosts nor nss-myhostname".to_owned()));
    }
    resolves(name).map(|found| (found, "getent".to_owned()))
}

fn of_server(root: &Root, server: &str) -> Option<bool> {
    let host = Server::parse(server).ok()?.host;
    if host.parse::<std::net::IpAddr>().is_ok() || !root.is_system() {
        return None;
    }
    resolves(&host)
}

/// Whether the system's resolver finds the name; `None` where there is no `getent`.
fn resolves(name: &str) -> Option<bool> {
    match Command::new("getent")
        .args(["hosts", name])
        .limit(LIMIT)
        .run()
    {
        Ok(_) => Some(true),
        Err(error) if matches!(error.kind, CommandErrorKind::NotFound) => None,
        Err(_) => Some(false),
    }
}
