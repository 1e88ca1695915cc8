//! The network stacks, and which of them an operating system has.

use clap::ValueEnum;
use cluster::inventory::Os;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Who configures the network on a node.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
    ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stack {
    /// wpa_supplicant's own file, read by dhcpcd, ifupdown or a person
    WpaSupplicant,
    /// RancherOS' and BurmillaOS' configuration
    CloudConfig,
    /// netplan over systemd-networkd
    Netplan,
    /// NetworkManager
    #[serde(rename = "networkmanager")]
    #[value(name = "networkmanager")]
    NetworkManager,
    /// systemd-networkd with a wpa_supplicant unit
    Systemd,
}

impl Stack {
    /// The word in a document and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WpaSupplicant => "wpa-supplicant",
            Self::CloudConfig => "cloud-config",
            Self::Netplan => "netplan",
            Self::NetworkManager => "networkmanager",
            Self::Systemd => "systemd",
        }
    }

    /// What an operating system has, as it comes.
    pub fn of(os: Option<Os>, release: Option<&str>) -> Self {
        match os {
            Some(Os::RancherOs | Os::BurmillaOs) => Self::CloudConfig,
            // Up to 11 it was dhcpcd with wpa_supplicant's own file.
            Some(Os::RaspiOs) if release.is_some_and(is_old_raspios) => Self::WpaSupplicant,
            Some(Os::RaspiOs) => Self::NetworkManager,
            Some(Os::Ubuntu) => Self::Netplan,
            Some(Os::Debian) => Self::Systemd,
            None => Self::WpaSupplicant,
        }
    }
}

fn is_old_raspios(release: &str) -> bool {
    [
        "8", "9", "10", "11", "jessie", "stretch", "buster", "bullseye",
    ]
    .contains(&release)
}

/// A version of netplan.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct NetplanVersion(pub u32, pub u32, pub u32);

impl FromStr for NetplanVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Debian's revision says nothing of abilities.
        let upstream = text.split(['-', '+', '~']).next().unwrap_or_default();
        let mut parts = upstream.split('.').map(str::parse::<u32>);
        let mut part = || parts.next().unwrap_or(Ok(0)).map_err(|_| ());
        match (part(), part(), part()) {
            (Ok(major), Ok(minor), Ok(patch)) if !upstream.is_empty() => {
                Ok(Self(major, minor, patch))
            }
            _ => Err(format!("expected a version such as 0.106, found {text:?}")),
        }
    }
}

impl TryFrom<String> for NetplanVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<NetplanVersion> for String {
    fn from(version: NetplanVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for NetplanVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        match patch {
            0 => write!(f, "{major}.{minor}"),
            patch => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// The versions of netplan that a node may have. What the oldest lacks is not written, and what the newest reads otherwise
/// is written in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NetplanRange {
    /// The oldest.
    pub from: NetplanVersion,
    /// The newest; `null` where any newer one may be there.
    pub to: Option<NetplanVersion>,
}

impl NetplanRange {
    /// Exactly this one.
    pub fn only(version: NetplanVersion) -> Self {
        Self {
            from: version,
            to: Some(version),
        }
    }

    /// What a release of Ubuntu came with, up to its last update.
    pub fn of(release: Option<&str>) -> Self {
        let range = |from, to| Self { from, to };
        match release.unwrap_or_default() {
            "20.04" | "focal" => range(NetplanVersion(0, 99, 0), Some(NetplanVersion(0, 104, 0))),
            "22.04" | "jammy" => range(NetplanVersion(0, 104, 0), Some(NetplanVersion(0, 107, 0))),
            "24.04" | "noble" => range(NetplanVersion(1, 0, 0), None),
            _ => range(NetplanVersion(0, 100, 0), None),
        }
    }

    /// Whether every one has what came with `version`.
    pub fn all_since(self, version: NetplanVersion) -> bool {
        self.from >= version
    }

    /// Whether one of them does what came with `version`.
    pub fn some_since(self, version: NetplanVersion) -> bool {
        self.to.is_none_or(|to| to >= version)
    }
}

impl fmt::Display for NetplanRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) if to == self.from => write!(f, "netplan {to}"),
            Some(to) => write!(f, "netplan {} to {to}", self.from),
            None => write!(f, "netplan {} or newer", self.from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_packages_write_them() {
        assert_eq!("0.106-2+deb12u1".parse(), Ok(NetplanVersion(0, 106, 0)));
        assert_eq!("1.0.1".parse(), Ok(NetplanVersion(1, 0, 1)));
        assert!("x".parse::<NetplanVersion>().is_err());
        assert!("".parse::<NetplanVersion>().is_err());
        let unknown = NetplanRange::of(None);
        assert!(unknown.some_since(NetplanVersion(9, 0, 0)));
        assert!(!unknown.all_since(NetplanVersion(0, 105, 0)));
        let focal = NetplanRange::of(Some("20.04"));
        assert!(!focal.some_since(NetplanVersion(0, 105, 0)));
    }

    #[test]
    fn each_system_has_its_stack() {
        assert_eq!(
            Stack::of(Some(Os::RaspiOs), Some("bullseye")),
            Stack::WpaSupplicant
        );
        assert_eq!(
            Stack::of(Some(Os::RaspiOs), Some("bookworm")),
            Stack::NetworkManager
        );
        assert_eq!(Stack::of(Some(Os::RaspiOs), None), Stack::NetworkManager);
        assert_eq!(Stack::of(Some(Os::BurmillaOs), None), Stack::CloudConfig);
    }
}
