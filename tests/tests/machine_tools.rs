//! Every tool as the static program for the Pi.

use anyhow::{Context, Result, ensure};
use cluster_tests::machine::{self, Kind, PROGRAMS};
use cluster_tests::{require, tools};
use std::process::Command;

#[test]
#[ignore = "machine: run by scripts/test"]
fn each_tool_runs_as_a_static_program_for_the_pi() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    for tool in tools::names()? {
        let program = machine::program(Kind::Pi, &tool)?;
        let file = Command::new("file").arg("-b").arg(&program).output()?;
        let kind = String::from_utf8(file.stdout)?;
        ensure!(
            kind.contains("ARM aarch64") && kind.contains("statically linked"),
            "{tool}: {kind}"
        );
        let version = Command::new("qemu-aarch64-static")
            .arg(&program)
            .arg("--version")
            .output()
            .context("running qemu-aarch64-static")?;
        let text = String::from_utf8(version.stdout)?;
        ensure!(
            version.status.success() && text.starts_with(&tool),
            "{tool}: {text}"
        );
    }
    Ok(())
}
