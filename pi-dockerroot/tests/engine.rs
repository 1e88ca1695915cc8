//! The engine's side of the command line, without an engine: documents, other machines' disks, and what is refused as usage.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use serde_json::{Value, json};
use std::path::Path;

fn run(arguments: &[&str], input: &str) -> Outcome {
    Program::new(env!("CARGO_BIN_EXE_pi-dockerroot"))
        .args(arguments)
        .input(input)
        .run()
        .unwrap()
}

fn answer(arguments: &[&str], input: &Value) -> Value {
    let arguments = [&["--only"], arguments].concat();
    run(&arguments, &input.to_string()).json().unwrap()
}

fn ids(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["id"].as_str().unwrap())
        .collect()
}

fn two_nodes() -> Value {
    json!({"nodes": [
        {"name": "a1", "os": "burmillaos", "partitions": [{"label": "docker", "mount": "/mnt/one"}]},
        {"name": "a2", "os": "debian", "partitions": [{"label": "data", "mount": "/mnt/two"}]},
    ]})
}

#[test]
fn a_document_alone_says_where_to_and_that_the_rest_is_not_known() {
    let answer = answer(&[], &two_nodes());
    assert_eq!(
        (&answer["ok"], &answer["pending"]),
        (&json!(false), &Value::Null)
    );
    let (first, second) = (&answer["nodes"]["a1"], &answer["nodes"]["a2"]);
    assert_eq!(
        (&first["from"], &first["to"]),
        (&json!("/var/lib/docker"), &json!("/mnt/one"))
    );
    assert_eq!(first["steps"], json!([]));
    // Nothing is wished of the second.
    assert_eq!(
        (&second["ok"], &second["pending"], &second["to"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(
        ids(&answer),
        ["dockerroot-unseen", "dockerroot-os-unproven"]
    );
}

#[test]
fn pi_partitions_answer_is_used_and_has_to_be_done() {
    let mut document = two_nodes();
    document["pi_partition"] = json!({"ok": true, "nodes": {
        "a1": {"ok": true, "pending": true, "partitions": [{"label": "docker", "mount": "/mnt/other"}]},
    }});
    let answer = answer(&["--node", "a1"], &document);
    assert_eq!(answer["nodes"]["a1"]["to"], "/mnt/other");
    assert!(answer["nodes"].get("a2").is_none());
    assert!(ids(&answer).contains(&"dockerroot-partition-not-ready"));
}

#[test]
fn other_nodes_answers_are_kept_as_they_are() {
    let mut document = two_nodes();
    document["pi_dockerroot"] = json!({"nodes": {"a2": {"ok": false, "x": [1.50]}}});
    let outcome = run(&["--node", "a1"], &document.to_string());
    let after = outcome.json().unwrap();
    assert_eq!(
        after["pi_dockerroot"]["nodes"]["a2"],
        json!({"ok": false, "x": [1.50]})
    );
    assert!(ids(&after["pi_dockerroot"]).contains(&"dockerroot-kept-answer"));
}

#[test]
fn a_cloud_config_is_for_the_systems_that_have_one() {
    let outcome = run(&["-f", "cloud-config"], &two_nodes().to_string());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(
        outcome.text(),
        "#cloud-config\n\"burmilla\": {\"docker\":{\"graph\":\"/mnt/one\"}}\n"
    );
}

#[test]
fn a_path_that_a_cloud_config_cannot_hold_is_refused() {
    let with = |mount: &str| {
        let mut document = two_nodes();
        document["pi_partition"] = json!({"ok": true, "nodes": {
            "a1": {"ok": true, "partitions": [{"label": "docker", "mount": mount}]},
        }});
        for node in document["nodes"].as_array_mut().unwrap() {
            node["os"] = "rancheros".into();
        }
        run(
            &["-f", "cloud-config", "--node", "a1"],
            &document.to_string(),
        )
    };
    assert_eq!(with("/mnt/one").code, Some(0));
    let outcome = with("/mnt/é");
    assert_eq!((outcome.code, outcome.stdout.len()), (Some(3), 0));
    assert!(
        outcome.stderr.contains("not plain ASCII"),
        "{}",
        outcome.stderr
    );
    let outcome = with("\u{1b}[2J");
    assert_eq!(outcome.code, Some(65), "{}", outcome.stderr);
}

#[test]
fn what_contradicts_itself_is_usage() {
    let document = two_nodes().to_string();
    for (arguments, words) in [
        (&["-n", "--rollback", "--to", "/x"][..], "--to"),
        (&["-n", "--copy-back"], "--rollback"),
        (
            &["-n", "--rollback", "--copy-back", "--discard"],
            "--discard",
        ),
        (&["-n", "--check", "--apply"], "--apply"),
        (&["-n", "--stop-command", "x"], "--start-command"),
        (&["-n", "--tree"], "--from"),
        (
            &[
                "-n", "--tree", "--from", "/a", "--to", "/b", "--engine", "k3s",
            ],
            "--engine",
        ),
        (&["-n", "--to", "docker"], "no absolute path"),
        (&["-n", "--sysroot", "/tmp", "--apply"], "--sysroot"),
        (
            &["--apply"],
            "no node of the document is named like this machine",
        ),
        (&["--apply", "--node", "a1"], "\"a1\" was asked for"),
        (&["--node", "a3"], "did you mean"),
    ] {
        let outcome = run(arguments, if arguments[0] == "-n" { "" } else { &document });
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(words),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(outcome.stdout.is_empty());
    }
}

/// A disk of another machine, as a folder.
fn disk(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn check(folder: &Path, more: &[&str]) -> Value {
    let folder = folder.display().to_string();
    let arguments = [
        &[
            "-n",
            "--check",
            "--only",
            "--node",
            "a1",
            "--sysroot",
            &folder,
        ],
        more,
    ]
    .concat();
    run(&arguments, "").json().unwrap()
}

#[test]
fn another_machines_disk_tells_its_configuration() {
    let folder = disk(&[
        ("etc/docker/daemon.json", "{\"data-root\": \"/mnt/docker\"}"),
        (
            "etc/fstab",
            "# x /mnt/docker\nUUID=1 /mnt/docker ext4 defaults 0 2\n",
        ),
        ("etc/init.d/docker", ""),
    ]);
    let seen = &check(folder.path(), &["--to", "/mnt/docker"])["nodes"]["a1"]["check"];
    assert_eq!(seen["configured"], "/mnt/docker");
    assert_eq!(seen["mounted_by"], "/etc/fstab");
    assert_eq!(seen["running"], false);
    let folder = disk(&[(
        "etc/containerd/config.toml",
        "version = 2\nroot = \"/srv/c\"\n",
    )]);
    let seen = check(folder.path(), &["--engine", "containerd"]);
    assert_eq!(seen["nodes"]["a1"]["check"]["configured"], "/srv/c");
}

#[test]
fn paths_on_another_machines_disk_are_not_looked_up_on_this_one() {
    let record = json!({
        "engine": "docker", "old": "/nowhere/old", "new": "/nowhere/new", "before": null, "stage": "moved", "inventory": null,
        "switch": {"kind": "json", "path": "/etc/docker/daemon.json", "key": "data-root"},
    });
    let folder = disk(&[(
        "var/lib/cluster/pi-dockerroot/docker.json",
        &record.to_string(),
    )]);
    let seen = &check(folder.path(), &[])["nodes"]["a1"]["check"];
    assert_eq!(seen["left_bytes"], Value::Null);
    assert_eq!(seen["configured"], "/var/lib/docker");
}

#[test]
fn two_names_for_the_root_are_named() {
    let folder = disk(&[(
        "etc/docker/daemon.json",
        "{\"data-root\": \"/a\", \"graph\": \"/b\"}",
    )]);
    let answer = check(folder.path(), &[]);
    assert_eq!(ids(&answer), ["dockerroot-root-ambiguous"]);
    let message = answer["findings"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("data-root /a") && message.contains("graph /b"),
        "{message}"
    );
}

#[test]
fn a_damaged_configuration_is_named_and_not_guessed_at() {
    let folder = disk(&[("etc/docker/daemon.json", "{\"data-root\": ")]);
    let folder = folder.path().display().to_string();
    let outcome = run(&["-n", "--check", "--sysroot", &folder], "");
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.stderr.contains("reading /etc/docker/daemon.json"),
        "{}",
        outcome.stderr
    );
}
