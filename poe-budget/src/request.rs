//! From the document to one validated request: every model found, every port and device once, flags before fields.

use crate::catalogue::Catalogue;
use crate::demand::{self, Basis, Given, Load, NodeFacts};
use crate::measured::Measured;
use crate::name::Name;
use crate::notices::{Notices, info};
use crate::scenario::PerScenario;
use crate::supply::{self, Supply};
use cluster::finding::Finding;
use cluster::invalid::{Invalid, suggestion};
use cluster::inventory::{Inventory, Port, QuorumType, Role, Storage, Switch};
use std::collections::{HashMap, HashSet};

/// Stands for the place of a port where a name is a switch's own.
const SWITCH: usize = usize::MAX;

/// What is asked, worked out from the document.
#[derive(Debug)]
pub struct Request<'c> {
    /// The switches and what hangs on them.
    pub switches: Vec<Supply<'c>>,
    /// What the nodes do together.
    pub cluster: Cluster,
    /// What was noticed about the document itself.
    pub notices: Notices,
    /// The models of the catalogue that the document names, for the list of sources.
    pub models: HashSet<Box<str>>,
}

/// What the nodes do together.
#[derive(Debug, Default)]
pub struct Cluster {
    /// Number of nodes that the document makes K3s servers.
    pub servers: usize,
    /// Whether every node's role is declared: else k3s-join still chooses servers.
    pub roles_declared: bool,
    /// Number of nodes with a HAT.
    pub hats: usize,
    /// The Gluster volumes.
    pub volumes: Vec<Bricks>,
}

/// The bricks of a volume.
#[derive(Debug)]
pub struct Bricks {
    /// The volume's name.
    pub volume: String,
    /// The nodes that hold a brick of it; `None` for all that have a brick.
    pub nodes: Option<HashSet<String>>,
    /// Number of its bricks.
    pub count: usize,
    /// Bricks in each replica set.
    pub replica: usize,
    /// How many bricks of a set must be up for a client to write; `None` where more than half must.
    pub quorum: Option<usize>,
}

impl<'c> Request<'c> {
    /// Reads the request from the document's sections, which are used up on the way.
    ///
    /// # Errors
    /// The first value that is not valid, by its path.
    pub fn new(
        mut inventory: Inventory,
        measured: &Measured,
        catalogue: &'c Catalogue,
    ) -> Result<Self, Invalid> {
        let mut notices = Notices::default();
        let mut models = HashSet::new();
        measured.apply(&mut inventory.switches, &mut notices)?;
        let nodes = Nodes::new(&mut inventory, catalogue, &mut models);
        let list = std::mem::take(&mut inventory.switches);
        let names = list.iter().enumerate();
        let mut builder = Builder {
            catalogue,
            nodes,
            devices: names
                .map(|(index, switch)| (switch.name.as_str().into(), (index, SWITCH)))
                .collect(),
            notices: &mut notices,
            models: &mut models,
        };
        let mut switches = Vec::with_capacity(list.len());
        for (index, switch) in list.into_iter().enumerate() {
            switches.push(builder.switch(switch, index)?);
        }
        let nodes = builder.nodes;
        nodes.report_unconnected(&mut notices);
        let cluster = nodes.cluster(inventory.storage.as_ref());
        Ok(Self {
            switches,
            cluster,
            notices,
            models,
        })
    }
}

/// The nodes by name.
struct Nodes<'c> {
    list: Vec<NodeFacts<'c>>,
    places: HashMap<Name, usize>,
    roles_declared: bool,
}

impl<'c> Nodes<'c> {
    fn new(
        inventory: &mut Inventory,
        catalogue: &'c Catalogue,
        models: &mut HashSet<Box<str>>,
    ) -> Self {
        let nodes = std::mem::take(&mut inventory.nodes);
        let mut list = Vec::with_capacity(nodes.len());
        let mut places = HashMap::with_capacity(nodes.len());
        let mut roles_declared = true;
        for (place, node) in nodes.into_iter().enumerate() {
            let facts = NodeFacts::new(&node, place, catalogue);
            let named = [&node.model, &node.hat]
                .into_iter()
                .chain(node.usb.iter().map(|u| &u.model));
            for model in named.flatten() {
                remember(models, model.as_str());
            }
            roles_declared &= node.role.is_some();
            places.insert(facts.name.clone(), place);
            list.push(facts);
        }
        Self {
            list,
            places,
            roles_declared,
        }
    }

