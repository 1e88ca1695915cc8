//! Spreading items over bins, beside a second program that tries every way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use poe_budget::spread::{
    Bin, COUNTS, Item, NO_LIMIT, Outcome, Proof, Spread, approximate, spread,
};
use proptest::prelude::*;
use std::cmp::Reverse;

/// The room that a way leaves in the fullest bin and how many items it moves; `None` where a bin cannot hold its items.
fn judge(bins: &[Bin], items: &[Item], places: &[usize]) -> Option<(i64, usize)> {
    let mut least = i64::MAX;
    for (number, bin) in bins.iter().enumerate() {
        let inside: Vec<&Item> = (items.iter().zip(places))
            .filter(|(_, place)| **place == number)
            .map(|(item, _)| item)
            .collect();
        if inside.len() > bin.slots {
            return None;
        }
        for count in 0..COUNTS {
            let mut room = bin.room[count];
            for item in &inside {
                room -= item.demands[bin.kind]?[count];
            }
            least = least.min(room);
        }
    }
    let moved = items
        .iter()
        .zip(places)
        .filter(|(item, place)| item.home != Some(**place));
    Some((least, moved.count()))
}

/// Every way, one after the other: the best room and the fewest moves with it.
fn brute_force(bins: &[Bin], items: &[Item]) -> Option<(i64, Reverse<usize>)> {
    let ways = bins.len().pow(u32::try_from(items.len()).unwrap());
    let way = |mut number: usize| -> Vec<usize> {
        let digit = |_| {
            let place = number % bins.len();
            number /= bins.len();
            place
        };
        (0..items.len()).map(digit).collect()
    };
    (0..ways)
        .filter_map(|number| judge(bins, items, &way(number)))
        .map(|(room, moves)| (room, Reverse(moves)))
        .max()
}

fn check(bins: &[Bin], items: &[Item], spread: &Spread) {
    let judged = judge(bins, items, &spread.places);
    assert_eq!(judged, Some((spread.headroom, spread.moves)));
}

fn bins() -> impl Strategy<Value = Vec<Bin>> {
    let bin = (
        0..2usize,
        prop::array::uniform5(5..60i64),
        0..5usize,
        any::<bool>(),
    );
    let bin = bin.prop_map(|(kind, mut room, slots, draw_only)| {
        if draw_only {
            room[4] = NO_LIMIT;
        }
        Bin { kind, room, slots }
    });
    prop::collection::vec(bin, 1..5)
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let demand = prop::option::weighted(0.9, prop::array::uniform5(1..25i64));
    let item = (
        prop::option::of(0..4usize),
        prop::collection::vec(demand, 2),
    );
    let item = item.prop_map(|(home, demands)| Item { home, demands });
    prop::collection::vec(item, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Where the first program finds a way, the second finds none that is better; where it finds none, there is none.
    #[test]
    fn no_way_is_better(bins in bins(), mut items in items()) {
        for item in &mut items {
            item.home = item.home.filter(|home| *home < bins.len());
        }
        let best = brute_force(&bins, &items);
        let possible = best.filter(|(room, _)| *room >= 0);
        match spread(&bins, &items) {
            Outcome::Best(spread) => {
                check(&bins, &items, &spread);
                prop_assert_eq!(possible, Some((spread.headroom, Reverse(spread.moves))));
            }
            Outcome::Impossible(proof) => {
                prop_assert_eq!(possible, None);
                match proof {
                    Proof::Search(lacking) => prop_assert_eq!(lacking, best.map(|(room, _)| -room)),
                    Proof::Total { needed, there, .. } => prop_assert!(needed > there),
                    Proof::Slots | Proof::Item(_) => {}
                }
            }
            other => prop_assert!(false, "{:?}", other),
        }
        match approximate(&bins, &items) {
            Outcome::Good(spread, bound) => {
                check(&bins, &items, &spread);
                prop_assert!(spread.headroom >= 0);
                let (room, _) = possible.unwrap();
                prop_assert!(spread.headroom <= room && room <= bound, "{} {}", room, bound);
            }
            Outcome::Best(spread) => {
                prop_assert_eq!(possible, Some((spread.headroom, Reverse(spread.moves))));
            }
            Outcome::NotFound => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

fn bin(room: i64, slots: usize) -> Bin {
    Bin {
        kind: 0,
        room: [room; COUNTS],
        slots,
    }
}

fn item(demand: i64) -> Item {
    Item {
        home: None,
        demands: vec![Some([demand; COUNTS])],
    }
}

/// Three bins hold these only as 6+4, 5+5 and 7+3: whoever takes the largest first and the roomiest bin does not find it.
#[test]
fn what_fits_without_a_watt_to_spare_is_found() {
    let items: Vec<Item> = [6, 4, 5, 5, 7, 3].map(item).into();
    let outcome = spread(&[bin(10, 2), bin(10, 2), bin(10, 2)], &items);
    assert!(
        matches!(outcome, Outcome::Best(Spread { headroom: 0, .. })),
        "{outcome:?}"
    );
}

#[test]
fn what_is_impossible_is_proven_in_the_plainest_way() {
    let two = [bin(10, 2), bin(10, 2)];
    let proof =
        |demands: &[i64]| match spread(&two, &demands.iter().map(|w| item(*w)).collect::<Vec<_>>())
        {
            Outcome::Impossible(proof) => proof,
            other => unreachable!("{other:?}"),
        };
    assert_eq!(proof(&[11]), Proof::Item(0));
    assert_eq!(proof(&[1, 1, 1, 1, 1]), Proof::Slots);
    assert_eq!(
        proof(&[8, 8, 6]),
        Proof::Total {
            count: 0,
            needed: 22,
            there: 20
        }
    );
    // 6+6 and 6 are 18 of 20 W, and still no way: two of them never share 10 W.
    assert_eq!(proof(&[6, 6, 6]), Proof::Search(Some(2)));
}

/// Sixteen items on three bins are 3^16 ways: exact all the same.
#[test]
fn sixteen_are_spread_exactly_and_more_within_a_bound() {
    let bins = [bin(140, 8), bin(140, 8), bin(140, 8)];
    let items: Vec<Item> = (0..16).map(|number| item(10 + number)).collect();
    let Outcome::Best(best) = spread(&bins, &items) else {
        unreachable!()
    };
    check(&bins, &items, &best);
    // 280 of 420 W are wanted: one bin has 94 of them at least.
    assert_eq!(best.headroom, 46);
    let bins = [bin(100, 8), bin(100, 8), bin(100, 8), bin(100, 8)];
    let items: Vec<Item> = (0..32).map(|number| item(number % 8)).collect();
    let Outcome::Good(good, bound) = spread(&bins, &items) else {
        unreachable!()
    };
    check(&bins, &items, &good);
    assert!(good.headroom <= bound && bound == 72, "{good:?} {bound}");
}
