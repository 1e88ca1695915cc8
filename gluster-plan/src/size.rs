//! What a brick's file system holds: XFS as `mkfs.xfs -i size=512 -n size=8192` makes it, and as Linux counts it.
//!
//! Every figure is what `statfs` reports of an empty file system, to the block: made by mkfs.xfs 6.1 and mounted by Linux
//! 6.18 for 18 sizes from 400 MB to 4 TB. Another release of either may reserve otherwise.

/// An XFS block in bytes.
const BLOCK: u64 = 4096;
/// The least log, in blocks (64 MiB; mkfs.xfs since 5.15).
const LOG: u64 = 16_384;
/// Below this size mkfs.xfs refuses to make a file system (300 MB).
pub const SMALLEST: u64 = 300 << 20;
/// Percent of a brick that Gluster keeps free (`storage.reserve`, default 1).
pub const RESERVE_PERCENT: u64 = 1;

/// A brick's file system in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xfs {
    /// The file system's size: the device without its log.
    pub total: u64,
    /// What is free in it when it is new.
    pub available: u64,
}

impl Xfs {
    /// On a device of this size; `None` where it is too small.
    pub fn on(device_bytes: u64) -> Option<Self> {
        if device_bytes < SMALLEST {
            return None;
        }
        let blocks = device_bytes / BLOCK;
        let log = (blocks / 2048).max(LOG);
        let group = blocks.div_ceil(4);
        // The kernel keeps room for the trees that may have to grow (fs/xfs/libxfs/xfs_ag_resv.c). The log's group has
        // less that they could describe.
        let trees: u64 = [group, group, group - log, blocks - 3 * group]
            .into_iter()
            .map(trees)
            .sum();
        // And a pool for transactions that cannot fail: 5 percent, at most 8192 blocks (xfs_default_resblks).
        let pool = (blocks / 20).min(8192);
        // Headers, roots and free lists of four groups, and the first inodes.
        let fixed = 56;
        let total = blocks - log;
        Some(Self {
            total: total * BLOCK,
            available: total.checked_sub(trees + pool + fixed)? * BLOCK,
        })
    }

    /// What Gluster lets a volume use of it.
    pub fn usable(self) -> u64 {
        self.available
            .saturating_sub(self.total * RESERVE_PERCENT / 100)
    }
}

/// The most blocks that an allocation group's reference count and free inode trees take (`xfs_btree_calc_size`): 168
/// counts or 126 chunks of 64 inodes a leaf, 252 children a node.
fn trees(group: u64) -> u64 {
    tree(group, 168) + tree(group / 8, 126)
}

fn tree(records: u64, leaf: u64) -> u64 {
    let mut level = records.div_ceil(leaf);
    let mut blocks = level;
    while level > 1 {
        level = level.div_ceil(252);
        blocks += level;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Device size, then f_blocks and f_bavail of statfs, as measured.
    const MEASURED: [(u64, u64, u64); 10] = [
        (400_000_000, 81_272, 75_757),
        (2_000_000_000, 471_897, 460_347),
        (8_004_304_896, 1_937_792, 1_916_021),
        (15_000_000_000, 3_645_725, 3_612_042),
        (30_752_636_928, 7_491_584, 7_431_087),
        (62_000_000_000, 15_120_334, 15_006_653),
        (64_000_000_000, 15_608_616, 15_491_528),
        (256_000_000_000, 62_469_483, 62_025_675),
        (1_000_000_000_000, 244_021_416, 242_311_812),
        (4_000_000_000_000, 976_085_663, 969_272_020),
    ];

    #[test]
    fn sizes_are_those_of_real_file_systems() {
        for (device, total, available) in MEASURED {
            let expected = Xfs {
                total: total * BLOCK,
                available: available * BLOCK,
            };
            assert_eq!(Xfs::on(device), Some(expected), "{device}");
        }
        assert_eq!(Xfs::on(SMALLEST - 1), None);
        assert_eq!(Xfs::on(64_000_000_000).unwrap().usable(), 62_813_969_777);
    }
}
