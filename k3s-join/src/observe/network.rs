//! Addresses, routes and ports of this network name space. No packet is sent.

use super::text;
use crate::check::state::{Address, Network, Wish};
use crate::rehearse::url::Server;
use cluster::command::Command;
use cluster::root::Root;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

/// `RTF_REJECT` of linux/route.h: the route leads nowhere, and says so.
const REJECT: u32 = 0x200;
/// `RTF_UP`.
const UP: u32 = 1;
/// `TCP_LISTEN` of the kernel's tcp_states.h, as /proc/net/tcp prints it.
const LISTEN: &str = "0A";
/// An unconnected UDP socket's state there (`TCP_CLOSE`).
const UNCONNECTED: &str = "07";

pub(super) fn read(root: &Root, wish: &Wish) -> Network {
    let mut network = Network {
        default_routes: default_routes(root),
        ports: ports(root),
        ..Network::default()
    };
    let mut names = BTreeSet::new();
    for entry in getifaddrs().into_iter().flatten() {
        if !entry.flags.contains(InterfaceFlags::IFF_LOOPBACK) {
            names.insert(entry.interface_name);
        }
    }
    network.addresses = addresses();
    network.interfaces = names.into_iter().collect();
    if wish.address.is_some() {
        leases(&mut network.addresses);
    }
    let server = wish
        .server
        .as_deref()
        .and_then(|url| Server::parse(url).ok());
    if let Some((address, port)) = server.and_then(|s| Some((s.host.parse().ok()?, s.port))) {
        network.source_asked = true;
        network.source = source(address, port);
    }
    network
}

/// Whether K3s makes the interface itself, in the cluster's own networks: the bridge of its pods, flannel's tunnels, and
/// kube-proxy's.
fn of_k3s(interface: &str) -> bool {
    let prefixes = ["flannel", "kube-"];
    interface == "cni0" || prefixes.iter().any(|own| interface.starts_with(own))
}

/// The addresses that the machine has without K3s.
pub fn own_addresses() -> Vec<IpAddr> {
    let all = addresses().into_iter();
    all.filter(|own| !of_k3s(&own.interface))
        .map(|own| own.address)
        .collect()
}

/// The addresses of this machine's interfaces but the loopback.
pub fn addresses() -> Vec<Address> {
    let entries = getifaddrs().into_iter().flatten();
    let others = entries.filter(|entry| !entry.flags.contains(InterfaceFlags::IFF_LOOPBACK));
    others
        .filter_map(|entry| {
            let storage = entry.address?;
            let v4 = storage.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            Some(Address {
                address: v4.or_else(|| storage.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))?,
                interface: entry.interface_name,
                dynamic: None,
            })
        })
        .collect()
}

/// The address that packets to `address` would come from.
fn source(address: IpAddr, port: u16) -> Option<IpAddr> {
    let any = if address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect((address, port)).ok()?;
    socket.local_addr().ok().map(|local| local.ip())
}

/// Which addresses a lease gave: iproute2 knows. Where it is missing or another one's, it stays unknown.
fn leases(addresses: &mut [Address]) {
    let ip = Command::new("ip")
        .args(["-j", "address", "show"])
        .limit(Duration::from_secs(2));
    let Ok(out) = ip.run() else {
        return;
    };
    let links: Vec<Value> = serde_json::from_slice(&out).unwrap_or_default();
    let known = links
        .iter()
        .filter_map(|link| link["addr_info"].as_array())
        .flatten();
    for info in known {
        let local: Option<IpAddr> = info["local"].as_str().and_then(|text| text.parse().ok());
        let found = addresses
            .iter_mut()
            .find(|address| Some(address.address) == local);
        if let Some(found) = found {
            found.dynamic = Some(info["dynamic"] == true);
        }
    }
}

/// The interfaces of default routes, by their metric; those of IPv6 where there are none of IPv4.
fn default_routes(root: &Root) -> Vec<String> {
    let v4 = text(root, "/proc/net/route").unwrap_or_default();
    let mut found: Vec<(u32, String)> = v4.lines().skip(1).filter_map(v4_default).collect();
    if found.is_empty() {
        let v6 = text(root, "/proc/net/ipv6_route").unwrap_or_default();
        found = v6.lines().filter_map(v6_default).collect();
    }
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

/// A line `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, numbers of addresses and flags in hexadecimal.
fn v4_default(line: &str) -> Option<(u32, String)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    let default = fields.get(1)? == &"00000000" && fields.get(7)? == &"00000000";
    let metric = fields.get(6)?.parse().ok()?;
    (default && flags & UP != 0 && flags & REJECT == 0).then(|| (metric, fields[0].to_owned()))
}

/// A line `destination length source length next-hop metric references uses flags interface`, all in hexadecimal.
fn v6_default(line: &str) -> Option<(u32, String)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
    let default = fields.first()?.bytes().all(|b| b == b'0') && fields.get(1)? == &"00";
    let metric = u32::from_str_radix(fields.get(5)?, 16).ok()?;
    let name = fields.get(9)?;
    (default && flags & UP != 0 && flags & REJECT == 0 && *name != "lo")
        .then(|| (metric, (*name).to_owned()))
}

/// Ports that are taken: `tcp/6443`.
fn ports(root: &Root) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    for (file, name, state) in [
        ("/proc/net/tcp", "tcp", LISTEN),
        ("/proc/net/tcp6", "tcp", LISTEN),
        ("/proc/net/udp", "udp", UNCONNECTED),
        ("/proc/net/udp6", "udp", UNCONNECTED),
    ] {
        let content = text(root, file).unwrap_or_default();
        for line in content.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let port = fields.get(1).and_then(|local| local.rsplit_once(':'));
            let port = port.and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
            if let (Some(port), Some(true)) = (port, fields.get(3).map(|found| *found == state)) {
                taken.insert(format!("{name}/{port}"));
            }
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_of_a_running_k3s_are_not_the_machines_own() {
        for own in [
            "cni0",
            "flannel.1",
            "flannel-v6.1",
            "flannel-wg",
            "kube-ipvs0",
        ] {
            assert!(of_k3s(own), "{own}");
        }
        for other in ["eth0", "wlan0", "docker0", "cni1", "wg0"] {
            assert!(!of_k3s(other), "{other}");
        }
    }

    #[test]
    fn only_routes_that_lead_somewhere_are_default_routes() {
        let v4 = |line: &str| v4_default(line).map(|(metric, name)| format!("{name} {metric}"));
        assert_eq!(
            v4("eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0"),
            Some("eth0 100".to_owned())
        );
        assert_eq!(v4("eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0"), None);
        assert_eq!(
            v4("* 00000000 00000000 0201 0 0 0 00000000 0 0 0"),
            None,
            "unreachable default"
        );
        let zero = "0".repeat(32);
        let v6 = |rest: &str| v6_default(&format!("{zero} {rest}")).map(|(_, name)| name);
        assert_eq!(
            v6(&format!("00 {zero} 00 {zero} 00000400 1 0 00450003 eth0")),
            Some("eth0".to_owned())
        );
        assert_eq!(
            v6(&format!("00 {zero} 00 {zero} ffffffff 1 0 00200200 lo")),
            None
        );
    }
}
