//! `wifi`: the networks that the nodes join.

use crate::name::{HostAddress, InterfaceName, Line};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;

/// Wi-Fi of all nodes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Wifi {
    /// The country whose radio rules apply: two letters (ISO 3166-1), or `00`.
    pub country: Option<Line>,
    /// The radio's interface. Default `wlan0`.
    pub interface: Option<InterfaceName>,
    /// `dhcp`, or a fixed address with its prefix length. Default `dhcp`.
    #[serde(default)]
    pub address: WifiAddress,
    /// The gateway of a fixed address. Default none.
    pub gateway: Option<IpAddr>,
    /// Name servers of a fixed address. Default none.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// Metric of the routes over Wi-Fi: higher than Ethernet's keeps Ethernet first. Default 600.
    pub route_metric: Option<u32>,
    /// The networks to join. Default none.
    #[serde(default)]
    pub networks: Vec<WifiNetwork>,
}

/// How the Wi-Fi interface gets its address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum WifiAddress {
    /// From a DHCP server.
    #[default]
    Dhcp,
    /// Fixed.
    Fixed(HostAddress),
}

impl TryFrom<String> for WifiAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "dhcp" {
            return Ok(Self::Dhcp);
        }
        HostAddress::try_from(text)
            .map(Self::Fixed)
            .map_err(|e| format!("{e}; or \"dhcp\""))
    }
}

impl JsonSchema for WifiAddress {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WifiAddress".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "examples": ["dhcp", "192.168.11.21/24"]})
    }
}

/// A network: exactly one of the three forms of its SSID, and one way to its key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct WifiNetwork {
    /// The SSID as text, 1 to 32 bytes of UTF-8.
    pub ssid: Option<String>,
    /// The SSID as hexadecimal digits, for one that is not text.
    pub ssid_hex: Option<String>,
    /// The SSID as base64, for one that is not text.
    pub ssid_base64: Option<String>,
    /// The file that holds the passphrase.
    pub psk_file: Option<PathBuf>,
    /// The file that holds the derived key as 64 hexadecimal digits.
    pub psk_hex_file: Option<PathBuf>,
    /// Whether the network has no key. Default no.
    #[serde(default)]
    pub open: bool,
    /// How the network is secured. Default `wpa2`.
    #[serde(default)]
    pub security: Security,
    /// Whether the network does not send its name. Default no.
    #[serde(default)]
    pub hidden: bool,
    /// Which network is preferred: higher comes first. Default 0.
    #[serde(default)]
    pub priority: i32,
    /// The band to use. Default: any.
    pub band: Option<Band>,
    /// The one access point to use, by its hardware address. Default: any.
    pub bssid: Option<Line>,
}

/// How a network is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[schemars(!try_from)]
pub enum Security {
    /// WPA2 with a pre-shared key.
    #[default]
    Wpa2,
    /// WPA3 (SAE) only.
    Wpa3,
    /// WPA3 where the access point has it, else WPA2.
    Mixed,
}

impl TryFrom<String> for Security {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "wpa2" => Ok(Self::Wpa2),
            "wpa3" => Ok(Self::Wpa3),
            "mixed" => Ok(Self::Mixed),
            word if ["enterprise", "eap", "802.1x"]
                .iter()
                .any(|part| word.contains(part)) =>
            {
                Err(format!(
                    "expected wpa2, wpa3 or mixed, found {text:?}: WPA-Enterprise needs an identity and certificates for each node, which this document does not hold"
                ))
            }
            _ => Err(format!("expected wpa2, wpa3 or mixed, found {text:?}")),
        }
    }
}

/// A frequency band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
pub enum Band {
    /// 2.4 GHz.
    #[serde(rename = "2.4GHz")]
    Ghz2,
    /// 5 GHz.
    #[serde(rename = "5GHz")]
    Ghz5,
}
