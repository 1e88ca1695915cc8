//! Which single change buys the most headroom: each one that could help is made in a copy of the document and planned.
//!
//! Headroom is that of the fullest switch, so only a change there can raise it, and only that switch is planned again.

use crate::answer::{Answer, Change, ChangeKind, SwitchAnswer};
use crate::catalogue::{Catalogue, Model, find};
use crate::measured::Measured;
use crate::plan::plan;
use crate::request::Request;
use crate::watts::Milliwatts;
use cluster::finding::Severity;
use cluster::inventory::{Allocation, Inventory, Node, PoeStandard, Port, Switch};
use cluster::name::Label;
use cluster::quantity::Awg;
use std::cmp::Reverse;
use std::collections::HashSet;

/// The thickest conductor of ordinary patch cables.
const THICK_AWG: u8 = 23;
/// A device is tried on so many other switches, those with the most room.
const TARGETS: usize = 3;
/// Less than this is noise beside what the figures are worth.
const LEAST: Milliwatts = Milliwatts(100);
/// So many changes are told.
const TOLD: usize = 12;

/// The changes that buy headroom, the most first. `answer` is the plan of the document as it stands, and the measured draws are
/// in the inventory.
pub fn changes(inventory: &Inventory, answer: &Answer, catalogue: &Catalogue) -> Vec<Change> {
    let fullest = answer.switches.iter().enumerate();
    let Some((at, fullest)) = fullest.min_by_key(|(_, switch)| switch.headroom_w) else {
        return Vec::new();
    };
    let Some(switch) = inventory.switches.get(at) else {
        return Vec::new();
    };
    let base = Copy::of(inventory, vec![switch.clone()]);
    let (_, errors) = base.plan(catalogue).unwrap_or_default();
    let mut search = Search {
        inventory,
        answer,
        catalogue,
        at,
        before: fullest.headroom_w,
        errors,
        found: Vec::new(),
    };
    search.devices(&base);
    search.nodes(&base);
    search.moves(&base);
    search.switch(&base, fullest);
    search.finish()
}

/// The part of a document that has to be planned again.
#[derive(Clone)]
struct Copy {
    switches: Vec<Switch>,
    nodes: Vec<Node>,
}

impl Copy {
    /// These switches and the nodes on them.
    fn of(inventory: &Inventory, switches: Vec<Switch>) -> Self {
        let ports = switches.iter().flat_map(|switch| &switch.ports);
        let named: HashSet<&str> = ports.map(|port| port.device.as_str()).collect();
        let nodes = inventory.nodes.iter();
        let nodes = nodes.filter(|node| named.contains(node.name.as_str()));
        Self {
            nodes: nodes.cloned().collect(),
            switches,
        }
    }

    /// Headroom and errors; `None` where the copy is not a valid document.
    fn plan(&self, catalogue: &Catalogue) -> Option<(Milliwatts, HashSet<String>)> {
        let inventory = Inventory {
            switches: self.switches.clone(),
            nodes: self.nodes.clone(),
            ..Inventory::default()
        };
        let request = Request::new(inventory, &Measured::default(), catalogue).ok()?;
        let (answer, findings) = plan(&request, catalogue);
        let errors = findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| format!("{} {}", finding.id, finding.subject));
        Some((answer.headroom_w?, errors.collect()))
    }
}

struct Search<'a> {
    inventory: &'a Inventory,
    answer: &'a Answer,
    catalogue: &'a Catalogue,
    /// The place of the fullest switch.
    at: usize,
    before: Milliwatts,
    /// The fullest switch's errors as it stands.
    errors: HashSet<String>,
    found: Vec<Change>,
}

