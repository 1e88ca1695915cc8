//! Lists of ports: merged to ranges, split where a rule holds no more.

/// Port items that a rule holds: `dst-port` takes "Range[,Port] (max 15 times)" (RouterOS's own words). Linux, which RouterOS
/// is, counts both ends of a range (`xt_multiport`), so here a range counts two.
pub const MAX_ITEMS: usize = 15;

/// Ports from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The first port.
    pub first: u16,
    /// The last port; the same for a single one.
    pub last: u16,
}

impl Ports {
    /// What it takes of a rule's room.
    pub fn items(self) -> usize {
        if self.first == self.last { 1 } else { 2 }
    }
}

/// Sorted ports as lists of ranges, each no longer than a rule holds.
pub fn split(sorted: impl IntoIterator<Item = u16>) -> Vec<Vec<Ports>> {
    let mut rules: Vec<Vec<Ports>> = Vec::new();
    let mut room = 0;
    for range in merge(sorted) {
        match rules.last_mut() {
            Some(rule) if range.items() <= room => {
                room -= range.items();
                rule.push(range);
            }
            _ => {
                room = MAX_ITEMS - range.items();
                rules.push(vec![range]);
            }
        }
    }
    rules
}

/// Neighbours become ranges.
fn merge(sorted: impl IntoIterator<Item = u16>) -> Vec<Ports> {
    let mut merged: Vec<Ports> = Vec::new();
    for port in sorted {
        match merged.last_mut() {
            Some(range) if port <= range.last => {}
            Some(range) if port - 1 == range.last => range.last = port,
            _ => merged.push(Ports {
                first: port,
                last: port,
            }),
        }
    }
    merged
}
