//! wpa_supplicant's own file. Nothing in it that a person wrote stands between quotes: SSID and keys are hexadecimal digits,
//! because a quote before a `#` ends a line early (`ssid="a"b#c"` is refused).

use super::common;
use crate::content::{Content, File, Form};
use crate::request::{Network, Site, Source};
use cluster::finding::Finding;
use cluster::inventory::Security;

/// The file that dhcpcd's and ifupdown's hooks read.
pub const PATH: &str = "/etc/wpa_supplicant/wpa_supplicant.conf";

/// Where wpa_supplicant's socket is on all systems but the oldest.
const CONTROL: &str = "/run/wpa_supplicant";

/// The files of a node.
pub fn files(site: Site<'_>) -> Result<Vec<File>, Vec<Finding>> {
    let mut files = vec![File::new(PATH, content(site)).private()];
    files.extend(common::country(site));
    files.push(common::power_save(site));
    files.extend(common::one_subnet(site));
    Ok(files)
}

/// The whole file.
pub fn content(site: Site<'_>) -> Content {
    let mut content = Content::default();
    content.line(&format!("ctrl_interface={CONTROL}"));
    if let Some(country) = &site.request.country {
        content.line(&format!("country={country}"));
    }
    for (number, network) in site.networks.iter().enumerate() {
        content.line("");
        if let Some(text) = network.ssid.text() {
            // A comment cannot end early: it holds no line break.
            content.line(&format!("# {text}"));
        }
        content.line("network={");
        for field in fields(network) {
            match field {
                Field::Text(name, value) => content.line(&format!("\t{name}={value}")),
                Field::Secret(name, form) => {
                    content.secret(&format!("\t{name}="), number, form, "");
                }
            }
        }
        content.line("}");
    }
    content
}

/// A field of a network's block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Its value stands in the request.
    Text(&'static str, String),
    /// Its value is a secret.
    Secret(&'static str, Form),
}

/// The fields of a network, for the file, for the control socket, and for RancherOS.
pub fn fields(network: &Network) -> Vec<Field> {
    let request = &network.request;
    let mut fields = vec![Field::Text("ssid", network.ssid.hex())];
    if request.hidden {
        // Ask for it by name: its access point does not say it.
        fields.push(Field::Text("scan_ssid", "1".to_owned()));
    }
    match (&request.key, request.security) {
        (Source::Open, _) => fields.push(Field::Text("key_mgmt", "NONE".to_owned())),
        (_, Security::Wpa2) => {
            // Named, because a derived key alone never connects where SAE is chosen.
            fields.push(Field::Text("key_mgmt", "WPA-PSK".to_owned()));
            fields.push(Field::Secret("psk", Form::KeyHex));
        }
        (_, Security::Mixed) => {
            fields.push(Field::Text("key_mgmt", "WPA-PSK SAE".to_owned()));
            fields.push(Field::Text("ieee80211w", "1".to_owned()));
            fields.push(Field::Secret("psk", Form::KeyHex));
            fields.push(Field::Secret("sae_password", Form::PhraseHex));
        }
        (_, Security::Wpa3) => {
            fields.push(Field::Text("key_mgmt", "SAE".to_owned()));
            fields.push(Field::Text("ieee80211w", "2".to_owned()));
            fields.push(Field::Secret("sae_password", Form::PhraseHex));
        }
    }
    if request.priority != 0 {
        fields.push(Field::Text("priority", request.priority.to_string()));
    }
    if let Some(band) = request.band {
        let list: Vec<String> = common::frequencies(band)
            .iter()
            .map(u32::to_string)
            .collect();
        fields.push(Field::Text("freq_list", list.join(" ")));
    }
    if let Some(bssid) = &request.bssid {
        fields.push(Field::Text("bssid", bssid.clone()));
    }
    fields
}
