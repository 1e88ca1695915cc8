//! `--check`: the radio as it is, and what that means.

use crate::kernel_log::{self, Line};
use crate::nl80211::{Interface, Radio};
use crate::owner::{self, Owner};
use crate::ssid::{Ssid, hex};
use cluster::name::escape_controls;
use cluster::root::Root;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

mod findings;
mod meaning;

pub use findings::{absent, findings};
use meaning::meanings;

/// Longer than anything in sysfs.
const LIMIT: u64 = 4096;

/// The radio as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// Whether the interface is there.
    pub present: bool,
    /// The wireless interfaces that are there.
    pub interfaces: Vec<String>,
    /// The driver's name.
    pub driver: Option<String>,
    /// The driver's parameters.
    pub parameters: BTreeMap<String, String>,
    /// The firmware, as the kernel's log names it.
    pub firmware: Option<String>,
    /// Whether driver and firmware can do WPA3 (SAE).
    pub sae: Option<bool>,
    /// The country of the kernel's radio rules.
    pub country: Option<String>,
    /// The country of the radio's own rules, where it manages them itself.
    pub phy_country: Option<String>,
    /// What blocks radios.
    pub rfkill: Vec<Rfkill>,
    /// Whether power save is on.
    pub power_save: Option<bool>,
    /// Who configures the interface.
    pub owner: Owner,
    /// The network that it is in.
    pub link: Option<Link>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The last lines of the kernel's log about it.
    pub kernel: Vec<Line>,
    /// What each field means as it is.
    pub meanings: BTreeMap<&'static str, String>,
}

/// A switch that can block a radio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rfkill {
    /// Its name in `/sys/class/rfkill`.
    pub id: String,
    /// The radio's name.
    pub name: String,
    /// Blocked by software; can be unblocked.
    pub soft: bool,
    /// Blocked by a switch.
    pub hard: bool,
}

/// The network that an interface is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Link {
    /// Its SSID as text; `null` where it is none.
    pub ssid: Option<String>,
    /// Its SSID's bytes.
    pub ssid_hex: String,
    /// The access point.
    pub bssid: String,
    /// The frequency in MHz.
    pub frequency_mhz: Option<u32>,
    /// How strong the access point is heard, in dBm.
    pub signal_dbm: Option<i8>,
}

/// Looks at an interface.
///
/// # Errors
/// The kernel does not answer.
pub fn look(root: &Root, interface: &str) -> anyhow::Result<Report> {
    let mut report = Report {
        rfkill: rfkill(root),
        owner: owner::find(root, interface),
        kernel: kernel_log::read(interface),
        ..Report::default()
    };
    if let Some(mut radio) = Radio::open()? {
        let all = radio.interfaces()?;
        report.interfaces = all.iter().map(|found| found.name.clone()).collect();
        report.country = radio.country(None)?;
        if let Some(own) = &radio.interface(interface)? {
            report.present = true;
            report.phy_country = radio.country(Some(own.wiphy))?;
            report.sae = Some(radio.can_sae(own.wiphy)?);
            report.power_save = radio.power_save(own.index)?;
            report.link = link_of(&mut radio, own)?;
        }
    }
    report.addresses = addresses(interface);
    report.driver = driver(interface);
    if let Some(driver) = &report.driver {
        report.parameters = parameters(root, driver);
    }
    report.firmware = report.kernel.iter().find_map(|line| {
        line.text
            .split_once("Firmware: ")
            .map(|(_, rest)| rest.trim().to_owned())
    });
    report.meanings = meanings(&report);
    Ok(report)
}

/// Whether an interface is up with its keys in place: before that it is dormant (operstates.rst).
pub fn is_up(root: &Root, interface: &str) -> bool {
    text(root, &format!("/sys/class/net/{interface}/operstate"))
        .is_some_and(|state| state.starts_with("up"))
}

