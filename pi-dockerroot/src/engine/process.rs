//! Processes, as `/proc` shows them.

use anyhow::{Context, Result};
use cluster::process;
use cluster::root::Root;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// One process. Its start tells it from a later one with the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Process {
    /// Its id, above 1.
    pub id: i32,
    /// When it was started, in clock ticks since the boot.
    pub start: u64,
}

/// A process with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which.
    pub process: Process,
    /// Its parent's id.
    pub parent: i32,
    /// Its name (at most 15 bytes).
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// All processes of this process's own PID namespace: what runs inside containers is none of ours.
///
/// # Errors
/// `/proc` cannot be read.
pub fn all(root: &Root) -> Result<Vec<Found>> {
    if !root.is_system() {
        return Ok(Vec::new());
    }
    let own = std::fs::read_link("/proc/self/ns/pid").ok();
    let mut found = Vec::new();
    for id in process::numbers(root).context("reading /proc")? {
        // A process may end while it is looked at.
        if let Some(process) = i32::try_from(id).ok().and_then(|id| look(root, id))
            && (own.is_none() || std::fs::read_link(format!("/proc/{id}/ns/pid")).ok() == own)
        {
            found.push(process);
        }
    }
    Ok(found)
}

/// A process by its id; nothing where there is none, it ended, or its id is not above 1.
pub fn look(root: &Root, id: i32) -> Option<Found> {
    let number = u32::try_from(id).ok().filter(|id| *id > 1)?;
    let stat = process::stat(root, number)?;
    Some(Found {
        process: Process {
            id,
            start: stat.start,
        },
        parent: i32::try_from(stat.parent).ok()?,
        name: stat.name,
        arguments: process::arguments(root, number)?,
    })
}

impl Process {
    /// Whether it still runs.
    pub fn runs(self) -> bool {
        Root::open(Path::new("/"))
            .ok()
            .and_then(|root| look(&root, self.id))
            .is_some_and(|found| found.process == self)
    }

    /// Waits until it ended; whether it did.
    pub fn ended_within(self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.runs() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Ends it: asked first, then killed. Whether it ended.
    pub fn end(self, patience: Duration) -> bool {
        use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
        let Some(id) = Pid::from_raw(self.id).filter(|_| self.id > 1) else {
            return true;
        };
        // The descriptor is this process's for good; after it is open the start tells whether it is the right one.
        let Ok(open) = pidfd_open(id, PidfdFlags::empty()) else {
            return !self.runs();
        };
        if !self.runs() {
            return true;
        }
        for (signal, limit) in [
            (Signal::TERM, patience),
            (Signal::KILL, Duration::from_secs(10)),
        ] {
            // One that is gone already needs no signal.
            let _ = pidfd_send_signal(&open, signal);
            if self.ended_within(limit) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_and_ends_what_it_started() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let root = Root::open(Path::new("/")).unwrap();
        let id = i32::try_from(child.id()).unwrap();
        let mut found = look(&root, id).unwrap();
        // It is there a moment before its arguments are.
        while found.arguments.is_empty() {
            found = look(&root, id).unwrap();
        }
        assert_eq!(found.arguments, ["sleep", "100"]);
        let other = Process {
            id,
            start: found.process.start + 1,
        };
        assert!(!other.runs() && other.end(Duration::ZERO));
        assert!(found.process.runs());
        assert!(found.process.end(Duration::from_secs(5)));
        child.wait().unwrap();
        assert!(look(&root, 1).is_none());
    }
}
