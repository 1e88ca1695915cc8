//! NetworkManager's key files: one for each network, read by it only where nobody else may read them (mode 0600).

use super::common::{self, cannot};
use crate::content::{Content, File, Form, keyfile};
use crate::request::{Network, Site, Source};
use crate::ssid::Ssid;
use cluster::finding::Finding;
use cluster::inventory::{Band, Security};
use cluster::plan::{derived_uuid, uuid_text};
use std::net::IpAddr;

/// Where connections that last are.
pub const FOLDER: &str = "/etc/NetworkManager/system-connections";

/// What `connection.autoconnect-priority` allows (nm-settings(5)).
const PRIORITIES: std::ops::RangeInclusive<i32> = -999..=999;

/// The files of a node.
pub fn files(site: Site<'_>) -> Result<Vec<File>, Vec<Finding>> {
    let mut files = Vec::new();
    let mut findings = Vec::new();
    for (number, network) in site.networks.iter().enumerate() {
        if !PRIORITIES.contains(&network.request.priority) {
            let what = "its priority is beyond -999 to 999";
            findings.push(cannot(
                site,
                Some(network),
                what,
                "choose a smaller priority",
            ));
        }
        files
            .push(File::new(path(FOLDER, &network.ssid), content(site, number, network)).private());
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    files.extend(common::country(site));
    files.extend(common::one_subnet(site));
    Ok(files)
}

/// A network's file in a folder.
pub fn path(folder: &str, ssid: &Ssid) -> String {
    format!("{folder}/pi-wifi-{}.nmconnection", ssid.label())
}

/// The connection's identity: the same for the same network on the same interface.
pub fn uuid(site: Site<'_>, ssid: &Ssid) -> String {
    uuid_text(derived_uuid(&[
        "pi-wifi",
        &site.request.interface,
        &ssid.hex(),
    ]))
}

/// One connection.
pub fn content(site: Site<'_>, number: usize, network: &Network) -> Content {
    let request = &network.request;
    let mut content = Content::default();
    content.line("[connection]");
    content.line(&format!("id=pi-wifi-{}", network.ssid.label()));
    content.line(&format!("uuid={}", uuid(site, &network.ssid)));
    content.line("type=wifi");
    content.line(&format!("interface-name={}", site.request.interface));
    if request.priority != 0 {
        content.line(&format!("autoconnect-priority={}", request.priority));
    }
    content.line("\n[wifi]");
    content.line(&format!("ssid={}", ssid(&network.ssid)));
    // Disable: 0 would leave it to the default, 1 to the driver.
    content.line("powersave=2");
    if request.hidden {
        content.line("hidden=true");
    }
    if let Some(band) = request.band {
        let band = match band {
            Band::Ghz2 => "bg",
            Band::Ghz5 => "a",
        };
        content.line(&format!("band={band}"));
    }
    if let Some(bssid) = &request.bssid {
        content.line(&format!("bssid={bssid}"));
    }
    security(&mut content, number, network);
    addresses(&mut content, site);
    content
}

fn security(content: &mut Content, number: usize, network: &Network) {
    if network.request.key == Source::Open {
        return;
    }
    content.line("\n[wifi-security]");
    match network.request.security {
        Security::Wpa2 => {
            content.line("key-mgmt=wpa-psk");
            // Without frame protection NetworkManager does not offer SAE, for which a derived key is of no use.
            content.line("pmf=1");
            content.secret("psk=", number, Form::KeyHex, "");
        }
        Security::Mixed => {
            content.line("key-mgmt=wpa-psk");
            content.line("pmf=2");
            content.secret("psk=", number, Form::PhraseKeyfile, "");
        }
        Security::Wpa3 => {
            content.line("key-mgmt=sae");
            content.secret("psk=", number, Form::PhraseKeyfile, "");
        }
    }
}

/// Plain where nothing in it can be taken for something else, otherwise its bytes as numbers.
fn ssid(ssid: &Ssid) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let bytes = ssid.bytes();
    match ssid.text() {
        Some(text) if bytes.iter().all(plain) && bytes[0].is_ascii_alphabetic() => keyfile(text),
        _ => bytes.iter().map(|byte| format!("{byte};")).collect(),
    }
}

fn addresses(content: &mut Content, site: Site<'_>) {
    let request = site.request;
    let metric = request.route_metric;
    let fixed_v4 = request.address.as_ref().filter(|a| !a.contains(':'));
    let fixed_v6 = request.address.as_ref().filter(|a| a.contains(':'));
    for (section, fixed, v6) in [("ipv4", fixed_v4, false), ("ipv6", fixed_v6, true)] {
        content.line(&format!("\n[{section}]"));
        let same = |address: &&IpAddr| address.is_ipv6() == v6;
        match fixed {
            Some(address) => {
                content.line("method=manual");
                let gateway = request.gateway.as_ref().filter(same);
                let gateway = gateway.map_or(String::new(), |gateway| format!(",{gateway}"));
                content.line(&format!("address1={address}{gateway}"));
            }
            None => content.line("method=auto"),
        }
        let servers: String = request
            .dns
            .iter()
            .filter(same)
            .map(|server| format!("{server};"))
            .collect();
        if !servers.is_empty() {
            content.line(&format!("dns={servers}"));
        }
        content.line(&format!("route-metric={metric}"));
    }
}
