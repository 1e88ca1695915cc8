//! Assignment: which device on which port of which switch, so that the fullest switch keeps the most watts.

use crate::allocation::{counted, possible};
use crate::answer::{AssignmentAnswer, Move, Place};
use crate::demand::Load;
use crate::flow;
use crate::notices::Notices;
use crate::request::Request;
use crate::scenario::Scenario;
use crate::spread::{self, Bin, COUNTS, Counts, Item, NO_LIMIT, Outcome, Proof, Spread};
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::finding::Finding;
use cluster::inventory::{Allocation, Role};
use serde_json::json;

/// The count of the class reservation, behind those of the four scenarios.
const CLASS: usize = 4;
/// What a port cannot carry: the device stays on no such port.
const NOT_CARRIED: [&str; 3] = [
    "poe-over-port-limit",
    "poe-cable-collapse",
    "poe-under-voltage",
];

/// A device that may move, and the switch and port on which it stands.
type Movable = (Load, Option<(usize, u16)>);

/// Puts every device that takes power on a port: those that stand on one, and those that stand on none. Where there is no way
/// all stays as it was, and the finding says why.
pub fn assign(request: &mut Request<'_>) -> AssignmentAnswer {
    let before: Vec<Vec<Load>> = (request.switches.iter())
        .map(|supply| supply.loads.clone())
        .collect();
    let movable = take(request);
    let (bins, items) = problem(request, &movable);
    let outcome = spread::spread(&bins, &items);
    let (spread, bound, exact) = match outcome {
        Outcome::Best(spread) => {
            let headroom = spread.headroom;
            (spread, headroom, true)
        }
        Outcome::Good(spread, bound) => (spread, bound, false),
        Outcome::Impossible(proof) => {
            let reason = reason(&proof, request, &movable, (&bins, &items));
            request.notices.each(impossible(&reason));
            restore(request, before, movable);
            return refused(true, Some(reason));
        }
        Outcome::NotFound => {
            request.notices.each(not_found(movable.len()));
            restore(request, before, movable);
            return refused(false, None);
        }
    };
    let moves = place(request, movable, &spread);
    // Every device with a HAT has its port now.
    request.notices.forget("poe-hat-unconnected");
    AssignmentAnswer {
        exact,
        headroom_w: Some(Milliwatts(spread.headroom)),
        at_most_w: Some(Milliwatts(bound)),
        moves,
        impossible: None,
    }
}

fn refused(exact: bool, impossible: Option<String>) -> AssignmentAnswer {
    AssignmentAnswer {
        exact,
        headroom_w: None,
        at_most_w: None,
        moves: Vec::new(),
        impossible,
    }
}

/// Takes the devices off their ports; what takes no power stays where it is.
fn take(request: &mut Request<'_>) -> Vec<Movable> {
    let mut movable = Vec::new();
    for (index, supply) in request.switches.iter_mut().enumerate() {
        let (moving, staying) = std::mem::take(&mut supply.loads)
            .into_iter()
            .partition(|load| load.class.is_some());
        supply.loads = staying;
        let place = |load: Load| {
            let port = load.port;
            (load, Some((index, port)))
        };
        movable.extend(Vec::into_iter(moving).map(place));
    }
    let lonely = std::mem::take(&mut request.unplaced).into_iter();
    movable.extend(lonely.map(|load| (load, None)));
    movable
}

fn restore(request: &mut Request<'_>, before: Vec<Vec<Load>>, movable: Vec<Movable>) {
    for (supply, loads) in request.switches.iter_mut().zip(before) {
        supply.loads = loads;
    }
    let lonely = movable.into_iter().filter(|(_, place)| place.is_none());
    request.unplaced = lonely.map(|(load, _)| load).collect();
}

fn problem(request: &Request<'_>, movable: &[Movable]) -> (Vec<Bin>, Vec<Item>) {
    let mut kinds: Vec<&Supply<'_>> = Vec::new();
    let mut bins = Vec::with_capacity(request.switches.len());
    for supply in &request.switches {
        let same = |other: &&Supply<'_>| {
            let of = |s: &Supply<'_>| (s.voltage_v.to_bits(), s.ambient_c.to_bits(), s.port_limit);
            of(other) == of(supply)
        };
        let kind = kinds.iter().position(same).unwrap_or(kinds.len());
        if kind == kinds.len() {
            kinds.push(supply);
        }
        bins.push(bin(supply, kind));
    }
    let items = movable.iter().map(|(load, place)| Item {
        home: place.map(|(switch, _)| switch),
        demands: kinds.iter().map(|supply| demand(supply, load)).collect(),
    });
    (bins, items.collect())
}

fn bin(supply: &Supply<'_>, kind: usize) -> Bin {
    let budget = supply.budgets.iter().min().map_or(0, |budget| budget.0);
    let room = |allocation| match possible(supply).contains(&allocation) {
        true => budget,
        false => NO_LIMIT,
    };
    let mut rooms = [room(Allocation::Draw); COUNTS];
    rooms[CLASS] = room(Allocation::Class);
    Bin {
        kind,
        room: rooms,
        slots: usize::from(supply.poe_ports) - supply.used_ports(),
    }
}

