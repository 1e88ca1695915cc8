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
    /// The DHCP client that has the interface.
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
        dhcp: dhcp(root, interface),
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

/// The DHCP client that has the interface: one that runs for another one does nothing for it.
fn dhcp(root: &Root, interface: &str) -> Option<&'static str> {
    let all = root.names(Path::new("/sys/class/net")).unwrap_or_default();
    let all: Vec<&str> = all.iter().filter_map(|name| name.to_str()).collect();
    ["dhcpcd", "systemd-networkd", "dhclient", "udhcpc"]
        .into_iter()
        .find(|name| {
            let running = processes::named(root, name);
            match *name {
                "systemd-networkd" => !running.is_empty() && networkd(root, interface),
                _ => running.iter().any(|p| serves(p, interface, &all)),
            }
        })
}

/// Whether a DHCP client is for an interface: its arguments name it, or none at all. Newer dhcpcds write what they are into their
/// arguments; their helpers say nothing of it.
fn serves(client: &Process, interface: &str, all: &[&str]) -> bool {
    let words = client.arguments.iter().flat_map(|word| word.split(' '));
    let words: Vec<&str> = words.collect();
    match words[..] {
        ["dhcpcd:", "[manager]" | "[master]", ..] => true,
        ["dhcpcd:", of, ..] => of == interface,
        [program, ..] if program.ends_with("udhcpc") => {
            client.option("-i").unwrap_or("eth0") == interface
        }
        _ => {
            let mut named = words.iter().filter(|word| all.contains(word)).peekable();
            named.peek().is_none() || named.any(|word| *word == interface)
        }
    }
}

/// Whether networkd has an interface, by what it writes of each (`networkctl` reads the same).
fn networkd(root: &Root, interface: &str) -> bool {
    let read = |path: String| {
        let text = root.read(Path::new(&path), 64 << 10).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let state = read(format!("/sys/class/net/{interface}/ifindex"))
        .and_then(|index| read(format!("/run/systemd/netif/links/{}", index.trim())));
    state.is_some_and(|text| {
        let state = text
            .lines()
            .find_map(|line| line.strip_prefix("ADMIN_STATE="));
        state.is_some_and(|state| state != "unmanaged")
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, write};

    /// A machine with two interfaces and a program.
    fn machine(name: &str, arguments: &str) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        for (number, interface) in ["eth0", "wlan0"].iter().enumerate() {
            let place = folder.path().join("sys/class/net").join(interface);
            create_dir_all(&place).unwrap();
            write(place.join("ifindex"), format!("{}\n", number + 2)).unwrap();
        }
        let process = folder.path().join("proc/700");
        create_dir_all(&process).unwrap();
        write(process.join("comm"), format!("{name}\n")).unwrap();
        write(process.join("cmdline"), arguments.replace('|', "\0")).unwrap();
        let root = Root::open(folder.path()).unwrap();
        (folder, root)
    }

    #[test]
    fn a_client_of_another_interface_is_none_of_this_one() {
        for (name, arguments, wlan) in [
            (
                "dhclient",
                "dhclient|-4|-pf|/run/dhclient.eth0.pid|eth0",
                false,
            ),
            ("dhclient", "dhclient|-4|wlan0", true),
            ("dhclient", "dhclient", true),
            ("dhcpcd", "/sbin/dhcpcd|-q|-b", true),
            ("dhcpcd", "dhcpcd: [manager] [ip4] [ip6]", true),
            ("dhcpcd", "dhcpcd: eth0 [ip4]", false),
            ("dhcpcd", "dhcpcd: wlan0 [ip4]", true),
            ("dhcpcd", "dhcpcd: [control proxy]", false),
            ("udhcpc", "udhcpc|-i|wlan0", true),
            ("udhcpc", "udhcpc", false),
        ] {
            let (_folder, root) = machine(name, arguments);
            assert_eq!(dhcp(&root, "wlan0"), wlan.then_some(name), "{arguments}");
        }
    }

    #[test]
    fn networkd_has_what_it_says() {
        // The kernel cuts names to 15 bytes.
        let (folder, root) = machine("systemd-network", "/lib/systemd/systemd-networkd");
        assert_eq!(dhcp(&root, "wlan0"), None);
        let links = folder.path().join("run/systemd/netif/links");
        create_dir_all(&links).unwrap();
        write(links.join("2"), "ADMIN_STATE=configured\n").unwrap();
        write(links.join("3"), "# x\nADMIN_STATE=unmanaged\n").unwrap();
        assert_eq!(dhcp(&root, "wlan0"), None);
        assert_eq!(dhcp(&root, "eth0"), Some("systemd-networkd"));
        write(links.join("3"), "ADMIN_STATE=configuring\n").unwrap();
        assert_eq!(dhcp(&root, "wlan0"), Some("systemd-networkd"));
    }
}
