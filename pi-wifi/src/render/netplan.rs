//! netplan over systemd-networkd. Every text stands between double quotes; what a version of netplan lacks is not written,
//! because an unknown key makes it refuse the whole file.

use super::common::{self, cannot};
use crate::content::{Content, File, Form, yaml};
use crate::request::{Network, Site};
use crate::stack::{NetplanRange, NetplanVersion};
use cluster::finding::Finding;
use cluster::inventory::{Band, Security};

/// After cloud-init's own file, so that this one counts.
pub const PATH: &str = "/etc/netplan/60-pi-wifi.yaml";

/// `hidden`.
const HIDDEN: NetplanVersion = NetplanVersion(0, 100, 0);
/// `regulatory-domain`.
const COUNTRY: NetplanVersion = NetplanVersion(0, 105, 0);
/// `key-management: sae`.
const SAE: NetplanVersion = NetplanVersion(0, 107, 0);
/// `key-management: psk` offers SAE as well.
const MIXED: NetplanVersion = NetplanVersion(0, 107, 1);
/// The SSID goes to wpa_supplicant as `P"…"`, in which a backslash begins an escape.
const ESCAPES: NetplanVersion = NetplanVersion(1, 0, 1);

/// The files of a node.
pub fn files(site: Site<'_>) -> Result<Vec<File>, Vec<Finding>> {
    let range = site
        .request
        .netplan
        .unwrap_or_else(|| NetplanRange::of(None));
    let findings: Vec<Finding> = site
        .networks
        .iter()
        .flat_map(|network| refusals(site, network, range))
        .chain(priorities(site))
        .collect();
    if !findings.is_empty() {
        return Err(findings);
    }
    let mut files = vec![File::new(PATH, content(site, range)).private()];
    files.extend(common::country(site));
    files.push(common::power_save(site));
    files.extend(common::one_subnet(site));
    Ok(files)
}

fn priorities(site: Site<'_>) -> Option<Finding> {
    let first = site.networks.first()?.request.priority;
    let differ = site.networks.iter().any(|n| n.request.priority != first);
    differ.then(|| {
        let fix = "take the priorities out, or use -f networkmanager or -f systemd";
        cannot(site, None, "it has no priority of networks", fix)
    })
}

/// What netplan cannot carry to wpa_supplicant unchanged, in one of the versions that the node may have.
fn refusals(site: Site<'_>, network: &Network, range: NetplanRange) -> Vec<Finding> {
    let mut found = of_the_name(network, range);
    if !network.is_open() {
        found.extend(of_the_key(network, range));
    }
    found
        .iter()
        .map(|(what, fix)| cannot(site, Some(network), what, fix))
        .collect()
}