/// What a device counts on a switch of this kind.
fn demand(supply: &Supply<'_>, load: &Load) -> Option<Counts> {
    let mut notices = Notices::default();
    let port = flow::port(supply, load, &mut notices);
    let findings = notices.finish();
    if findings
        .iter()
        .any(|finding| NOT_CARRIED.contains(&finding.id))
    {
        return None;
    }
    let mut counts = [0; COUNTS];
    for (count, scenario) in counts.iter_mut().zip(Scenario::ALL) {
        *count = counted(&port, Allocation::Draw, scenario).0;
    }
    counts[CLASS] = counted(&port, Allocation::Class, Scenario::Stress).0;
    Some(counts)
}

/// Who stays on a switch keeps the port; the others get the lowest free ones, K3s servers and high priorities first, because
/// most switches keep the lowest ports longest.
fn place(request: &mut Request<'_>, movable: Vec<Movable>, spread: &Spread) -> Vec<Move> {
    let mut moving = Vec::new();
    for ((load, from), to) in movable.into_iter().zip(&spread.places) {
        match from {
            Some((switch, _)) if switch == *to => request.switches[*to].loads.push(load),
            _ => moving.push((load, from, *to)),
        }
    }
    moving.sort_by_key(|(load, _, _)| (load.role != Some(Role::Server), load.priority));
    let mut moves = Vec::with_capacity(moving.len());
    for (mut load, from, to) in moving {
        let place = |switch: usize, port| Place {
            switch: request.switches[switch].name.clone(),
            port,
        };
        // The spread leaves a port for each.
        let port = request.switches[to].free_ports().next().unwrap_or_default();
        moves.push(Move {
            device: load.device.clone(),
            from: from.map(|(switch, port)| place(switch, port)),
            to: place(to, port),
        });
        load.port = port;
        request.switches[to].loads.push(load);
    }
    for supply in &mut request.switches {
        supply.loads.sort_by_key(|load| load.port);
    }
    moves
}

fn reason(
    proof: &Proof,
    request: &Request<'_>,
    movable: &[Movable],
    (bins, items): (&[Bin], &[Item]),
) -> String {
    let devices = movable.len();
    match proof {
        Proof::Slots => {
            let ports: usize = bins.iter().map(|bin| bin.slots).sum();
            format!(
                "{devices} devices take power, and the switches have {ports} PoE ports for them"
            )
        }
        Proof::Item(at) => not_carried(&movable[*at].0.device, &items[*at], bins),
        Proof::Total {
            count,
            needed,
            there,
        } => {
            let how = match Scenario::ALL.get(*count) {
                Some(scenario) => format!(
                    "draw {} W together in {}",
                    Milliwatts(*needed),
                    scenario.as_str()
                ),
                None => format!("have {} W reserved for their classes", Milliwatts(*needed)),
            };
            format!(
                "the devices {how}, and the switches give {} W together",
                Milliwatts(*there)
            )
        }
        Proof::Search(short) => none_fits(&ways(request.switches.len(), devices), *short),
    }
}

/// One device for which no switch has a port.
fn not_carried(name: &str, item: &Item, bins: &[Bin]) -> String {
    let counts_in = |bin: &Bin| {
        let demand = item.demands[bin.kind]?;
        let matters = (0..COUNTS).filter(|count| bin.room[*count] < NO_LIMIT);
        matters.map(|count| demand[count]).max()
    };
    match bins.iter().filter_map(counts_in).min() {
        Some(watts) => {
            let watts = Milliwatts(watts);
            format!("{name} alone counts {watts} W, and no switch has that and a port for it")
        }
        None => format!("no switch has a port that carries {name}"),
    }
}

/// In how many ways so many devices can be spread.
fn ways(switches: usize, devices: usize) -> String {
    let many = u32::try_from(devices).ok();
    let number = many.and_then(|many| (switches as u64).checked_pow(many));
    number.map_or_else(|| format!("{switches}^{devices}"), |ways| ways.to_string())
}

fn none_fits(ways: &str, short: Option<i64>) -> String {
    match short {
        Some(short) => format!(
            "of all {ways} ways to spread the devices over the switches none fits: each leaves a switch at least {} W short",
            Milliwatts(short)
        ),
        None => format!(
            "of all {ways} ways to spread the devices over the switches none gives each a port that carries it"
        ),
    }
}

fn impossible(reason: &str) -> Finding {
    let message = format!("there is no way to put every device on a port: {reason}");
    Finding::error("poe-assign-impossible", "switches", message)
        .fix("take a switch with more ports or watts, or feed a device by itself: --optimise tells what helps most")
        .evidence(json!({ "proof": reason }))
}

fn not_found(devices: usize) -> Finding {
    let message = format!(
        "no way was found to put {devices} devices on a port; with more than {} devices or switches that does not prove that there is none",
        spread::EXACT
    );
    Finding::error("poe-assign-not-found", "switches", message)
        .fix("leave more room, or assign a part of the switches at a time")
}

/// The remark on what was found.
pub fn remark(answer: &AssignmentAnswer) -> Option<Finding> {
    let (headroom, bound) = (answer.headroom_w?, answer.at_most_w?);
    let moves = match answer.moves.len() {
        0 => "every device stays where it is".to_owned(),
        1 => "1 device moves".to_owned(),
        many => format!("{many} devices move"),
    };
    let best = match answer.exact {
        true => "no other way leaves more, and none that leaves as much moves fewer".to_owned(),
        false => format!("another way leaves at most {} W more", bound - headroom),
    };
    let message = format!("{moves}, and {headroom} W are left on the fullest switch; {best}");
    Some(crate::notices::info("poe-assigned", "switches", message))
}
