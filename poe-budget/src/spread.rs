//! Spreading items over bins, so that the fullest bin keeps the most room: the arithmetic behind `--assign`.
//!
//! Few items are spread exactly, by dynamic programming over all their subsets: what it finds no other way beats, and where it
//! finds none there is none. Many are spread by a rule of thumb, with a bound on how much better any way could be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What counts against a bin: the four scenarios by draw, and the reservation for the class.
pub const COUNTS: usize = 5;
/// One number for each.
pub type Counts = [i64; COUNTS];
/// A count that no bin runs out of, small enough that sums do not overflow.
pub const NO_LIMIT: i64 = i64::MAX / 1_000_000;
/// Up to so many items and bins are spread exactly: 3^16 steps for each bin.
pub const EXACT: usize = 16;
/// Attempts at mending a rule of thumb's answer, for each item.
const ATTEMPTS: usize = 64;
/// "Cannot be": below every headroom.
const NEVER: i64 = i64::MIN;

/// A switch.
#[derive(Debug, Clone)]
pub struct Bin {
    /// Which column of the items' demands counts here: bins of one kind carry an item alike.
    pub kind: usize,
    /// What it has, [`NO_LIMIT`] where a count does not matter here.
    pub room: Counts,
    /// How many items it takes.
    pub slots: usize,
}

/// A device.
#[derive(Debug, Clone)]
pub struct Item {
    /// The bin in which it is now.
    pub home: Option<usize>,
    /// What it counts in a bin of each kind; `None` where no such bin carries it.
    pub demands: Vec<Option<Counts>>,
}

/// A way to spread them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spread {
    /// The bin of each item.
    pub places: Vec<usize>,
    /// The room that is left in the fullest bin.
    pub headroom: i64,
    /// How many items leave their home.
    pub moves: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// No other way leaves more room, and none that leaves as much moves fewer items.
    Best(Spread),
    /// A way; any other leaves at most this much room.
    Good(Spread, i64),
    /// There is no way.
    Impossible(Proof),
    /// Neither a way nor a proof that there is none.
    NotFound,
}

/// Why there is no way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// There are fewer slots than items.
    Slots,
    /// No bin carries this item, not even alone.
    Item(usize),
    /// All together need more than all bins have: of this count, so much.
    Total {
        /// Which of the counts.
        count: usize,
        /// What the items need at least.
        needed: i64,
        /// What the bins have.
        there: i64,
    },
    /// All ways were ruled out; the best of them lacks so much, `None` where no bins' slots hold what they would carry.
    Search(Option<i64>),
}

/// Spreads the items.
pub fn spread(bins: &[Bin], items: &[Item]) -> Outcome {
    if let Some(proof) = at_a_glance(bins, items) {
        return Outcome::Impossible(proof);
    }
    if items.len() <= EXACT && bins.len() <= EXACT {
        return exact(bins, items);
    }
    approximate(bins, items)
}

/// A way by rule of thumb, and how much room any other leaves at most.
pub fn approximate(bins: &[Bin], items: &[Item]) -> Outcome {
    let bound = bound(bins, items);
    match rule_of_thumb(bins, items) {
        Some(spread) if spread.headroom >= bound && spread.moves == 0 => Outcome::Best(spread),
        Some(spread) => Outcome::Good(spread, bound),
        None => Outcome::NotFound,
    }
}

/// What is left of a bin's room, at its scarcest.
fn left(room: &Counts) -> i64 {
    room.iter().copied().min().unwrap_or(NO_LIMIT)
}

fn less(room: &Counts, demand: &Counts) -> Counts {
    std::array::from_fn(|count| room[count] - demand[count])
}

/// What is left of a bin that holds this item alone.
fn alone(bin: &Bin, item: &Item) -> Option<i64> {
    let demand = item.demands[bin.kind].filter(|_| bin.slots > 0)?;
    Some(left(&less(&bin.room, &demand)))
}

/// What the bins have of each count, where it matters in all of them, and what the items need of it at least.
fn totals(bins: &[Bin], items: &[Item]) -> impl Iterator<Item = (usize, i64, i64)> {
    let matters = |count: &usize| bins.iter().all(|bin| bin.room[*count] < NO_LIMIT);
    let least = |item: &Item, count: usize| {
        let demands = item.demands.iter().flatten();
        demands.map(|demand| demand[count]).min().unwrap_or(0)
    };
    (0..COUNTS).filter(matters).map(move |count| {
        let there = bins.iter().map(|bin| bin.room[count]).sum();
        let needed = items.iter().map(|item| least(item, count)).sum();
        (count, needed, there)
    })
}

/// The proofs that a person can follow.
fn at_a_glance(bins: &[Bin], items: &[Item]) -> Option<Proof> {
    let nowhere = |item: &Item| !bins.iter().any(|bin| alone(bin, item) >= Some(0));
    if let Some(at) = items.iter().position(nowhere) {
        return Some(Proof::Item(at));
    }
    if bins.iter().map(|bin| bin.slots).sum::<usize>() < items.len() {
        return Some(Proof::Slots);
    }
    let mut totals = totals(bins, items).filter(|(_, needed, there)| needed > there);
    let (count, needed, there) = totals.next()?;
    Some(Proof::Total {
        count,
        needed,
        there,
    })
}

