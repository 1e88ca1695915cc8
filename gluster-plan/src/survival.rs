//! What the oracle says of a volume, as the document tells it.

use crate::answer::{Also, Counted, Guaranteed, MinimalCuts, Survival};
use crate::cuts::{Cuts, cuts, survived};
use crate::oracle::{Counts, Kind, Oracle, Unit};
use crate::site::Site;
use crate::volume::Volume;

/// Everything about a volume whose bricks hold whole copies.
pub fn survival(volume: &Volume, site: &Site, peers: &[usize]) -> Survival {
    let oracle = Oracle::new(volume, site, peers);
    let [nodes, sticks, domains] = Kind::ALL.map(|kind| cuts(&oracle, volume, site, peers, kind));
    let units = oracle.units(Kind::Nodes);
    let losses = nodes.guaranteed + 1;
    let also = (losses < units.len())
        .then(|| survived(&oracle, &units, losses))
        .flatten()
        .map(|(of, sets)| Also {
            losses,
            of,
            survived: sets.len(),
            sets: sets.iter().take(100).map(|set| names(set, site)).collect(),
        });
    let all = oracle.all_units();
    let node_counts = oracle.count(&units);
    let counts = oracle.count(&all);
    Survival {
        guaranteed_losses: Guaranteed {
            nodes: nodes.guaranteed,
            sticks: sticks.guaranteed,
            domains: domains.guaranteed,
        },
        node_sets: counted(
            &node_counts,
            units.len(),
            node_counts.survivors(units.len()),
        ),
        combinations: counted(&counts, all.len(), counts.total()),
        also,
        minimal_cuts: MinimalCuts {
            complete: nodes.complete && sticks.complete && domains.complete,
            nodes: cut_names(&nodes, site),
            sticks: cut_names(&sticks, site),
            domains: cut_names(&domains, site),
        },
        by_losses: node_counts.by_losses,
    }
}

fn counted(counts: &Counts, units: usize, [available, safe, lost]: [u64; 3]) -> Counted {
    Counted {
        units,
        total: available + safe + lost,
        available,
        safe,
        lost,
        up_to_losses: (!counts.complete).then_some(counts.up_to_losses),
    }
}

fn cut_names(cuts: &Cuts, site: &Site) -> Vec<Vec<String>> {
    cuts.minimal.iter().map(|cut| names(cut, site)).collect()
}

/// The names of units.
pub fn names(units: &[Unit], site: &Site) -> Vec<String> {
    units.iter().map(|unit| unit.name(site)).collect()
}
