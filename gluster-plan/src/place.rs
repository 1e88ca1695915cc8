//! Which sticks form a set: on different nodes, in different power domains as far as there are, large with large.

use crate::site::Site;
use crate::size::Xfs;
use crate::volume::{Brick, Volume, data_bricks};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Bricks for a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// The sets, as sticks: those with data first, an arbiter last.
    pub sets: Vec<Vec<usize>>,
    /// Sticks that were offered and are left over.
    pub spare: Vec<usize>,
    /// No placement of these sticks holds more usable bytes: an upper bound of the sum of the sets' smallest sticks. `None`
    /// where a size is not known.
    pub bound: Option<u64>,
    /// What this one holds, counted the same way.
    pub held: Option<u64>,
}

/// Places sets of `data` copies, and an arbiter for each, on these sticks.
pub fn place(site: &Site, sticks: &[usize], data: usize, arbiter: bool) -> Placement {
    let mut placement = best(site, sticks, data);
    if arbiter {
        let sets = std::mem::take(&mut placement.sets);
        placement.sets = arbiters(site, sets, &mut placement.spare);
    }
    for set in &mut placement.sets {
        order(site, set, arbiter);
    }
    // Brick 1 of set 1 is the volume's first word; sets whose first brick stays longest come first.
    placement.sets.sort_by_key(|set| {
        let node = set.first().map(|stick| site.sticks[*stick].node);
        node.map(|node| (Reverse(site.nodes[node].stays), node))
    });
    placement
}

/// The better of two ways: one spreads over power domains first, the other takes from the fullest nodes first. A set
/// that shares no domain is worth more than bytes.
fn best(site: &Site, sticks: &[usize], data: usize) -> Placement {
    let spread = greedy(site, sticks, data, true);
    let full = greedy(site, sticks, data, false);
    let worth = |placement: &Placement| {
        let together: usize = placement
            .sets
            .iter()
            .map(|set| together(site, set))
            .max()
            .unwrap_or(0);
        (Reverse(together), placement.sets.len(), placement.held)
    };
    let one_domain = site.domains.len() < 2;
    let full_holds_more = (full.sets.len(), full.held) > (spread.sets.len(), spread.held);
    if spread.sets.is_empty() || (one_domain && full_holds_more) || worth(&full) > worth(&spread) {
        full
    } else {
        spread
    }
}

/// How many bricks of a set the worst power domain takes with it.
pub fn together(site: &Site, set: &[usize]) -> usize {
    let mut domains: BTreeMap<usize, usize> = BTreeMap::new();
    for stick in set {
        if let Some(domain) = site.nodes[site.sticks[*stick].node].domain {
            *domains.entry(domain).or_default() += 1;
        }
    }
    domains.into_values().max().unwrap_or(0)
}

/// Nodes with free sticks, in groups that a set is spread over; in each the fullest nodes first.
#[derive(Default)]
struct Free {
    spread: bool,
    /// Each node's free sticks, the largest last.
    sticks: BTreeMap<usize, Vec<usize>>,
    /// The nodes of each group, by how many sticks they have.
    groups: BTreeMap<usize, BTreeSet<(Reverse<usize>, usize)>>,
    /// The first of each group.
    heads: BTreeSet<(Reverse<usize>, usize, usize)>,
    /// How many nodes have a stick.
    open: usize,
}

impl Free {
    /// Without spreading all nodes are one group; a node without a known domain is one that nobody shares.
    fn group(&self, site: &Site, node: usize) -> usize {
        match site.nodes[node].domain {
            _ if !self.spread => 0,
            Some(domain) => domain,
            None => usize::MAX - node,
        }
    }

    /// Changes a group and keeps its head.
    fn change<T>(
        &mut self,
        group: usize,
        change: impl FnOnce(&mut BTreeSet<(Reverse<usize>, usize)>) -> T,
    ) -> T {
        let nodes = self.groups.entry(group).or_default();
        if let Some((count, node)) = nodes.first() {
            self.heads.remove(&(*count, *node, group));
        }
        let result = change(nodes);
        if let Some((count, node)) = nodes.first() {
            self.heads.insert((*count, *node, group));
        }
        result
    }

    /// A node is open with the sticks that it has.
    fn open(&mut self, site: &Site, node: usize) {
        let count = self.sticks.get(&node).map_or(0, Vec::len);
        if count > 0 {
            let group = self.group(site, node);
            self.change(group, |nodes| nodes.insert((Reverse(count), node)));
            self.open += 1;
        }
    }

    fn close(&mut self, site: &Site, node: usize) {
        let count = self.sticks.get(&node).map_or(0, Vec::len);
        let group = self.group(site, node);
        if self.change(group, |nodes| nodes.remove(&(Reverse(count), node))) {
            self.open -= 1;
        }
    }

    fn add(&mut self, site: &Site, stick: usize) {
        let node = site.sticks[stick].node;
        self.close(site, node);
        self.sticks.entry(node).or_default().insert(0, stick);
        self.open(site, node);
    }

    /// One set of the fullest nodes, or none where too few have a stick: each brick goes to the group that has the fewest
    /// of the set.
    fn one_set(&mut self, site: &Site, data: usize) -> Option<Vec<usize>> {
        if self.open < data || data == 0 {
            return None;
        }
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        let mut nodes = Vec::with_capacity(data);
        for _ in 0..data {
            let mut best: Option<(usize, usize, usize)> = None;
            for (_, node, group) in &self.heads {
                let load = taken.get(group).copied().unwrap_or(0);
                if best.is_none_or(|(least, _, _)| load < least) {
                    best = Some((load, *node, *group));
                }
                if load == 0 {
                    break;
                }
            }
            let (_, node, group) = best?;
            self.close(site, node);
            *taken.entry(group).or_default() += 1;
            nodes.push(node);
        }
        let mut set = Vec::with_capacity(data);
        for node in nodes {
            set.extend(self.sticks.get_mut(&node).and_then(Vec::pop));
            self.open(site, node);
        }
        Some(set)
    }
}

