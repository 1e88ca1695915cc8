//! What a volume survives, by trying every combination of losses.
//!
//! Everything is healed before the loss, and everything is lost at once. A lost node or stick does not come back and takes
//! its copies along; a power domain that goes dark comes back, and its copies with it.

use crate::site::Site;
use crate::volume::Volume;
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Ordering;

/// What is left of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It can be read and written.
    Available,
    /// It can be neither read nor written, and every file has a copy left.
    Safe,
    /// Files are gone.
    Lost,
}

impl State {
    /// The word in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Safe => "safe",
            Self::Lost => "lost",
        }
    }
}

/// Something that can be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    /// A node, with its sticks.
    Node(usize),
    /// A stick.
    Stick(usize),
    /// The power of a domain's nodes.
    Domain(usize),
}

impl Unit {
    /// `pi1`, `pi1:sda`, `sw1`.
    pub fn name(self, site: &Site) -> String {
        match self {
            Self::Node(node) => site.nodes[node].name.clone(),
            Self::Stick(stick) => site.stick_name(stick),
            Self::Domain(domain) => site.domains[domain].clone(),
        }
    }

    /// Whether it takes the node down.
    fn stops(self, node: usize, site: &Site) -> bool {
        match self {
            Self::Node(own) => own == node,
            Self::Stick(_) => false,
            Self::Domain(domain) => site.nodes[node].domain == Some(domain),
        }
    }
}

/// A volume as the oracle sees it.
#[derive(Debug)]
pub struct Oracle<'a> {
    volume: &'a Volume,
    site: &'a Site,
    /// The nodes of the trusted pool.
    peers: &'a [usize],
    /// Bricks by their places that hold no whole copy: new ones, not healed yet.
    stale: Vec<(usize, usize)>,
}

impl<'a> Oracle<'a> {
    /// For a volume in a pool of these peers.
    pub fn new(volume: &'a Volume, site: &'a Site, peers: &'a [usize]) -> Self {
        Self {
            volume,
            site,
            peers,
            stale: Vec::new(),
        }
    }

    /// The same where these bricks (set, place) are up and hold no whole copy.
    #[must_use]
    pub fn stale(mut self, bricks: Vec<(usize, usize)>) -> Self {
        self.stale = bricks;
        self
    }

    /// The volume's state after these losses.
    pub fn state(&self, lost: &[Unit]) -> State {
        let down = |node: usize| lost.iter().any(|unit| unit.stops(node, self.site));
        let enough = self.volume.server.is_none_or(|server| {
            let up = self.peers.iter().filter(|peer| !down(**peer)).count();
            up >= server.required(self.peers.len())
        });
        let mut worst = State::Available;
        for (index, set) in self.volume.sets.iter().enumerate() {
            let (mut up, mut kept) = (0u32, 0u32);
            for (place, brick) in set.iter().enumerate() {
                let node = self.site.sticks[brick.stick].node;
                let gone =
                    lost.contains(&Unit::Node(node)) || lost.contains(&Unit::Stick(brick.stick));
                if !gone {
                    kept |= 1 << place;
                    if enough && !down(node) {
                        up |= 1 << place;
                    }
                }
            }
            worst = worst.max(self.set_state(index, up, kept));
        }
        worst
    }

    /// The state of a set by its bricks that are up and those whose copies are kept.
    pub fn set_state(&self, set: usize, up: u32, kept: u32) -> State {
        let bricks = &self.volume.sets[set];
        let whole = self.whole(set);
        if kept & whole == 0 {
            State::Lost
        } else if up & whole != 0 && self.volume.quorum.met(up, bricks.len()) {
            State::Available
        } else {
            State::Safe
        }
    }

    /// The bricks of a set that hold whole copies.
    fn whole(&self, set: usize) -> u32 {
        let bricks = self.volume.sets[set].iter().enumerate();
        bricks
            .filter(|(place, brick)| !brick.arbiter && !self.stale.contains(&(set, *place)))
            .fold(0, |all, (place, _)| all | 1 << place)
    }

    /// What can be lost: the nodes of the volume (with a server quorum, of the pool), its sticks, their domains.
    pub fn units(&self, kind: Kind) -> Vec<Unit> {
        let mut nodes = self.volume.nodes(self.site);
        if self.volume.server.is_some() {
            let more = self
                .peers
                .iter()
                .copied()
                .filter(|peer| !nodes.contains(peer));
            let more: Vec<usize> = more.collect();
            nodes.extend(more);
        }
        match kind {
            Kind::Nodes => nodes.into_iter().map(Unit::Node).collect(),
            Kind::Sticks => {
                let mut sticks: Vec<usize> =
                    self.volume.bricks().map(|brick| brick.stick).collect();
                sticks.sort_unstable();
                sticks.dedup();
                sticks.into_iter().map(Unit::Stick).collect()
            }
            Kind::Domains => {
                let mut domains: Vec<usize> = nodes
                    .iter()
                    .filter_map(|node| self.site.nodes[*node].domain)
                    .collect();
                domains.sort_unstable();
                domains.dedup();
                domains.into_iter().map(Unit::Domain).collect()
            }
        }
    }

    /// All that can be lost.
    pub fn all_units(&self) -> Vec<Unit> {
        Kind::ALL
            .iter()
            .flat_map(|kind| self.units(*kind))
            .collect()
    }

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

/// A kind of thing that can be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nodes.
    Nodes,
    /// Sticks.
    Sticks,
    /// Power domains.
    Domains,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nodes, Self::Sticks, Self::Domains];
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

/// A bit for each of so many bricks.
pub fn mask(bricks: usize) -> u32 {
    u32::MAX
        .checked_shr(32 - u32::try_from(bricks.min(32)).unwrap_or(32))
        .unwrap_or(0)
}
