//! Starting K3s, and waiting for it with an end.

use super::diagnose::{self, Cause};
use crate::answer::FileAnswer;
use crate::plan::files::{MODULES, SYSCTLS};
use anyhow::Context;
use cluster::command::Command;
use cluster::finding::Finding;
use serde_json::json;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// How often the unit is looked at.
const PAUSE: Duration = Duration::from_millis(500);
/// A unit that was started anew so often will not get ready by waiting.
const RESTARTS: u32 = 3;
/// How much of its log is read.
const LINES: &str = "400";

/// What systemd says of a unit.
#[derive(Debug, Clone, Default)]
struct Unit {
    active: String,
    result: String,
    restarts: u32,
}

/// Puts into effect now what the kernel reads at its next start: modules, and settings. K3s starts without some of them.
pub fn load(node: &str, files: &[FileAnswer]) -> Vec<Finding> {
    let of = |path: &str| files.iter().find(|file| file.path == path);
    let mut commands = Vec::new();
    if let Some(file) = of(MODULES) {
        let names = file.content.lines().filter(|line| !line.starts_with('#'));
        commands.push(Command::new("modprobe").args(["--all", "--"]).args(names));
    }
    if of(SYSCTLS).is_some() {
        commands.push(Command::new("sysctl").args(["--quiet", "--load", SYSCTLS]));
    }
    let limit = Duration::from_secs(60);
    let failed = commands
        .into_iter()
        .filter_map(|command| command.limit(limit).run().err());
    failed
        .map(|error| {
            let message =
                format!("what stands in its files is not in effect before the next start: {error}");
            Finding::warning("k3s-kernel-settings", node, message).fix(format!(
                "modprobe the names in {MODULES}; sysctl --load {SYSCTLS}"
            ))
        })
        .collect()
}

/// Starts the unit, or starts it anew where what it reads was changed, and waits until it says that it is ready.
/// `None`: it is.
///
/// # Errors
/// systemd cannot be asked.
pub fn start(
    unit: &str,
    changed: bool,
    wait: Duration,
    secrets: &[Vec<u8>],
) -> anyhow::Result<Option<Finding>> {
    let since = cursor();
    let before = look(unit)?;
    if before.active == "active" && !changed {
        return Ok(None);
    }
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", "--", unit])?;
    let verb = if before.active == "active" {
        "restart"
    } else {
        "start"
    };
    // Without waiting in systemctl, which would wait as long as the unit may take: for ever, where it has no limit.
    systemctl(&[verb, "--no-block", "--", unit])?;
    let begun = Instant::now();
    loop {
        thread::sleep(PAUSE);
        let now = look(unit)?;
        let failing = now.active == "failed" || now.restarts >= before.restarts + RESTARTS;
        if now.active == "active" && begun.elapsed() > PAUSE * 2 {
            return Ok(None);
        }
        if failing || begun.elapsed() >= wait {
            return Ok(Some(not_ready(
                unit,
                &now,
                begun.elapsed(),
                &since,
                secrets,
            )));
        }
    }
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
    let command = Command::new("systemctl")
        .args(arguments)
        .limit(Duration::from_secs(60));
    command.run().context("asking systemd")
}

fn look(unit: &str) -> anyhow::Result<Unit> {
    let out = systemctl(&[
        "show",
        "--property",
        "ActiveState,Result,NRestarts",
        "--",
        unit,
    ])?;
    let text = String::from_utf8_lossy(&out).into_owned();
    let all: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let of = |name: &str| all.get(name).copied().unwrap_or_default();
    Ok(Unit {
        active: of("ActiveState").to_owned(),
        result: of("Result").to_owned(),
        restarts: of("NRestarts").parse().unwrap_or(0),
    })
}

/// The argument that leaves out of a log what stands in it now: of an earlier start, which had another cause.
fn cursor() -> String {
    let last = Command::new("journalctl").args(["--lines", "0", "--show-cursor", "--quiet"]);
    let out = last
        .limit(Duration::from_secs(20))
        .run()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&out).into_owned();
    match text.trim().strip_prefix("-- cursor: ") {
        Some(cursor) => format!("--after-cursor={cursor}"),
        None => "--boot".to_owned(),
    }
}

/// Why it is not ready, from its own log.
fn not_ready(
    unit: &str,
    now: &Unit,
    waited: Duration,
    since: &str,
    secrets: &[Vec<u8>],
) -> Finding {
    let log = Command::new("journalctl").args([
        "--unit",
        unit,
        "--lines",
        LINES,
        "--no-pager",
        "--output",
        "cat",
        since,
    ]);
    let log = log.limit(Duration::from_secs(20)).run().unwrap_or_default();
    let log = diagnose::redact(&String::from_utf8_lossy(&log), secrets);
    let last: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = last[last.len().saturating_sub(5)..].to_vec();
    let goes_on = match now.active.as_str() {
        "failed" => "",
        _ => "; systemd goes on trying",
    };
    let state = format!(
        "{unit} is not ready after {} s ({}, {} restarts){goes_on}",
        waited.as_secs(),
        now.active,
        now.restarts
    );
    let (message, fix) = match diagnose::cause(&log) {
        Some(Cause { why, fix, .. }) => (format!("{state}: {why}"), fix.to_owned()),
        None => (state, format!("journalctl -u {unit} -e")),
    };
    Finding::error("k3s-not-ready", unit, message)
        .fix(fix)
        .evidence(json!({"state": now.active, "result": now.result, "restarts": now.restarts, "log": last}))
}
