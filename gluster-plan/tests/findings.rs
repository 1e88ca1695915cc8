//! Every finding: what brings it about, how much it matters, and that the page lists it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use cluster_tests::program::Outcome;
use common::{run, volume, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn observed(node: usize, fields: Value) -> Value {
    with(&[(&format!("/nodes/{node}/observed"), fields)])
}

/// A document, arguments, and the finding that it shall have: severity, identifier, what its message says.
type Case = (Value, Vec<String>, &'static str, &'static str, &'static str);

fn of_documents() -> Vec<Case> {
    let plain = |document: Value, severity, id, says| (document, Vec::new(), severity, id, says);
    let cloned = |node: usize| json!({"glusterd_info": format!("UUID=0a1b{}\noperating-version=100000\n", if node < 2 { 0 } else { node })});
    let mut twins = with(&[]);
    for node in 0..4 {
        twins["nodes"][node]["observed"] = cloned(node);
    }
    let elsewhere = json!({"getent": "127.0.1.1 STREAM pi1\n10.0.0.9 STREAM pi1\n", "ip": [{"addr_info": [{"local": "192.168.11.11"}]}]});
    vec![
        plain(
            with(&[("/nodes/0/arch", json!("armv7l"))]),
            "error",
            "gluster-32-bit",
            "SIGILL",
        ),
        plain(
            with(&[("/nodes/0/model", json!("raspberry-pi-zero-w"))]),
            "error",
            "gluster-32-bit",
            "armv6l",
        ),
        plain(
            observed(0, json!({"uname": "armv7l\n"})),
            "error",
            "gluster-32-bit",
            "armv7l",
        ),
        plain(with(&[]), "info", "gluster-arch-unknown", "does not say"),
        plain(with(&[]), "warning", "gluster-os-unproven", "systemd"),
        plain(
            volume(json!({"replica": 17})),
            "error",
            "gluster-replica",
            "found 17",
        ),
        plain(
            volume(json!({"replica": 0})),
            "error",
            "gluster-replica",
            "found 0",
        ),
        plain(
            volume(json!({"replica": 4, "arbiter": true})),
            "error",
            "gluster-arbiter",
            "not with 4",
        ),
        plain(
            volume(json!({"name": "all"})),
            "error",
            "gluster-reserved-name",
            "all",
        ),
        plain(
            with(&[("/storage/volumes", json!([{"name": "a"}, {"name": "a"}]))]),
            "error",
            "gluster-volume-twice",
            "called a",
        ),
        plain(
            volume(json!({"nodes": ["pi1", "pi2", "pi7"]})),
            "error",
            "gluster-node-unknown",
            "did you mean",
        ),
        plain(
            volume(json!({"replica": 5})),
            "error",
            "gluster-too-few-bricks",
            "want 5 nodes",
        ),
        plain(
            volume(json!({"replica": 3, "nodes": ["pi1", "pi2", "pi3", "pi4"]})),
            "error",
            "gluster-brick-count",
            "1 would be left over",
        ),
        plain(
            with(&[("/nodes/0/usb/0/device", Value::Null)]),
            "error",
            "gluster-no-device",
            "which device",
        ),
        plain(
            with(&[(
                "/nodes/0/usb",
                json!([{"device": "/dev/sda", "size_bytes": 1, "use": "brick"}, {"device": "/dev/sda"}]),
            )]),
            "error",
            "gluster-device-twice",
            "stands twice",
        ),
        plain(
            with(&[("/nodes/0/usb/0/device", json!("/dev/mmcblk0p4"))]),
            "error",
            "gluster-root-disk",
            "starts from",
        ),
        plain(
            with(&[("/nodes/0/usb/0/size_bytes", json!("200MB"))]),
            "error",
            "gluster-too-small",
            "too few for XFS",
        ),
        plain(
            with(&[("/nodes/0/usb/0/size_bytes", Value::Null)]),
            "info",
            "gluster-size-unknown",
            "nobody can say",
        ),
        plain(
            observed(
                0,
                json!({"lsblk": {"blockdevices": [{"path": "/dev/sda", "fstype": "vfat", "uuid": "1234-5678"}]}}),
            ),
            "error",
            "gluster-foreign-signature",
            "holds vfat",
        ),
        plain(
            observed(
                1,
                json!({"lsblk": {"blockdevices": [{"path": "/dev/sda", "fstype": null, "pttype": "dos"}]}}),
            ),
            "error",
            "gluster-foreign-signature",
            "partition table (dos)",
        ),
        plain(
            volume(json!({"mount": "/mnt/docker"})),
            "error",
            "gluster-mount-taken",
            "a partition of pi1",
        ),
        plain(
            volume(json!({"mount": "/srv/gluster/sda"})),
            "error",
            "gluster-mount-taken",
            "the bricks",
        ),
        plain(
            observed(0, elsewhere),
            "error",
            "gluster-own-name",
            "leads to 10.0.0.9",
        ),
        plain(twins, "error", "gluster-uuid-cloned", "pi2 and pi1"),
        plain(
            volume(json!({"quorum": "fixed"})),
            "error",
            "gluster-quorum-count",
            "needs quorum_count",
        ),
        plain(
            volume(json!({"quorum": "fixed", "quorum_count": 4})),
            "error",
            "gluster-quorum-count",
            "nobody could ever use it",
        ),
        plain(
            volume(json!({"quorum_count": 2})),
            "error",
            "gluster-quorum-count",
            "fixed only",
        ),
        plain(
            volume(json!({"server_quorum": true, "server_quorum_ratio": 101})),
            "error",
            "gluster-server-quorum-ratio",
            "1 to 100",
        ),
        plain(
            with(&[(
                "/storage/volumes",
                json!([{"name": "a", "server_quorum": true}, {"name": "b", "server_quorum": true, "server_quorum_ratio": 50}]),
            )]),
            "error",
            "gluster-server-quorum-ratio",
            "different ones",
        ),
        plain(
            volume(json!({"replica": 4, "quorum": "fixed", "quorum_count": 2})),
            "error",
            "gluster-split-brain",
            "version 1 is read",
        ),
        plain(
            volume(json!({"replica": 2, "quorum": "none"})),
            "error",
            "gluster-split-brain",
            "pi1:sda",
        ),
        plain(
            with(&[]),
            "info",
            "gluster-guarantee",
            "4 copies guarantee one loss, as 3 copies do",
        ),
        plain(
            volume(json!({"replica": 2})),
            "warning",
            "gluster-two-copies",
            "nothing is guaranteed",
        ),
        plain(
            volume(json!({"replica": 1})),
            "warning",
            "gluster-one-copy",
            "takes its files along",
        ),
        plain(
            with(&[]),
            "warning",
            "gluster-one-domain",
            "4 bricks of a set lose power with sw1",
        ),
        plain(
            with(&[("/nodes/0/usb/0/size_bytes", json!("32GB"))]),
            "warning",
            "gluster-uneven-bricks",
            "stay unused",
        ),
        plain(
            with(&[("/storage/volumes", json!([{"name": "a"}, {"name": "b"}]))]),
            "warning",
            "gluster-shared-sticks",
            "share",
        ),
        plain(volume(json!({})), "info", "gluster-spare", "no volume uses"),
        plain(with(&[]), "info", "gluster-nfs", "one node"),
        plain(
            with(&[("/network/lan", Value::Null)]),
            "error",
            "gluster-nfs-lan",
            "which network",
        ),
        plain(
            with(&[]),
            "warning",
            "gluster-heketi-replica",
            "Invalid replica",
        ),
        plain(
            with(&[("/storage", Value::Null)]),
            "info",
            "gluster-no-volumes",
            "no volume",
        ),
    ]
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|word| (*word).to_owned()).collect()
}

fn of_questions() -> Vec<Case> {
    let asked = |document: Value, arguments: &[&str], severity, id, says| {
        (document, words(arguments), severity, id, says)
    };
    let three = || volume(json!({"replica": 3, "nodes": ["pi1", "pi2", "pi3"]}));
    let pairs = || volume(json!({"replica": 2}));
    let mut shed = with(&[]);
    shed["poe_budget"] = json!({"ok": false, "shed_order": ["pi1"]});
    vec![
        asked(
            shed,
            &[],
            "warning",
            "gluster-answer-not-ok",
            "its own answer is no",
        ),
        asked(
            with(&[]),
            &["--lose", "sw1"],
            "error",
            "gluster-lose-unavailable",
            "without sw1",
        ),
        asked(
            with(&[]),
            &["--lose", "pi1,pi2,pi3,pi4"],
            "error",
            "gluster-lose-lost",
            "files are gone",
        ),
        asked(
            three(),
            &["--replace", "pi4:sda"],
            "error",
            "gluster-not-a-brick",
            "no volume has a brick",
        ),
        asked(
            three(),
            &["--remove", "pi4"],
            "error",
            "gluster-not-a-brick",
            "no volume has a brick",
        ),
        asked(
            volume(json!({"replica": 1})),
            &["--replace", "pi1:sda"],
            "error",
            "gluster-only-copy",
            "no whole copy",
        ),
        asked(
            volume(json!({"replica": 1})),
            &["--remove", "pi1"],
            "error",
            "gluster-only-copy",
            "only copy",
        ),
        asked(
            three(),
            &["--replace", "pi3:sda=pi2:sda"],
            "error",
            "gluster-same-node",
            "same set",
        ),
        asked(
            pairs(),
            &["--replace", "pi1:sda=pi3:sda"],
            "error",
            "gluster-stick-taken",
            "two bricks of gv0",
        ),
        asked(
            three(),
            &["--remove", "pi3", "--dead"],
            "warning",
            "gluster-given-up",
            "pi3:/srv/gluster/sda/gv0",
        ),
        asked(
            volume(
                json!({"replica": 3, "quorum": "fixed", "quorum_count": 3, "nodes": ["pi1", "pi2", "pi3"]}),
            ),
            &["--remove", "pi3"],
            "error",
            "gluster-change-ends",
            "no further step",
        ),
        asked(
            pairs(),
            &["--remove", "pi1"],
            "error",
            "gluster-remove-set",
            "incomplete",
        ),
        asked(
            pairs(),
            &["--replace", "pi1:sda"],
            "warning",
            "gluster-change-stops",
            "cannot be used",
        ),
        asked(
            with(&[]),
            &["--remove", "pi1"],
            "info",
            "gluster-first-brick-moves",
            "pi2:sda",
        ),
        asked(
            with(&[("/nodes/3/usb", json!([]))]),
            &["--add", "pi4"],
            "error",
            "gluster-too-few-bricks",
            "no stick",
        ),
        asked(
            volume(json!({"replica": 3, "arbiter": true})),
            &["--add", "pi4"],
            "error",
            "gluster-brick-count",
            "no whole set",
        ),
        asked(
            with(&[]),
            &["-f", "heketi"],
            "error",
            "gluster-heketi-replica",
            "3 at most",
        ),
        asked(volume(json!({})), &["-f", "heketi"], "", "", ""),
    ]
}

fn heketi() -> Vec<(Value, &'static str)> {
    let three = |changes: &[(&str, Value)]| {
        let mut all = vec![("/storage/volumes/0/replica", json!(3))];
        all.extend(changes.iter().cloned());
        with(&all)
    };
    vec![
        (
            three(&[("/nodes/0/address", Value::Null)]),
            "wants the node's address",
        ),
        (
            three(&[("/nodes/0/usb/0/device", json!("/dev/disk/by-id/a b"))]),
            "letters, digits",
        ),
        (
            three(&[("/nodes/0/usb/0/size_bytes", json!("500MB"))]),
            "1 GiB to 4 TiB",
        ),
    ]
}

/// XML as gluster prints it.
fn info(fields: &str, bricks: &[&str]) -> String {
    let bricks: String = bricks
        .iter()
        .map(|brick| format!("<brick><name>{brick}</name><isArbiter>0</isArbiter></brick>"))
        .collect();
    format!(
        "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>gv0</name><statusStr>Started</statusStr><arbiterCount>0</arbiterCount>{fields}<bricks>{bricks}</bricks><options/></volume></volumes></volInfo></cliOutput>"
    )
}

fn pool(peers: &[(&str, &str, u8)]) -> String {
    let peers: String = peers
        .iter()
        .map(|(uuid, name, connected)| format!("<peer><uuid>{uuid}</uuid><hostname>{name}</hostname><connected>{connected}</connected></peer>"))
        .collect();
    format!("<cliOutput><opRet>0</opRet><peerStatus>{peers}</peerStatus></cliOutput>")
}

/// A document, XML, and the finding.
fn of_what_is_there() -> Vec<(Value, String, &'static str, &'static str, &'static str)> {
    let sets = |copies: u8| {
        format!("<replicaCount>{copies}</replicaCount><disperseCount>0</disperseCount>")
    };
    let at = |nodes: &[u8]| -> Vec<String> {
        nodes
            .iter()
            .map(|n| format!("pi{n}:/srv/gluster/sda/gv0"))
            .collect()
    };
    let found = |copies: u8, nodes: &[u8]| {
        let bricks = at(nodes);
        info(
            &sets(copies),
            &bricks.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    let mut shed = with(&[]);
    shed["poe_budget"] = json!({"ok": true, "shed_order": ["pi1", "pi2", "pi3", "pi4"]});
    vec![
        (
            with(&[]),
            found(3, &[1, 2, 3]),
            "error",
            "gluster-differs",
            "asks for 4 copies, and the volume has 3",
        ),
        (
            volume(json!({"replica": 2})),
            found(2, &[1, 2]),
            "info",
            "gluster-could-grow",
            "2 sticks",
        ),
        (
            volume(json!({"replica": 2, "quorum": "auto"})),
            found(2, &[1, 2]),
            "info",
            "gluster-other-quorum",
            "quorum none and no server quorum",
        ),
        (
            shed,
            found(4, &[1, 2, 3, 4]),
            "warning",
            "gluster-brick-order",
            "its brick 1 is pi1:sda",
        ),
        (
            with(&[("/storage", Value::Null)]),
            found(2, &[1, 2]),
            "info",
            "gluster-adopted",
            "not in the document",
        ),
        (
            with(&[("/storage", Value::Null)]),
            found(2, &[1, 2]),
            "warning",
            "gluster-split-brain",
            "two quorums",
        ),
        (
            with(&[("/storage", Value::Null)]),
            info(
                "<replicaCount>1</replicaCount><disperseCount>3</disperseCount>",
                &["pi1:/b"],
            ),
            "warning",
            "gluster-volume-kind",
            "dispersed",
        ),
        (
            with(&[]),
            pool(&[("a", "localhost", 1), ("b", "pi2", 0)]),
            "warning",
            "gluster-peer-away",
            "not connected",
        ),
        (
            with(&[]),
            pool(&[("a", "localhost", 1), ("a", "pi2", 1)]),
            "error",
            "gluster-uuid-cloned",
            "same identity",
        ),
        (
            volume(json!({"replica": 2, "nodes": ["pi1", "pi2"]})),
            pool(&[
                ("a", "localhost", 1),
                ("b", "pi2", 1),
                ("c", "pi8", 1),
                ("d", "pi9", 1),
            ]),
            "info",
            "gluster-more-peers",
            "hold no brick",
        ),
    ]
}

fn check(outcome: &Outcome, severity: &str, id: &str, says: &str) {
    let answer = outcome.json().unwrap();
    let findings = answer["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| {
        f["id"] == id && f["severity"] == severity && f["message"].as_str().unwrap().contains(says)
            || f["id"] == id && f["fix"].as_str().is_some_and(|fix| fix.contains(says))
    });
    assert!(
        found.is_some(),
        "{severity} {id} ({says}) is not in {findings:#?}"
    );
    assert_eq!(
        outcome.code,
        Some(if findings.iter().any(|f| f["severity"] == "error") {
            3
        } else {
            0
        })
    );
}

#[test]
fn every_finding_has_what_brings_it_about() {
    let mut ids = BTreeSet::new();
    for (document, arguments, severity, id, says) in
        of_documents().into_iter().chain(of_questions())
    {
        let mut all = vec!["--only"];
        all.extend(arguments.iter().map(String::as_str));
        let outcome = run(&all, &document);
        if all.contains(&"heketi") {
            assert_eq!(
                outcome.code,
                Some(if id.is_empty() { 0 } else { 3 }),
                "{}",
                outcome.stderr
            );
            assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
        } else {
            check(&outcome, severity, id, says);
        }
        ids.insert(id.to_owned());
    }
    for (document, says) in heketi() {
        let outcome = run(&["-f", "heketi"], &document);
        assert_eq!((outcome.code, outcome.stdout.len()), (Some(3), 0));
        assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seen.xml").display().to_string();
    for (document, xml, severity, id, says) in of_what_is_there() {
        std::fs::write(&path, xml).unwrap();
        check(
            &run(&["--only", "--observed", &path], &document),
            severity,
            id,
            says,
        );
        ids.insert(id.to_owned());
    }
    let domains = spread_unevenly();
    check(
        &run(&["--only"], &domains),
        "warning",
        "gluster-domain-shared",
        "spread unevenly",
    );
    ids.extend(
        [
            "gluster-domain-shared",
            "gluster-heketi-address",
            "gluster-heketi-device",
            "gluster-heketi-size",
        ]
        .map(str::to_owned),
    );
    ids.remove("");
    assert_eq!(
        ids,
        listed(),
        "the page lists other findings than these tests bring about"
    );
}

/// Three domains, of which one has most of the sticks.
fn spread_unevenly() -> Value {
    let node = |name: &str, domain: &str| json!({"name": name, "power_domain": domain, "usb": [{"device": "/dev/sda", "size_bytes": 64_000_000_000u64, "use": "brick"}]});
    let nodes = [
        node("a1", "a"),
        node("a2", "a"),
        node("a3", "a"),
        node("a4", "a"),
        node("b1", "b"),
        node("c1", "c"),
    ];
    json!({"nodes": nodes, "storage": {"volumes": [{"name": "v", "replica": 3}]}})
}

/// The findings that the page lists.
fn listed() -> BTreeSet<String> {
    let page = include_str!("../README.md");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `gluster-"));
    rows.map(|row| format!("gluster-{}", row.split('`').next().unwrap()))
        .collect()
}
