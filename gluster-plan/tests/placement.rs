//! Placements that chance asks for: what holds for every one, and beside the best that trying everything finds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use gluster_plan::place::{Placement, most_sets, place};
use gluster_plan::site::{Node, Site, Stick};
use gluster_plan::size::Xfs;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Sticks of each node in GB, and each node's power domain (0 is none).
fn site(nodes: &[(Vec<u64>, usize)]) -> Site {
    let mut site = Site {
        domains: (0..4).map(|domain| format!("d{domain}")).collect(),
        ..Site::default()
    };
    for (node, (sticks, domain)) in nodes.iter().enumerate() {
        site.nodes.push(Node {
            name: format!("n{node}"),
            address: None,
            os: None,
            arch: None,
            domain: (*domain > 0).then_some(*domain),
            stays: node * 7 % 5,
        });
        for (number, size) in sticks.iter().enumerate() {
            site.sticks.push(Stick {
                node,
                name: format!("s{number}"),
                device: None,
                size: Some(size * 1_000_000_000),
                mount: format!("/srv/gluster/s{number}"),
                uuid: String::new(),
            });
        }
    }
    site
}

fn holds(site: &Site, stick: usize) -> u64 {
    site.sticks[stick].xfs().map_or(0, Xfs::usable)
}

fn sound(site: &Site, placement: &Placement, data: usize, arbiter: bool) {
    let mut used = BTreeSet::new();
    for set in &placement.sets {
        assert_eq!(set.len(), data + usize::from(arbiter));
        let nodes: BTreeSet<usize> = set.iter().map(|stick| site.sticks[*stick].node).collect();
        assert_eq!(nodes.len(), set.len(), "two bricks of a set on one node");
        assert!(
            set[..data].iter().all(|stick| used.insert(*stick)),
            "a stick holds two copies"
        );
        let stays: Vec<usize> = set[..data]
            .iter()
            .map(|stick| site.nodes[site.sticks[*stick].node].stays)
            .collect();
        assert!(
            stays.windows(2).all(|pair| pair[0] >= pair[1]),
            "brick 1 does not stay longest: {stays:?}"
        );
    }
    let held: u64 = placement
        .sets
        .iter()
        .map(|set| {
            set[..data]
                .iter()
                .map(|stick| holds(site, *stick))
                .min()
                .unwrap()
        })
        .sum();
    if !arbiter {
        assert_eq!(placement.held, Some(held));
    }
    assert!(Some(held) <= placement.bound);
    assert!(placement.spare.iter().all(|stick| !used.contains(stick)));
}

/// The most that any placement holds, by trying all of them.
fn best(site: &Site, free: &[usize], data: usize) -> u64 {
    let mut most = 0;
    let all = 1u32 << free.len();
    for bits in 1..all {
        if bits.count_ones() as usize != data || bits & 1 == 0 {
            continue;
        }
        let set: Vec<usize> = free
            .iter()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, stick)| *stick)
            .collect();
        let nodes: BTreeSet<usize> = set.iter().map(|stick| site.sticks[*stick].node).collect();
        if nodes.len() == data {
            let rest: Vec<usize> = free
                .iter()
                .copied()
                .filter(|stick| !set.contains(stick))
                .collect();
            let own = set.iter().map(|stick| holds(site, *stick)).min().unwrap();
            most = most.max(own + best(site, &rest, data));
        }
    }
    // Or the first stick is left over.
    if free.len() > data {
        most = most.max(best(site, &free[1..], data));
    }
    most
}

fn nodes(most: usize, sizes: &'static [u64]) -> impl Strategy<Value = Vec<(Vec<u64>, usize)>> {
    let sticks = proptest::collection::vec(proptest::sample::select(sizes), 0..=3);
    proptest::collection::vec((sticks, 0..4usize), 1..=most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_placement_is_sound(nodes in nodes(12, &[8, 32, 64, 128]), data in 1..=4usize, arbiter in any::<bool>()) {
        let site = site(&nodes);
        let arbiter = arbiter && data == 2;
        let all: Vec<usize> = (0..site.sticks.len()).collect();
        let placement = place(&site, &all, data, arbiter);
        sound(&site, &placement, data, arbiter);
        prop_assert_eq!(place(&site, &all, data, arbiter), placement);
    }

    #[test]
    fn sticks_of_one_size_make_as_many_sets_as_there_can_be(nodes in nodes(12, &[64]), data in 1..=4usize) {
        let mut site = site(&nodes);
        for node in &mut site.nodes {
            node.domain = None;
        }
        let all: Vec<usize> = (0..site.sticks.len()).collect();
        let placement = place(&site, &all, data, false);
        let on_nodes: Vec<usize> = nodes.iter().map(|(sticks, _)| sticks.len()).collect();
        prop_assert_eq!(placement.sets.len(), most_sets(&on_nodes, data));
        prop_assert_eq!(placement.held, placement.bound);
    }

    #[test]
    fn no_placement_exceeds_the_bound(nodes in nodes(4, &[8, 32, 64]), data in 1..=3usize) {
        let site = site(&nodes);
        let all: Vec<usize> = (0..site.sticks.len()).collect();
        prop_assume!(all.len() <= 8);
        let placement = place(&site, &all, data, false);
        let best = best(&site, &all, data);
        prop_assert!(placement.held.unwrap() <= best && best <= placement.bound.unwrap());
    }
}

#[test]
fn as_many_domains_as_bricks_are_one_each() {
    let all: Vec<(Vec<u64>, usize)> = (0..9).map(|node| (vec![64], node % 3 + 1)).collect();
    let site = site(&all);
    let placement = place(&site, &(0..9).collect::<Vec<_>>(), 3, false);
    assert_eq!(placement.sets.len(), 3);
    for set in &placement.sets {
        let domains: BTreeSet<Option<usize>> = set
            .iter()
            .map(|stick| site.nodes[site.sticks[*stick].node].domain)
            .collect();
        assert_eq!(domains.len(), 3);
    }
}
