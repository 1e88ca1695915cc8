//! Guaranteed losses and minimal cuts: exact for clusters of any size, because a set of bricks falls by its own few nodes.

use crate::oracle::{Kind, Oracle, State, Unit, combinations, one_more};
use crate::site::Site;
use crate::volume::Volume;
use std::collections::HashSet;

/// More cuts than this are not listed.
pub const MOST: usize = 1000;

/// What one kind of loss can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cuts {
    /// How many losses of this kind, whichever they are, leave the volume available.
    pub guaranteed: usize,
    /// The losses that make it unavailable, of which none can be left out.
    pub minimal: Vec<Vec<Unit>>,
    /// Whether all of them are listed.
    pub complete: bool,
}

/// The cuts of one kind.
pub fn cuts(
    oracle: &Oracle<'_>,
    volume: &Volume,
    site: &Site,
    peers: &[usize],
    kind: Kind,
) -> Cuts {
    let units = oracle.units(kind);
    let mut found: HashSet<Vec<Unit>> = HashSet::new();
    for index in 0..volume.sets.len() {
        found.extend(of_set(oracle, volume, site, index, kind));
    }
    let mut smallest = found.iter().map(Vec::len).min();
    let mut complete = true;
    if let Some(server) = volume.server {
        let spare = peers.len().saturating_sub(server.required(peers.len()));
        let (least, listed) = server_cuts(&units, site, spare, peers);
        smallest = smallest.into_iter().chain(least).min();
        complete = listed.is_some();
        found.extend(listed.unwrap_or_default().into_iter().map(|mut cut| {
            cut.sort_unstable();
            cut
        }));
    }
    let mut minimal: Vec<Vec<Unit>> = found
        .iter()
        .filter(|cut| !has_smaller(cut, &found))
        .cloned()
        .collect();
    minimal.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    complete &= minimal.len() <= MOST;
    minimal.truncate(MOST);
    Cuts {
        guaranteed: smallest.map_or(units.len(), |least| least.saturating_sub(1)),
        minimal,
        complete,
    }
}

/// Whether another cut is a part of this one. Cuts are sorted, and a set's are small.
fn has_smaller(cut: &[Unit], all: &HashSet<Vec<Unit>>) -> bool {
    if cut.len() > 16 {
        return all
            .iter()
            .any(|other| other.len() < cut.len() && other.iter().all(|unit| cut.contains(unit)));
    }
    (0..(1u32 << cut.len()) - 1).any(|part| all.contains(&chosen(cut, part)))
}

fn chosen(units: &[Unit], bits: u32) -> Vec<Unit> {
    let units = units.iter().enumerate();
    units
        .filter(|(at, _)| bits >> at & 1 == 1)
        .map(|(_, unit)| *unit)
        .collect()
}

/// The minimal cuts of one set: what of this kind touches it, in all combinations.
fn of_set(
    oracle: &Oracle<'_>,
    volume: &Volume,
    site: &Site,
    index: usize,
    kind: Kind,
) -> Vec<Vec<Unit>> {
    let set = &volume.sets[index];
    let unit_of = |stick: usize| {
        let node = site.sticks[stick].node;
        match kind {
            Kind::Nodes => Some(Unit::Node(node)),
            Kind::Sticks => Some(Unit::Stick(stick)),
            Kind::Domains => site.nodes[node].domain.map(Unit::Domain),
        }
    };
    let of_brick: Vec<Option<Unit>> = set.iter().map(|brick| unit_of(brick.stick)).collect();
    let mut touching: Vec<Unit> = of_brick.iter().flatten().copied().collect();
    touching.sort_unstable();
    touching.dedup();
    let mut minimal: Vec<u32> = Vec::new();
    let mut all: Vec<u32> = (0..1u32 << touching.len()).collect();
    all.sort_by_key(|bits| bits.count_ones());
    for bits in all {
        if minimal.iter().any(|cut| cut & bits == *cut) {
            continue;
        }
        let lost = chosen(&touching, bits);
        let mut down = 0u32;
        for (place, unit) in of_brick.iter().enumerate() {
            if unit.is_some_and(|unit| lost.contains(&unit)) {
                down |= 1 << place;
            }
        }
        let whole = crate::oracle::mask(set.len());
        let kept = if kind == Kind::Domains {
            whole
        } else {
            whole & !down
        };
        if oracle.set_state(index, whole & !down, kept) != State::Available {
            minimal.push(bits);
        }
    }
    minimal
        .into_iter()
        .map(|bits| chosen(&touching, bits))
        .collect()
}

/// What takes more than `spare` peers down: the least number, and all minimal ways where they can be listed.
fn server_cuts(
    units: &[Unit],
    site: &Site,
    spare: usize,
    peers: &[usize],
) -> (Option<usize>, Option<Vec<Vec<Unit>>>) {
    let weight = |unit: &Unit| match unit {
        Unit::Node(node) => usize::from(peers.contains(node)),
        Unit::Stick(_) => 0,
        Unit::Domain(domain) => {
            let inside = peers
                .iter()
                .filter(|peer| site.nodes[**peer].domain == Some(*domain));
            inside.count()
        }
    };
    let mut weights: Vec<usize> = units
        .iter()
        .map(weight)
        .filter(|weight| *weight > 0)
        .collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    let mut sum = 0;
    let least = weights.iter().position(|weight| {
        sum += weight;
        sum > spare
    });
    let Some(least) = least else {
        return (None, Some(Vec::new()));
    };
    if units.len() > 16 {
        return (Some(least + 1), None);
    }
    let falls = |bits: u32| chosen(units, bits).iter().map(weight).sum::<usize>() > spare;
    let minimal = (0..1u32 << units.len()).filter(|bits| {
        falls(*bits) && (0..units.len()).all(|at| bits >> at & 1 == 0 || !falls(bits & !(1 << at)))
    });
    (
        Some(least + 1),
        Some(minimal.map(|bits| chosen(units, bits)).collect()),
    )
}

/// Of all losses of so many nodes, those that leave the volume available; `None` where they are too many to try.
pub fn survived(
    oracle: &Oracle<'_>,
    units: &[Unit],
    losses: usize,
) -> Option<(usize, Vec<Vec<Unit>>)> {
    if combinations(units.len(), losses) > 5000 {
        return None;
    }
    let mut all: Vec<Vec<Unit>> = vec![Vec::new()];
    for _ in 0..losses {
        all = one_more(&all, units);
    }
    let tried = all.len();
    all.retain(|lost| oracle.state(lost) == State::Available);
    Some((tried, all))
}
