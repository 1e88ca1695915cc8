//! A volume: sets of bricks, and the rules by which it may be used.

use crate::site::Site;
use crate::size::Xfs;
use cluster::inventory::{Provisioner, QuorumType, Volume as Given};
use std::fmt;

/// The most copies that a set may have: every combination of a set's bricks is tried.
pub const MOST_COPIES: usize = 16;

/// How many of a set's bricks hold data: an arbiter holds names only.
pub fn data_bricks(replica: usize, arbiter: bool) -> usize {
    replica - usize::from(arbiter)
}

/// A brick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brick {
    /// The stick that it is on.
    pub stick: usize,
    /// Its folder.
    pub path: String,
    /// Whether it holds names only.
    pub arbiter: bool,
}

/// When a client may use a replica set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// More than half of the bricks, or half with the first.
    Auto,
    /// This many.
    Fixed(u8),
    /// One.
    None,
}

impl Quorum {
    /// Whether the bricks `up` (bit 0 is brick 1) of a set of `bricks` are enough (afr_has_quorum in Gluster's
    /// afr-transaction.c; since release 3.13 reads need it too).
    pub fn met(self, up: u32, bricks: usize) -> bool {
        let count = up.count_ones() as usize;
        match self {
            Self::Auto => 2 * count > bricks || (2 * count == bricks && up & 1 == 1),
            Self::Fixed(least) => count >= usize::from(least).max(1),
            Self::None => count >= 1,
        }
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(count) => write!(f, "fixed {count}"),
            Self::None => f.write_str("none"),
        }
    }
}

/// When servers stop their bricks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerQuorum {
    /// Percent of the peers that must be up; `None` for more than half.
    pub ratio: Option<u8>,
}

impl ServerQuorum {
    /// How many of `peers` must be up (glusterd-server-quorum.c).
    pub fn required(self, peers: usize) -> usize {
        match self.ratio {
            None => peers / 2 + 1,
            Some(ratio) => (peers * usize::from(ratio)).div_ceil(100),
        }
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Bricks of a set, an arbiter counted.
    pub replica: usize,
    /// Whether the last brick of each set is an arbiter.
    pub arbiter: bool,
    /// The sets; brick 1 of each first.
    pub sets: Vec<Vec<Brick>>,
    /// The rule for clients.
    pub quorum: Quorum,
    /// The rule for servers.
    pub server: Option<ServerQuorum>,
    /// Where nodes mount it.
    pub mount: String,
    /// What gives Kubernetes its volumes.
    pub provisioner: Option<Provisioner>,
    /// Whether it was found, and not asked for.
    pub adopted: bool,
}

impl Volume {
    /// What the document asks for, without its bricks.
    pub fn asked(given: &Given) -> Self {
        let arbiter = given.arbiter;
        let replica = usize::from(given.replica.unwrap_or(3));
        let quorum = match given.quorum.unwrap_or(QuorumType::Auto) {
            QuorumType::Auto => Quorum::Auto,
            QuorumType::Fixed => Quorum::Fixed(given.quorum_count.unwrap_or(0)),
            QuorumType::None => Quorum::None,
        };
        Self {
            name: given.name.as_str().to_owned(),
            // `replica 2 arbiter 1` and `replica 3 arbiter 1` are the same: two copies and an arbiter.
            replica: if arbiter && replica == 2 { 3 } else { replica },
            arbiter,
            sets: Vec::new(),
            quorum,
            server: given.server_quorum.then_some(ServerQuorum {
                ratio: given.server_quorum_ratio,
            }),
            mount: match &given.mount {
                Some(mount) => mount.as_str().to_owned(),
                None => format!("/mnt/{}", given.name.as_str()),
            },
            provisioner: given.provisioner,
            adopted: false,
        }
    }

    /// The same with what is asked for of a volume that has these bricks.
    pub fn with_bricks_of(self, real: &Self) -> Self {
        Self {
            replica: real.replica,
            arbiter: real.arbiter,
            sets: real.sets.clone(),
            ..self
        }
    }

    /// When it may be used, by clients and by servers.
    pub fn rules(&self) -> (Quorum, Option<ServerQuorum>) {
        (self.quorum, self.server)
    }

    /// All bricks, in the order of `gluster volume create`.
    pub fn bricks(&self) -> impl Iterator<Item = &Brick> {
        self.sets.iter().flatten()
    }

    /// The nodes that hold bricks, each once, in the order of the bricks.
    pub fn nodes(&self, site: &Site) -> Vec<usize> {
        let mut nodes: Vec<usize> = Vec::new();
        let mut seen = vec![false; site.nodes.len()];
        for brick in self.bricks() {
            let node = site.sticks[brick.stick].node;
            if !std::mem::replace(&mut seen[node], true) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// `Replicate`, `Arbiter`, `Distribute` and `Distributed-…`.
    pub fn kind(&self) -> &'static str {
        match (self.replica, self.arbiter, self.sets.len()) {
            (..=1, _, _) => "distribute",
            (_, true, ..=1) => "arbiter",
            (_, true, _) => "distributed-arbiter",
            (_, false, ..=1) => "replicate",
            (_, false, _) => "distributed-replicate",
        }
    }

    /// What it holds in bytes: of each set what its smallest data brick holds. `None` where a size is not known.
    pub fn usable(&self, site: &Site) -> Option<u64> {
        self.sets.iter().map(|set| set_usable(set, site)).sum()
    }

    /// The brick `pi1:/srv/gluster/sda/gv0`.
    pub fn brick_name(&self, brick: &Brick, site: &Site) -> String {
        let node = &site.nodes[site.sticks[brick.stick].node].name;
        format!("{node}:{}", brick.path)
    }
}

/// What a set holds: what its smallest data brick does.
pub fn set_usable(set: &[Brick], site: &Site) -> Option<u64> {
    let data = set.iter().filter(|brick| !brick.arbiter);
    let sizes: Option<Vec<u64>> = data
        .map(|brick| site.sticks[brick.stick].xfs().map(Xfs::usable))
        .collect();
    sizes?.into_iter().min()
}
