//! What a card may hold after the power went: made from a record of its writes.

use super::card::copy_sparse;
use super::{Entry, Extent, WriteLog};
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::ops::{Range, RangeBounds};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One possible state: the power went at `position` among the log's entries, and of the writes up to there
/// these are on the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// How many entries had been given to the card.
    pub position: usize,
    /// The entries, by index and in order, that survived.
    pub survived: Vec<usize>,
}

/// Makes the states of a card, or of one of its partitions.
#[derive(Debug)]
pub struct CrashStates<'log> {
    log: &'log WriteLog,
    before: PathBuf,
    extent: Extent,
}

impl<'log> CrashStates<'log> {
    /// `before` is what `extent` of the card held when recording began: the whole card, or a partition by
    /// [`super::Card::cut`].
    pub fn new(log: &'log WriteLog, before: &Path, extent: Extent) -> Self {
        Self {
            log,
            before: before.to_owned(),
            extent,
        }
    }

    /// The power went after each write in turn from `from` on, and all before it had arrived: what a card without
    /// a write cache can hold. An SD card's log has an entry for each sector ([`WriteLog::in_blocks`] joins them), so
    /// requests torn in two are among the states.
    pub fn prefixes(&self, from: usize) -> Vec<State> {
        let touching = self.touching(from..self.log.entries().len());
        let positions = touching.into_iter().map(|last| last + 1);
        positions.map(|position| self.prefix(position)).collect()
    }

    /// The state with all of the first `position` entries.
    pub fn prefix(&self, position: usize) -> State {
        State {
            position,
            survived: self.touching(0..position),
        }
    }

    /// `count` states of a card with a write cache, the power gone at one of these positions: all that was flushed, and any part of
    /// what was written since, in some states nearly nothing of it and in others nearly all. The same seed gives the same states.
    ///
    /// # Errors
    /// The log has no flush there ([`super::Disk::Sd`] records none), and so does not tell.
    pub fn cached(
        &self,
        positions: impl RangeBounds<usize>,
        count: usize,
        seed: u64,
    ) -> Result<Vec<State>> {
        let entries = self.log.entries();
        let all = 0..entries.len();
        let none = "making crash states: no such positions in the log";
        let from = all
            .clone()
            .find(|at| positions.contains(at))
            .context(none)?;
        let to = 1 + all
            .into_iter()
            .rfind(|at| positions.contains(at))
            .context(none)?;
        // One at the very end is the emulator's own, when it closes the file.
        let tells = |window: &[Entry]| window[0] == Entry::Flush && window[1] != Entry::Flush;
        let told = entries
            .get(from..to)
            .is_some_and(|rest| rest.windows(2).any(tells));
        ensure!(told, "making crash states: the log has no flush");
        let mut random = fastrand::Rng::with_seed(seed);
        let state = |_| {
            let position = random.usize(from + 1..=to);
            let flushed = entries[..position]
                .iter()
                .rposition(|entry| *entry == Entry::Flush)
                .unwrap_or(0);
            let mut survived = self.touching(0..flushed);
            let loose = self.touching(flushed..position);
            let part = random.f64();
            survived.extend(loose.into_iter().filter(|_| random.f64() < part));
            State { position, survived }
        };
        Ok((0..count).map(state).collect())
    }

    /// Writes a state to a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn make(&self, state: &State, to: &Path) -> Result<()> {
        copy_sparse(&self.before, to)?;
        let image = File::options().write(true).open(to);
        let image = image.with_context(|| format!("opening {}", to.display()))?;
        for &index in &state.survived {
            if let Some((offset, data)) = self.inside(index) {
                image
                    .write_all_at(data, offset)
                    .with_context(|| format!("writing {}", to.display()))?;
            }
        }
        Ok(())
    }

    /// The writes of `range` that touch the extent.
    fn touching(&self, range: Range<usize>) -> Vec<usize> {
        range
            .filter(|&index| self.inside(index).is_some())
            .collect()
    }

    /// A write's part inside the extent, and where in the extent.
    fn inside(&self, index: usize) -> Option<(u64, &[u8])> {
        let Some(Entry::Write { offset, data }) = self.log.entries().get(index) else {
            return None;
        };
        let start = (*offset).max(self.extent.start);
        let end = (offset + data.len() as u64).min(self.extent.start + self.extent.length);
        let length = usize::try_from(end.checked_sub(start)?).ok()?;
        let skip = usize::try_from(start - offset).ok()?;
        let part = data.get(skip..skip + length)?;
        (!part.is_empty()).then_some((start - self.extent.start, part))
    }
}
