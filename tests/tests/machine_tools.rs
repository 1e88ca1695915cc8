//! Every tool as the static program for the Pi.

use anyhow::{Context, Result, ensure};
use cluster_tests::machine::{self, Card, Kind, PROGRAMS};
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

/// The planner that every other tool's input comes through gives the same bytes on the machine as here.
fn poe_budget_answers_as_on_the_host(kind: Kind) -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let host = tools::tool("poe-budget")?;
    let example = host.clone().args(["--example"]).run()?;
    let planned = host.input(example.stdout.clone()).run()?;
    ensure!(!planned.stdout.is_empty(), "{}", planned.stderr);

    let card = Card::new(kind).make()?;
    let answer = card
        .boot("poe-budget")
        .file(machine::program(kind, "poe-budget")?)
        .check("example", "./poe-budget --example")
        .check("planned", "./poe-budget --example | ./poe-budget")
        .run()?;
    assert_eq!(answer.check("example")?.stdout, example.stdout);
    let there = answer.check("planned")?;
    assert_eq!(
        (there.stdout, Some(there.status)),
        (planned.stdout, planned.code)
    );
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_poe_budget_answers_as_on_the_host() -> Result<()> {
    poe_budget_answers_as_on_the_host(Kind::Pc)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_poe_budget_answers_as_on_the_host() -> Result<()> {
    poe_budget_answers_as_on_the_host(Kind::Pi)
}
