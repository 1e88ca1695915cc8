//! Assignment: which device on which port of which switch, so that the fullest switch keeps the most watts.

mod words;

use crate::allocation::{counted, possible};
use crate::answer::{AssignmentAnswer, Move, Place};
use crate::demand::Load;
use crate::flow;
use crate::notices::Notices;
use crate::request::Request;
use crate::scenario::Scenario;
use crate::spread::{self, Bin, COUNTS, Counts, Item, NO_LIMIT, Outcome, Spread};
use crate::supply::Supply;
use crate::watts::Milliwatts;
use cluster::finding::Finding;
use cluster::inventory::{Allocation, Role};

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

/// How what the document leaves open is counted: the way of counting, the budget, the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// The worst of all that can be true: a way that holds so holds in any case.
    Worst,
    /// No more than in any case that can be true: where no way holds so, there is none.
    Best,
}

/// Puts every device that takes power on a port: those that stand on one, and those that stand on none. Where there is no way,
/// or where that depends on what is not declared, all stays as it was, and the finding says why.
pub fn assign(request: &mut Request<'_>) -> AssignmentAnswer {
    let before: Vec<Vec<Load>> = (request.switches.iter())
        .map(|supply| supply.loads.clone())
        .collect();
    let movable = take(request);
    let (bins, items) = problem(request, &movable, View::Worst);
    let outcome = spread::spread(&bins, &items);
    let (spread, bound, exact) = match outcome {
        Outcome::Best(spread) => {
            let headroom = spread.headroom;
            (spread, headroom, true)
        }
        Outcome::Good(spread, bound) => (spread, bound, false),
        Outcome::Impossible(_) | Outcome::NotFound => {
            let (finding, answer) = no_way(request, &movable, (&bins, &items), outcome);
            request.notices.each(finding);
            restore(request, before, movable);
            return answer;
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

/// Why no way was found that holds in every case. It is a proof only where none holds in any case either.
fn no_way(
    request: &Request<'_>,
    movable: &[Movable],
    worst: (&[Bin], &[Item]),
    outcome: Outcome,
) -> (Finding, AssignmentAnswer) {
    let not_found = || (words::not_found(movable.len()), refused(false, None));
    let Outcome::Impossible(proof) = outcome else {
        return not_found();
    };
    let devices: Vec<&str> = movable.iter().map(|(load, _)| &*load.device).collect();
    let proven = |reason: String| {
        let finding = words::impossible(&reason);
        (finding, refused(true, Some(reason)))
    };
    let reason = words::reason(&proof, &devices, worst, false);
    let open = words::open(request);
    if open.is_empty() {
        return proven(reason);
    }
    let (bins, items) = problem(request, movable, View::Best);
    match spread::spread(&bins, &items) {
        Outcome::Impossible(proof) => {
            proven(words::reason(&proof, &devices, (&bins, &items), true))
        }
        Outcome::Best(spread) | Outcome::Good(spread, _) => {
            let finding = words::unknown(&open, spread.headroom, &reason);
            (finding, refused(false, None))
        }
        Outcome::NotFound => not_found(),
    }
}

/// The remark on what was found.
pub fn remark(answer: &AssignmentAnswer) -> Option<Finding> {
    words::remark(answer)
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

fn problem(request: &Request<'_>, movable: &[Movable], view: View) -> (Vec<Bin>, Vec<Item>) {
    let mut kinds: Vec<&Supply<'_>> = Vec::new();
    let mut bins = Vec::with_capacity(request.switches.len());
    for supply in &request.switches {
        let same = |other: &&Supply<'_>| alike(other, supply);
        let kind = kinds.iter().position(same).unwrap_or(kinds.len());
        if kind == kinds.len() {
            kinds.push(supply);
        }
        bins.push(bin(supply, kind, view));
    }
    let demands = |load: &Load| kinds.iter().map(|s| demand(s, load, view)).collect();
    let items = movable.iter().map(|(load, place)| Item {
        home: place.map(|(switch, _)| switch),
        demands: demands(load),
    });
    (bins, items.collect())
}

/// Whether a device counts the same on both.
fn alike(a: &Supply<'_>, b: &Supply<'_>) -> bool {
    let of = |supply: &Supply<'_>| {
        let port = (supply.port_limit, supply.standard_assumed);
        let volts = supply.voltage_v.to_bits();
        (port, supply.allocation, volts, supply.ambient_c.to_bits())
    };
    of(a) == of(b)
}

fn bin(supply: &Supply<'_>, kind: usize, view: View) -> Bin {
    let budgets = supply.budgets.iter();
    let budget = match view {
        View::Worst => budgets.min(),
        View::Best => budgets.max(),
    };
    let budget = budget.map_or(0, |budget| budget.0);
    let counts = |allocation| match (view, supply.allocation) {
        // What a device counts by draw is then the lesser of both.
        (View::Best, None) => allocation == Allocation::Draw,
        _ => possible(supply).contains(&allocation),
    };
    let room = |allocation| if counts(allocation) { budget } else { NO_LIMIT };
    let mut rooms = [room(Allocation::Draw); COUNTS];
    rooms[CLASS] = room(Allocation::Class);
    Bin {
        kind,
        room: rooms,
        slots: usize::from(supply.poe_ports) - supply.used_ports(),
    }
}

/// What a device counts on a switch of this kind; `None` where it carries the device on no port.
fn demand(supply: &Supply<'_>, load: &Load, view: View) -> Option<Counts> {
    let mut notices = Notices::default();
    let port = flow::port(supply, load, &mut notices);
    let findings = notices.finish();
    // A port of another standard than the assumed one may carry more.
    let certain = view == View::Worst || !supply.standard_assumed;
    let not_carried = |finding: &Finding| NOT_CARRIED.contains(&finding.id);
    if certain && findings.iter().any(not_carried) {
        return None;
    }
    let reserved = counted(&port, Allocation::Class, Scenario::Stress).0;
    let mut counts = [0; COUNTS];
    for (count, scenario) in counts.iter_mut().zip(Scenario::ALL) {
        let drawn = counted(&port, Allocation::Draw, scenario).0;
        *count = match (view, supply.allocation) {
            (View::Best, None) => drawn.min(reserved),
            _ => drawn,
        };
    }
    counts[CLASS] = reserved;
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
