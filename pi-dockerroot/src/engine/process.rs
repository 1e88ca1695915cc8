//! Processes, as `/proc` shows them.

use anyhow::{Context, Result};
use cluster::root::Root;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// Larger than any command line that starts an engine.
const LIMIT: u64 = 1 << 20;

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

/// Which start of the machine this is: after another one a process's id and start may be another's.
///
/// # Errors
/// `/proc` cannot be read.
pub fn boot() -> Result<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .context("reading the boot's identity")?;
    Ok(boot.trim().to_owned())
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
    for name in root.names(Path::new("/proc")).context("reading /proc")? {
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while it is looked at.
        if let Some(process) = look(root, id)
            && (own.is_none() || std::fs::read_link(format!("/proc/{id}/ns/pid")).ok() == own)
        {
            found.push(process);
        }
    }
    Ok(found)
}

/// A process by its id; nothing where there is none, it ended, or its id is not above 1.
pub fn look(root: &Root, id: i32) -> Option<Found> {
    if id <= 1 {
        return None;
    }
    let read = |file: &str| {
        root.read(Path::new(&format!("/proc/{id}/{file}")), LIMIT)
            .ok()
    };
    let stat = String::from_utf8_lossy(&read("stat")?).into_owned();
    let (name, parent, start) = stat_fields(&stat)?;
    let arguments = String::from_utf8_lossy(&read("cmdline")?)
        .trim_end_matches('\0')
        .split('\0')
        .map(str::to_owned)
        .collect();
    Some(Found {
        process: Process { id, start },
        parent,
        name,
        arguments,
    })
}

/// Name, parent and start of a line of `/proc/PID/stat` (proc_pid_stat(5)); nothing for one that ended.
fn stat_fields(stat: &str) -> Option<(String, i32, u64)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split_whitespace().collect();
    // The third field of the line is the first after the name.
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some((
        name,
        fields.get(1)?.parse().ok()?,
        fields.get(19)?.parse().ok()?,
    ))
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
    fn a_name_may_hold_anything() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 12345 1 2 3";
        assert_eq!(stat_fields(line).unwrap(), ("a) b (c".to_owned(), 7, 12345));
        assert!(stat_fields(&line.replace(") S ", ") Z ")).is_none());
        assert!(stat_fields("42 (a").is_none());
    }

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
        while found.arguments == [""] {
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
