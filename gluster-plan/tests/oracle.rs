//! The oracle beside a second one, written from the rules alone and in the most plodding way, on volumes that chance makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use gluster_plan::cuts::cuts;
use gluster_plan::oracle::{Kind, Oracle, State, Unit};
use gluster_plan::site::{Node, Site, Stick};
use gluster_plan::split;
use gluster_plan::volume::{Brick, Quorum, ServerQuorum, Volume};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A volume in words.
#[derive(Debug, Clone)]
struct Case {
    /// The domain of each node; 0 is none.
    domains: Vec<usize>,
    /// The node of each brick, set by set: different ones within a set.
    sets: Vec<Vec<usize>>,
    arbiter: bool,
    quorum: Quorum,
    server: Option<Option<u8>>,
}

fn case() -> impl Strategy<Value = Case> {
    let nodes = 1..=6usize;
    nodes
        .prop_flat_map(|nodes| (Just(nodes), 1..=nodes.min(5), 1..=3usize))
        .prop_flat_map(|(nodes, bricks, sets)| {
            let order = Just((0..nodes).collect::<Vec<_>>()).prop_shuffle();
            (
                proptest::collection::vec(0..4usize, nodes),
                proptest::collection::vec(order, sets).prop_map(move |all| {
                    all.into_iter()
                        .map(|order| order[..bricks].to_vec())
                        .collect()
                }),
                any::<bool>().prop_map(move |arbiter| arbiter && bricks == 3),
                prop_oneof![
                    Just(Quorum::Auto),
                    Just(Quorum::None),
                    (1..=bricks as u8).prop_map(Quorum::Fixed)
                ],
                proptest::option::of(proptest::option::of(1..=100u8)),
            )
        })
        .prop_map(|(domains, sets, arbiter, quorum, server)| Case {
            domains,
            sets,
            arbiter,
            quorum,
            server,
        })
}

impl Case {
    /// One stick a node: sets share it.
    fn site(&self) -> Site {
        let mut site = Site {
            cluster: "chance".to_owned(),
            domains: (0..4).map(|domain| format!("d{domain}")).collect(),
            ..Site::default()
        };
        for (node, domain) in self.domains.iter().enumerate() {
            site.nodes.push(Node {
                name: format!("n{node}"),
                address: None,
                os: None,
                arch: None,
                domain: (*domain > 0).then_some(*domain),
                stays: usize::MAX,
            });
            site.sticks.push(Stick {
                node,
                name: "sda".to_owned(),
                device: None,
                size: None,
                mount: "/srv/gluster/sda".to_owned(),
                uuid: String::new(),
            });
        }
        site
    }

    fn volume(&self) -> Volume {
        let last = self.sets[0].len() - 1;
        let set = |nodes: &Vec<usize>| {
            let bricks = nodes.iter().enumerate();
            bricks
                .map(|(place, node)| Brick {
                    stick: *node,
                    path: "/srv/gluster/sda/v".to_owned(),
                    arbiter: self.arbiter && place == last,
                })
                .collect()
        };
        Volume {
            name: "v".to_owned(),
            replica: self.sets[0].len(),
            arbiter: self.arbiter,
            sets: self.sets.iter().map(set).collect(),
            quorum: self.quorum,
            server: self.server.map(|ratio| ServerQuorum { ratio }),
            mount: "/mnt/v".to_owned(),
            provisioner: None,
            adopted: false,
        }
    }

    fn peers(&self) -> Vec<usize> {
        (0..self.domains.len()).collect()
    }

