//! The tool's key in the document.

use crate::catalogue::Confidence;
use crate::demand::Basis;
use crate::name::Name;
use crate::scenario::{PerScenario, Scenario};
use crate::supply::free_ports;
use crate::watts::{Millivolts, Milliwatts};
use cluster::inventory::{Allocation, ShedPolicy};
use cluster::quantity::PoeClass;
use schemars::JsonSchema;
use serde::Serialize;

/// What the switches carry and who goes dark first. `ok` and `findings` stand beside it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// Budget minus demand in the worst case that can be true for this document, in watts; `null` without a switch.
    pub headroom_w: Option<Milliwatts>,
    /// All powered devices, those first that go dark first as the budgets shrink.
    pub shed_order: Vec<Name>,
    /// Switch by switch.
    pub switches: Vec<SwitchAnswer>,
    /// The answer to `--add`, `--remove`, `--budget`, `--ambient-c`, `--assign` and `--optimise`: what changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<QuestionAnswer>,
    /// Where the catalogue's figures come from that were used.
    pub sources: Vec<Source>,
}

/// One switch.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SwitchAnswer {
    /// The switch's name.
    pub name: Name,
    /// Number of ports that give power.
    pub poe_ports: u16,
    /// The standard of its ports.
    pub standard: &'static str,
    /// Voltage at the port in volts.
    pub voltage_v: Millivolts,
    /// Budget minus demand in the worst case, in watts.
    pub headroom_w: Milliwatts,
    /// Every case that can be true.
    pub cases: Vec<Case>,
    /// The ports in use.
    pub ports: Vec<PortAnswer>,
    /// Who goes dark, by each policy that can be true.
    pub shed: Vec<Shed>,
}

impl SwitchAnswer {
    /// Number of PoE ports on which something stands.
    pub fn used_ports(&self) -> usize {
        let poe = |port: &&PortAnswer| port.port <= self.poe_ports;
        self.ports.iter().filter(poe).count()
    }

    /// The PoE ports on which nothing stands.
    pub fn free_ports(&self) -> impl Iterator<Item = u16> {
        let taken = |port| self.ports.iter().any(|other| other.port == port);
        free_ports(self.poe_ports, taken)
    }
}

/// One case: demand against budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Case {
    /// What the devices do.
    pub scenario: Scenario,
    /// How the switch counts a port.
    pub allocation: Allocation,
    /// What the switch gives in watts.
    pub budget_w: Milliwatts,
    /// What is counted against it in watts.
    pub demand_w: Milliwatts,
    /// Budget minus demand in watts.
    pub headroom_w: Milliwatts,
    /// Whether the demand is within the budget.
    pub fits: bool,
}

/// One port.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PortAnswer {
    /// The port's number.
    pub port: u16,
    /// The device on it.
    pub device: Name,
    /// The class that the device signals; `null` where it takes no power from the port.
    pub class: Option<PoeClass>,
    /// The most that the port gives, in watts.
    pub limit_w: Milliwatts,
    /// What the device draws at its socket, in watts.
    pub draw_w: PerScenario<Milliwatts>,
    /// What the port gives for that, in watts.
    pub pse_w: PerScenario<Milliwatts>,
    /// What the cable takes of it where the draw is highest, in watts; `null` where no cable is declared.
    pub cable_loss_w: Option<Milliwatts>,
    /// The voltage at the device there, in volts; `null` where no cable is declared.
    pub pd_v: Option<Millivolts>,
    /// What the draw rests on.
    pub basis: Basis,
    /// What the weakest figure behind the draw is worth; `null` where the document says the draw.
    pub confidence: Option<Confidence>,
}

/// Who goes dark by one policy.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shed {
    /// The policy.
    pub policy: ShedPolicy,
    /// All powered devices of the switch, those first that go dark first.
    pub order: Vec<Name>,
    /// Those that are dark in the switch's worst case.
    pub dark: Vec<Name>,
}

/// Where a figure comes from.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Source {
    /// The model in the catalogue.
    pub model: String,
    /// The figure of it.
    pub figure: &'static str,
    /// How much it is worth.
    pub confidence: Confidence,
    /// Who says so.
    pub source: String,
}

