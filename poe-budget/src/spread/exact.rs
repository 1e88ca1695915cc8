//! Few items, exactly: dynamic programming over all their subsets, bin by bin.

use super::{Bin, Item, Outcome, Proof, Spread, left, less};

/// "Cannot be": below every headroom.
const NEVER: i64 = i64::MIN;

/// What is left of a bin for every subset of the items; [`NEVER`] where it cannot hold it.
fn remainders(bin: &Bin, items: &[Item]) -> Vec<i64> {
    let size = 1usize << items.len();
    let mut rooms = vec![Some(bin.room); size];
    let mut remainders = vec![left(&bin.room); size];
    for set in 1..size {
        let lowest = set.trailing_zeros() as usize;
        let without = set & (set - 1);
        let demand = items[lowest].demands[bin.kind];
        rooms[set] = (rooms[without].zip(demand)).map(|(room, demand)| less(&room, &demand));
        remainders[set] = match rooms[set] {
            Some(room) if set.count_ones() as usize <= bin.slots => left(&room),
            _ => NEVER,
        };
    }
    remainders
}

/// Every subset that a bin holds with at least so much room left, with every set of other items; of the last bin only with all
/// others.
fn for_each_split(table: &[i64], least: i64, last: bool, mut visit: impl FnMut(usize, usize)) {
    let all = table.len() - 1;
    for (subset, _) in table.iter().enumerate().filter(|(_, left)| **left >= least) {
        let outside = all & !subset;
        let mut others = outside;
        loop {
            visit(subset, others);
            if last || others == 0 {
                break;
            }
            others = (others - 1) & outside;
        }
    }
}

/// Bin by bin, the best way to hold each subset of the items in the bins so far.
pub(super) fn exact(bins: &[Bin], items: &[Item]) -> Outcome {
    let all = (1usize << items.len()) - 1;
    let tables: Vec<Vec<i64>> = bins.iter().map(|bin| remainders(bin, items)).collect();
    let Some((first, rest)) = tables.split_first() else {
        return Outcome::Impossible(Proof::Slots);
    };
    let mut best = first.clone();
    for (at, table) in rest.iter().enumerate() {
        let mut next = vec![NEVER; all + 1];
        // Of the last bin only the question for all items is left.
        let last = at + 1 == rest.len();
        for_each_split(table, NEVER + 1, last, |subset, others| {
            let set = subset | others;
            next[set] = next[set].max(table[subset].min(best[others]));
        });
        best = next;
    }
    match best[all] {
        NEVER => Outcome::Impossible(Proof::Search(None)),
        headroom if headroom < 0 => Outcome::Impossible(Proof::Search(Some(-headroom))),
        headroom => Outcome::Best(fewest_moves(&tables, items, headroom)),
    }
}

/// Of the ways that leave so much room the one that moves the fewest items.
fn fewest_moves(tables: &[Vec<i64>], items: &[Item], headroom: i64) -> Spread {
    let size = 1usize << items.len();
    let mut moves = vec![u32::MAX; size];
    moves[0] = 0;
    let mut choices: Vec<Vec<usize>> = Vec::with_capacity(tables.len());
    for (bin, table) in tables.iter().enumerate() {
        let at_home = |item: &Item| item.home == Some(bin);
        let bits = items.iter().enumerate();
        let home: usize = bits
            .map(|(at, item)| usize::from(at_home(item)) << at)
            .sum();
        let mut next = vec![u32::MAX; size];
        let mut choice = vec![0; size];
        let last = bin + 1 == tables.len();
        for_each_split(table, headroom, last, |subset, others| {
            if moves[others] == u32::MAX {
                return;
            }
            let cost = moves[others] + (subset & !home).count_ones();
            // Of equals the items at the back of the list move: on a switch those that go dark first.
            if cost <= next[subset | others] {
                next[subset | others] = cost;
                choice[subset | others] = subset;
            }
        });
        moves = next;
        choices.push(choice);
    }
    let mut places = vec![0; items.len()];
    let mut set = size - 1;
    for (bin, choice) in choices.iter().enumerate().rev() {
        for (at, place) in places.iter_mut().enumerate() {
            if choice[set] >> at & 1 == 1 {
                *place = bin;
            }
        }
        set ^= choice[set];
    }
    Spread {
        places,
        headroom,
        moves: moves[size - 1] as usize,
    }
}