    /// The second implementation: 0 available, 1 safe, 2 lost.
    fn plodding(&self, lost: &BTreeSet<String>) -> u8 {
        let dark = |node: usize| {
            self.domains[node] > 0 && lost.contains(&format!("d{}", self.domains[node]))
        };
        let node_up = |node: usize| !lost.contains(&format!("n{node}")) && !dark(node);
        let mut peers_up = 0.0;
        for node in 0..self.domains.len() {
            if node_up(node) {
                peers_up += 1.0;
            }
        }
        let all = self.domains.len() as f64;
        let servers = match self.server {
            None => true,
            Some(None) => peers_up > all / 2.0,
            Some(Some(ratio)) => peers_up * 100.0 >= all * f64::from(ratio),
        };
        let mut worst = 0;
        for set in &self.sets {
            let mut ups = 0;
            let mut first_up = false;
            let mut data_up = false;
            let mut copies = 0;
            for (place, node) in set.iter().enumerate() {
                let arbiter = self.arbiter && place + 1 == set.len();
                let there =
                    !lost.contains(&format!("n{node}")) && !lost.contains(&format!("n{node}:sda"));
                if there && !arbiter {
                    copies += 1;
                }
                if there && node_up(*node) && servers {
                    ups += 1;
                    first_up |= place == 0;
                    data_up |= !arbiter;
                }
            }
            let enough = match self.quorum {
                Quorum::Auto if ups * 2 == set.len() => first_up,
                Quorum::Auto => ups * 2 > set.len(),
                Quorum::Fixed(count) => ups >= usize::from(count),
                Quorum::None => ups > 0,
            };
            let state = if copies == 0 {
                2
            } else if enough && data_up {
                0
            } else {
                1
            };
            worst = worst.max(state);
        }
        worst
    }
}

fn subsets<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let chosen = |bits: u32| {
        all.iter()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, one)| one.clone())
            .collect()
    };
    (0..1u32 << all.len()).map(chosen).collect()
}

