//! From the document to one validated request: every model found, every port and device once, flags before fields.

use crate::catalogue::Catalogue;
use crate::demand::{self, Load};
use crate::measured::Measured;
use crate::name::Name;
use crate::node::NodeFacts;
use crate::nodes::{Cluster, Nodes, notice};
use crate::notices::Notices;
use crate::supply::{self, Supply};
use cluster::invalid::{Invalid, suggestion};
use cluster::inventory::{Inventory, Port, Switch};
use cluster::quantity::PortNumber;
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
    /// The nodes with a HAT that want power and stand on no port.
    pub unplaced: Vec<Load>,
    /// What keeps one of them from being known; it matters only where they shall get a port.
    pub unplaced_problem: Option<Invalid>,
    /// What was noticed about the document itself.
    pub notices: Notices,
    /// The models of the catalogue that the document names, for the list of sources.
    pub models: HashSet<Box<str>>,
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
        let nodes = Nodes::new(&mut inventory, catalogue, &mut models)?;
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
        let (unplaced, unplaced_problem) = match builder.unplaced() {
            Ok(unplaced) => (unplaced, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let nodes = builder.nodes;
        nodes.report_unconnected(&mut notices);
        let cluster = nodes.cluster(inventory.storage.as_ref());
        Ok(Self {
            switches,
            cluster,
            unplaced,
            unplaced_problem,
            notices,
            models,
        })
    }
}

/// Remembers a model that the document names.
pub(crate) fn remember(models: &mut HashSet<Box<str>>, model: &str) {
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

    /// The nodes with a HAT that no port names, as they would be on one. Those with a supply of their own need none.
    fn unplaced(&self) -> Result<Vec<Load>, Invalid> {
        let load = |node: &NodeFacts<'c>| {
            let (port, device) = (PortNumber::try_from(1).ok()?, node.name.parse().ok()?);
            let port = Port {
                port,
                device,
                model: None,
                cable: None,
                priority: None,
                limit_w: None,
                class: None,
                draw_w: None,
                measured_w: None,
            };
            let path = format!("nodes[{}]", node.place);
            Some(demand::load(
                port,
                &path,
                Some(node),
                self.catalogue,
                String::new,
            ))
        };
        let lonely = self.nodes.list.iter();
        let lonely = lonely.filter(|node| node.wants_power() && !node.connected);
        lonely.filter_map(load).collect()
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