/// What a question changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct QuestionAnswer {
    /// What was asked.
    pub asked: Vec<String>,
    /// The answer to the document as it stands.
    pub without: Side,
    /// The answer with the question's changes: the one that the rest of this value tells.
    pub with: Side,
    /// The second less the first.
    pub difference: Difference,
    /// Where `--assign` puts the devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignment: Option<AssignmentAnswer>,
    /// The single changes that buy headroom by `--optimise`, the most first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
}

/// A single change that buys headroom.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Change {
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The devices with any one of which it has this effect; none where it is about the switch.
    pub devices: Vec<Name>,
    /// The change in words, for the first of the devices.
    pub words: String,
    /// Headroom with this change in watts.
    pub headroom_w: Milliwatts,
    /// Headroom that it buys in watts.
    pub gain_w: Milliwatts,
}

impl Change {
    /// The change and the other devices for which it would do as well, the first few by name.
    pub fn told(&self) -> String {
        const NAMED: usize = 8;
        let others = self.devices.get(1..).unwrap_or_default();
        if others.is_empty() {
            return self.words.clone();
        }
        let named: Vec<&str> = others.iter().take(NAMED).map(|name| &**name).collect();
        let more = match others.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{} (or {}{more})", self.words, named.join(", "))
    }
}

/// Kinds of changes, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A fact that is not declared: the headroom is there if it is as the words say.
    FindOut,
    /// A device goes to another switch.
    Move,
    /// A USB device is taken off.
    Usb,
    /// A thicker cable.
    Cable,
    /// Another HAT.
    Hat,
    /// A device gets a power supply of its own.
    Apart,
    /// Another switch.
    Switch,
}

/// Where the devices go.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AssignmentAnswer {
    /// Whether every way was weighed: nothing leaves more, or there is none. False for many devices, and where it depends on what
    /// is not declared.
    pub exact: bool,
    /// What is left on the fullest switch in its worst case, in watts; `null` where no way was found.
    pub headroom_w: Option<Milliwatts>,
    /// No way leaves more than this, in watts; `null` where no way was found.
    pub at_most_w: Option<Milliwatts>,
    /// The devices that go to another switch or get their first port; who stays on a switch keeps the port.
    pub moves: Vec<Move>,
    /// Why there is no way; `null` where there is one, or where that is not known.
    pub impossible: Option<String>,
}

/// A device that changes its place.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Move {
    /// The device.
    pub device: Name,
    /// Where it stands; `null` where it stands on no port.
    pub from: Option<Place>,
    /// Where it goes.
    pub to: Place,
}

impl Move {
    /// In words: `pi3: sw1 port 3 -> sw2 port 1`.
    pub fn words(&self) -> String {
        let from = self
            .from
            .as_ref()
            .map_or("no port".to_owned(), Place::words);
        format!("{}: {from} -> {}", self.device, self.to.words())
    }
}

impl Place {
    fn words(&self) -> String {
        format!("{} port {}", self.switch, self.port)
    }
}

/// A port of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// The switch.
    pub switch: Name,
    /// The port's number.
    pub port: u16,
}

/// One side of a difference.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Side {
    /// Whether the answer is yes.
    pub ok: bool,
    /// Headroom in the worst case in watts.
    pub headroom_w: Option<Milliwatts>,
    /// What all devices take from their ports at most, in watts.
    pub demand_w: Milliwatts,
    /// All powered devices, those first that go dark first.
    pub shed_order: Vec<Name>,
}

/// What changes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Difference {
    /// Headroom won (or lost, below 0) in watts; `null` where one side has none.
    pub headroom_w: Option<Milliwatts>,
    /// Further demand (or less, below 0) in watts.
    pub demand_w: Milliwatts,
    /// Ids and subjects of errors and warnings that are new.
    pub new_findings: Vec<String>,
    /// Ids and subjects of errors and warnings that are gone.
    pub gone_findings: Vec<String>,
}
