//! Demand: what hangs on a port and what it draws.

use crate::catalogue::{Catalogue, Confidence, Hat, find};
use crate::class;
use crate::name::Name;
use crate::node::{HatLimit, NodeFacts};
use crate::scenario::PerScenario;
use crate::watts::Milliwatts;
use cluster::invalid::Invalid;
use cluster::inventory::{Cable, Draw, Port, Role};
use cluster::quantity::PoeClass;
use schemars::JsonSchema;
use serde::Serialize;

/// The priority where none is declared: the lowest that switches know.
pub const LOWEST_PRIORITY: u8 = 3;

/// What a draw rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Seen at the switch.
    Measured,
    /// Declared in the document or on the command line.
    Document,
    /// Worked out from the catalogue.
    Catalogue,
    /// The most that its class allows, because nothing better is known.
    Class,
    /// It takes no power from this port.
    None,
}

/// Where a draw was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Given {
    /// At the device's Ethernet socket.
    Device(PerScenario<Milliwatts>),
    /// At the switch: the cable's loss is in it.
    Port(PerScenario<Milliwatts>),
}

/// A device on a port.
#[derive(Debug, Clone)]
pub struct Load {
    /// The port's number.
    pub port: u16,
    /// The device's name.
    pub device: Name,
    /// 1 is kept longest.
    pub priority: u8,
    /// The limit set for this port.
    pub limit: Option<Milliwatts>,
    /// The class that it signals; `None` where it takes no power.
    pub class: Option<PoeClass>,
    /// Its draw.
    pub draw: Given,
    /// What the draw rests on.
    pub basis: Basis,
    /// What the weakest figure behind the draw is worth; `None` where the document says it.
    pub confidence: Option<Confidence>,
    /// The cable.
    pub cable: Option<Cable>,
    /// The least voltage at which it works, in volts.
    pub minimum_v: f64,
    /// The limits of its HAT.
    pub hat: Option<HatLimit>,
    /// All USB devices together and what the board allows them, where that is exceeded.
    pub usb_over: Option<(Milliwatts, Milliwatts)>,
    /// Whether it should have been powered and has no HAT.
    pub lacks_hat: bool,
    /// Its part in K3s.
    pub role: Option<Role>,
    /// How many of its USB devices are for bricks.
    pub bricks: usize,
}

/// What a draw is, and what it rests on.
struct Known {
    draw: Given,
    basis: Basis,
    confidence: Option<Confidence>,
    class: Option<PoeClass>,
}

/// The device on the port that stands at `path` of the document.
///
/// # Errors
/// It is neither a node nor has a draw of its own, or names a model that the catalogue does not have.
pub fn load(
    port: Port,
    path: &str,
    node: Option<&NodeFacts<'_>>,
    catalogue: &Catalogue,
    nearest: impl FnOnce() -> String,
) -> Result<Load, Invalid> {
    if node.is_some() && port.model.is_some() {
        let problem = "expected no model, because the device is a node and its model stands there";
        return Err(Invalid::new(format!("{path}.model"), problem));
    }
    let declared = port.class.or_else(|| node.and_then(|node| node.class));
    let known = match given(&port, path, node)? {
        Some(known) => known,
        None => match node {
            Some(node) => of_node(node, declared)?,
            None => of_device(&port, path, declared, catalogue, nearest)?,
        },
    };
    let limit_path = || format!("{path}.limit_w");
    let limit = port
        .limit_w
        .map(|limit| Milliwatts::given(limit.0, limit_path));
    let hat = node.and_then(|node| node.hat);
    let class = class_of(&known, declared, hat);
    Ok(Load {
        port: port.port.get(),
        device: node.map_or_else(|| port.device.as_str().into(), |node| node.name.clone()),
        priority: port.priority.unwrap_or(LOWEST_PRIORITY),
        limit: limit.transpose()?,
        class,
        draw: known.draw,
        basis: class.map_or(Basis::None, |_| known.basis),
        confidence: known.confidence,
        cable: port.cable,
        minimum_v: match hat {
            Some(hat) => hat.minimum_v.value,
            None => class.map_or(0.0, class::minimum_v),
        },
        hat: node.and_then(NodeFacts::hat_limit),
        usb_over: node.and_then(NodeFacts::usb_over),
        lacks_hat: node.is_some() && known.basis == Basis::None,
        role: node.and_then(|node| node.role),
        bricks: node.map_or(0, |node| node.bricks),
    })
}

