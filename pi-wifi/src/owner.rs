//! Who configures the interface now: going past it would end in two programs that fight for one radio.

use crate::processes::{self, Process};
use crate::stack::Stack;
use cluster::command::Command;
use cluster::root::Root;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// wpa_supplicant's own folder for its sockets where its configuration does not say otherwise.
const CONTROL: &str = "/run/wpa_supplicant";

/// Who owns an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Owner {
    /// The network stack; `null` where nobody does.
    pub stack: Option<Stack>,
    /// The program in words: `NetworkManager`, `netplan`, `systemd-networkd`, `dhcpcd`, `wpa_supplicant`, `iwd`, `nobody`.
    pub name: &'static str,
    /// The number of the wpa_supplicant that has the interface.
    pub supplicant: Option<u32>,
    /// The configuration that it reads.
    pub configuration: Option<String>,
    /// Its socket.
    pub control: Option<String>,
    /// Whether more than one wpa_supplicant has the interface.
    pub several: bool,
    /// The DHCP client that runs.
    pub dhcp: Option<&'static str>,
}

/// Looks for it.
pub fn find(root: &Root, interface: &str) -> Owner {
    let running = |name: &str| processes::named(root, name);
    let supplicants: Vec<Process> = running("wpa_supplicant")
        .into_iter()
        .filter(|process| process.option("-i") == Some(interface))
        .collect();
    let mut owner = Owner {
        name: "nobody",
        several: supplicants.len() > 1,
        dhcp: dhcp(root),
        ..Owner::default()
    };
    if !running("NetworkManager").is_empty() && managed(interface) {
        owner.stack = Some(Stack::NetworkManager);
        owner.name = "NetworkManager";
        return owner;
    }
    if !running("iwd").is_empty() {
        owner.name = "iwd";
        return owner;
    }
    let Some(supplicant) = supplicants.first() else {
        return owner;
    };
    let configuration = supplicant.option("-c").map(str::to_owned);
    owner.supplicant = Some(supplicant.id);
    owner.control = control(root, supplicant, configuration.as_deref(), interface);
    let by = |text: &str| {
        configuration
            .as_ref()
            .is_some_and(|path| path.starts_with(text))
    };
    let (stack, name) = if by("/run/netplan/") {
        (Stack::Netplan, "netplan")
    } else if owner.dhcp == Some("systemd-networkd") {
        (Stack::Systemd, "systemd-networkd")
    } else if owner.dhcp == Some("dhcpcd") {
        (Stack::WpaSupplicant, "dhcpcd")
    } else {
        (Stack::WpaSupplicant, "wpa_supplicant")
    };
    owner.stack = Some(stack);
    owner.name = name;
    owner.configuration = configuration;
    owner
}

fn dhcp(root: &Root) -> Option<&'static str> {
    ["dhcpcd", "systemd-networkd", "dhclient", "udhcpc"]
        .into_iter()
        .find(|name| !processes::named(root, name).is_empty())
}

/// Whether NetworkManager has the interface; where it cannot be asked, it has.
fn managed(interface: &str) -> bool {
    let state = Command::new("nmcli")
        .args(["-g", "GENERAL.STATE", "device", "show", interface])
        .limit(Duration::from_secs(10))
        .run();
    // 10 is NM_DEVICE_STATE_UNMANAGED.
    state.map_or(true, |text| !text.starts_with(b"10 "))
}

/// The socket that a wpa_supplicant listens on: by its own argument, by its configuration, or where it always is.
fn control(
    root: &Root,
    supplicant: &Process,
    configuration: Option<&str>,
    interface: &str,
) -> Option<String> {
    let configured = configuration.and_then(|path| {
        let text = root.read(Path::new(path), 1 << 20).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("ctrl_interface="))?;
        let folder = line.strip_prefix("DIR=").unwrap_or(line);
        Some(folder.split_whitespace().next()?.to_owned())
    });
    let folders = [
        supplicant.option("-C").map(str::to_owned),
        configured,
        Some(CONTROL.to_owned()),
    ];
    let mut paths = folders
        .into_iter()
        .flatten()
        .map(|folder| format!("{folder}/{interface}"));
    paths.find(|path| root.exists(Path::new(path)).unwrap_or(false))
}