fn state(code: u8) -> State {
    [State::Available, State::Safe, State::Lost][usize::from(code)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_combination_is_what_a_second_implementation_says(case in case()) {
        let (site, volume, peers) = (case.site(), case.volume(), case.peers());
        let oracle = Oracle::new(&volume, &site, &peers);
        let units = oracle.all_units();
        prop_assume!(units.len() <= 12);
        let mut counted = [0u64; 3];
        for lost in subsets(&units) {
            let names: BTreeSet<String> = lost.iter().map(|unit| unit.name(&site)).collect();
            let code = case.plodding(&names);
            prop_assert_eq!(oracle.state(&lost), state(code), "{:?}", names);
            counted[usize::from(code)] += 1;
            // Losing more never makes it better.
            for unit in &units {
                let more: Vec<Unit> = lost.iter().copied().chain([*unit]).collect();
                prop_assert!(oracle.state(&more) >= oracle.state(&lost));
            }
        }
        let counts = oracle.count(&units);
        prop_assert!(counts.complete);
        prop_assert_eq!(counts.total(), counted);
    }

    #[test]
    fn cuts_and_guarantees_are_those_of_trying_everything(case in case()) {
        let (site, volume, peers) = (case.site(), case.volume(), case.peers());
        let oracle = Oracle::new(&volume, &site, &peers);
        for kind in Kind::ALL {
            let units = oracle.units(kind);
            let down = |lost: &Vec<Unit>| {
                let names = lost.iter().map(|unit| unit.name(&site)).collect();
                case.plodding(&names) != 0
            };
            let falls: Vec<Vec<Unit>> = subsets(&units).into_iter().filter(down).collect();
            let part = |a: &Vec<Unit>, b: &Vec<Unit>| a.len() < b.len() && a.iter().all(|unit| b.contains(unit));
            let mut minimal: BTreeSet<Vec<Unit>> = BTreeSet::new();
            for cut in &falls {
                if !falls.iter().any(|other| part(other, cut)) {
                    let mut cut = cut.clone();
                    cut.sort_unstable();
                    minimal.insert(cut);
                }
            }
            let found = cuts(&oracle, &volume, &site, &peers, kind);
            prop_assert!(found.complete);
            prop_assert_eq!(found.minimal.iter().cloned().collect::<BTreeSet<_>>(), minimal.clone(), "{:?}", kind);
            let least = falls.iter().map(Vec::len).min();
            prop_assert_eq!(found.guaranteed, least.map_or(units.len(), |least| least.saturating_sub(1)), "{:?}", kind);
        }
    }

    #[test]
    fn split_brain_is_two_quorums_without_a_brick_in_common(case in case()) {
        let volume = case.volume();
        let bricks = volume.replica;
        let serves = |up: u32| {
            let data = if volume.arbiter { up & !(1 << (bricks - 1)) } else { up };
            data != 0 && volume.quorum.met(up, bricks)
        };
        let all = 1u32 << bricks;
        let possible = (1..all).any(|a| (1..all).any(|b| a & b == 0 && serves(a) && serves(b)));
        let site = case.site();
        let answer = split::of(&volume, &site);
        prop_assert_eq!(answer.possible, possible);
        prop_assert_eq!(answer.proof.is_some(), !possible);
        prop_assert_eq!(answer.example.is_some(), possible);
        if let Some((a, b)) = split::disjoint(volume.quorum, bricks, volume.arbiter) {
            prop_assert!(a & b == 0 && serves(a) && serves(b));
        }
    }
}

/// The rows measured on real volumes: which survivors can read and write.
#[test]
fn the_measured_rows_hold() {
    let one = |bricks: usize, arbiter: bool, quorum: Quorum| Case {
        domains: vec![0; bricks],
        sets: vec![(0..bricks).collect()],
        arbiter,
        quorum,
        server: None,
    };
    let available = |case: &Case| -> Vec<Vec<usize>> {
        let (site, volume, peers) = (case.site(), case.volume(), case.peers());
        let oracle = Oracle::new(&volume, &site, &peers);
        let left = subsets(&peers).into_iter().filter(|left| !left.is_empty());
        left.filter(|left| {
            let lost: Vec<Unit> = peers
                .iter()
                .filter(|node| !left.contains(node))
                .map(|node| Unit::Node(*node))
                .collect();
            oracle.state(&lost) == State::Available
        })
        .collect()
    };
    let mut four = available(&one(4, false, Quorum::Auto));
    four.retain(|left| left.len() < 3);
    assert_eq!(four, [vec![0, 1], vec![0, 2], vec![0, 3]]);
    assert_eq!(available(&one(4, false, Quorum::Auto)).len(), 8);
    assert_eq!(available(&one(4, false, Quorum::Fixed(2))).len(), 11);
    assert_eq!(available(&one(4, false, Quorum::None)).len(), 15);
    assert_eq!(available(&one(3, false, Quorum::Auto)).len(), 4);
    assert_eq!(available(&one(3, true, Quorum::Auto)).len(), 4);
    assert_eq!(
        available(&one(2, false, Quorum::Auto)),
        [vec![0], vec![0, 1]]
    );
    let server = Case {
        server: Some(None),
        ..one(4, false, Quorum::Auto)
    };
    assert!(available(&server).iter().all(|left| left.len() >= 3));
    let half = Case {
        server: Some(Some(50)),
        ..one(4, false, Quorum::Auto)
    };
    assert_eq!(available(&half).len(), 8);
}

/// A stale brick counts for the quorum and is no copy.
#[test]
fn a_brick_that_is_not_filled_yet_is_no_copy() {
    let case = Case {
        domains: vec![0; 3],
        sets: vec![vec![0, 1, 2]],
        arbiter: false,
        quorum: Quorum::Auto,
        server: None,
    };
    let (site, volume, peers) = (case.site(), case.volume(), case.peers());
    let oracle = Oracle::new(&volume, &site, &peers).stale(vec![(0, 2)]);
    assert_eq!(oracle.state(&[Unit::Node(0)]), State::Available);
    assert_eq!(oracle.state(&[Unit::Node(2)]), State::Available);
    assert_eq!(oracle.state(&[Unit::Stick(0), Unit::Stick(1)]), State::Lost);
}
