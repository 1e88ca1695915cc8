//! pi-dockerroot with a real dockerd and a real containerd of Debian, in PID, mount and network namespaces of their own: moved, rolled
//! back, finished, refused, and killed at random instants.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::Program;
use cluster_tests::{require, tools};

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
    let text = outcome.text();
    assert_eq!(
        outcome.code,
        Some(0),
        "{name} {arguments:?}: {text}{}",
        outcome.stderr
    );
    Some(text)
}

/// A move by this way, and whatever the script does after it.
fn moved(name: &str, way: &str) {
    if let Some(text) = script(name, &[way]) {
        assert!(text.ends_with("moved\n"), "{text}");
    }
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
    if let Some(text) = script("refusals.sh", &[]) {
        assert!(text.ends_with("all refused\n"), "{text}");
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_fails_leaves_the_engine_on_its_old_root() {
    if let Some(text) = script("failures.sh", &[]) {
        assert!(text.ends_with("back each time\n"), "{text}");
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn killed_at_random_instants_nothing_is_lost() {
    let long = std::env::var_os("LONG").is_some();
    let seed = u16::from_le_bytes(rand_bytes());
    let rounds = if long { "100" } else { "10" };
    if let Some(text) = script("kill.sh", &[rounds, &seed.to_string()]) {
        assert!(text.contains("killed in:"), "seed {seed}: {text}");
    }
}

fn rand_bytes() -> [u8; 2] {
    let mut bytes = [0; 2];
    std::io::Read::read_exact(
        &mut std::fs::File::open("/dev/urandom").unwrap(),
        &mut bytes,
    )
    .unwrap();
    bytes
}