    /// A HAT that no switch feeds is a port that somebody forgot to write down.
    fn report_unconnected(&self, notices: &mut Notices) {
        let lonely = |node: &&NodeFacts<'_>| node.hat.is_some() && !node.connected;
        for node in self.list.iter().filter(lonely) {
            notices.once("poe-hat-unconnected", "", &node.name, || {
                Finding::warning(
                    "poe-hat-unconnected",
                    &*node.name,
                    "the node has a PoE HAT and stands on no port of a switch: its draw is not counted",
                )
                .fix("name it in switches[].ports, or leave out its hat")
            });
        }
    }

    fn cluster(&self, storage: Option<&Storage>) -> Cluster {
        let servers = self
            .list
            .iter()
            .filter(|node| node.role == Some(Role::Server));
        let volumes = storage.map_or(&[][..], |storage| &storage.volumes);
        let bricks = self.list.iter().filter(|node| node.brick).count();
        Cluster {
            servers: servers.count(),
            roles_declared: self.roles_declared,
            hats: self.list.iter().filter(|node| node.hat.is_some()).count(),
            volumes: volumes
                .iter()
                .map(|volume| Bricks {
                    volume: volume.name.as_str().to_owned(),
                    nodes: (!volume.nodes.is_empty())
                        .then(|| volume.nodes.iter().map(|n| n.as_str().to_owned()).collect()),
                    count: if volume.nodes.is_empty() {
                        bricks
                    } else {
                        volume.nodes.len()
                    },
                    replica: usize::from(volume.replica.unwrap_or(3)),
                    quorum: match volume.quorum.unwrap_or(QuorumType::Auto) {
                        QuorumType::Auto => None,
                        QuorumType::Fixed => Some(usize::from(volume.quorum_count.unwrap_or(1))),
                        QuorumType::None => Some(1),
                    },
                })
                .collect(),
        }
    }
}

fn remember(models: &mut HashSet<Box<str>>, model: &str) {
    if !models.contains(model) {
        models.insert(model.into());
    }
}

/// What building a switch needs and changes.
struct Builder<'a, 'c> {
    catalogue: &'c Catalogue,
    nodes: Nodes<'c>,
    /// Where each device stands: the switch and the port's place in its list.
    devices: HashMap<Name, (usize, usize)>,
    notices: &'a mut Notices,
    models: &'a mut HashSet<Box<str>>,
}

impl<'c> Builder<'_, 'c> {
    fn switch(&mut self, mut switch: Switch, index: usize) -> Result<Supply<'c>, Invalid> {
        let path = format!("switches[{index}]");
        let mut supply = Supply::new(&switch, &path, self.catalogue)?;
        if let Some(model) = &switch.model {
            remember(self.models, model.as_str());
        }
        let ports = std::mem::take(&mut switch.ports);
        let mut used: HashMap<u16, usize> = HashMap::with_capacity(ports.len());
        supply.loads.reserve_exact(ports.len());
        for (number, port) in ports.into_iter().enumerate() {
            let path = format!("{path}.ports[{number}]");
            if let Some(first) = used.insert(port.port.get(), number) {
                let problem = format!(
                    "expected each port once, found {} again after switches[{index}].ports[{first}]",
                    port.port.get()
                );
                return Err(Invalid::new(format!("{path}.port"), problem));
            }
            let load = self.load(port, &path)?;
            if let Some(first) = self.devices.insert(load.device.clone(), (index, number)) {
                return Err(twice(&load, first, &path));
            }
            supply.loads.push(on_port(&supply, load, &path)?);
        }
        supply.loads.sort_by_key(|load| load.port);
        Ok(supply)
    }

    fn load(&mut self, port: Port, path: &str) -> Result<Load, Invalid> {
        let places = &self.nodes.places;
        let place = places.get(port.device.as_str()).copied();
        if let Some(temperature) = port.cable.as_ref().and_then(|cable| cable.temperature_c) {
            supply::check_temperature(temperature.0, || format!("{path}.cable.temperature_c"))?;
        }
        if let Some(model) = &port.model {
            remember(self.models, model.as_str());
        }
        let name = port.device.clone();
        let nearest = || suggestion(name.as_str(), places.keys().map(|name| &**name));
        let node = place.map(|place| &self.nodes.list[place]);
        let load = demand::load(port, path, node, self.catalogue, nearest)?;
        notice(&load, node, self.notices);
        if let Some(place) = place {
            self.nodes.list[place].connected = true;
        }
        Ok(load)
    }
}

