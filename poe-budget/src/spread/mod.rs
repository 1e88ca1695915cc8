//! Spreading items over bins, so that the fullest bin keeps the most room: the arithmetic behind `--assign`.
//!
//! Few items are spread exactly, by dynamic programming over all their subsets: what it finds no other way beats, and where it
//! finds none there is none. Many are spread by a rule of thumb, with a bound on how much better any way could be.

mod exact;
mod thumb;

/// What counts against a bin: the four scenarios by draw, and the reservation for the class.
pub const COUNTS: usize = 5;

/// One number for each.
pub type Counts = [i64; COUNTS];
/// A count that no bin runs out of, small enough that sums do not overflow.
pub const NO_LIMIT: i64 = i64::MAX / 1_000_000;
/// Up to so many items and bins are spread exactly: 3^16 steps for each bin.
pub const EXACT: usize = 16;

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
        return exact::exact(bins, items);
    }
    approximate(bins, items)
}

/// A way by rule of thumb, and how much room any other leaves at most.
pub fn approximate(bins: &[Bin], items: &[Item]) -> Outcome {
    let bound = bound(bins, items);
    match thumb::spread(bins, items) {
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