impl Search<'_> {
    /// Plans a copy of the fullest switch; a change that helps and makes nothing else wrong is kept.
    fn weigh(&mut self, kind: ChangeKind, device: Option<&Label>, words: String, copy: &Copy) {
        let errors = std::mem::take(&mut self.errors);
        self.weigh_beside(&errors, kind, device, words, copy);
        self.errors = errors;
    }

    /// The same where these are the errors of all switches in the copy as they stand.
    fn weigh_beside(
        &mut self,
        before: &HashSet<String>,
        kind: ChangeKind,
        device: Option<&Label>,
        words: String,
        copy: &Copy,
    ) {
        let Some((headroom, errors)) = copy.plan(self.catalogue) else {
            return;
        };
        let replanned = |name: &str| {
            copy.switches
                .iter()
                .any(|switch| switch.name.as_str() == name)
        };
        let others = self.answer.switches.iter();
        let others = others.filter(|switch| !replanned(&switch.name));
        let headroom = others
            .map(|switch| switch.headroom_w)
            .fold(headroom, Milliwatts::min);
        if headroom - self.before < LEAST || !errors.is_subset(before) {
            return;
        }
        let gain_w = headroom - self.before;
        self.found.push(Change {
            kind,
            devices: device.iter().map(|name| name.as_str().into()).collect(),
            words,
            headroom_w: headroom,
            gain_w,
        });
    }

    fn devices(&mut self, base: &Copy) {
        for at in 0..base.switches[0].ports.len() {
            let mut copy = base.clone();
            let device = copy.switches[0].ports.remove(at).device;
            let words = format!("feed {device} by itself");
            self.weigh(ChangeKind::Apart, Some(&device), words, &copy);
            let mut copy = base.clone();
            let port = &mut copy.switches[0].ports[at];
            let thick = Awg::try_from(u64::from(THICK_AWG)).ok();
            if let (Some(cable), Some(thick)) = (&mut port.cable, thick)
                && cable.awg.get() > THICK_AWG
            {
                cable.awg = thick;
                let words = format!("take a cable of {THICK_AWG} AWG to {device}");
                self.weigh(ChangeKind::Cable, Some(&device), words, &copy);
            }
        }
    }

    fn nodes(&mut self, base: &Copy) {
        for (at, node) in base.nodes.iter().enumerate() {
            for (number, usb) in node.usb.iter().enumerate() {
                let mut copy = base.clone();
                copy.nodes[at].usb.remove(number);
                let model = usb.model.as_ref().map_or("USB device", Label::as_str);
                let words = format!("take the {model} off {}", node.name);
                self.weigh(ChangeKind::Usb, Some(&node.name), words, &copy);
            }
            let (Some(_), Some(board)) = (&node.hat, &node.model) else {
                continue;
            };
            for hat in &self.catalogue.hats {
                if !hat.suits(board.as_str()) {
                    continue;
                }
                let Ok(model) = Label::try_from(hat.model.clone()) else {
                    continue;
                };
                if node.hat.as_ref() == Some(&model) {
                    continue;
                }
                let mut copy = base.clone();
                copy.nodes[at].hat = Some(model);
                copy.nodes[at].hat_efficiency = None;
                let words = format!("give {} the {}", node.name, hat.name);
                self.weigh(ChangeKind::Hat, Some(&node.name), words, &copy);
            }
        }
    }

    /// A device on a free port of another switch.
    fn moves(&mut self, base: &Copy) {
        let mut targets: Vec<(usize, u16)> = (self.answer.switches.iter().enumerate())
            .filter(|(at, _)| *at != self.at)
            .filter_map(|(at, switch)| Some((at, switch.free_ports().next()?)))
            .collect();
        targets.sort_by_key(|(at, _)| Reverse(self.answer.switches[*at].headroom_w));
        for (target, free) in targets.into_iter().take(TARGETS) {
            let Some(other) = self.inventory.switches.get(target) else {
                continue;
            };
            // What is wrong there already is no reason against a move.
            let there = Copy::of(self.inventory, vec![other.clone()]).plan(self.catalogue);
            let (_, mut errors) = there.unwrap_or_default();
            errors.extend(self.errors.iter().cloned());
            for at in 0..base.switches[0].ports.len() {
                let mut from = base.switches[0].clone();
                let mut to = other.clone();
                let Some(port) = renumbered(from.ports.remove(at), free) else {
                    continue;
                };
                let device = port.device.clone();
                let words = format!("move {device} to {} port {free}", to.name);
                to.ports.push(port);
                let copy = Copy::of(self.inventory, vec![from, to]);
                self.weigh_beside(&errors, ChangeKind::Move, Some(&device), words, &copy);
            }
        }
    }

    /// What could be found out about the switch, and the smallest other one that helps.
    fn switch(&mut self, base: &Copy, answer: &SwitchAnswer) {
        let (name, model) = {
            let switch = &base.switches[0];
            let model = switch.model.as_ref().map(Label::as_str);
            let model = model.and_then(|model| find(&self.catalogue.switches, model).ok());
            (switch.name.clone(), model)
        };
        if base.switches[0].allocation.is_none() {
            let mut copy = base.clone();
            copy.switches[0].allocation = Some(Allocation::Draw);
            let words = format!("find out whether {name} counts its ports by draw");
            self.weigh(ChangeKind::FindOut, None, words, &copy);
        }
        let highest = model.and_then(|model| model.certain_budgets().last());
        if let (None, Some(watts)) = (base.switches[0].budget_w, highest) {
            let mut copy = base.clone();
            copy.switches[0].budget_w = watts.to_string().parse().ok();
            let words = format!("find out whether {name} gives {watts} W");
            self.weigh(ChangeKind::FindOut, None, words, &copy);
        }
        for other in larger(self.catalogue, answer, model) {
            let count = self.found.len();
            let Ok(label) = Label::try_from(other.model.clone()) else {
                continue;
            };
            let mut copy = base.clone();
            let switch = &mut copy.switches[0];
            switch.model = Some(label);
            // What the document says of the old one is not known of the new one.
            (switch.budget_w, switch.allocation, switch.poe_ports) = (None, None, None);
            (switch.standard, switch.port_limit_w, switch.voltage_v) = (None, None, None);
            switch.shed_policy = None;
            let words = format!("take a {} in the place of {name}", other.name);
            self.weigh(ChangeKind::Switch, None, words, &copy);
            let helps = |change: &Change| change.headroom_w >= Milliwatts::ZERO;
            if self.found.len() > count {
                if self.found.last().is_some_and(helps) {
                    break;
                }
                self.found.pop();
            }
        }
    }

    /// Changes that are alike become one; the most headroom first.
    fn finish(self) -> Vec<Change> {
        let mut found: Vec<Change> = Vec::new();
        for change in self.found {
            let alike = found.iter_mut().find(|other| alike(other, &change));
            match alike {
                Some(other) => other.devices.extend(change.devices),
                None => found.push(change),
            }
        }
        found.sort_by_key(|change| (Reverse(change.gain_w), change.kind));
        found.truncate(TOLD);
        found
    }
}

