//! The record of a card's writes, as QEMU's blklogwrites driver and Linux's dm-log-writes keep it
//! (Documentation/admin-guide/device-mapper/log-writes.rst).

use super::Extent;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const DISCARD: u64 = 1 << 2;
/// Where `mark` (tests/machine/guest) writes: the last sector before 1 MiB.
const MARK_SECTOR: u64 = 2047;
const MARK_WORD: &[u8] = b"@mark ";

/// One entry, in the order in which the card got them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Bytes for the card.
    Write {
        /// Where on the card, in bytes.
        offset: u64,
        /// What.
        data: Vec<u8>,
    },
    /// What was written before this is on the medium.
    Flush,
    /// A word that the machine's script left here.
    Mark(String),
}

/// A record of writes.
#[derive(Debug, Clone)]
pub struct WriteLog {
    entries: Vec<Entry>,
}

impl WriteLog {
    /// Reads a log. The number of entries in its header is only brought up to date now and then, and not by a
    /// machine that was killed: what counts is what is there. A last entry without all of its data is left out.
    ///
    /// # Errors
    /// The file is no such log.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&bytes).with_context(|| format!("reading the write log {}", path.display()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        ensure!(
            number(bytes, 0)? == MAGIC,
            "the first bytes are not a log's"
        );
        ensure!(number(bytes, 8)? == 1, "an unknown version");
        let sector = usize::try_from(number(bytes, 24)? & 0xffff_ffff)?;
        ensure!(
            sector.is_power_of_two() && sector >= 512,
            "an unknown sector size"
        );
        let mut entries = Vec::new();
        let mut at = sector;
        while at + sector <= bytes.len() {
            let (first, count, flags) = (
                number(bytes, at)?,
                number(bytes, at + 8)?,
                number(bytes, at + 16)?,
            );
            if flags == 0 && count == 0 {
                break;
            }
            at += sector;
            if flags & FLUSH != 0 {
                entries.push(Entry::Flush);
            }
            // After a discard a card may give back anything: also what was there, which is what stays here.
            if flags & DISCARD != 0 || count == 0 {
                continue;
            }
            let end = at + usize::try_from(count)? * sector;
            let Some(data) = bytes.get(at..end) else {
                break;
            };
            at = end;
            let offset = first * sector as u64;
            entries.push(Entry::Write {
                offset,
                data: data.to_vec(),
            });
            entries.extend(mark(offset, data).map(Entry::Mark));
        }
        if entries.is_empty() {
            bail!("there is no entry");
        }
        Ok(Self { entries })
    }

    /// The same with neighbouring writes inside one block of `size` bytes, as an SD card gets them sector by sector,
    /// made one. File systems count on a block being written whole or not at all: ext4's superblock is two sectors
    /// with one checksum, and torn between them it does not mount. Who counts on sectors only, as a writer of
    /// partition tables should, leaves the log as it is.
    #[must_use]
    pub fn in_blocks(mut self, size: u64) -> Self {
        let mut joined: Vec<Entry> = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            if !joined
                .last_mut()
                .is_some_and(|last| last.take(&entry, size))
            {
                joined.push(entry);
            }
        }
        self.entries = joined;
        self
    }

    /// The same with each write inside this part of the card taken apart at every multiple of `size` bytes: what of a large request had
    /// arrived when the power went is then told block by block.
    #[must_use]
    pub fn torn(mut self, extent: Extent, size: u64) -> Self {
        let mut torn = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            match entry {
                Entry::Write { offset, data } if extent.holds(offset) => {
                    let mut rest = &data[..];
                    let mut at = offset;
                    while !rest.is_empty() {
                        let room = usize::try_from(size - at % size).unwrap_or(usize::MAX);
                        let (piece, more) = rest.split_at(room.min(rest.len()));
                        torn.push(Entry::Write {
                            offset: at,
                            data: piece.to_vec(),
                        });
                        at += piece.len() as u64;
                        rest = more;
                    }
                }
                entry => torn.push(entry),
            }
        }
        self.entries = torn;
        self
    }

    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many writes there are.
    pub fn writes(&self) -> usize {
        let is_write = |entry: &&Entry| matches!(entry, Entry::Write { .. });
        self.entries.iter().filter(is_write).count()
    }

    /// The position of a mark among the entries.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn mark(&self, word: &str) -> Result<usize> {
        let wanted = Entry::Mark(word.to_owned());
        let found = self.entries.iter().position(|entry| *entry == wanted);
        found.with_context(|| format!("looking for mark {word} in a write log"))
    }
}

