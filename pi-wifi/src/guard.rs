//! A timer of its own: a second process that takes a trial back when the one that tries it ends without having kept it.
//!
//! It is in a session of its own, under systemd in a unit of its own, so that neither a connection that breaks nor the end of
//! a login takes it along.

use crate::control::Control;
use anyhow::{Context, anyhow};
use cluster::command::Command;
use cluster::process;
use cluster::root::{Attributes, Root};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// Where trials stand; a restart of the machine takes it away, and every trial with it.
const FOLDER: &str = "/run/pi-wifi";
/// How often the guard looks.
const PAUSE: Duration = Duration::from_millis(250);
/// Longer than any trial's file.
const LIMIT: u64 = 1 << 20;

/// How a trial is taken back. It holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// The socket of the wpa_supplicant that the trial is in.
    pub control: Option<String>,
    /// What is said to it.
    pub commands: Vec<String>,
    /// Files that go.
    pub remove: Vec<String>,
    /// A program that was started for the trial: its number and when it began.
    pub end: Option<(u32, u64)>,
    /// Commands that run at the end.
    pub run: Vec<Vec<String>>,
    /// Commands that run then, and may fail: what they take back may not have been begun.
    #[serde(default)]
    pub attempt: Vec<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
struct Trial {
    process: u32,
    started: u64,
    limit_s: u64,
    undo: Undo,
}

/// A trial that somebody guards.
#[derive(Debug)]
#[must_use = "the guard takes the trial back unless it is kept"]
pub struct Guard {
    path: String,
    undo: Undo,
}

impl Guard {
    /// Starts the guard. It takes the trial back when this process ends, or after `limit`, unless it is kept or taken back before.
    ///
    /// # Errors
    /// It cannot be started; then nothing may be tried.
    pub fn start(
        root: &Root,
        interface: &str,
        limit: Duration,
        undo: Undo,
    ) -> anyhow::Result<Self> {
        let id = std::process::id();
        let own = process::stat(root, id).context("finding out when this program began")?;
        let trial = Trial {
            process: id,
            started: own.start,
            limit_s: limit.as_secs(),
            undo: undo.clone(),
        };
        // Of this run alone: another one must not end this one's guard.
        let path = format!("{FOLDER}/{interface}.{id}.trial");
        let text = serde_json::to_vec(&trial).context("writing the trial down")?;
        let attributes = Attributes {
            mode: 0o600,
            owner: None,
        };
        root.make_folder(Path::new(FOLDER), 0o700)
            .and_then(|()| root.write(Path::new(&path), &text, attributes))
            .with_context(|| format!("writing {path}"))?;
        spawn(root, interface, &path)?;
        Ok(Self { path, undo })
    }

    /// Whether it stands: the trial was not taken back meanwhile.
    ///
    /// # Errors
    /// It was, or nobody can tell.
    pub fn stands(&self, root: &Root) -> anyhow::Result<()> {
        let looking = || format!("looking at {}", self.path);
        if root.exists(Path::new(&self.path)).with_context(looking)? {
            return Ok(());
        }
        Err(taken_back())
    }

    /// The trial stays: the guard ends.
    ///
    /// # Errors
    /// It took the trial back meanwhile; what the file system reports.
    pub fn keep(self, root: &Root) -> anyhow::Result<()> {
        if self.end(root)? {
            return Ok(());
        }
        Err(taken_back())
    }

    /// Takes the trial back now, and ends the guard.
    ///
    /// # Errors
    /// What keeps it from being taken back; the guard then tries as well.
    pub fn take_back(self, root: &Root) -> anyhow::Result<()> {
        take_back(root, &self.undo)?;
        self.end(root).map(drop)
    }

    /// Whether it was still there.
    fn end(&self, root: &Root) -> anyhow::Result<bool> {
        root.remove(Path::new(&self.path))
            .with_context(|| format!("removing {}", self.path))
    }
}

fn taken_back() -> anyhow::Error {
    anyhow!("the trial took too long, and its guard took it back")
}

