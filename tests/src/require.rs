//! What a test needs beyond cargo: there, or said loudly to be missing.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io::Write;
use std::process::Command;

/// Whether all `programs` are found on `PATH`. Where one is not: an error under `CI=true`, otherwise
/// `false` and a `SKIPPED` on standard error that the test runner does not swallow.
///
/// ```no_run
/// # fn main() -> anyhow::Result<()> {
/// if !cluster_tests::require(&["qemu-system-x86_64", "sfdisk"])? {
///     return Ok(());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// A program is missing under `CI=true`.
pub fn require(programs: &[&str]) -> Result<bool> {
    let path = search_path();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let found = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    let missing: Vec<&str> = programs.iter().copied().filter(|p| !found(p)).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    let missing = missing.join(", ");
    without(
        &format!("{missing} not found; scripts/setup installs it"),
        in_ci(),
    )
}

/// Whether the test runs as root, said as loudly where it does not.
///
/// # Errors
/// It does not under `CI=true`, or cannot know.
pub fn require_root() -> Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status").context("reading who runs this")?;
    if status.lines().any(|line| line.starts_with("Uid:\t0\t0")) {
        return Ok(true);
    }
    without("root is needed", in_ci())
}

/// Whether this is the long run: `LONG` is set, as `scripts/test --long` does.
pub fn long() -> bool {
    std::env::var_os("LONG").is_some()
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|ci| ci == "true")
}

/// Never silently: `false`, or an error where everything has to be there.
fn without(why: &str, ci: bool) -> Result<bool> {
    if ci {
        bail!("{why}");
    }
    skipped(why)?;
    Ok(false)
}

/// A command for a program of the host that may stand in `sbin`, which is not on everybody's `PATH`.
pub fn host(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", search_path());
    command
}

fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

/// Straight to standard error: what goes through the print macros is only shown for a test that failed.
fn skipped(why: &str) -> Result<()> {
    let thread = std::thread::current();
    writeln!(
        std::io::stderr(),
        "SKIPPED: {}: {why}",
        thread.name().unwrap_or("?")
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_fails_in_ci() {
        assert!(require(&["sh", "cat"]).unwrap());
        assert!(without("no-such not found", true).is_err());
    }
}