/// The same change to another device, with the same effect.
fn alike(a: &Change, b: &Change) -> bool {
    let pattern = |change: &Change| {
        let device = change.devices.first().map_or("", |name| &**name);
        change
            .words
            .replacen(device, "", usize::from(!device.is_empty()))
    };
    (a.kind, a.gain_w) == (b.kind, b.gain_w) && pattern(a) == pattern(b)
}

/// The catalogue's switches that could stand in this one's place and give more, the smallest first.
fn larger<'c>(
    catalogue: &'c Catalogue,
    answer: &SwitchAnswer,
    present: Option<&Model>,
) -> Vec<&'c Model> {
    let least = |model: &Model| model.certain_budgets().map(Milliwatts::nearest).min();
    let budget = answer.cases.iter().map(|case| case.budget_w).min();
    let ports = answer.ports.iter().filter(|port| port.class.is_some());
    let ports = ports.map(|port| port.port).max().unwrap_or_default();
    let standard = present.map_or(PoeStandard::Af, |model| model.standard.value);
    let suits = |model: &&Model| {
        least(model) > budget && model.poe_ports.value >= ports && model.standard.value >= standard
    };
    let mut larger: Vec<&Model> = catalogue.switches.iter().filter(suits).collect();
    larger.sort_by_key(|model| (least(model), model.ports.value));
    larger
}

fn renumbered(mut port: Port, number: u16) -> Option<Port> {
    port.port = number.to_string().parse().ok()?;
    Some(port)
}
