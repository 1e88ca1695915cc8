//! Every combination of losses, counted by what it leaves.

use super::{Oracle, State, Unit, mask};
use std::cmp::Ordering;

impl Oracle<'_> {
    /// The states after every combination of `units`, or, where there are too many, of up to as many as can be tried.
    pub fn count(&self, units: &[Unit]) -> Counts {
        let cost = self.volume.sets.len().max(1);
        let whole = units.len() <= 20;
        let most = if whole {
            units.len()
        } else {
            let fits = |losses: &usize| {
                combinations(units.len(), *losses).saturating_mul(cost as u128) <= 8_000_000
            };
            (1..units.len()).take_while(fits).last().unwrap_or(0)
        };
        let mut counts = Counts {
            complete: whole,
            up_to_losses: most,
            ..Counts::default()
        };
        if most == 0 {
            counts.add(0, self.state(&[]));
            return counts;
        }
        let table = Table::new(self, units);
        walk(self, &table, 0, most, Lost::default(), &mut counts);
        counts
    }
}

/// Combinations of losses by what they leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whether every combination was tried.
    pub complete: bool,
    /// The most losses at once that were tried.
    pub up_to_losses: usize,
    /// Combinations by the number of losses: available, safe, lost.
    pub by_losses: Vec<[u64; 3]>,
}

impl Counts {
    fn add(&mut self, losses: usize, state: State) {
        if self.by_losses.len() <= losses {
            self.by_losses.resize(losses + 1, [0; 3]);
        }
        self.by_losses[losses][state as usize] += 1;
    }

    /// All of them, less what is left when everything of `all` units is lost.
    pub fn survivors(&self, all: usize) -> [u64; 3] {
        let some = self.by_losses.iter().take(all);
        some.fold([0; 3], |sum, row| {
            [sum[0] + row[0], sum[1] + row[1], sum[2] + row[2]]
        })
    }

    /// All of them.
    pub fn total(&self) -> [u64; 3] {
        self.survivors(self.by_losses.len())
    }
}

/// `n` things, none to `k` of them.
pub fn combinations(n: usize, k: usize) -> u128 {
    let mut row: u128 = 1;
    let mut sum: u128 = 1;
    for taken in 0..k.min(n) {
        row = row.saturating_mul((n - taken) as u128) / (taken as u128 + 1);
        sum = sum.saturating_add(row);
    }
    sum
}

/// Every combination with one unit more; each has its units in their order, behind what it began with.
pub fn one_more(all: &[Vec<Unit>], units: &[Unit]) -> Vec<Vec<Unit>> {
    let longer = all.iter().flat_map(|some| {
        let last = some.last();
        let last = last.and_then(|last| units.iter().position(|unit| unit == last));
        let from = last.map_or(0, |at| at + 1);
        units[from..]
            .iter()
            .map(move |unit| [&some[..], &[*unit]].concat())
    });
    longer.collect()
}

/// What each unit takes away: the bricks of each set that go down and are gone, and the peers.
struct Table {
    units: Vec<Effect>,
    peers: usize,
    required: usize,
}

#[derive(Default)]
struct Effect {
    /// Per set that it touches: set, bricks down, bricks gone.
    sets: Vec<(usize, u32, u32)>,
    /// Peers down, as bits.
    peers: u128,
}

#[derive(Clone, Default)]
struct Lost {
    count: usize,
    peers: u128,
    sets: Vec<(u32, u32)>,
}

impl Table {
    fn new(oracle: &Oracle<'_>, units: &[Unit]) -> Self {
        let effects = units.iter().map(|unit| {
            let mut effect = Effect::default();
            for (index, peer) in oracle.peers.iter().enumerate().take(128) {
                if unit.stops(*peer, oracle.site) {
                    effect.peers |= 1 << index;
                }
            }
            for (index, set) in oracle.volume.sets.iter().enumerate() {
                let (mut down, mut gone) = (0, 0);
                for (place, brick) in set.iter().enumerate() {
                    let node = oracle.site.sticks[brick.stick].node;
                    let own = *unit == Unit::Stick(brick.stick) || *unit == Unit::Node(node);
                    if own || unit.stops(node, oracle.site) {
                        down |= 1 << place;
                    }
                    if own {
                        gone |= 1 << place;
                    }
                }
                if down != 0 {
                    effect.sets.push((index, down, gone));
                }
            }
            effect
        });
        let server = oracle.volume.server;
        Self {
            units: effects.collect(),
            peers: oracle.peers.len(),
            required: server.map_or(0, |server| server.required(oracle.peers.len())),
        }
    }
}

/// Every combination of the units from `at` on with what is lost already.
fn walk(
    oracle: &Oracle<'_>,
    table: &Table,
    at: usize,
    more: usize,
    lost: Lost,
    counts: &mut Counts,
) {
    counts.add(lost.count, judge(oracle, table, &lost));
    if more == 0 {
        return;
    }
    for next in at..table.units.len() {
        let effect = &table.units[next];
        let mut lost = lost.clone();
        lost.count += 1;
        lost.peers |= effect.peers;
        if lost.sets.is_empty() {
            lost.sets.resize(oracle.volume.sets.len(), (0, 0));
        }
        for (set, down, gone) in &effect.sets {
            lost.sets[*set].0 |= down;
            lost.sets[*set].1 |= gone;
        }
        walk(oracle, table, next + 1, more - 1, lost, counts);
    }
}

fn judge(oracle: &Oracle<'_>, table: &Table, lost: &Lost) -> State {
    let enough = table
        .peers
        .cmp(&(lost.peers.count_ones() as usize + table.required))
        != Ordering::Less;
    let mut worst = State::Available;
    for (index, set) in oracle.volume.sets.iter().enumerate() {
        let all = mask(set.len());
        let (down, gone) = lost.sets.get(index).copied().unwrap_or_default();
        let up = if enough { all & !down } else { 0 };
        worst = worst.max(oracle.set_state(index, up, all & !gone));
        if worst == State::Lost {
            break;
        }
    }
    worst
}
