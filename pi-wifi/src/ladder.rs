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
/// A network whose key worked before is given up for this long after the last word of a wrong key: a handshake that a weak
/// signal loses is told of in the same words. Longer than wpa_supplicant waits between two tries.
const STOPPED: Duration = Duration::from_secs(600);

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
    /// How often the machine was restarted since the link last held.
    restarts: u32,
    /// Whether the link was ever there.
    worked: bool,
    /// When the last word of a wrong key came.
    stopped: Option<Instant>,
}

impl Ladder {
    /// At its foot, after so many restarts of the machine.
    pub fn new(now: Instant, restarts: u32) -> Self {
        Self {
            since: now,
            came: None,
            done: 0,
            slower: 1,
            restarts,
            worked: false,
            stopped: None,
        }
    }

    /// The link is there.
    pub fn connected(&mut self, now: Instant) {
        self.came = Some(now);
        self.worked = true;
        self.stopped = None;
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

    /// Whether there are restarts to forget, because the link holds.
    pub fn forget_restarts(&mut self, now: Instant) -> bool {
        let holds = self
            .came
            .is_some_and(|came| now.duration_since(came) >= WELL);
        holds && std::mem::take(&mut self.restarts) > 0
    }

    /// The key is said to be wrong: nothing of it would help.
    pub fn stop(&mut self, now: Instant) {
        self.stopped = Some(now);
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Whether it goes on by itself once it was stopped.
    pub fn resumes(&self) -> bool {
        self.worked
    }

    /// The step that it is time for.
    pub fn next(&mut self, now: Instant, reboot: bool) -> Option<Rung> {
        if let Some(stopped) = self.stopped {
            if !self.worked || now.duration_since(stopped) < STOPPED {
                return None;
            }
            self.stopped = None;
            self.since = now;
        }
        let rungs = if reboot { &RUNGS[..] } else { &RUNGS[..3] };
        if self.done >= rungs.len() {
            // The last step may not be done any more.
            self.again();
        }
        let before = self
            .done
            .checked_sub(1)
            .map_or(Duration::ZERO, |last| rungs[last].1);
        let (rung, wait) = rungs[self.done];
        // From one step to the next, so that a ladder that was entered half way up waits too.
        if now.duration_since(self.since) < (wait - before) * self.factor(rung) {
            return None;
        }
        self.since = now;
        self.done += 1;
        if self.done == rungs.len() {
            self.again();
        }
        Some(rung)
    }

    /// From the foot again, more slowly.
    fn again(&mut self) {
        self.done = 0;
        self.slower = (self.slower * FACTOR).min(MOST);
    }

    /// How much slower a step comes. A restart takes the ladder with it, but for how many there were.
    fn factor(&self, rung: Rung) -> u32 {
        let restarts = match rung {
            Rung::Reboot => FACTOR.saturating_pow(self.restarts),
            _ => 1,
        };
        self.slower.saturating_mul(restarts).min(MOST)
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
        let mut ladder = Ladder::new(start, 0);
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
        let mut ladder = Ladder::new(start, 0);
        let steps = climb(&mut ladder, start, 1000, true);
        assert_eq!(steps[3], (600, Rung::Reboot));
    }

    #[test]
    fn a_wrong_key_stops_it_and_a_link_that_holds_resets_it() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut ladder = Ladder::new(start, 0);
        ladder.stop(start);
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

    #[test]
    fn a_key_that_worked_is_tried_again() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut ladder = Ladder::new(start, 0);
        ladder.connected(start);
        ladder.lost(at(400));
        ladder.stop(at(410));
        ladder.stop(at(700));
        assert!(ladder.is_stopped() && ladder.resumes());
        assert_eq!(ladder.next(at(1299), false), None);
        assert_eq!(ladder.next(at(1300), false), None);
        assert!(!ladder.is_stopped());
        assert_eq!(ladder.next(at(1315), false), Some(Rung::Reassociate));
    }

    #[test]
    fn each_restart_makes_the_next_wait_twice_as_long() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        for (restarts, wait) in [(0, 450), (1, 900), (3, 3600), (4, 7200), (99, 7200)] {
            let mut ladder = Ladder::new(start, restarts);
            let steps = climb(&mut ladder, start, 150 + wait, true);
            assert_eq!(steps[2], (150, Rung::ReloadModule));
            assert_eq!(steps[3], (150 + wait, Rung::Reboot), "{restarts}");
        }
        let mut ladder = Ladder::new(start, 3);
        ladder.connected(start);
        assert!(!ladder.forget_restarts(at(299)));
        assert!(ladder.forget_restarts(at(300)));
        assert!(!ladder.forget_restarts(at(301)));
    }

    #[test]
    fn a_restart_that_may_not_be_any_more_is_left_out() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut ladder = Ladder::new(start, 0);
        assert_eq!(climb(&mut ladder, start, 150, true).len(), 3);
        assert_eq!(ladder.next(at(179), false), None);
        assert_eq!(ladder.next(at(180), false), Some(Rung::Reassociate));
    }
}
