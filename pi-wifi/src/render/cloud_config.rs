//! RancherOS and BurmillaOS. Their own template puts SSID and key between quotes, so that quotes in them, bytes that are
//! not ASCII and derived keys are lost; `key_mgmt` is the one field that it copies as it is. The fields of the network's
//! block go in there, one a line, and the later `ssid=` counts.

use super::common::{ONE_SUBNET, cannot};
use super::wpa_supplicant::{Field, fields};
use crate::content::{Content, File, mark};
use crate::request::Site;
use cluster::cloud_config::{self, CloudConfig};
use cluster::finding::Finding;
use cluster::inventory::Os;
use serde_json::{Map, Value, json};

/// The name in RancherOS' configuration that stands in the template's own `ssid`, which the block's own replaces.
const PLACEHOLDER: &str = "pi-wifi";

/// The files of a node.
pub fn files(site: Site<'_>) -> Result<Vec<File>, Vec<Finding>> {
    let os = site.request.os.unwrap_or(Os::RancherOs);
    let Some(path) = cloud_config::path(os, "pi-wifi") else {
        return Err(vec![another_system(site)]);
    };
    let config = config(site).map_err(|findings| *findings)?;
    let content = Content::unmark(&config.text(), site.networks.len());
    Ok(vec![File::new(path, content).private()])
}

/// The configuration, with marks for the secrets.
///
/// # Errors
/// What it cannot express.
pub fn config(site: Site<'_>) -> Result<CloudConfig, Box<Vec<Finding>>> {
    let os = site.request.os.unwrap_or(Os::RancherOs);
    let Some(mut config) = CloudConfig::new(os) else {
        return Err(Box::new(vec![another_system(site)]));
    };
    if site.networks.len() > 1 {
        let what = "RancherOS joins one network for each interface";
        let fix = "leave one network in `wifi.networks`";
        return Err(Box::new(vec![cannot(site, None, what, fix)]));
    }
    let mut wrong = Vec::new();
    for (name, text) in site.fragments {
        if let Err(problem) = config.merge(text) {
            let problem = format!("the fragment {name}: {problem}");
            wrong.push(cannot(
                site,
                None,
                &problem,
                "have the tool that it is of write it again",
            ));
        }
    }
    let settings = match site.networks.is_empty() {
        true => Vec::new(),
        false => settings(site),
    };
    for (place, value) in settings {
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        if let Err(problem) = config.set(&place, value) {
            wrong.push(cannot(
                site,
                None,
                &problem,
                "change the value that it names",
            ));
        }
    }
    match wrong.is_empty() {
        true => Ok(config),
        false => Err(Box::new(wrong)),
    }
}

fn another_system(site: Site<'_>) -> Finding {
    let what =
        "cloud-config is RancherOS' and BurmillaOS' configuration, and the node has another system";
    cannot(site, None, what, "leave the format to the node's own stack")
}

fn settings(site: Site<'_>) -> Vec<(Vec<String>, Value)> {
    let request = site.request;
    let at = |parts: &[&str]| parts.iter().map(|&part| part.to_owned()).collect();
    // Loaded with the country, and the radio's own module: RancherOS loads it by itself on the Pi 3 only.
    let mut modules = Vec::new();
    if let Some(country) = &request.country {
        modules.push(format!("cfg80211 ieee80211_regdom={country}"));
    }
    modules.push("brcmfmac".to_owned());
    let mut settings = vec![
        (at(&["modules"]), json!(modules)),
        // An entry of our own drops the implicit one.
        (
            at(&["network", "interfaces", "eth*"]),
            json!({"dhcp": true}),
        ),
        (
            at(&["network", "interfaces", &request.interface]),
            interface(site),
        ),
    ];
    if let Some(network) = site.networks.first() {
        let mut block = Map::new();
        block.insert("ssid".to_owned(), json!(PLACEHOLDER));
        block.insert("key_mgmt".to_owned(), json!(lines(&fields(network))));
        settings.push((
            at(&["network", "wifi_networks", &request.interface]),
            Value::Object(block),
        ));
    }
    if request.address.is_some() && !request.dns.is_empty() {
        let servers: Vec<String> = request.dns.iter().map(ToString::to_string).collect();
        settings.push((at(&["network", "dns", "nameservers"]), json!(servers)));
    }
    if request.ethernet.is_some() {
        // At the system's start the radio is not there yet, so it is said for all interfaces.
        for (name, value) in ONE_SUBNET {
            let name = format!("net.ipv4.conf.all.{name}");
            settings.push((at(&["sysctl", &name]), json!(value.to_string())));
        }
    }
    settings
}

fn interface(site: Site<'_>) -> Value {
    let request = site.request;
    let mut fields = json!({
        "wifi_network": request.interface,
        // Without a shell and before the association: the driver keeps it.
        "post_up": [format!("iwconfig {} power off", request.interface)],
    });
    match &request.address {
        None => {
            fields["dhcp"] = json!(true);
            fields["dhcp_args"] = json!(format!("dhcpcd -MA4 -m {}", request.route_metric));
        }
        Some(address) => {
            fields["dhcp"] = json!(false);
            fields["address"] = json!(address);
            if let Some(gateway) = request.gateway {
                let name = if gateway.is_ipv6() {
                    "gateway_ipv6"
                } else {
                    "gateway"
                };
                fields[name] = json!(gateway.to_string());
            }
        }
    }
    fields
}

/// The value of `key_mgmt`, and behind it the other fields as lines of their own.
fn lines(fields: &[Field]) -> String {
    let value = |field: &Field| match field {
        Field::Text(_, text) => text.clone(),
        Field::Secret(_, form) => mark(0, *form),
    };
    let name = |field: &Field| match field {
        Field::Text(name, _) | Field::Secret(name, _) => *name,
    };
    let (management, others): (Vec<&Field>, Vec<&Field>) =
        fields.iter().partition(|field| name(field) == "key_mgmt");
    let mut text: String = management.into_iter().map(value).collect();
    for field in others {
        text.push_str(&format!("\n\t{}={}", name(field), value(field)));
    }
    text
}
