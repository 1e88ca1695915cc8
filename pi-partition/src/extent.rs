//! Free extents of a disk, and the one that a new partition gets.

use crate::table::{Raw, Role, Scheme, Table, gpt, mbr};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A range of a disk in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Extent {
    /// Its start.
    pub start_bytes: u64,
    /// Its size.
    pub size_bytes: u64,
}

impl Extent {
    /// The byte after its last.
    pub fn end(&self) -> u64 {
        self.start_bytes + self.size_bytes
    }

    /// The largest part of it whose start and end are multiples of `unit`; `None` where there is none.
    #[must_use]
    pub fn aligned(&self, unit: u64) -> Option<Self> {
        let start = self.start_bytes.div_ceil(unit).checked_mul(unit)?;
        let end = self.end() / unit * unit;
        (start < end).then(|| Self {
            start_bytes: start,
            size_bytes: end - start,
        })
    }
}

/// Where a new partition goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The free extent at the end of the disk.
    #[default]
    End,
    /// The largest free extent.
    Largest,
    /// The free extent that holds this byte.
    At(u64),
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "end" => Ok(Self::End),
            "largest" => Ok(Self::Largest),
            _ => text
                .parse::<cluster::quantity::Size>()
                .map(|size| Self::At(size.0))
                .map_err(|error| {
                    format!("expected \"end\", \"largest\" or a place in bytes; {error}")
                }),
        }
    }
}

/// Partitions begin no earlier: boot loaders stand before it, and every program leaves this much free.
const FIRST: u64 = 1 << 20;

/// What a new partition's start and end are multiples of: 1 MiB, or what the disk erases at once where that is more.
pub fn alignment(erase_bytes: u64) -> u64 {
    const MIB: u64 = 1 << 20;
    // No card is known to erase more at once; a larger claim would only waste space.
    const MOST: u64 = 64 << 20;
    match erase_bytes {
        0..=MIB => MIB,
        unit if unit % MIB == 0 && unit <= MOST => unit,
        unit => {
            // Some cards erase 3 × 2ⁿ bytes that are no whole MiB: the least common multiple.
            let (mut a, mut b) = (unit, MIB);
            while b != 0 {
                (a, b) = (b, a % b);
            }
            let multiple = (unit / a).saturating_mul(MIB);
            if multiple <= MOST { multiple } else { MIB }
        }
    }
}

/// Everything that no partition covers, in the order of the disk. Space inside an extended partition is not free: a new
/// partition there would need a boot record between its neighbours.
pub fn free(table: &Table) -> Vec<Extent> {
    let (first, end) = usable(table);
    let mut taken: Vec<(u64, u64)> = table
        .partitions
        .iter()
        .filter(|entry| entry.role != Role::Logical)
        .map(|entry| (entry.start, entry.end()))
        .collect();
    taken.sort_unstable();
    let mut free = Vec::new();
    let mut at = first;
    for (start, stop) in taken.into_iter().chain([(end, end)]) {
        let start = start.min(end);
        if start > at {
            free.push(Extent {
                start_bytes: at * table.sector_bytes,
                size_bytes: (start - at) * table.sector_bytes,
            });
        }
        at = at.max(stop);
    }
    free
}

/// The first sector that a partition may have, and the one after the last.
fn usable(table: &Table) -> (u64, u64) {
    let first = FIRST / table.sector_bytes;
    match (&table.raw, table.scheme) {
        (_, Scheme::Mbr) => (first, table.sectors.min(mbr::LIMIT_SECTORS)),
        (Raw::Gpt(raw), _) => (
            first.max(gpt::first_usable(raw)),
            gpt::last_usable(raw, table.sector_bytes, table.sectors) + 1,
        ),
        (_, Scheme::Gpt) => {
            let reserved = 1 + 16384 / table.sector_bytes;
            (first, table.sectors.saturating_sub(reserved))
        }
    }
}

/// The extent that a wish gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The whole free extent.
    pub free: Extent,
    /// What of it is aligned.
    pub aligned: Extent,
}

/// Chooses the extent for new partitions.
pub fn choose(free: &[Extent], place: Place, unit: u64, disk_end: u64) -> Option<Choice> {
    let aligned = |extent: &Extent| {
        Some(Choice {
            free: *extent,
            aligned: extent.aligned(unit)?,
        })
    };
    match place {
        // At the end is what ends less than an alignment before it.
        Place::End => free
            .last()
            .filter(|last| last.end() + unit > disk_end)
            .and_then(aligned),
        Place::Largest => free
            .iter()
            .filter_map(aligned)
            // The last of equal ones: nearer to the end is farther from what is there.
            .max_by_key(|choice| (choice.aligned.size_bytes, choice.aligned.start_bytes)),
        Place::At(byte) => {
            let extent = free
                .iter()
                .find(|extent| (extent.start_bytes..extent.end()).contains(&byte))?;
            let from = Extent {
                start_bytes: byte,
                size_bytes: extent.end() - byte,
            };
            Some(Choice {
                free: *extent,
                aligned: from.aligned(unit)?,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_disk_erases_at_once_decides() {
        const MIB: u64 = 1 << 20;
        assert_eq!(alignment(0), MIB);
        assert_eq!(alignment(512), MIB);
        assert_eq!(alignment(4 * MIB), 4 * MIB);
        assert_eq!(alignment(12 * MIB), 12 * MIB);
        assert_eq!(alignment(3 * MIB / 2), 3 * MIB);
        assert_eq!(alignment(u64::MAX), MIB);
    }

    #[test]
    fn an_extent_is_aligned_at_both_ends_or_not_at_all() {
        let extent = Extent {
            start_bytes: 10,
            size_bytes: 25,
        };
        assert_eq!(
            extent.aligned(10),
            Some(Extent {
                start_bytes: 10,
                size_bytes: 20
            })
        );
        assert_eq!(
            extent.aligned(16),
            Some(Extent {
                start_bytes: 16,
                size_bytes: 16
            })
        );
        assert_eq!(extent.aligned(20), None);
    }
}
