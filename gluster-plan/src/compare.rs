//! The choices that the same sticks leave: what each holds, survives and costs to repair, and which is better in everything.

use crate::cuts::survived;
use crate::oracle::{Kind, Oracle, Unit};
use crate::place;
use crate::site::Site;
use crate::split;
use crate::volume::{Quorum, Volume, data_bricks, set_usable};
use schemars::JsonSchema;
use serde::Serialize;

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Candidate {
    /// `replica 4`, `replica 3 and a spare`, …
    pub name: String,
    /// What it holds in bytes; `null` where a size is not known.
    pub usable_bytes: Option<u64>,
    /// Sticks that are left to replace a dead one with.
    pub spares: usize,
    /// Losses of nodes that it survives, whichever they are.
    pub guaranteed_nodes: usize,
    /// Losses of nodes, whichever they are, that leave a copy of every file.
    pub kept_nodes: usize,
    /// Of all losses of two of the cluster's nodes with bricks, those that it survives.
    pub pairs: Luck,
    /// Whether two halves can disagree.
    pub split_brain: bool,
    /// What has to be copied when a stick is replaced, in bytes, at most; `null` where a size is not known.
    pub repair_bytes: Option<u64>,
    /// Whether a stick can be replaced by one that is there already.
    pub repair_at_once: bool,
    /// Choices that are no worse in any of these and better in one.
    pub dominated_by: Vec<String>,
}

/// Some of all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Luck {
    /// How many there are; 0 where they are too many to try.
    pub of: usize,
    /// How many are survived.
    pub survived: usize,
}

/// All choices for these sticks.
pub fn compare(site: &Site, sticks: &[usize]) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let nodes = site.nodes_of(sticks);
    for (replica, arbiter, quorum) in [
        (4, false, Quorum::Auto),
        (3, false, Quorum::Auto),
        (3, true, Quorum::Auto),
        (2, false, Quorum::Auto),
        (2, false, Quorum::None),
    ] {
        if nodes.len() >= replica {
            let kind = (replica, arbiter, quorum);
            candidates.extend(candidate(site, sticks, &nodes, kind));
        }
    }
    let all = candidates.clone();
    for own in &mut candidates {
        let better = all.iter().filter(|other| dominates(other, own));
        own.dominated_by = better.map(|other| other.name.clone()).collect();
    }
    candidates
}

fn candidate(
    site: &Site,
    sticks: &[usize],
    nodes: &[usize],
    (replica, arbiter, quorum): (usize, bool, Quorum),
) -> Option<Candidate> {
    let data = data_bricks(replica, arbiter);
    let placement = place::place(site, sticks, data, arbiter);
    let volume = compared(site, &placement, (replica, arbiter, quorum))?;
    let oracle = Oracle::new(&volume, site, nodes);
    let all: Vec<Unit> = nodes.iter().map(|node| Unit::Node(*node)).collect();
    let pairs = survived(&oracle, &all, 2).map_or(Luck { of: 0, survived: 0 }, |(of, sets)| Luck {
        of,
        survived: sets.len(),
    });
    let guaranteed = crate::cuts::cuts(&oracle, &volume, site, nodes, Kind::Nodes).guaranteed;
    Some(Candidate {
        name: name(&volume, placement.spare.len()),
        usable_bytes: volume.usable(site),
        spares: placement.spare.len(),
        guaranteed_nodes: guaranteed,
        kept_nodes: data - 1,
        pairs,
        split_brain: split::disjoint(quorum, replica, arbiter).is_some(),
        repair_bytes: largest_set(&volume, site),
        repair_at_once: !placement.spare.is_empty(),
        dominated_by: Vec::new(),
    })
}

/// A volume on these sticks; `None` where they make no set.
fn compared(
    site: &Site,
    placement: &place::Placement,
    (replica, arbiter, quorum): (usize, bool, Quorum),
) -> Option<Volume> {
    let mut volume = Volume {
        name: "compared".to_owned(),
        replica,
        arbiter,
        sets: Vec::new(),
        quorum,
        server: None,
        mount: String::new(),
        provisioner: None,
        adopted: false,
    };
    volume.sets = place::bricks(site, &volume, placement);
    (!volume.sets.is_empty()).then_some(volume)
}

fn largest_set(volume: &Volume, site: &Site) -> Option<u64> {
    let sets = volume.sets.iter().map(|set| set_usable(set, site));
    sets.collect::<Option<Vec<u64>>>()?.into_iter().max()
}

fn name(volume: &Volume, spare: usize) -> String {
    let sets = match (volume.sets.len(), volume.arbiter, volume.replica) {
        (1, true, _) => "2 copies and an arbiter".to_owned(),
        (sets, true, _) => format!("{sets} pairs, rotated arbiters"),
        (1, false, replica) => format!("replica {replica}"),
        (sets, false, 2) => format!("{sets} pairs"),
        (sets, false, replica) => format!("{sets} x replica {replica}"),
    };
    let rule = if volume.quorum == Quorum::None {
        ", no quorum"
    } else {
        ""
    };
    match spare {
        0 => format!("{sets}{rule}"),
        1 => format!("{sets} and a spare{rule}"),
        some => format!("{sets} and {some} spares{rule}"),
    }
}

fn dominates(a: &Candidate, b: &Candidate) -> bool {
    let values = |c: &Candidate| {
        let less_to_copy = c.repair_bytes.map_or(0, |bytes| u64::MAX - bytes);
        [
            c.usable_bytes.unwrap_or(0),
            c.guaranteed_nodes as u64,
            c.kept_nodes as u64,
            c.pairs.survived as u64,
            u64::from(!c.split_brain),
            u64::from(c.repair_at_once),
            less_to_copy,
        ]
    };
    let (a, b) = (values(a), values(b));
    a != b && a.iter().zip(&b).all(|(a, b)| a >= b)
}
