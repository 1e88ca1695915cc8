//! pi-dockerroot with a real dockerd and a real containerd of Debian, in PID, mount and network namespaces of their own: moved, rolled
//! back, finished, refused, and killed at random instants.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::Context;
use cluster_tests::program::Program;
use cluster_tests::{long, require, tools};

const PROGRAMS: &[&str] = &[
    "unshare",
    "busybox",
    "chattr",
    "containerd",
    "ctr",
    "docker",
    "dockerd",
    "findmnt",
    "ip",
    "jq",
    "mkfs.ext4",
    "runc",
    "setpriv",
    "start-stop-daemon",
];

/// Runs a script of tests/engine; what it says.
fn script(name: &str, arguments: &[&str]) -> Option<String> {
    if !require(PROGRAMS).unwrap() {
        return None;
    }
    let programs = tools::folder().unwrap();
    assert!(
        programs.join("pi-dockerroot").is_file(),
        "build the workspace first"
    );
    let outcome = Program::new("env")
        .args([format!("TOOLS={}", programs.display())])
        .args([
            "unshare",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount",
            "--mount-proc",
            "--net",
            "bash",
        ])
        .args([tools::top().join("tests/engine").join(name)])
        .args(arguments)
        .run()
        .unwrap();
    let text = outcome.success();
    Some(
        text.with_context(|| format!("{name} {arguments:?}"))
            .unwrap(),
    )
}

/// Runs a script, which must end with these words.
fn ends(name: &str, arguments: &[&str], words: &str) {
    if let Some(text) = script(name, arguments) {
        assert!(text.ends_with(words), "{text}");
    }
}

/// A move by this way, and whatever the script does after it.
fn moved(name: &str, way: &str) {
    ends(name, &[way], "moved\n");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn docker_moves_by_a_new_daemon_json_and_loses_its_old_root() {
    moved("move.sh", "json");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn docker_moves_by_a_daemon_json_with_other_keys_and_back() {
    moved("move.sh", "keys");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn docker_moves_by_its_flag_and_back() {
    moved("move.sh", "flag");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn docker_goes_back_without_what_was_written_since() {
    moved("move.sh", "discard");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn docker_moves_by_a_mount_on_its_old_root_and_back() {
    moved("bind.sh", "docker");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn containerd_moves_and_back() {
    moved("bind.sh", "containerd");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn the_containerd_of_k3s_moves_and_back() {
    moved("bind.sh", "k3s");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_is_not_safe_is_refused_and_nothing_changes() {
    ends("refusals.sh", &[], "all refused\n");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_fails_leaves_the_engine_on_its_old_root() {
    ends("failures.sh", &[], "back each time\n");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn killed_at_random_instants_nothing_is_lost() {
    killed(if long() { "100" } else { "10" }, &[]);
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn killed_at_random_instants_of_a_move_by_a_mount_nothing_is_lost() {
    killed(if long() { "100" } else { "8" }, &["bind"]);
}

fn killed(rounds: &str, more: &[&str]) {
    let seed = fastrand::u16(..).to_string();
    if let Some(text) = script("kill.sh", &[&[rounds, &seed], more].concat()) {
        assert!(text.contains("killed in:"), "seed {seed}: {text}");
    }
}