/// The network that an interface is in now.
pub fn link(interface: &str) -> Option<Link> {
    let mut radio = Radio::open().ok()??;
    let own = radio.interface(interface).ok()??;
    link_of(&mut radio, &own).ok()?
}

fn link_of(radio: &mut Radio, own: &Interface) -> anyhow::Result<Option<Link>> {
    let station = radio.station(own.index)?.filter(|_| own.is_station);
    Ok(own.ssid.as_ref().zip(station).map(|(ssid, station)| Link {
        ssid: Ssid::new(ssid.clone())
            .ok()
            .and_then(|ssid| ssid.text().map(str::to_owned)),
        ssid_hex: hex(ssid),
        bssid: station.bssid.map(|byte| format!("{byte:02x}")).join(":"),
        frequency_mhz: own.frequency_mhz,
        signal_dbm: station.signal_dbm,
    }))
}

/// The interface's addresses, those that hold on its own link only left out.
pub fn addresses(interface: &str) -> Vec<IpAddr> {
    let Ok(all) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let own = all.filter(|found| found.interface_name == interface);
    let addresses = own.filter_map(|found| {
        let address = found.address?;
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
    });
    addresses.filter(|address| !is_local(address)).collect()
}

fn is_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn driver(interface: &str) -> Option<String> {
    let link = std::fs::read_link(format!("/sys/class/net/{interface}/device/driver")).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

fn parameters(root: &Root, driver: &str) -> BTreeMap<String, String> {
    let folder = format!("/sys/module/{driver}/parameters");
    let names = root.names(Path::new(&folder)).unwrap_or_default();
    let read = |name: &str| text(root, &format!("{folder}/{name}"));
    let names = names.iter().filter_map(|name| name.to_str());
    names
        .filter_map(|name| Some((name.to_owned(), read(name)?)))
        .collect()
}

fn text(root: &Root, path: &str) -> Option<String> {
    let bytes = root.read(Path::new(path), LIMIT).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// The switches of Wi-Fi radios.
pub fn rfkill(root: &Root) -> Vec<Rfkill> {
    let folder = "/sys/class/rfkill";
    let names = root.names(Path::new(folder)).unwrap_or_default();
    let ids = names.iter().filter_map(|name| name.to_str());
    let read = |id: &str, file: &str| text(root, &format!("{folder}/{id}/{file}"));
    ids.filter(|id| read(id, "type").as_deref() == Some("wlan"))
        .map(|id| Rfkill {
            id: id.to_owned(),
            name: read(id, "name").unwrap_or_default(),
            soft: read(id, "soft").as_deref() == Some("1"),
            hard: read(id, "hard").as_deref() == Some("1"),
        })
        .collect()
}

impl Report {
    /// For people, two columns.
    pub fn text(&self) -> String {
        let mut rows: Vec<(&str, String)> = Vec::new();
        let link = self.link.as_ref().map(|link| {
            let name = link
                .ssid
                .as_ref()
                .map_or(format!("0x{}", link.ssid_hex), |s| format!("{s:?}"));
            let signal = link
                .signal_dbm
                .map_or(String::new(), |dbm| format!(", {dbm} dBm"));
            format!("{name} by {}{signal}", link.bssid)
        });
        let or =
            |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        rows.push(("owner", self.owner.name.to_owned()));
        rows.push(("driver", or(&self.driver, "none")));
        rows.push(("firmware", or(&self.firmware, "not known")));
        rows.push(("country", or(&self.country, "none")));
        rows.push((
            "power save",
            match self.power_save {
                Some(true) => "on".to_owned(),
                Some(false) => "off".to_owned(),
                None => "not known".to_owned(),
            },
        ));
        rows.push(("link", or(&link, "none")));
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        rows.push(("addresses", addresses.join(" ")));
        let rows = rows
            .iter()
            .map(|(name, value)| format!("  {name:<11} {}\n", escape_controls(value)));
        rows.collect()
    }
}