/// Makes sets of the largest sticks while there are enough nodes with one, then of the next smaller ones, and so on.
fn greedy(site: &Site, sticks: &[usize], data: usize, spread: bool) -> Placement {
    let mut by_size: Vec<usize> = sticks.to_vec();
    by_size.sort_by_key(|stick| (Reverse(size(site, *stick)), *stick));
    let mut free = Free {
        spread,
        ..Free::default()
    };
    let mut sets = Vec::new();
    for (index, stick) in by_size.iter().enumerate() {
        free.add(site, *stick);
        let next = by_size.get(index + 1).map(|next| size(site, *next));
        if next != Some(size(site, *stick)) {
            while let Some(set) = free.one_set(site, data) {
                sets.push(set);
            }
        }
    }
    let spare: Vec<usize> = free.sticks.into_values().flatten().collect();
    let known = sticks
        .iter()
        .all(|stick| site.sticks[*stick].xfs().is_some());
    let held = known.then(|| {
        let smallest = |set: &Vec<usize>| {
            set.iter()
                .map(|stick| size(site, *stick))
                .min()
                .unwrap_or(0)
        };
        sets.iter().map(smallest).sum()
    });
    Placement {
        bound: known.then(|| bound(site, sticks, data)),
        sets,
        spare,
        held,
    }
}

/// What a stick would hold; 0 where that is not known.
fn size(site: &Site, stick: usize) -> u64 {
    site.sticks[stick].xfs().map_or(0, Xfs::usable)
}

/// No placement holds more: of the sticks of at least `s` bytes, at most so many sets can be made, for every `s`.
fn bound(site: &Site, sticks: &[usize], data: usize) -> u64 {
    let mut by_size: Vec<usize> = sticks.to_vec();
    by_size.sort_by_key(|stick| Reverse(size(site, *stick)));
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let mut total = 0;
    for (index, stick) in by_size.iter().enumerate() {
        *counts.entry(site.sticks[*stick].node).or_default() += 1;
        let own = size(site, *stick);
        let lower = by_size.get(index + 1).map_or(0, |next| size(site, *next));
        if lower < own {
            let on_nodes: Vec<usize> = counts.values().copied().collect();
            total += (own - lower) * most_sets(&on_nodes, data) as u64;
        }
    }
    total
}

/// The most sets of `data` sticks on different nodes, with so many sticks on each node: the largest `k` for which the
/// nodes can give `k` sticks each at most, and `k × data` in all.
pub fn most_sets(on_nodes: &[usize], data: usize) -> usize {
    let sticks: usize = on_nodes.iter().sum();
    let fits = |k: usize| on_nodes.iter().map(|own| (*own).min(k)).sum::<usize>() >= k * data;
    let (mut low, mut high) = (0, sticks / data.max(1));
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// Adds an arbiter to each set: on a spare stick where there is one on another node, else on the stick with the fewest
/// arbiters; in another power domain where there is one.
fn arbiters(site: &Site, sets: Vec<Vec<usize>>, spare: &mut Vec<usize>) -> Vec<Vec<usize>> {
    let mut load: BTreeMap<usize, usize> = sets.iter().flatten().map(|stick| (*stick, 1)).collect();
    load.extend(spare.iter().map(|stick| (*stick, 0)));
    let mut done = Vec::with_capacity(sets.len());
    for mut set in sets {
        let node = |stick: usize| site.sticks[stick].node;
        let others = load
            .iter()
            .filter(|(stick, _)| set.iter().all(|own| node(*own) != node(**stick)));
        let rank = |(stick, load): &(&usize, &usize)| {
            let domain = site.nodes[node(**stick)].domain;
            let same = domain.is_some()
                && set
                    .iter()
                    .any(|own| site.nodes[node(*own)].domain == domain);
            (same, **load, **stick)
        };
        let Some(stick) = others.min_by_key(rank).map(|(stick, _)| *stick) else {
            continue;
        };
        *load.entry(stick).or_default() += 1;
        spare.retain(|other| *other != stick);
        set.push(stick);
        done.push(set);
    }
    done
}

/// Brick 1 on the node that goes dark last: with half of an even number of bricks it decides. An arbiter stays last.
fn order(site: &Site, set: &mut [usize], arbiter: bool) {
    let data = data_bricks(set.len(), arbiter);
    set[..data].sort_by_key(|stick| {
        let node = site.sticks[*stick].node;
        (Reverse(site.nodes[node].stays), node, *stick)
    });
}

/// The sticks of a placement as a volume's bricks.
pub fn bricks(site: &Site, volume: &Volume, placement: &Placement) -> Vec<Vec<Brick>> {
    let brick = |stick: usize, arbiter: bool| Brick {
        path: format!(
            "{}/{}{}",
            site.sticks[stick].mount,
            volume.name,
            if arbiter { "-arbiter" } else { "" }
        ),
        stick,
        arbiter,
    };
    let set = |set: &Vec<usize>| {
        let last = set.len().saturating_sub(1);
        let places = set.iter().enumerate();
        places
            .map(|(place, stick)| brick(*stick, volume.arbiter && place == last))
            .collect()
    };
    placement.sets.iter().map(set).collect()
}