/// The class that the device signals: the declared one before its model's, else one that covers its draw. `None` where it takes
/// no power.
fn class_of(known: &Known, declared: Option<PoeClass>, hat: Option<&Hat>) -> Option<PoeClass> {
    let (Given::Device(draw) | Given::Port(draw)) = known.draw;
    let highest = draw.get(draw.highest());
    if known.basis == Basis::None || highest == Milliwatts::ZERO {
        return None;
    }
    let of_hat = || hat.map(|hat| hat.class.value);
    let class = declared.or(known.class).or_else(of_hat);
    class.or_else(|| class::fallback(highest))
}

/// What the document says of the draw: what was measured before what was declared, the port's before the node's.
fn given(port: &Port, path: &str, node: Option<&NodeFacts<'_>>) -> Result<Option<Known>, Invalid> {
    let of_port = |field| format!("{path}.{field}");
    let of_node = |node: &NodeFacts<'_>, field| format!("nodes[{}].{field}", node.place);
    let measured = match (port.measured_w.as_deref(), node) {
        (Some(draw), _) => Some((draw, of_port("measured_w"))),
        (None, Some(node)) => {
            (node.measured.as_deref()).map(|draw| (draw, of_node(node, "measured_w")))
        }
        (None, None) => None,
    };
    if let Some((draw, path)) = measured {
        return Ok(Some(Known {
            draw: Given::Port(milliwatts(draw, &path)?),
            basis: Basis::Measured,
            confidence: Some(Confidence::Measured),
            class: None,
        }));
    }
    let declared = match (port.draw_w.as_deref(), node) {
        (Some(draw), _) => Some((draw, of_port("draw_w"))),
        (None, Some(node)) => (node.draw.as_deref()).map(|draw| (draw, of_node(node, "draw_w"))),
        (None, None) => None,
    };
    let Some((draw, path)) = declared else {
        return Ok(None);
    };
    Ok(Some(Known {
        draw: Given::Device(milliwatts(draw, &path)?),
        basis: Basis::Document,
        confidence: None,
        class: None,
    }))
}

fn milliwatts(draw: &Draw, path: &str) -> Result<PerScenario<Milliwatts>, Invalid> {
    let one = |watts: cluster::quantity::Watts| Milliwatts::given(watts.0, || path.to_owned());
    Ok(PerScenario {
        boot: one(draw.boot)?,
        idle: one(draw.idle)?,
        typical: one(draw.typical)?,
        stress: one(draw.stress)?,
    })
}

/// A node's draw from the catalogue; where its board is not named, the most that its class allows.
fn of_node(node: &NodeFacts<'_>, declared: Option<PoeClass>) -> Result<Known, Invalid> {
    if let Some(unknown) = &node.unknown {
        return Err((**unknown).clone());
    }
    if let Some((draw, confidence)) = node.estimate() {
        return Ok(Known {
            draw: Given::Device(draw),
            basis: Basis::Catalogue,
            confidence: Some(confidence),
            class: None,
        });
    }
    let class = declared.or_else(|| node.hat.map(|hat| hat.class.value));
    Ok(class.map_or(NOTHING, at_most))
}

/// A device's draw where it is no node.
fn of_device(
    port: &Port,
    path: &str,
    declared: Option<PoeClass>,
    catalogue: &Catalogue,
    nearest: impl FnOnce() -> String,
) -> Result<Known, Invalid> {
    if let Some(model) = &port.model {
        let found = find(&catalogue.devices, model.as_str());
        let device = found.map_err(|problem| Invalid::new(format!("{path}.model"), problem))?;
        return Ok(Known {
            draw: Given::Device(device.draw_w.value.map(Milliwatts::nearest)),
            basis: Basis::Catalogue,
            confidence: Some(device.draw_w.confidence),
            class: device.class.as_ref().map(|class| class.value),
        });
    }
    declared.map(at_most).ok_or_else(|| {
        let name = port.device.as_str();
        let problem = format!(
            "expected a node's name, or a device with model, draw_w or class, found {name:?}{}",
            nearest()
        );
        Invalid::new(format!("{path}.device"), problem)
    })
}

/// No power from the port.
const NOTHING: Known = Known {
    draw: Given::Device(PerScenario {
        boot: Milliwatts::ZERO,
        idle: Milliwatts::ZERO,
        typical: Milliwatts::ZERO,
        stress: Milliwatts::ZERO,
    }),
    basis: Basis::None,
    confidence: None,
    class: None,
};

/// The most that a class allows: an upper bound, never too little.
fn at_most(class: PoeClass) -> Known {
    Known {
        draw: Given::Device(PerScenario::same(class::allowed(class))),
        basis: Basis::Class,
        confidence: Some(Confidence::Estimated),
        class: Some(class),
    }
}
