//! The document's `wifi` and `nodes`, checked and resolved into networks with keys and a request for each node.

use crate::cli::Cli;
use crate::country;
use crate::key::Key;
use crate::request::{INTERFACE, Network, NetworkRequest, ROUTE_METRIC, Request, Source};
use crate::ssid::{Ssid, hexadecimal};
use crate::stack::{NetplanRange, Stack};
use cluster::finding::Finding;
use cluster::invalid::Invalid;
use cluster::inventory::{Inventory, NetworkSection, Node, Wifi, WifiAddress, WifiNetwork};
use cluster::secret::Secrets;
use std::collections::HashMap;

/// The networks of a document with their keys. What a secret file lacks is an error finding, a file that is not there yet a
/// warning.
///
/// # Errors
/// [`Invalid`] where the document is not valid, with the place; a file that cannot be read.
pub fn networks(
    wifi: &Wifi,
    secrets: &Secrets,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<Vec<Network>> {
    let mut networks = Vec::new();
    let mut seen: HashMap<Ssid, usize> = HashMap::new();
    for (index, network) in wifi.networks.iter().enumerate() {
        let place = format!("wifi.networks[{index}]");
        let (request, ssid) = network_request(network, &place)?;
        if let Some(first) = seen.insert(ssid.clone(), index) {
            let problem = format!(
                "expected each network once, found {ssid} again after wifi.networks[{first}]"
            );
            return Err(Invalid::new(place, problem).into());
        }
        let key = key(&request, &place, secrets, findings)?;
        networks.push(Network { request, ssid, key });
    }
    Ok(networks)
}

fn network_request(network: &WifiNetwork, place: &str) -> Result<(NetworkRequest, Ssid), Invalid> {
    let ssid = Ssid::of(network).map_err(|(field, problem)| {
        let dot = if field.is_empty() { "" } else { "." };
        Invalid::new(format!("{place}{dot}{field}"), problem)
    })?;
    let key = source(network, place)?;
    if let Some(bssid) = &network.bssid {
        check_bssid(bssid.as_str(), &format!("{place}.bssid"))?;
    }
    let request = NetworkRequest {
        ssid: ssid.text().map(str::to_owned),
        ssid_hex: ssid.hex(),
        key,
        security: network.security,
        hidden: network.hidden,
        priority: network.priority,
        band: network.band,
        bssid: network
            .bssid
            .as_ref()
            .map(|bssid| bssid.as_str().to_ascii_lowercase()),
    };
    Ok((request, ssid))
}

fn source(network: &WifiNetwork, place: &str) -> Result<Source, Invalid> {
    let given = [
        network.psk_file.clone().map(Source::PskFile),
        network.psk_hex_file.clone().map(Source::PskHexFile),
        network.open.then_some(Source::Open),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(source), None) => Ok(source),
        (None, _) => Err(Invalid::new(
            place,
            "expected one of psk_file, psk_hex_file and \"open\": true, found none",
        )),
        (Some(_), Some(_)) => Err(Invalid::new(
            place,
            "expected one of psk_file, psk_hex_file and open, found several",
        )),
    }
}

fn check_bssid(text: &str, place: &str) -> Result<(), Invalid> {
    let parts: Vec<&str> = text.split(':').collect();
    let octet = |part: &&str| part.len() == 2 && hexadecimal(part).is_ok();
    if parts.len() == 6 && parts.iter().all(octet) {
        return Ok(());
    }
    let problem = format!("expected a hardware address such as 00:11:22:aa:bb:cc, found {text:?}");
    Err(Invalid::new(place, problem))
}

