//! The place: what the document says about the router, the local network and the nodes.

use cluster::invalid::Invalid;
use cluster::inventory::{Inventory, NetworkSection, Router, RouterOs, RouterSide};
use cluster::pool::Pool;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr};

/// Ports of RouterOS's own services, TCP (`/ip service`): ftp, ssh, telnet, www, www-ssl, winbox, api, api-ssl.
const ROUTER_SERVICES: [u16; 8] = [21, 22, 23, 80, 443, 8291, 8728, 8729];

/// What is exposed where.
#[derive(Debug, Clone)]
pub struct Site {
    /// The cluster's name; `cluster` where the document has none.
    pub cluster: String,
    /// The router's RouterOS.
    pub routeros: RouterOs,
    /// The local network.
    pub lan: Option<Ipv4Net>,
    /// The local IPv6 network.
    pub lan_ipv6: Option<Ipv6Net>,
    /// The router's own address in the local network.
    pub router: Option<Ipv4Addr>,
    /// Its further local addresses.
    pub other_addresses: Vec<Ipv4Addr>,
    /// The nodes' gateway: where the document says another address for the router, a further one of its own (VRRP).
    pub gateway: Option<Ipv4Addr>,
    /// The side of the internet.
    pub wan_side: Side,
    /// The side of the local network.
    pub lan_side: Side,
    /// Whether the router's own firewall lets translated connections in.
    pub default_firewall: bool,
    /// TCP ports that the router itself answers on.
    pub router_ports: Vec<u16>,
    /// The load balancer's addresses.
    pub pool: Option<Pool>,
    /// Nodes by name, those with an address.
    pub nodes: Vec<(String, IpAddr)>,
    /// Whether there are Gluster volumes.
    pub gluster: bool,
}

/// One side of the router.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// An interface list of RouterOS.
    List(String),
    /// A single interface.
    Interface(String),
}

impl Side {
    /// The list's or the interface's name.
    pub fn name(&self) -> &str {
        match self {
            Self::List(name) | Self::Interface(name) => name,
        }
    }
}

impl Site {
    /// From the document's sections.
    ///
    /// # Errors
    /// An address of the wrong family, a side that is both a list and an interface, a pool that cannot be read.
    pub fn read(inventory: &Inventory) -> Result<Self, Invalid> {
        let network = inventory.network.as_ref();
        let router = inventory.router.as_ref();
        let pool = network.and_then(|n| n.load_balancer.as_ref());
        let nodes = inventory.nodes.iter();
        Ok(Self {
            cluster: name(inventory),
            routeros: router.and_then(|r| r.routeros).unwrap_or(RouterOs::V7),
            lan: network.map(lan).transpose()?.flatten(),
            lan_ipv6: network.map(lan_ipv6).transpose()?.flatten(),
            router: address(router, network)?,
            other_addresses: others(router)?,
            gateway: gateway(network),
            wan_side: side(router.and_then(|r| r.wan.as_ref()), "wan", "WAN")?,
            lan_side: side(router.and_then(|r| r.lan.as_ref()), "lan", "LAN")?,
            default_firewall: router.and_then(|r| r.default_firewall).unwrap_or(true),
            router_ports: ports(router),
            pool: pool.map(Pool::read).transpose()?,
            nodes: nodes
                .filter_map(|n| Some((n.name.to_string(), n.address?.address())))
                .collect(),
            gluster: inventory
                .storage
                .as_ref()
                .is_some_and(|s| !s.volumes.is_empty()),
        })
    }

    /// All addresses that are the router's own as far as the document says, each once. To leave out one that is not harms
    /// nobody: only what is for the router itself comes to the rules.
    pub fn own_addresses(&self) -> Vec<Ipv4Addr> {
        let mut own: Vec<Ipv4Addr> = Vec::new();
        let named = self.router.iter().chain(&self.other_addresses);
        for address in named.chain(&self.gateway) {
            if !own.contains(address) {
                own.push(*address);
            }
        }
        own
    }

