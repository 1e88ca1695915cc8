//! Shows how far a job is: on a terminal as a line, for programs as JSON lines, both on standard error.

use crate::copy::{Counters, Holdings};
use clap::ValueEnum;
use humansize::{DECIMAL, format_size};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Whether and how progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// A line where standard error is a terminal and it takes more than a second
    #[default]
    Auto,
    /// A JSON object each second
    Json,
    /// Nothing
    None,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A tree is counted.
    Count,
    /// Two trees are compared by their metadata.
    Compare,
    /// A tree is copied.
    Copy,
    /// Two trees are compared whole.
    Verify,
    /// Image chains are compared.
    Overlay,
}

/// How much there is to do; zero where that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    files: u64,
    bytes: u64,
}

impl Total {
    /// All that a tree holds.
    pub fn of(holdings: &Holdings) -> Self {
        Self {
            files: holdings.inodes + holdings.links,
            bytes: holdings.bytes,
        }
    }
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Compare => "compare",
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::Overlay => "overlay",
        }
    }
}

impl Show {
    /// Runs `job`, and shows `counters` while it runs.
    pub fn while_running<T>(
        self,
        phase: Phase,
        total: Total,
        counters: &Counters,
        job: impl FnOnce() -> T,
    ) -> T {
        let terminal = std::io::stderr().is_terminal();
        if self == Self::None || self == Self::Auto && !terminal {
            return job();
        }
        let (done, end) = channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let start = Instant::now();
                let mut shown = false;
                while let Err(RecvTimeoutError::Timeout) = end.recv_timeout(Duration::from_secs(1))
                {
                    shown = true;
                    self.show(&Sample::new(phase, total, counters, start.elapsed()));
                }
                if self == Self::Json {
                    self.show(&Sample::new(phase, total, counters, start.elapsed()));
                } else if shown {
                    write("\r\x1b[K");
                }
            });
            let result = job();
            drop(done);
            result
        })
    }

    fn show(self, sample: &Sample) {
        if self == Self::Json {
            write(&format!("{}\n", sample.json()));
        } else {
            write(&format!("\r\x1b[K{}", sample.line()));
        }
    }
}

/// Nobody may be reading progress; that is no error.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// How far it is at one moment.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    phase: Phase,
    files: u64,
    bytes: u64,
    total: Total,
    seconds: f64,
}

impl Sample {
    fn new(phase: Phase, total: Total, counters: &Counters, elapsed: Duration) -> Self {
        let bytes = counters.bytes.load(Relaxed) + counters.compared.load(Relaxed);
        Self {
            phase,
            files: counters.files.load(Relaxed),
            bytes,
            total,
            seconds: elapsed.as_secs_f64(),
        }
    }

    fn rate(&self) -> f64 {
        self.bytes as f64 / self.seconds.max(0.001)
    }

    /// Seconds left: by the slower of names and bytes; nothing where the end is not known or nothing was done yet.
    fn left(&self) -> Option<f64> {
        let part = |done: u64, total: u64| (total > 0).then(|| done as f64 / total as f64);
        let part = match (
            part(self.files, self.total.files),
            part(self.bytes, self.total.bytes),
        ) {
            (Some(files), Some(bytes)) => files.min(bytes),
            (part, None) | (None, part) => part?,
        };
        (part > 0.0).then(|| (self.seconds / part - self.seconds).max(0.0))
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "phase": self.phase.word(),
            "files": self.files,
            "files_total": self.total.files,
            "bytes": self.bytes,
            "bytes_total": self.total.bytes,
            "bytes_per_s": self.rate().round(),
            "left_s": self.left().map(f64::round),
        })
    }

    fn line(&self) -> String {
        let mut line = format!("{}: {} files", self.phase.word(), self.files);
        if self.bytes > 0 {
            let rate = format_size(self.rate() as u64, DECIMAL);
            line += &format!(", {}, {rate}/s", format_size(self.bytes, DECIMAL));
        }
        if let Some(left) = self.left() {
            let left = left.round() as u64;
            line += &format!(", {}:{:02} left", left / 60, left % 60);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(files: u64, bytes: u64) -> Sample {
        let total = Total {
            files: 100,
            bytes: 1000,
        };
        Sample {
            phase: Phase::Copy,
            files,
            bytes,
            total,
            seconds: 10.0,
        }
    }

    #[test]
    fn the_slower_of_names_and_bytes_tells_the_time_left() {
        assert_eq!(sample(50, 100).left(), Some(90.0));
        assert_eq!(sample(10, 900).left(), Some(90.0));
        assert_eq!(sample(0, 0).left(), None);
        assert_eq!(sample(100, 1000).left(), Some(0.0));
    }

    #[test]
    fn a_line_and_an_object_say_the_same() {
        assert_eq!(
            sample(50, 100).line(),
            "copy: 50 files, 100 B, 10 B/s, 1:30 left"
        );
        let json = sample(50, 100).json();
        assert_eq!(
            (&json["left_s"], &json["bytes_per_s"]),
            (&json!(90.0), &json!(10.0))
        );
    }
}
