//! Which files with several names have been met, kept in an unlinked file: none of it is memory that grows.
//!
//! The file starts with [`BUCKETS`] offsets (holes until they are used); each leads to a chain of records. The page
//! cache holds what is in use, and gives it back under pressure.

use anyhow::{Context, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// How many chains. A million files with several names make chains of four.
const BUCKETS: u64 = 1 << 18;
/// Next record, side, inode, other inode, length of the path.
const HEAD: usize = 36;

/// Which tree an inode is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source = 1,
    Target = 2,
}

/// A file with several names that was met before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Met {
    /// Its inode in the other tree.
    pub other: u64,
    /// The first of its names, below the top.
    pub path: Vec<u8>,
}

/// The files with several names that have been met.
pub(super) struct Links {
    make: Box<dyn Fn() -> std::io::Result<File> + Send>,
    file: Option<File>,
    end: u64,
}

impl Links {
    /// Nothing met yet. `make` opens the unlinked file when the first is met.
    pub fn new(make: impl Fn() -> std::io::Result<File> + Send + 'static) -> Self {
        Self {
            make: Box::new(make),
            file: None,
            end: BUCKETS * 8,
        }
    }

    /// What was put for this inode.
    pub fn get(&self, side: Side, ino: u64) -> Result<Option<Met>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let reading = "reading the list of hard links";
        let mut at = number(file, bucket(side, ino)).context(reading)?;
        while at != 0 {
            let mut head = [0; HEAD];
            file.read_exact_at(&mut head, at).context(reading)?;
            let [next, found_side, found, other] = [0, 8, 16, 24].map(|start| word(&head, start));
            if (found_side, found) == (side as u64, ino) {
                let length = usize::try_from(word(&head, 28) >> 32).context(reading)?;
                let mut path = vec![0; length];
                file.read_exact_at(&mut path, at + HEAD as u64)
                    .context(reading)?;
                return Ok(Some(Met { other, path }));
            }
            at = next;
        }
        Ok(None)
    }

    /// Notes an inode that [`Links::get`] does not know.
    pub fn put(&mut self, side: Side, ino: u64, other: u64, path: &[u8]) -> Result<()> {
        let writing = "writing the list of hard links";
        if self.file.is_none() {
            let file = (self.make)().context(writing)?;
            file.set_len(self.end).context(writing)?;
            self.file = Some(file);
        }
        let file = self.file.as_ref().context(writing)?;
        let bucket = bucket(side, ino);
        let next = number(file, bucket).context(writing)?;
        let length = u32::try_from(path.len()).context(writing)?;
        let mut record = Vec::with_capacity(HEAD + path.len());
        for word in [next, side as u64, ino, other] {
            record.extend_from_slice(&word.to_le_bytes());
        }
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(path);
        file.write_all_at(&record, self.end).context(writing)?;
        file.write_all_at(&self.end.to_le_bytes(), bucket)
            .context(writing)?;
        self.end += record.len() as u64;
        Ok(())
    }
}

/// Where the chain of an inode starts.
fn bucket(side: Side, ino: u64) -> u64 {
    // Fibonacci hashing: neighbouring inodes, which are the rule, fall into different buckets.
    let hash = (ino ^ ((side as u64) << 63)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> 46) % BUCKETS * 8
}

fn number(file: &File, at: u64) -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, at)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Eight bytes of a record's head as a number.
fn word(head: &[u8; HEAD], start: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&head[start..start + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn it_is_a_map(entries in proptest::collection::hash_map((any::<bool>(), any::<u64>()), (any::<u64>(), any::<Vec<u8>>()), 0..50)) {
            let side = |source| if source { Side::Source } else { Side::Target };
            let mut links = Links::new(tempfile::tempfile);
            for ((source, ino), (other, path)) in &entries {
                prop_assert_eq!(links.get(side(*source), *ino).unwrap(), None);
                links.put(side(*source), *ino, *other, path).unwrap();
            }
            let entries: HashMap<_, _> = entries;
            for ((source, ino), (other, path)) in entries {
                prop_assert_eq!(links.get(side(source), ino).unwrap(), Some(Met { other, path }));
            }
        }
    }

    #[test]
    fn inodes_of_one_chain_are_told_apart() {
        let mut links = Links::new(tempfile::tempfile);
        let same: Vec<u64> = (1..)
            .filter(|ino| bucket(Side::Source, *ino) == bucket(Side::Source, 1))
            .take(3)
            .collect();
        for ino in &same {
            links.put(Side::Source, *ino, ino * 2, b"x").unwrap();
        }
        for ino in same {
            assert_eq!(
                links.get(Side::Source, ino).unwrap().unwrap().other,
                ino * 2
            );
        }
    }
}
