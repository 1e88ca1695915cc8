//! Many items, by a rule of thumb.

use super::{Bin, Counts, Item, NO_LIMIT, Spread, left, less};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// So often the answer is mended, and so many bins are tried each time.
const ATTEMPTS: usize = 64;

/// A way that is being built.
#[derive(Clone)]
struct Draft {
    rooms: Vec<Counts>,
    slots: Vec<usize>,
    places: Vec<usize>,
}

impl Draft {
    fn new(bins: &[Bin], items: usize) -> Self {
        Self {
            rooms: bins.iter().map(|bin| bin.room).collect(),
            slots: bins.iter().map(|bin| bin.slots).collect(),
            places: vec![usize::MAX; items],
        }
    }

    /// Puts the item into the bin, where that leaves at least so much room.
    fn put(&mut self, bins: &[Bin], items: &[Item], item: usize, bin: usize, least: i64) -> bool {
        let Some(demand) = items[item].demands[bins[bin].kind] else {
            return false;
        };
        let room = less(&self.rooms[bin], &demand);
        if self.slots[bin] == 0 || left(&room) < least {
            return false;
        }
        self.rooms[bin] = room;
        self.slots[bin] -= 1;
        self.places[item] = bin;
        true
    }

    fn take(&mut self, bins: &[Bin], items: &[Item], item: usize) {
        let bin = self.places[item];
        if let Some(demand) = items[item].demands[bins[bin].kind] {
            self.rooms[bin] = std::array::from_fn(|at| self.rooms[bin][at] + demand[at]);
            self.slots[bin] += 1;
        }
    }

    fn finish(self, items: &[Item]) -> Spread {
        let moved = |(item, place): &(&Item, &usize)| item.home != Some(**place);
        let headroom = self.rooms.iter().map(left).min();
        Spread {
            moves: items.iter().zip(&self.places).filter(moved).count(),
            headroom: headroom.unwrap_or(NO_LIMIT),
            places: self.places,
        }
    }
}

/// The better of two: what is there, mended; and the largest item first, each into the bin with the most room, mended.
pub(super) fn spread(bins: &[Bin], items: &[Item]) -> Option<Spread> {
    let drafts = [as_it_is(bins, items), largest_first(bins, items)];
    let mended = drafts
        .into_iter()
        .flatten()
        .map(|draft| mend(bins, items, draft).finish(items));
    mended.max_by_key(|spread| (spread.headroom, Reverse(spread.moves)))
}

fn as_it_is(bins: &[Bin], items: &[Item]) -> Option<Draft> {
    let mut draft = Draft::new(bins, items.len());
    for (at, item) in items.iter().enumerate() {
        if !draft.put(bins, items, at, item.home?, 0) {
            return None;
        }
    }
    Some(draft)
}

fn largest_first(bins: &[Bin], items: &[Item]) -> Option<Draft> {
    let size = |at: &usize| {
        let counts = items[*at].demands.iter().flatten().flatten();
        Reverse(counts.copied().max())
    };
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(size);
    let mut draft = Draft::new(bins, items.len());
    let roomy = |(at, bin): (usize, &Bin)| (left(&bin.room), Reverse(at));
    let mut heap: BinaryHeap<(i64, Reverse<usize>)> = bins.iter().enumerate().map(roomy).collect();
    for item in order {
        let mut passed = Vec::new();
        let bin = loop {
            let (room, Reverse(bin)) = heap.pop()?;
            if draft.put(bins, items, item, bin, 0) {
                break bin;
            }
            passed.push((room, Reverse(bin)));
        };
        heap.extend(passed);
        if draft.slots[bin] > 0 {
            heap.push((left(&draft.rooms[bin]), Reverse(bin)));
        }
    }
    Some(draft)
}

/// Moves items out of the fullest bin as long as that leaves more room in it and enough where they go.
fn mend(bins: &[Bin], items: &[Item], mut draft: Draft) -> Draft {
    for _ in 0..ATTEMPTS {
        let Some(fullest) = (0..bins.len()).min_by_key(|bin| left(&draft.rooms[*bin])) else {
            break;
        };
        let least = left(&draft.rooms[fullest]) + 1;
        let mut inside = (0..items.len()).filter(|at| draft.places[*at] == fullest);
        let better = inside.find_map(|item| {
            let mut other = draft.clone();
            other.take(bins, items, item);
            let mut targets: Vec<usize> = (0..bins.len()).filter(|bin| *bin != fullest).collect();
            targets.sort_by_key(|bin| Reverse(left(&draft.rooms[*bin])));
            let put = targets
                .into_iter()
                .take(ATTEMPTS)
                .any(|bin| other.put(bins, items, item, bin, least));
            (put && left(&other.rooms[fullest]) >= least).then_some(other)
        });
        match better {
            Some(better) => draft = better,
            None => break,
        }
    }
    draft
}