    /// The address that people of the local network log in to the router by. One elsewhere keeps nobody from being locked out.
    pub fn login(&self) -> Option<Ipv4Addr> {
        let mut named = self.router.iter().chain(&self.other_addresses);
        named
            .find(|address| self.lan.is_none_or(|lan| lan.contains(*address)))
            .copied()
    }

    /// Whether an address is in the local network of its family.
    pub fn is_local(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.lan.is_some_and(|lan| lan.contains(&address)),
            IpAddr::V6(address) => self.lan_ipv6.is_some_and(|lan| lan.contains(&address)),
        }
    }
}

fn name(inventory: &Inventory) -> String {
    match &inventory.name {
        Some(name) => name.to_string(),
        None => "cluster".to_owned(),
    }
}

fn lan(network: &NetworkSection) -> Result<Option<Ipv4Net>, Invalid> {
    match network.lan.map(|lan| lan.net()) {
        None => Ok(None),
        Some(IpNet::V4(net)) => Ok(Some(net)),
        Some(IpNet::V6(net)) => Err(Invalid::new(
            "network.lan",
            format!(
                "expected an IPv4 network, found {net}; an IPv6 one stands in network.lan_ipv6"
            ),
        )),
    }
}

fn lan_ipv6(network: &NetworkSection) -> Result<Option<Ipv6Net>, Invalid> {
    match network.lan_ipv6.map(|lan| lan.net()) {
        None => Ok(None),
        Some(IpNet::V6(net)) => Ok(Some(net)),
        Some(IpNet::V4(net)) => Err(Invalid::new(
            "network.lan_ipv6",
            format!("expected an IPv6 network, found {net}"),
        )),
    }
}

/// The router's address, else the nodes' gateway.
fn address(
    router: Option<&Router>,
    network: Option<&NetworkSection>,
) -> Result<Option<Ipv4Addr>, Invalid> {
    if let Some(given) = router.and_then(|r| r.address) {
        return ipv4(given, "router.address").map(Some);
    }
    Ok(gateway(network))
}

fn gateway(network: Option<&NetworkSection>) -> Option<Ipv4Addr> {
    match network.and_then(|n| n.gateway) {
        Some(IpAddr::V4(gateway)) => Some(gateway),
        _ => None,
    }
}

fn others(router: Option<&Router>) -> Result<Vec<Ipv4Addr>, Invalid> {
    let given = router.map_or(&[][..], |r| &r.other_addresses);
    let mut others = given
        .iter()
        .enumerate()
        .map(|(index, address)| ipv4(*address, &format!("router.other_addresses[{index}]")))
        .collect::<Result<Vec<_>, _>>()?;
    others.sort_unstable();
    others.dedup();
    Ok(others)
}

fn ipv4(address: IpAddr, path: &str) -> Result<Ipv4Addr, Invalid> {
    match address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(Invalid::new(
            path,
            format!("expected an IPv4 address, found {address}; IPv6 is not translated"),
        )),
    }
}

fn side(given: Option<&RouterSide>, field: &str, default: &str) -> Result<Side, Invalid> {
    let (list, interface) = match given {
        Some(side) => (side.interface_list.as_ref(), side.interface.as_ref()),
        None => (None, None),
    };
    match (list, interface) {
        (None, None) => Ok(Side::List(default.to_owned())),
        (Some(list), None) if !list.as_str().is_empty() => Ok(Side::List(list.to_string())),
        (None, Some(interface)) => Ok(Side::Interface(interface.to_string())),
        (Some(_), None) => Err(Invalid::new(
            format!("router.{field}.interface_list"),
            "expected an interface list's name, found empty text",
        )),
        (Some(_), Some(_)) => Err(Invalid::new(
            format!("router.{field}"),
            "expected interface_list or interface, found both",
        )),
    }
}

fn ports(router: Option<&Router>) -> Vec<u16> {
    let given = router.and_then(|r| r.service_ports.as_ref());
    let mut ports = match given {
        Some(ports) => ports.iter().map(|port| port.get()).collect(),
        None => ROUTER_SERVICES.to_vec(),
    };
    ports.sort_unstable();
    ports.dedup();
    ports
}
