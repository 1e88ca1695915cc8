//! A point of a change, and what the volume survives there.

use crate::oracle::{Kind, Oracle, State, Unit, one_more};
use crate::site::Site;
use crate::volume::Volume;
use schemars::JsonSchema;
use serde::Serialize;

/// A point of a change, and what the volume survives there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stage {
    /// The volume.
    pub volume: String,
    /// The step that leads here; `null` before the first.
    pub after: Option<String>,
    /// What is so.
    pub what: String,
    /// Whether the volume can be used.
    pub available: bool,
    /// The same, and whether a copy of everything is left.
    #[serde(skip)]
    pub(crate) state: State,
    /// Further losses of nodes, whichever they are, that leave it available.
    pub guaranteed_nodes: usize,
    /// Further losses of nodes, whichever they are, that leave a whole copy of every file.
    pub kept_nodes: usize,
}

/// A volume as it is at a point of a change.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    volume: &'a Volume,
    site: &'a Site,
    peers: &'a [usize],
    stale: &'a [(usize, usize)],
    out: Option<usize>,
}

impl<'a> Look<'a> {
    /// Every brick is there and holds a whole copy.
    pub(crate) fn whole(volume: &'a Volume, site: &'a Site, peers: &'a [usize]) -> Self {
        Self {
            volume,
            site,
            peers,
            stale: &[],
            out: None,
        }
    }

    /// The same where these bricks (set, place) are not filled yet.
    pub(crate) fn stale(self, stale: &'a [(usize, usize)]) -> Self {
        Self { stale, ..self }
    }

    /// The same where a stick is away.
    pub(crate) fn without(self, stick: usize) -> Self {
        Self {
            out: Some(stick),
            ..self
        }
    }

    /// The volume's state there, and what it survives further.
    pub(super) fn stage(self, after: Option<&str>, what: &str) -> Stage {
        let oracle = Oracle::new(self.volume, self.site, self.peers).stale(self.stale.to_vec());
        let out: Vec<Unit> = self.out.map(Unit::Stick).into_iter().collect();
        let nodes = oracle.units(Kind::Nodes);
        let state = oracle.state(&out);
        Stage {
            volume: self.volume.name.clone(),
            after: after.map(str::to_owned),
            what: what.to_owned(),
            available: state == State::Available,
            state,
            guaranteed_nodes: survives(&oracle, &nodes, &out, State::Available),
            kept_nodes: survives(&oracle, &nodes, &out, State::Safe),
        }
    }
}

/// How many further losses of these nodes, whichever they are, leave the volume at least so well off. A set falls by its
/// own nodes, so more than its bricks need not be tried.
fn survives(oracle: &Oracle<'_>, nodes: &[Unit], out: &[Unit], least: State) -> usize {
    let mut all: Vec<Vec<Unit>> = vec![out.to_vec()];
    for losses in 0..=nodes.len() {
        if all.iter().any(|lost| oracle.state(lost) > least) {
            return losses.saturating_sub(1);
        }
        all = one_more(&all, nodes);
        if all.len() > 20_000 {
            return losses;
        }
    }
    nodes.len()
}
