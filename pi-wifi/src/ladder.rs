//! What is done about a lost link, and when: the mild first, the harsh later, all of it ever more slowly. Pure.

use std::time::{Duration, Instant};

/// A step of the ladder. Power save, the mildest, is looked after whether the link is lost or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// Ask for a new association.
    Reassociate,
    /// Restart the program that has the radio.
    RestartSupplicant,
    /// Load the driver's module again: what mends crashed firmware.
    ReloadModule,
    /// Restart the machine.
    Reboot,
}

impl Rung {
    /// Its word in events and counts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reassociate => "reassociate",
            Self::RestartSupplicant => "restart-supplicant",
            Self::ReloadModule => "reload-module",
            Self::Reboot => "reboot",
        }
    }
}

/// The steps, each with how long the link is gone before it. An access point that restarts is away for less than a minute, and
/// wpa_supplicant comes back to it by itself.
const RUNGS: [(Rung, Duration); 4] = [
    (Rung::Reassociate, Duration::from_secs(15)),
    (Rung::RestartSupplicant, Duration::from_secs(60)),
    (Rung::ReloadModule, Duration::from_secs(150)),
    (Rung::Reboot, Duration::from_secs(600)),
];
/// Each time all steps were done, the next time takes this much longer, up to the most.
const FACTOR: u32 = 2;
const MOST: u32 = 16;
/// A link that holds for this long is well: the next loss begins anew.
const WELL: Duration = Duration::from_secs(300);

/// Where on the ladder a watcher stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// When the link was lost, or the ladder begun again.
    since: Instant,
    /// When it came.
    came: Option<Instant>,
    /// How many steps were done since.
    done: usize,
    /// What the waits are multiplied by.
    slower: u32,
    stopped: bool,
}

impl Ladder {
    /// At its foot.
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            came: None,
            done: 0,
            slower: 1,
            stopped: false,
        }
    }

    /// The link is there.
    pub fn connected(&mut self, now: Instant) {
        self.came = Some(now);
        self.stopped = false;
    }

    /// The link is gone. Soon after it came the ladder goes on where it was, so that a link that flaps is not
    /// reassociated for ever.
    pub fn lost(&mut self, now: Instant) {
        if self
            .came
            .is_none_or(|came| now.duration_since(came) >= WELL)
        {
            self.done = 0;
            self.slower = 1;
        }
        self.since = now;
        self.came = None;
    }

    /// Nothing of it would help.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The step that it is time for.
    pub fn next(&mut self, now: Instant, reboot: bool) -> Option<Rung> {
        if self.stopped {
            return None;
        }
        let rungs = if reboot { &RUNGS[..] } else { &RUNGS[..3] };
        let before = self
            .done
            .checked_sub(1)
            .map_or(Duration::ZERO, |last| rungs[last].1);
        let (rung, wait) = rungs[self.done];
        // From one step to the next, so that a ladder that was entered half way up waits too.
        if now.duration_since(self.since) < (wait - before) * self.slower {
            return None;
        }
        self.since = now;
        self.done += 1;
        if self.done == rungs.len() {
            self.done = 0;
            self.slower = (self.slower * FACTOR).min(MOST);
        }
        Some(rung)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of so many seconds without a link, each with its second.
    fn climb(ladder: &mut Ladder, from: Instant, seconds: u64, reboot: bool) -> Vec<(u64, Rung)> {
        (0..=seconds)
            .filter_map(|s| Some((s, ladder.next(from + Duration::from_secs(s), reboot)?)))
            .collect()
    }

    #[test]
    fn it_begins_mildly_and_becomes_slower() {
        let start = Instant::now();
        let mut ladder = Ladder::new(start);
        ladder.lost(start);
        let steps = climb(&mut ladder, start, 460, false);
        let expected = [
            (15, Rung::Reassociate),
            (60, Rung::RestartSupplicant),
            (150, Rung::ReloadModule),
            (180, Rung::Reassociate),
            (270, Rung::RestartSupplicant),
            (450, Rung::ReloadModule),
        ];
        assert_eq!(steps, expected);
        let mut ladder = Ladder::new(start);
        let steps = climb(&mut ladder, start, 1000, true);
        assert_eq!(steps[3], (600, Rung::Reboot));
    }

    #[test]
    fn a_wrong_key_stops_it_and_a_link_that_holds_resets_it() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut ladder = Ladder::new(start);
        ladder.stop();
        assert_eq!(climb(&mut ladder, start, 2000, true), []);
        ladder.connected(at(2000));
        assert!(!ladder.is_stopped());
        ladder.lost(at(2010));
        assert_eq!(ladder.next(at(2025), false), Some(Rung::Reassociate));
        ladder.connected(at(2026));
        // It flaps: the next step, not the first again.
        ladder.lost(at(2030));
        assert_eq!(ladder.next(at(2060), false), None);
        assert_eq!(ladder.next(at(2075), false), Some(Rung::RestartSupplicant));
        ladder.connected(at(2080));
        ladder.lost(at(3000));
        assert_eq!(ladder.next(at(3015), false), Some(Rung::Reassociate));
    }
}