fn twice(load: &Load, (switch, port): (usize, usize), path: &str) -> Invalid {
    let first = match port {
        SWITCH => format!("switches[{switch}].name"),
        _ => format!("switches[{switch}].ports[{port}].device"),
    };
    let problem = format!(
        "expected each device on one port, found {:?} again after {first}",
        &*load.device
    );
    Invalid::new(format!("{path}.device"), problem)
}

/// Refuses a device that wants power from a port that gives none, and a port that the switch does not have.
fn on_port(supply: &Supply<'_>, mut load: Load, path: &str) -> Result<Load, Invalid> {
    if load.port <= supply.poe_ports {
        return Ok(load);
    }
    let most = match load.class {
        Some(_) => Some(supply.poe_ports),
        None => supply.model.and_then(|model| model.ports.certain()),
    };
    if let Some(most) = most.filter(|most| load.port > *most) {
        let (kind, reason) = match load.class {
            Some(_) => ("PoE port", ", which gives no power"),
            None => ("port", ""),
        };
        let problem = format!(
            "expected a {kind} from 1 to {most}, found {}{reason}",
            load.port
        );
        return Err(Invalid::new(format!("{path}.port"), problem));
    }
    // Without a HAT on a port without power: a plain network connection.
    load.lacks_hat = false;
    Ok(load)
}

/// What is worth knowing about how a draw was found.
fn notice(load: &Load, node: Option<&NodeFacts<'_>>, notices: &mut Notices) {
    let device = &*load.device;
    let (Given::Device(draw) | Given::Port(draw)) = load.draw;
    if load.basis == Basis::Measured && draw == PerScenario::same(draw.stress) {
        notices.once("poe-measured-once", "", device, || {
            let message = format!("{} W was measured once and counts in all four scenarios", draw.stress);
            Finding::warning("poe-measured-once", device, message).fix(
                "measure under full load too and give boot, idle, typical and stress, or take the highest seen",
            )
        });
    }
    if load.basis == Basis::Class {
        notices.once("poe-draw-from-class", "", device, || {
            let message = format!(
                "its draw is not known: the most that its class allows is counted, {} W",
                draw.stress
            );
            Finding::warning("poe-draw-from-class", device, message)
                .fix("give its model, or draw_w with what it draws")
        });
    }
    let Some(node) = node else { return };
    if let Some(unknown) = &node.unknown {
        notices.once("poe-model-unknown", &unknown.problem, device, || {
            let message = format!(
                "{}: the draw is given, so it counts; the limits behind the port are not checked",
                unknown.problem
            );
            Finding::warning("poe-model-unknown", device, message)
        });
    }
    if let (Some(hat), Some(limit), Basis::Catalogue) = (node.hat, load.hat, load.basis)
        && limit.assumed
    {
        notices.once("poe-efficiency-assumed", &hat.model, device, || {
            let percent = limit.efficiency * 100.0;
            let message = format!(
                "{percent:.0} % of the power that the {} takes is assumed to reach the board",
                hat.name
            );
            info("poe-efficiency-assumed", device, message)
                .fix("measure at the switch (--measured), or declare nodes[].hat_efficiency")
        });
    }
}