fn key(
    request: &NetworkRequest,
    place: &str,
    secrets: &Secrets,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<Key> {
    let (file, derived) = match &request.key {
        Source::Open => return Ok(Key::Open),
        Source::PskFile(file) => (file, false),
        Source::PskHexFile(file) => (file, true),
    };
    let shown = secrets.path(file).display().to_string();
    let needs_phrase = request.security != cluster::inventory::Security::Wpa2;
    if derived && needs_phrase {
        let message = "a derived key cannot be used with WPA3: SAE starts from the passphrase";
        findings.push(
            Finding::error("wifi-key-for-wpa3", place, message).fix(
                "name a file with the passphrase as psk_file, or write \"security\": \"wpa2\"",
            ),
        );
        return Ok(Key::Missing);
    }
    let Some(secret) = secrets.read(file, findings)? else {
        let quoted = cluster::command::quote(&shown);
        findings.push(
            Finding::warning(
                "wifi-secret-missing",
                place,
                format!("the secret file {shown} is not there yet"),
            )
            .fix(format!("(umask 077; printf %s 'the passphrase' >{quoted})")),
        );
        return Ok(Key::Missing);
    };
    let key = match derived {
        true => Key::derived(&secret, &shown),
        false => Key::passphrase(secret, &shown),
    };
    Ok(key.unwrap_or_else(|finding| {
        findings.push(*finding);
        Key::Missing
    }))
}

/// Checks what the document says for all nodes.
///
/// # Errors
/// The place that is not valid.
pub fn check(wifi: &Wifi) -> Result<(), Invalid> {
    let Some(country) = &wifi.country else {
        return Ok(());
    };
    let code = country.as_str();
    if country::is_known(code) {
        return Ok(());
    }
    let hint =
        country::meant(code).map_or(String::new(), |meant| format!("; did you mean {meant:?}?"));
    let problem = format!(
        "expected a country in capital letters (ISO 3166-1), or \"00\", found {code:?}{hint}"
    );
    Err(Invalid::new("wifi.country", problem))
}

/// The request for a node of the document, or for a machine that it does not list. Flags win.
pub fn request(
    cli: &Cli,
    inventory: &Inventory,
    wifi: &Wifi,
    node: Option<&Node>,
    networks: &[Network],
) -> Request {
    let os = cli.os.or_else(|| node.and_then(|node| node.os));
    let release = node.and_then(|node| node.os_release.as_ref());
    let release = release.map(|release| release.as_str());
    let stack = cli.common.format.stack().or(cli.stack);
    let stack = stack.unwrap_or_else(|| Stack::of(os, release));
    let netplan = cli
        .netplan_version
        .map_or_else(|| NetplanRange::of(release), NetplanRange::only);
    let interface = interface(cli, wifi);
    let (address, gateway, dns) = address(inventory.network.as_ref(), wifi, node, &interface);
    Request {
        country: wifi.country.as_ref().map(|code| code.as_str().to_owned()),
        ethernet: ethernet(wifi, node, &interface),
        interface,
        address,
        gateway,
        dns,
        route_metric: wifi.route_metric.unwrap_or(ROUTE_METRIC),
        os,
        stack,
        netplan: (stack == Stack::Netplan).then_some(netplan),
        networks: networks.iter().map(|n| n.request.clone()).collect(),
    }
}

/// The radio's interface.
pub fn interface(cli: &Cli, wifi: &Wifi) -> String {
    let named = cli.interface.as_ref().or(wifi.interface.as_ref());
    named.map_or(INTERFACE, |name| name.as_str()).to_owned()
}

type Addresses = (
    Option<String>,
    Option<std::net::IpAddr>,
    Vec<std::net::IpAddr>,
);

/// The node's own address where it is on Wi-Fi, else what `wifi` says.
fn address(
    network: Option<&NetworkSection>,
    wifi: &Wifi,
    node: Option<&Node>,
    interface: &str,
) -> Addresses {
    if let Some(node) = node.filter(|node| on(node, interface))
        && let Some(address) = &node.address
    {
        let gateway = wifi.gateway.or(network.and_then(|n| n.gateway));
        let dns = match (wifi.dns.as_slice(), network) {
            ([], Some(network)) => network.dns.clone(),
            (dns, _) => dns.to_vec(),
        };
        return (Some(address.to_string()), gateway, dns);
    }
    match &wifi.address {
        WifiAddress::Dhcp => (None, None, Vec::new()),
        WifiAddress::Fixed(address) => (Some(address.to_string()), wifi.gateway, wifi.dns.clone()),
    }
}

/// Whether the node's address is on this interface.
pub fn on(node: &Node, interface: &str) -> bool {
    let own = node.interface.as_ref();
    own.is_some_and(|own| own.as_str() == interface)
}

/// The Ethernet interface where it may be in the same subnet: unless both addresses are known and say otherwise.
fn ethernet(wifi: &Wifi, node: Option<&Node>, interface: &str) -> Option<String> {
    let node = node?;
    let ethernet = node.interface.as_ref()?.as_str();
    if ethernet == interface {
        return None;
    }
    if let (WifiAddress::Fixed(ours), Some(theirs)) = (&wifi.address, &node.address)
        && ours.network() != theirs.network()
    {
        return None;
    }
    Some(ethernet.to_owned())
}