/// Starts this same program as a guard, out of reach of what may end its parent.
fn spawn(root: &Root, interface: &str, path: &str) -> anyhow::Result<()> {
    let own = std::env::current_exe().context("finding this program")?;
    let own = own.to_string_lossy().into_owned();
    let arguments = [own.as_str(), "-n", "--guard", path];
    if root
        .exists(Path::new("/run/systemd/system"))
        .unwrap_or(false)
    {
        let unit = format!("--unit=pi-wifi-guard-{interface}-{}", std::process::id());
        let run = Command::new("systemd-run")
            .args(["--collect", "--quiet", &unit, "--"])
            .args(arguments);
        run.run().context("starting the guard")?;
        return Ok(());
    }
    let mut command = std::process::Command::new(&own);
    command
        .args(&arguments[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // SAFETY: setsid(2) is async-signal-safe and touches no memory; the closure does nothing else.
    unsafe {
        command.pre_exec(|| nix::unistd::setsid().map(drop).map_err(Into::into));
    }
    command.spawn().context("starting the guard")?;
    Ok(())
}

/// The guard's own life.
///
/// # Errors
/// The trial cannot be read, or not be taken back.
pub fn watch(root: &Root, path: &Path) -> anyhow::Result<()> {
    let Some(trial) = read(root, path)? else {
        return Ok(());
    };
    let deadline = Instant::now() + Duration::from_secs(trial.limit_s);
    while process::stat(root, trial.process).is_some_and(|now| now.start == trial.started)
        && Instant::now() < deadline
    {
        // Kept, or taken back already.
        if !root.exists(path).unwrap_or(true) {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    // Whoever removes the file has the say: from now on it cannot be kept any more.
    if !root.remove(path).context("ending the trial")? {
        return Ok(());
    }
    take_back(root, &trial.undo)
}

fn read(root: &Root, path: &Path) -> anyhow::Result<Option<Trial>> {
    let reading = || format!("reading {}", path.display());
    let text = root.read_if_there(path, LIMIT).with_context(reading)?;
    text.map(|text| serde_json::from_slice(&text).with_context(reading))
        .transpose()
}

/// Does all of it, also where a part of it fails; the first failure is told.
fn take_back(root: &Root, undo: &Undo) -> anyhow::Result<()> {
    let mut first = Ok(());
    let mut note = |result: anyhow::Result<()>| {
        if first.is_ok() {
            first = result;
        }
    };
    if let Some(path) = &undo.control {
        match Control::open(path) {
            // A network that is gone already answers FAIL: that is no failure.
            Ok(control) => undo.commands.iter().for_each(|command| {
                note(control.ask(command.as_bytes()).map(drop));
            }),
            Err(error) => note(Err(error)),
        }
    }
    if let Some((process, started)) = undo.end {
        end(root, process, started);
    }
    for path in &undo.remove {
        note(
            root.remove(Path::new(path))
                .map(drop)
                .with_context(|| format!("removing {path}")),
        );
    }
    for argv in &undo.run {
        note(run(argv));
    }
    for argv in &undo.attempt {
        // Where it was not begun there is nothing to take back.
        let _ = run(argv);
    }
    first
}

fn run(argv: &[String]) -> anyhow::Result<()> {
    let Some((program, arguments)) = argv.split_first() else {
        return Ok(());
    };
    Command::new(program).args(arguments).run()?;
    Ok(())
}

/// Ends a program, if it is still the one that was started.
pub(crate) fn end(root: &Root, id: u32, started: u64) {
    let same = process::stat(root, id).is_some_and(|now| now.start == started);
    // 0 and 1 would be everybody.
    if let Some(id) = i32::try_from(id).ok().filter(|id| same && *id > 1) {
        // Gone in between is as well.
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_cannot_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let guard = || Guard {
            path: "/wlan0.1.trial".to_owned(),
            undo: Undo::default(),
        };
        let file = folder.path().join("wlan0.1.trial");
        std::fs::write(&file, "").unwrap();
        guard().stands(&root).unwrap();
        guard().keep(&root).unwrap();
        assert!(!file.exists());
        assert!(guard().stands(&root).is_err());
        let error = guard().keep(&root).unwrap_err();
        assert!(error.to_string().contains("took it back"), "{error}");
        guard().take_back(&root).unwrap();
    }

    #[test]
    fn the_guard_of_a_dead_program_takes_back_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        for name in ["tried", "wlan0.1.trial"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let trial = Trial {
            process: 1,
            started: 1,
            limit_s: 0,
            undo: Undo {
                remove: vec!["/tried".to_owned()],
                attempt: vec![vec!["false".to_owned()], vec!["no-such-program".to_owned()]],
                ..Undo::default()
            },
        };
        let path = Path::new("/wlan0.1.trial");
        let text = serde_json::to_vec(&trial).unwrap();
        std::fs::write(folder.path().join("wlan0.1.trial"), text).unwrap();
        watch(&root, path).unwrap();
        assert!(root.names(Path::new("/")).unwrap().is_empty());
        watch(&root, path).unwrap();
    }
}