/// What is refused, and what to do.
type Refused = (String, &'static str);

const OTHER_STACK: &str = "use -f systemd, which takes any";
const NAME_THE_VERSION: &str = "name the version with --netplan-version (dpkg-query -W netplan.io)";

fn of_the_name(network: &Network, range: NetplanRange) -> Vec<Refused> {
    let mut refused = Vec::new();
    match network.ssid.text() {
        None => refused.push((
            "netplan's SSID is text without control characters".to_owned(),
            OTHER_STACK,
        )),
        Some(text) if quote_before_hash(text) => refused.push((
            "netplan writes the SSID between quotes, and wpa_supplicant ends a line at a # behind an inner quote".to_owned(),
            OTHER_STACK,
        )),
        Some(text) if text.contains(['\\', '"']) && range.some_since(ESCAPES) => refused.push((
            format!("from {ESCAPES} on netplan has backslashes and quotes in an SSID read as escapes, and this may be {range}"),
            OTHER_STACK,
        )),
        Some(_) => {}
    }
    if network.request.hidden && !range.all_since(HIDDEN) {
        refused.push((
            format!("`hidden` needs netplan {HIDDEN}, and this may be {range}"),
            NAME_THE_VERSION,
        ));
    }
    refused
}

fn of_the_key(network: &Network, range: NetplanRange) -> Vec<Refused> {
    let mut refused = Vec::new();
    let needed = match network.request.security {
        Security::Wpa2 => None,
        Security::Wpa3 => Some(SAE),
        Security::Mixed => Some(MIXED),
    };
    if let Some(needed) = needed.filter(|needed| !range.all_since(*needed)) {
        refused.push((
            format!("SAE needs netplan {needed} here, and this may be {range}"),
            NAME_THE_VERSION,
        ));
    }
    let derived = matches!(network.request.key, crate::request::Source::PskHexFile(_));
    if derived && range.some_since(MIXED) {
        refused.push((
            format!(
                "from {MIXED} on netplan offers SAE beside a derived key, which then never connects where the access point has WPA3, and this may be {range}"
            ),
            "name a file with the passphrase, or the version with --netplan-version",
        ));
    }
    let quoted = form(network, range) == Form::PhraseYaml;
    let phrase = network.key.phrase();
    let phrase = phrase.and_then(|phrase| std::str::from_utf8(phrase).ok());
    if quoted && phrase.is_some_and(quote_before_hash) {
        refused.push((
            "netplan writes the passphrase between quotes, and wpa_supplicant ends a line at a # behind an inner quote".to_owned(),
            OTHER_STACK,
        ));
    }
    refused
}

/// wpa_supplicant takes quotes in pairs when it looks for a comment (config_file.c), and netplan adds one around.
fn quote_before_hash(text: &str) -> bool {
    text.find('"').is_some_and(|at| text[at..].contains('#'))
}

/// The derived key for WPA2, but for a netplan that is known to be so new that it offers SAE beside it: that then never connects
/// where the access point has WPA3 as well.
fn form(network: &Network, range: NetplanRange) -> Form {
    let newer = range.all_since(MIXED) || range.to.is_some() && range.some_since(MIXED);
    let derived = network.request.security == Security::Wpa2 && !newer;
    match derived {
        true => Form::KeyHex,
        false => Form::PhraseYaml,
    }
}

fn content(site: Site<'_>, range: NetplanRange) -> Content {
    let request = site.request;
    let mut content = Content::plain("network:\n  version: 2\n  wifis:\n");
    content.line(&format!("    {}:", yaml(&request.interface)));
    content.text("      renderer: networkd\n      optional: true\n");
    if let Some(country) = request
        .country
        .as_ref()
        .filter(|_| range.all_since(COUNTRY))
    {
        content.line(&format!("      regulatory-domain: {}", yaml(country)));
    }
    addresses(&mut content, site);
    if site.networks.is_empty() {
        content.line("      access-points: {}");
        return content;
    }
    content.line("      access-points:");
    for (number, network) in site.networks.iter().enumerate() {
        // Refused before where it is none.
        let text = network.ssid.text().unwrap_or_default();
        content.line(&format!("        {}:", yaml(text)));
        access_point(&mut content, number, network, range);
    }
    content
}

fn access_point(content: &mut Content, number: usize, network: &Network, range: NetplanRange) {
    let request = &network.request;
    let indent = "          ";
    if request.hidden {
        content.line(&format!("{indent}hidden: true"));
    }
    if let Some(band) = request.band {
        let band = match band {
            Band::Ghz2 => "2.4GHz",
            Band::Ghz5 => "5GHz",
        };
        content.line(&format!("{indent}band: {}", yaml(band)));
    }
    if let Some(bssid) = &request.bssid {
        content.line(&format!("{indent}bssid: {}", yaml(bssid)));
    }
    content.line(&format!("{indent}auth:"));
    if network.is_open() {
        content.line(&format!("{indent}  key-management: none"));
        return;
    }
    let management = match request.security {
        Security::Wpa2 | Security::Mixed => "psk",
        Security::Wpa3 => "sae",
    };
    content.line(&format!("{indent}  key-management: {management}"));
    content.secret(
        &format!("{indent}  password: \""),
        number,
        form(network, range),
        "\"",
    );
}

fn addresses(content: &mut Content, site: Site<'_>) {
    let request = site.request;
    let metric = request.route_metric;
    let Some(address) = &request.address else {
        content.text(&format!(
            "      dhcp4: true\n      dhcp4-overrides:\n        route-metric: {metric}\n"
        ));
        return;
    };
    content.text("      dhcp4: false\n      addresses:\n");
    content.line(&format!("        - {}", yaml(address)));
    if let Some(gateway) = request.gateway {
        let all = if gateway.is_ipv6() {
            "::/0"
        } else {
            "0.0.0.0/0"
        };
        content.text(&format!(
            "      routes:\n        - to: {}\n          via: {}\n          metric: {metric}\n",
            yaml(all),
            yaml(&gateway.to_string())
        ));
    }
    if !request.dns.is_empty() {
        content.text("      nameservers:\n        addresses:\n");
        for server in &request.dns {
            content.line(&format!("          - {}", yaml(&server.to_string())));
        }
    }
}
