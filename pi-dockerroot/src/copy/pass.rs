//! What a finished pass lets the next one leave out.
//!
//! A file's content, owner, mode, attributes, flags and project cannot be changed, nor the file be renamed, without its
//! change time (ctime) becoming the present one, which nobody can set. So where neither a file nor its copy was changed
//! since the pass that made them equal, their two statuses are all that has to be read. That holds for ext4 and btrfs, as
//! long as the machine runs, its clock is not set, and both file systems stay mounted. XFS does not renew the change time of
//! two files that change places (xfs_cross_rename), which overlayfs makes them do.

use super::abilities::Abilities;
use super::{Tree, marker, meta};
use anyhow::Result;
use rustix::fs::{FileType, Statx};
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde::{Deserialize, Serialize};

/// Seconds and nanoseconds since 1970.
type Time = (i64, i64);

/// Where every change of a file is known to renew its change time.
const KNOWN: [&str; 2] = ["ext4", "btrfs"];
/// How long before a pass a file must have been changed last, in nanoseconds. More than what the clock may have been set by
/// unnoticed, and a tick.
const MARGIN: i64 = 100_000_000;
/// By how much the wall clock may differ from the time since the start, from one reading to the next, in nanoseconds.
const STEP: i64 = 10_000_000;
/// How long reading two clocks may take to count, in nanoseconds.
const READING: i64 = 1_000_000;

/// A pass that made a target equal to its source, to be given to the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    places: Places,
    /// The wall clock less the time since the start, in nanoseconds.
    clock: i64,
    began: Time,
    ended: Time,
}

/// Between which trees, while the machine runs and both stay mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Places {
    boot: String,
    source: String,
    target: String,
    mounts: [u64; 2],
}

/// A pass that has begun.
pub(super) struct Begun {
    places: Places,
    clock: i64,
    began: Time,
}

impl Begun {
    /// Begins a pass; `None` where it would let the next one leave nothing out.
    pub fn new(source: &Tree, target: &Tree) -> Result<Option<Self>> {
        let (Some(from), Some(to)) = (source.mount(), target.mount()) else {
            return Ok(None);
        };
        for tree in [source, target] {
            if !KNOWN.contains(&Abilities::of(tree)?.filesystem.as_str()) {
                return Ok(None);
            }
        }
        let places = Places {
            boot: marker::boot()?,
            source: marker::identity(source)?,
            target: marker::identity(target)?,
            mounts: [from, to],
        };
        let began = clock_gettime(ClockId::RealtimeCoarse);
        Ok(offset().map(|clock| Self {
            places,
            clock,
            began: time(began),
        }))
    }

    /// Whether `before` was a pass over the same trees, and its times still mean the same.
    pub fn continues(&self, before: &Pass) -> bool {
        self.places == before.places && near(self.clock, before.clock)
    }

    /// Ends it; `None` where the clock was set meanwhile.
    pub fn end(self) -> Option<Pass> {
        let ended = time(clock_gettime(ClockId::RealtimeCoarse));
        near(self.clock, offset()?).then_some(Pass {
            places: self.places,
            clock: self.clock,
            began: self.began,
            ended,
        })
    }
}

impl Pass {
    /// The same for files that a program may have written through memory: such a write has a new change time only when it is
    /// the first one since the file was flushed. `flushed` is when all of them were, in seconds since 1970.
    pub fn begun_by(self, flushed: i64) -> Self {
        Self {
            began: self.began.min((flushed, 0)),
            ..self
        }
    }

    /// Whether a file's last change was before this pass looked at it.
    pub(super) fn source_unchanged(&self, stat: &Statx) -> bool {
        let (seconds, nanoseconds) = changed(stat);
        let (seconds, nanoseconds) = match nanoseconds + MARGIN {
            more if more >= 1_000_000_000 => (seconds.saturating_add(1), more - 1_000_000_000),
            less => (seconds, less),
        };
        (seconds, nanoseconds) < self.began
    }

    /// Whether a copy's last change was before this pass ended.
    pub(super) fn copy_unchanged(&self, stat: &Statx) -> bool {
        changed(stat) < self.ended
    }

    /// Whether a file and its copy are as this pass left them, both with one name.
    pub(super) fn still_equal(&self, stat: &Statx, copy: &Statx) -> bool {
        self.source_unchanged(stat)
            && self.copy_unchanged(copy)
            && (stat.stx_nlink, copy.stx_nlink) == (1, 1)
            && stat.stx_mode == copy.stx_mode
            && (stat.stx_uid, stat.stx_gid) == (copy.stx_uid, copy.stx_gid)
            && meta::modified(stat) == meta::modified(copy)
            && meta::device(stat) == meta::device(copy)
            && (meta::kind(stat) != FileType::RegularFile || stat.stx_size == copy.stx_size)
    }
}

fn changed(stat: &Statx) -> Time {
    (stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec.into())
}

fn time(time: Timespec) -> Time {
    (time.tv_sec, time.tv_nsec)
}

fn near(a: i64, b: i64) -> bool {
    a.abs_diff(b) < STEP.unsigned_abs()
}

/// The wall clock less the time since the start, in nanoseconds: it changes only when the clock is set. `None` where the
/// machine is too busy to read both at once.
fn offset() -> Option<i64> {
    let nanoseconds = |clock| {
        let now = clock_gettime(clock);
        now.tv_sec
            .checked_mul(1_000_000_000)?
            .checked_add(now.tv_nsec)
    };
    for _ in 0..10 {
        let before = nanoseconds(ClockId::Boottime)?;
        let wall = nanoseconds(ClockId::Realtime)?;
        if nanoseconds(ClockId::Boottime)? - before < READING {
            return wall.checked_sub(before);
        }
    }
    None
}
