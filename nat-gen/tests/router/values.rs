//! Which properties and values RouterOS takes: what routeros-lsp does not look at. From the command schema of RouterOS
//! 7.21.4 and MikroTik's manual ("NAT", "Filter", "Scheduler").

use super::{FILTER, FILTER6, NAT, SCHEDULER};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// The interface lists and the interfaces of the model.
const INTERFACE_LISTS: [&str; 5] = ["WAN", "LAN", "all", "none", "my \"list\" $x \\"];
const INTERFACES: [&str; 2] = ["ether1", "bridge"];

pub fn check(menu: &str, properties: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in properties {
        if !known(menu, name) {
            return Err(format!("{menu}: expected end of command, found {name}"));
        }
        good(menu, name, value)
            .map_err(|()| format!("{menu}: invalid value {value:?} for {name}"))?;
    }
    if menu == SCHEDULER {
        return Ok(());
    }
    let has = |name: &str| properties.contains_key(name);
    let action = properties.get("action").map_or("accept", String::as_str);
    if !has("chain") || (action == "jump") != has("jump-target") {
        return Err(format!("{menu}: chain or jump-target"));
    }
    if has("dst-port") && !has("protocol") {
        return Err(format!(
            "{menu}: ports can be specified if protocol is tcp or udp only"
        ));
    }
    if (action == "dst-nat") != has("to-addresses") || (has("to-ports") && !has("to-addresses")) {
        return Err(format!("{menu}: to-addresses"));
    }
    Ok(())
}

fn known(menu: &str, name: &str) -> bool {
    let rule = [
        "chain",
        "action",
        "jump-target",
        "in-interface-list",
        "in-interface",
        "out-interface-list",
        "out-interface",
        "dst-address-type",
        "protocol",
        "src-address",
        "dst-address",
        "dst-port",
        "comment",
        "disabled",
    ];
    match menu {
        NAT => rule.contains(&name) || matches!(name, "to-addresses" | "to-ports"),
        FILTER => rule.contains(&name) || name == "connection-nat-state",
        FILTER6 => rule.contains(&name),
        SCHEDULER => matches!(
            name,
            "name" | "interval" | "policy" | "comment" | "on-event"
        ),
        _ => false,
    }
}

fn good(menu: &str, name: &str, value: &str) -> Result<(), ()> {
    let yes = match (menu, name) {
        (NAT, "action") => matches!(
            value,
            "return" | "jump" | "dst-nat" | "masquerade" | "accept"
        ),
        (_, "action") => matches!(value, "jump" | "accept" | "return" | "drop"),
        (_, "in-interface-list" | "out-interface-list") => INTERFACE_LISTS.contains(&value),
        (_, "in-interface" | "out-interface") => INTERFACES.contains(&value),
        (_, "dst-address-type") => value == "local",
        (_, "connection-nat-state") => value == "dstnat",
        (_, "protocol") => matches!(value, "tcp" | "udp"),
        (_, "src-address" | "dst-address") => address(value, menu == FILTER6),
        (_, "to-addresses") => value.parse::<Ipv4Addr>().is_ok(),
        (_, "to-ports") => port(value).is_some(),
        (_, "dst-port") => ports(value),
        (_, "chain" | "jump-target" | "name") => !value.is_empty(),
        (_, "interval") => value
            .strip_suffix('s')
            .is_some_and(|s| s.parse::<u32>().is_ok()),
        (_, "policy") => value.split(',').all(|p| matches!(p, "read" | "write")),
        _ => true,
    };
    if yes { Ok(()) } else { Err(()) }
}

fn address(value: &str, ipv6: bool) -> bool {
    let (address, length) = match value.split_once('/') {
        Some((address, length)) => (address, length.parse::<u8>().ok()),
        None => (value, Some(0)),
    };
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => !ipv6 && length.is_some_and(|l| l <= 32),
        Ok(IpAddr::V6(_)) => ipv6 && length.is_some_and(|l| l <= 128),
        Err(_) => false,
    }
}

fn port(value: &str) -> Option<u16> {
    value.parse().ok().filter(|port| *port > 0)
}

/// "Range[,Port] (max 15 times)"; a range counted twice, as Linux does.
fn ports(value: &str) -> bool {
    let mut items = 0;
    let mut last = 0;
    for item in value.split(',') {
        let (low, high) = item.split_once('-').unwrap_or((item, item));
        let (Some(low), Some(high)) = (port(low), port(high)) else {
            return false;
        };
        if low > high || low <= last {
            return false;
        }
        last = high;
        items += if item.contains('-') { 2 } else { 1 };
    }
    (1..=15).contains(&items)
}
