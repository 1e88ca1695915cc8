//! The place: nodes, sticks and power domains, in numbers that everything else counts with.

use crate::size::Xfs;
use cluster::inventory::{Arch, Inventory, Node as Given, Os, UsbUse};
use cluster::plan::{derived_uuid, uuid_text};
use std::collections::HashMap;
use std::net::IpAddr;

/// Where the bricks' file systems are mounted.
pub const MOUNTS: &str = "/srv/gluster";

/// Nodes, sticks and domains; each refers to the others by their places in these lists.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// The cluster's name.
    pub cluster: String,
    /// The network that nodes and clients are in.
    pub lan: Option<String>,
    /// The nodes, those of the document first, in its order.
    pub nodes: Vec<Node>,
    /// What loses power together.
    pub domains: Vec<String>,
    /// Sticks for bricks.
    pub sticks: Vec<Stick>,
}

/// A computer.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its host name.
    pub name: String,
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its operating system.
    pub os: Option<Os>,
    /// Its processor.
    pub arch: Option<Arch>,
    /// What it loses power with.
    pub domain: Option<usize>,
    /// When it goes dark: higher is later; a node that no switch powers never does.
    pub stays: usize,
}

/// A stick for bricks.
#[derive(Debug, Clone)]
pub struct Stick {
    /// Its node.
    pub node: usize,
    /// Its name on the node: the last part of its device's path.
    pub name: String,
    /// Its device.
    pub device: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Where its file system is mounted, or, of a brick that was not planned here, the brick itself.
    pub mount: String,
    /// Its file system's identity: the same for the same cluster, node and device.
    pub uuid: String,
}

impl Stick {
    /// Its file system; `None` where its size is not known or too small.
    pub fn xfs(&self) -> Option<Xfs> {
        self.size.and_then(Xfs::on)
    }
}

impl Site {
    /// From the document and the order in which a switch sheds its devices, first dark first.
    pub fn read(inventory: &Inventory, shed_order: &[String]) -> Self {
        let mut site = Self {
            cluster: inventory
                .name
                .as_ref()
                .map_or("cluster", |name| name.as_str())
                .to_owned(),
            lan: inventory
                .network
                .as_ref()
                .and_then(|network| network.lan.as_ref())
                .map(ToString::to_string),
            ..Self::default()
        };
        let dark: HashMap<&str, usize> = shed_order
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at))
            .collect();
        let mut powered: HashMap<&str, &str> = HashMap::new();
        for switch in &inventory.switches {
            for port in &switch.ports {
                powered.insert(port.device.as_str(), switch.name.as_str());
            }
        }
        let mut domains: HashMap<String, usize> = HashMap::new();
        for given in &inventory.nodes {
            let name = given.name.as_str();
            let domain = given.power_domain.as_ref().map(|label| label.as_str());
            let domain = domain.or_else(|| powered.get(name).copied()).map(|domain| {
                *domains.entry(domain.to_owned()).or_insert_with(|| {
                    site.domains.push(domain.to_owned());
                    site.domains.len() - 1
                })
            });
            let node = site.nodes.len();
            site.nodes.push(Node {
                name: name.to_owned(),
                address: given.address.map(|address| address.address()),
                os: given.os,
                arch: given.arch.or_else(|| board_arch(given)),
                domain,
                stays: dark.get(name).copied().unwrap_or(usize::MAX),
            });
            site.sticks_of(given, node);
        }
        site
    }

    fn sticks_of(&mut self, given: &Given, node: usize) {
        let bricks = given
            .usb
            .iter()
            .filter(|stick| stick.purpose == UsbUse::Brick);
        for (index, stick) in bricks.enumerate() {
            let device = stick
                .device
                .as_ref()
                .map(|device| device.as_str().to_owned());
            let name = match &device {
                Some(device) => plain(device.rsplit('/').next().unwrap_or(device)),
                None => format!("usb{}", index + 1),
            };
            let place = device.clone().unwrap_or_else(|| name.clone());
            let identity = ["gluster-plan", &self.cluster, given.name.as_str(), &place];
            self.sticks.push(Stick {
                node,
                mount: format!("{MOUNTS}/{name}"),
                name,
                device,
                size: stick.size_bytes.map(|size| size.0),
                uuid: uuid_text(derived_uuid(&identity)),
            });
        }
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// The node of this name, added where the document has none.
    pub fn node_or_new(&mut self, name: &str) -> usize {
        self.node(name).unwrap_or_else(|| {
            self.nodes.push(Node {
                name: name.to_owned(),
                address: None,
                os: None,
                arch: None,
                domain: None,
                stays: usize::MAX,
            });
            self.nodes.len() - 1
        })
    }

    /// The stick that holds the brick `path` of a node, added where the document has none.
    pub fn stick_at(&mut self, node: usize, path: &str) -> usize {
        let below = |stick: &Stick| {
            stick.node == node
                && path
                    .strip_prefix(stick.mount.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.sticks.iter().position(below).unwrap_or_else(|| {
            let (name, mount) = place(path);
            self.sticks.push(Stick {
                node,
                name,
                device: None,
                size: None,
                mount,
                uuid: String::new(),
            });
            self.sticks.len() - 1
        })
    }

    /// The nodes of these sticks, each once.
    pub fn nodes_of(&self, sticks: &[usize]) -> Vec<usize> {
        let nodes = sticks.iter().map(|stick| self.sticks[*stick].node);
        let mut nodes: Vec<usize> = nodes.collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// `pi1:sda`
    pub fn stick_name(&self, stick: usize) -> String {
        let stick = &self.sticks[stick];
        format!("{}:{}", self.nodes[stick.node].name, stick.name)
    }

    /// The stick `pi1:sda`.
    pub fn stick(&self, name: &str) -> Option<usize> {
        (0..self.sticks.len()).find(|&stick| self.stick_name(stick) == name)
    }
}

/// A name and a mount point for the stick of a brick that the document does not know. One that was made here and has
/// another name in the document by now keeps the old one.
fn place(path: &str) -> (String, String) {
    let below = path.strip_prefix(&format!("{MOUNTS}/"));
    match below.and_then(|rest| rest.split_once('/')) {
        Some((name, _)) if !name.is_empty() && plain(name) == name => {
            (name.to_owned(), format!("{MOUNTS}/{name}"))
        }
        _ => (plain(path.trim_start_matches('/')), path.to_owned()),
    }
}

/// A name for a folder: what is not a letter, a digit, `_` or `-` becomes `_`. Gluster parts host and path at a colon.
fn plain(text: &str) -> String {
    let keep = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => c,
        _ => '_',
    };
    text.chars().map(keep).collect()
}

/// The processor of boards that are 32-bit whatever runs on them.
fn board_arch(node: &Given) -> Option<Arch> {
    let model = node.model.as_ref()?.as_str();
    let old = |name: &str| model == name || model.starts_with(&format!("{name}-"));
    if ["raspberry-pi-zero-2", "raspberry-pi-zero-2w"]
        .iter()
        .any(|name| old(name))
    {
        return None;
    }
    [
        "raspberry-pi-1",
        "raspberry-pi-1a",
        "raspberry-pi-1b",
        "raspberry-pi-zero",
        "raspberry-pi-zero-w",
    ]
    .iter()
    .any(|name| old(name))
    .then_some(Arch::Armv6l)
}