impl Entry {
    /// Takes over `next`, where both are writes, one behind the other in one block of `size` bytes.
    fn take(&mut self, next: &Self, size: u64) -> bool {
        let (
            Self::Write { offset, data },
            Self::Write {
                offset: other,
                data: more,
            },
        ) = (self, next)
        else {
            return false;
        };
        let end = *offset + data.len() as u64;
        let same = *offset / size == (end + more.len() as u64 - 1) / size;
        if *other != end || !same {
            return false;
        }
        data.extend_from_slice(more);
        true
    }
}

/// A little-endian number of 8 bytes.
fn number(bytes: &[u8], at: usize) -> Result<u64> {
    let word = bytes.get(at..at + 8).context("the log is cut short")?;
    Ok(u64::from_le_bytes(word.try_into()?))
}

/// The word of a mark, where this write holds one. A mark may come as a whole page.
fn mark(offset: u64, data: &[u8]) -> Option<String> {
    let inside = usize::try_from((MARK_SECTOR * 512).checked_sub(offset)?).ok()?;
    let word = data.get(inside..)?.strip_prefix(MARK_WORD)?;
    let end = word.iter().position(|&byte| byte == b'\n')?;
    Some(String::from_utf8_lossy(&word[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTOR: usize = 512;

    /// A log as dm-log-writes lays it out, of (sector, count, flags, byte that fills the data).
    fn log(entries: &[(u64, u64, u64, u8)]) -> Vec<u8> {
        let words = |words: &[u64]| {
            let mut sector: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            sector.resize(SECTOR, 0);
            sector
        };
        let mut bytes = words(&[MAGIC, 1, 1, SECTOR as u64]);
        for &(sector, count, flags, fill) in entries {
            bytes.extend(words(&[sector, count, flags, 0]));
            bytes.extend(vec![fill; count as usize * SECTOR]);
        }
        bytes
    }

    fn write(sector: u64, sectors: usize, fill: u8) -> Entry {
        Entry::Write {
            offset: sector * 512,
            data: vec![fill; sectors * SECTOR],
        }
    }

    #[test]
    fn reads_past_the_count_in_the_header_and_stops_before_what_is_cut_short() {
        let mut bytes = log(&[(8, 2, 0, 7), (0, 0, FLUSH, 0), (9, 1, 0, 8), (10, 4, 0, 9)]);
        bytes.truncate(bytes.len() - 1);
        let entries = WriteLog::parse(&bytes).unwrap().entries;
        assert_eq!(entries, [write(8, 2, 7), Entry::Flush, write(9, 1, 8)]);
    }

    #[test]
    fn joins_neighbours_inside_a_block_only() {
        let sectors = [
            (6, 1, 0, 1),
            (7, 1, 0, 1),
            (8, 1, 0, 1),
            (9, 1, 0, 1),
            (11, 1, 0, 1),
        ];
        let log = WriteLog::parse(&log(&sectors)).unwrap().in_blocks(4096);
        assert_eq!(
            log.entries,
            [write(6, 2, 1), write(8, 2, 1), write(11, 1, 1)]
        );
    }

    #[test]
    fn takes_writes_apart_at_blocks_inside_an_extent_only() {
        let writes = [(6, 4, 0, 1), (0, 0, FLUSH, 0), (16, 9, 0, 2), (64, 9, 0, 3)];
        let extent = Extent {
            start: 0,
            length: 32 * 512,
        };
        let log = WriteLog::parse(&log(&writes)).unwrap().torn(extent, 4096);
        let expected = [
            write(6, 2, 1),
            write(8, 2, 1),
            Entry::Flush,
            write(16, 8, 2),
            write(24, 1, 2),
            write(64, 9, 3),
        ];
        assert_eq!(log.entries, expected);
    }

    #[test]
    fn finds_a_mark_alone_and_in_a_page() {
        let mut page = vec![0; 8 * SECTOR];
        page[7 * SECTOR..][..9].copy_from_slice(b"@mark ok\n");
        assert_eq!(mark(2040 * 512, &page).as_deref(), Some("ok"));
        assert_eq!(mark(2047 * 512, &page[7 * SECTOR..]).as_deref(), Some("ok"));
        assert_eq!(mark(2048 * 512, &page[7 * SECTOR..]), None);
        assert_eq!(mark(2039 * 512, &page), None);
    }

    #[test]
    fn refuses_what_is_no_log() {
        assert!(WriteLog::parse(&[0; 4096]).is_err());
        assert!(WriteLog::parse(&log(&[])).is_err());
        assert!(WriteLog::parse(b"short").is_err());
    }
}
