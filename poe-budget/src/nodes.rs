//! The nodes by name, and what they do together.

use crate::catalogue::Catalogue;
use crate::demand::{Basis, Given, Load};
use crate::name::Name;
use crate::node::NodeFacts;
use crate::notices::Notices;
use crate::request::remember;
use crate::scenario::PerScenario;
use cluster::finding::Finding;
use cluster::invalid::Invalid;
use cluster::inventory::{Inventory, QuorumType, Role, Storage, Volume};
use std::collections::{HashMap, HashSet};

/// What the nodes do together.
#[derive(Debug, Default)]
pub struct Cluster {
    /// Number of nodes that the document makes K3s servers.
    pub servers: usize,
    /// Number of nodes with a HAT, without those that have a supply of their own.
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
    /// Number of USB devices for its bricks.
    pub count: usize,
    /// Number of nodes that have them.
    pub holders: usize,
    /// Bricks in each replica set, an arbiter counted.
    pub replica: usize,
    /// Whether one of each set is an arbiter: it counts for the quorum and has nothing to read.
    pub arbiter: bool,
    /// How many bricks of a set must be up for a client to read and write; `None` where more than half must.
    pub quorum: Option<usize>,
    /// Whether the servers stop their bricks when too few peers are up.
    pub server_quorum: bool,
}

/// The nodes by name.
pub struct Nodes<'c> {
    /// In the order of the document.
    pub list: Vec<NodeFacts<'c>>,
    /// The place of each by its name.
    pub places: HashMap<Name, usize>,
}

impl<'c> Nodes<'c> {
    /// Takes the nodes out of the document's sections.
    ///
    /// # Errors
    /// The first value that no node can have.
    pub fn new(
        inventory: &mut Inventory,
        catalogue: &'c Catalogue,
        models: &mut HashSet<Box<str>>,
    ) -> Result<Self, Invalid> {
        let nodes = std::mem::take(&mut inventory.nodes);
        let mut list = Vec::with_capacity(nodes.len());
        let mut places = HashMap::with_capacity(nodes.len());
        for (place, mut node) in nodes.into_iter().enumerate() {
            let facts = NodeFacts::new(&mut node, place, catalogue)?;
            let named = [&node.model, &node.hat]
                .into_iter()
                .chain(node.usb.iter().map(|u| &u.model));
            for model in named.flatten() {
                remember(models, model.as_str());
            }
            places.insert(facts.name.clone(), place);
            list.push(facts);
        }
        Ok(Self { list, places })
    }

    /// A HAT that no switch feeds is a port that somebody forgot to write down.
    pub fn report_unconnected(&self, notices: &mut Notices) {
        let lonely = |node: &&NodeFacts<'_>| node.wants_power() && !node.connected;
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

    /// What they do together.
    pub fn cluster(&self, storage: Option<&Storage>) -> Cluster {
        let servers = self
            .list
            .iter()
            .filter(|node| node.role == Some(Role::Server));
        let volumes = storage.map_or(&[][..], |storage| &storage.volumes);
        Cluster {
            servers: servers.count(),
            hats: self.list.iter().filter(|node| node.wants_power()).count(),
            volumes: volumes.iter().map(|volume| self.bricks(volume)).collect(),
        }
    }

    fn bricks(&self, volume: &Volume) -> Bricks {
        let named = volume.nodes.iter().map(|name| name.as_str().to_owned());
        let nodes: Option<HashSet<String>> = (!volume.nodes.is_empty()).then(|| named.collect());
        let holds = |node: &&NodeFacts<'_>| {
            let named = nodes
                .as_ref()
                .is_none_or(|nodes| nodes.contains(&*node.name));
            node.bricks > 0 && named
        };
        let holders = || self.list.iter().filter(holds);
        Bricks {
            volume: volume.name.as_str().to_owned(),
            count: holders().map(|node| node.bricks).sum(),
            holders: holders().count(),
            // Two copies and an arbiter are a set of three, called replica 2 or replica 3.
            replica: match volume.replica.unwrap_or(3) {
                2 if volume.arbiter => 3,
                replica => usize::from(replica),
            },
            arbiter: volume.arbiter,
            quorum: match volume.quorum.unwrap_or(QuorumType::Auto) {
                QuorumType::Auto => None,
                QuorumType::Fixed => Some(usize::from(volume.quorum_count.unwrap_or(1)).max(1)),
                QuorumType::None => Some(1),
            },
            server_quorum: volume.server_quorum,
            nodes,
        }
    }
}

/// What is worth knowing about how a draw was found.
pub fn notice(load: &Load, node: Option<&NodeFacts<'_>>, notices: &mut Notices) {
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
            Finding::info("poe-efficiency-assumed", device, message)
                .fix("measure at the switch (--measured), or declare nodes[].hat_efficiency")
        });
    }
}
