//! What a volume survives, by trying every combination of losses.
//!
//! Everything is healed before the loss, and everything is lost at once. A lost node or stick does not come back and takes
//! its copies along; a power domain that goes dark comes back, and its copies with it.

mod count;

pub use count::{Counts, combinations, one_more};

use crate::site::Site;
use crate::volume::Volume;
use schemars::JsonSchema;
use serde::Serialize;

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

/// A bit for each of so many bricks.
pub fn mask(bricks: usize) -> u32 {
    u32::MAX
        .checked_shr(32 - u32::try_from(bricks.min(32)).unwrap_or(32))
        .unwrap_or(0)
}
