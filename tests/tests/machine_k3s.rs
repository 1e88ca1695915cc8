//! k3s-join on real kernels: what `--check` says of control groups, and a command line that is edited, takes effect at the
//! next start, and is taken back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::{Context, Result, ensure};
use cluster_tests::machine::{self, Answer, Card, Kind, PROGRAMS};
use cluster_tests::{ran, require, said};
use serde_json::Value;
use std::time::Duration;

/// Patience for a machine that shares its host's processors with other tests.
const LIMIT: Duration = Duration::from_secs(300);
const CHECK: &str = "./k3s-join -n --check --only";
const CONTROLLERS: &str = "cat /sys/fs/cgroup/cgroup.controllers";

/// The errors of a check's answer.
fn errors(answer: &Answer, check: &str) -> Result<(i32, Vec<String>)> {
    let check = answer.check(check)?;
    let value: Value = serde_json::from_slice(&check.stdout)
        .with_context(|| format!("{}: {}", check.name, String::from_utf8_lossy(&check.stderr)))?;
    value["findings"].as_array().context("no findings")?;
    let ids = said::errors(&value).into_iter().map(str::to_owned);
    Ok((check.status, ids.collect()))
}

fn of_memory(ids: &[String]) -> Vec<&str> {
    let of_memory =
        |id: &&String| id.contains("memory") || id.contains("kernel-line") || id.contains("reboot");
    ids.iter().filter(of_memory).map(String::as_str).collect()
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_sees_what_each_kernel_really_has() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let card = Card::new(Kind::Pc).make()?;
    let tool = machine::program(Kind::Pc, "k3s-join")?;
    for (name, words, memory) in [
        ("plain", "", true),
        ("off", "cgroup_disable=memory", false),
        // A mainline kernel does not know the second word, and takes nothing back.
        (
            "both",
            "cgroup_disable=memory cgroup_enable=memory cgroup_memory=1",
            false,
        ),
    ] {
        let answer = card
            .boot(&format!("k3s-cgroup-{name}"))
            .limit(LIMIT)
            .append(words)
            .file(&tool)
            .check("controllers", CONTROLLERS)
            .check("join", CHECK)
            .run()?;
        let controllers = answer.check("controllers")?.success()?;
        assert_eq!(
            controllers.contains("memory"),
            memory,
            "{name}: {controllers}"
        );
        let (status, ids) = errors(&answer, "join")?;
        let expected: &[&str] = if memory {
            &[]
        } else {
            &["k3s-memory-cgroup-off"]
        };
        assert_eq!(
            (status, of_memory(&ids)),
            (3, expected.to_vec()),
            "{name}: {ids:?}"
        );
        let text = String::from_utf8_lossy(&answer.check("join")?.stdout).into_owned();
        assert_eq!(
            text.contains("does not know cgroup_enable="),
            name == "both",
            "{name}: {text}"
        );
        // The machine has no network and no vxlan, which is seen, too.
        for id in ["k3s-no-default-route", "k3s-module-missing"] {
            ensure!(
                ids.iter().any(|found| found == id),
                "{name}: {id} is not in {ids:?}"
            );
        }
    }
    Ok(())
}

/// The boot partition where Raspberry Pi OS has it.
const MOUNT: &str = "mkdir -p /boot/firmware; mount /dev/mmcblk0p1 /boot/firmware";
const APPLY: &str = "./k3s-join -n --apply --only";

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_gets_its_memory_control_group_by_an_edited_line_and_a_restart() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let line = "console=serial0,115200 console=tty1 root=@ROOT@ rootfstype=ext4 cgroup_disable=memory fsck.repair=yes rootwait";
    let card = Card::new(Kind::Pi).cmdline(line).make()?;
    let tool = machine::program(Kind::Pi, "k3s-join")?;
    let first = card
        .boot("k3s-line-1")
        .limit(LIMIT)
        .file(&tool)
        .check("mount", MOUNT)
        .check("before", "cat /boot/firmware/cmdline.txt")
        .check("controllers", CONTROLLERS)
        .check("join", CHECK)
        .check("apply", APPLY)
        .check("after", "cat /boot/firmware/cmdline.txt")
        .check("join-again", CHECK)
        .check("umount", "umount /boot/firmware")
        .run()?;
    first.check("mount")?.success()?;
    ensure!(!first.check("controllers")?.success()?.contains("memory"));
    let (_, ids) = errors(&first, "join")?;
    assert_eq!(of_memory(&ids), ["k3s-memory-cgroup-off"], "{ids:?}");
    let (status, ids) = errors(&first, "apply")?;
    assert_eq!(
        (status, of_memory(&ids)),
        (3, vec!["k3s-reboot-required"]),
        "{ids:?}"
    );
    let applied: Value = serde_json::from_slice(&first.check("apply")?.stdout)?;
    assert_eq!(ran(&applied)["act"]["reboot_required"], true);
    let before = first.check("before")?.success()?;
    let after = first.check("after")?.success()?;
    let expected = before
        .replace(" cgroup_disable=memory", "")
        .trim_end()
        .to_owned();
    assert_eq!(
        after.trim_end(),
        format!("{expected} cgroup_memory=1 cgroup_enable=memory")
    );
    assert_eq!(
        of_memory(&errors(&first, "join-again")?.1),
        ["k3s-reboot-required"]
    );
    first.check("umount")?.success()?;

    let second = card
        .boot("k3s-line-2")
        .limit(LIMIT)
        .file(&tool)
        .check("mount", MOUNT)
        .check("controllers", CONTROLLERS)
        .check("cmdline", "cat /proc/cmdline")
        .check("join", CHECK)
        .check("apply", APPLY)
        .check("leave", "./k3s-join -n --leave --apply --only")
        .check("after", "cat /boot/firmware/cmdline.txt")
        .check("umount", "umount /boot/firmware")
        .run()?;
    ensure!(
        second.check("controllers")?.success()?.contains("memory"),
        "the effect is not there"
    );
    ensure!(
        second
            .check("cmdline")?
            .success()?
            .contains("cgroup_memory=1 cgroup_enable=memory")
    );
    let none: [&str; 0] = [];
    assert_eq!(of_memory(&errors(&second, "join")?.1), none);
    let again: Value = serde_json::from_slice(&second.check("apply")?.stdout)?;
    assert_eq!(ran(&again)["act"]["did"], serde_json::json!([]));
    second.check("leave")?.success()?;
    assert_eq!(second.check("after")?.success()?, before, "taken back");

    let third = card
        .boot("k3s-line-3")
        .limit(LIMIT)
        .check("controllers", CONTROLLERS)
        .run()?;
    ensure!(!third.check("controllers")?.success()?.contains("memory"));
    Ok(())
}
