//! Whether pi-wifi sees that the connection it was started over lives on: a real ssh server, and a cable that is cut.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::Context;
use cluster::root::Root;
use cluster_tests::program::Program;
use cluster_tests::{require, require_root, tools};
use pi_wifi::ssh;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

const PROGRAMS: &[&str] = &["unshare", "nsenter", "ip", "sshd", "ssh", "ssh-keygen"];
/// Long enough for a retransmission or two.
const PATIENCE: Duration = Duration::from_secs(4);

/// What each session ends with.
const EXPECTED: &str = "pipe Alive own
terminal Alive own
redirected Alive session
cut1 Unacknowledged 
cut2 Unacknowledged 
cut3 Unacknowledged 
cut-redirected Unacknowledged 
";

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_connection_lives_only_where_new_bytes_are_acknowledged() {
    if !require(PROGRAMS).unwrap() || !require_root().unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let outcome = Program::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "bash",
        ])
        .args([
            tools::top().join("tests/wifi/ssh.sh"),
            folder.path().to_owned(),
        ])
        .args([std::env::current_exe().unwrap()])
        .args(["--exact", "--ignored", "in_the_session"])
        .run()
        .unwrap();
    let said = outcome.success().context("the sessions").unwrap();
    assert_eq!(said, EXPECTED);
}

/// What runs in each session: not a test of its own.
#[test]
#[ignore = "real part: run by the test above"]
fn in_the_session() {
    let Some(answer) = std::env::var_os("LIFE").map(PathBuf::from) else {
        return;
    };
    let session = ssh::session(&Root::open(Path::new("/")).unwrap()).unwrap();
    let beside = |end: &str| PathBuf::from(format!("{}.{end}", answer.display()));
    std::fs::write(beside("ready"), "").unwrap();
    while !beside("go").exists() {
        sleep(Duration::from_millis(20));
    }
    let own = || drop(std::io::stderr().write_all(b"own\n"));
    let of_session = || drop(session.write(b"session\n"));
    let life = ssh::life(&session.connection, PATIENCE, &[&own, &of_session]);
    std::fs::write(&answer, format!("{life:?}")).unwrap();
}