/// No way leaves more than this: the fullest bin has at most the bins' average, at most what the scarcest bin has while it is
/// empty, and at most what the best place for the largest item leaves beside it.
fn bound(bins: &[Bin], items: &[Item]) -> i64 {
    let averages = totals(bins, items)
        .map(|(_, needed, there)| (there - needed).div_euclid(bins.len().max(1) as i64));
    let empty = bins.iter().map(|bin| left(&bin.room));
    let places = items
        .iter()
        .filter_map(|item| bins.iter().filter_map(|bin| alone(bin, item)).max());
    averages
        .chain(empty)
        .chain(places)
        .min()
        .unwrap_or(NO_LIMIT)
}

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
fn exact(bins: &[Bin], items: &[Item]) -> Outcome {
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
            if cost < next[subset | others] {
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

/// A way that is being built.
#[derive(Clone)]
struct Draft {
    rooms: Vec<Counts>,
    slots: Vec<usize>,
    places: Vec<usize>,
}

impl Draft {
    fn new(bins: &[Bin], items: usize) -> Self {
        Self {
            rooms: bins.iter().map(|bin| bin.room).collect(),
            slots: bins.iter().map(|bin| bin.slots).collect(),
            places: vec![usize::MAX; items],
        }
    }

    /// Puts the item into the bin, where that leaves at least so much room.
    fn put(&mut self, bins: &[Bin], items: &[Item], item: usize, bin: usize, least: i64) -> bool {
        let Some(demand) = items[item].demands[bins[bin].kind] else {
            return false;
        };
        let room = less(&self.rooms[bin], &demand);
        if self.slots[bin] == 0 || left(&room) < least {
            return false;
        }
        self.rooms[bin] = room;
        self.slots[bin] -= 1;
        self.places[item] = bin;
        true
    }

    fn take(&mut self, bins: &[Bin], items: &[Item], item: usize) {
        let bin = self.places[item];
        if let Some(demand) = items[item].demands[bins[bin].kind] {
            self.rooms[bin] = std::array::from_fn(|at| self.rooms[bin][at] + demand[at]);
            self.slots[bin] += 1;
        }
    }

    fn finish(self, items: &[Item]) -> Spread {
        let moved = |(item, place): &(&Item, &usize)| item.home != Some(**place);
        let headroom = self.rooms.iter().map(left).min();
        Spread {
            moves: items.iter().zip(&self.places).filter(moved).count(),
            headroom: headroom.unwrap_or(NO_LIMIT),
            places: self.places,
        }
    }
}

/// The better of two: what is there, mended; and the largest item first, each into the bin with the most room, mended.
fn rule_of_thumb(bins: &[Bin], items: &[Item]) -> Option<Spread> {
    let drafts = [as_it_is(bins, items), largest_first(bins, items)];
    let mended = drafts
        .into_iter()
        .flatten()
        .map(|draft| mend(bins, items, draft).finish(items));
    mended.max_by_key(|spread| (spread.headroom, Reverse(spread.moves)))
}

fn as_it_is(bins: &[Bin], items: &[Item]) -> Option<Draft> {
    let mut draft = Draft::new(bins, items.len());
    for (at, item) in items.iter().enumerate() {
        if !draft.put(bins, items, at, item.home?, 0) {
            return None;
        }
    }
    Some(draft)
}

fn largest_first(bins: &[Bin], items: &[Item]) -> Option<Draft> {
    let size = |at: &usize| {
        let counts = items[*at].demands.iter().flatten().flatten();
        Reverse(counts.copied().max())
    };
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(size);
    let mut draft = Draft::new(bins, items.len());
    let roomy = |(at, bin): (usize, &Bin)| (left(&bin.room), Reverse(at));
    let mut heap: BinaryHeap<(i64, Reverse<usize>)> = bins.iter().enumerate().map(roomy).collect();
    for item in order {
        let mut passed = Vec::new();
        let bin = loop {
            let (room, Reverse(bin)) = heap.pop()?;
            if draft.put(bins, items, item, bin, 0) {
                break bin;
            }
            passed.push((room, Reverse(bin)));
        };
        heap.extend(passed);
        if draft.slots[bin] > 0 {
            heap.push((left(&draft.rooms[bin]), Reverse(bin)));
        }
    }
    Some(draft)
}

/// Moves items out of the fullest bin as long as that leaves more room in it and enough where they go.
fn mend(bins: &[Bin], items: &[Item], mut draft: Draft) -> Draft {
    for _ in 0..ATTEMPTS {
        let Some(fullest) = (0..bins.len()).min_by_key(|bin| left(&draft.rooms[*bin])) else {
            break;
        };
        let least = left(&draft.rooms[fullest]) + 1;
        let mut inside = (0..items.len()).filter(|at| draft.places[*at] == fullest);
        let better = inside.find_map(|item| {
            let mut other = draft.clone();
            other.take(bins, items, item);
            let mut targets: Vec<usize> = (0..bins.len()).filter(|bin| *bin != fullest).collect();
            targets.sort_by_key(|bin| Reverse(left(&draft.rooms[*bin])));
            let put = targets
                .into_iter()
                .take(ATTEMPTS)
                .any(|bin| other.put(bins, items, item, bin, least));
            (put && left(&other.rooms[fullest]) >= least).then_some(other)
        });
        match better {
            Some(better) => draft = better,
            None => break,
        }
    }
    draft
}
