//! k3s-join in four network namespaces: routes, interfaces, ports that a firewall closes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::Program;
use cluster_tests::ran;
use cluster_tests::{require, tools};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// Findings that are about the network; the others are about the machine that the test runs on.
const NETWORK: [&str; 18] = [
    "k3s-address-leased",
    "k3s-address-missing",
    "k3s-address-wrong-interface",
    "k3s-default-route-interface",
    "k3s-interface-missing",
    "k3s-no-default-route",
    "k3s-no-route-to-server",
    "k3s-peer-silent",
    "k3s-port-closed",
    "k3s-port-taken",
    "k3s-server-forbidden",
    "k3s-server-name-unknown",
    "k3s-server-no-route",
    "k3s-server-refused",
    "k3s-server-silent",
    "k3s-server-unreachable",
    "k3s-server-url",
    "k3s-server-wrong-interface",
];

/// What the script says, by scene.
fn scenes() -> BTreeMap<String, Value> {
    let folder = tempfile::tempdir().unwrap();
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    for node in document["nodes"].as_array_mut().unwrap() {
        node["os"] = json!("raspios");
    }
    let file = folder.path().join("cluster.json");
    std::fs::write(&file, document.to_string()).unwrap();
    for name in ["k3s.token", "k3s.agent-token"] {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{name}-0123456789-0123456789")).unwrap();
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
    }
    let program = tools::folder().unwrap().join("k3s-join");
    let script = tools::top().join("tests/k3s/network.sh");
    let words = [
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "bash",
    ];
    let outcome = Program::new("unshare")
        .args(words)
        .args([script.as_path(), &program, &file, folder.path()])
        .run()
        .unwrap();
    let text = outcome.success().unwrap();
    let scenes = text.lines().map(|line| line.split_once('\t').unwrap());
    scenes
        .map(|(name, json)| (name.to_owned(), serde_json::from_str(json).unwrap()))
        .collect()
}

/// The ids of the findings about the network, sorted.
fn network(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap();
    let ids = findings.iter().map(|f| f["id"].as_str().unwrap());
    let mut found: Vec<&str> = ids.filter(|id| NETWORK.contains(id)).collect();
    found.sort_unstable();
    found
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn each_obstacle_between_the_nodes_is_named() {
    if !require(&["unshare", "ip", "nft", "python3"]).unwrap() {
        return;
    }
    let scenes = scenes();
    for (scene, expected) in [
        ("good", &[][..]),
        ("nobody", &["k3s-server-refused"]),
        ("dropped", &["k3s-port-closed", "k3s-server-silent"]),
        ("one-port", &["k3s-port-closed", "k3s-server-refused"]),
        ("rejected", &["k3s-port-closed", "k3s-server-unreachable"]),
        // The kernel tells a TCP client nothing of it.
        ("own-firewall", &["k3s-port-closed", "k3s-server-silent"]),
        ("port-taken", &["k3s-port-taken"]),
        ("no-default-route", &["k3s-no-default-route"]),
        (
            "no-route",
            &["k3s-no-default-route", "k3s-no-route-to-server"],
        ),
        (
            "unreachable-default",
            &["k3s-no-default-route", "k3s-no-route-to-server"],
        ),
        (
            "wrong-interface",
            &[
                "k3s-address-wrong-interface",
                "k3s-default-route-interface",
                "k3s-server-wrong-interface",
            ],
        ),
        ("moved", &["k3s-address-missing", "k3s-no-default-route"]),
        (
            "leased",
            &["k3s-address-leased", "k3s-default-route-interface"],
        ),
    ] {
        let answer = &scenes[scene];
        assert_eq!(network(answer), expected, "{scene}: {}", answer["findings"]);
    }
    let lost = network(&scenes["no-route-rehearsed"]);
    assert!(lost.contains(&"k3s-server-no-route"), "{lost:?}");
    let ports = &ran(&scenes["one-port"])["ports"];
    let of = |node: &str, port: &str| {
        let found = ports
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["node"] == node && p["port"] == port);
        found.unwrap()["result"].clone()
    };
    assert_eq!(of("pi1", "tcp/10250"), "silent");
    assert_eq!(of("pi1", "tcp/6443"), "reached");
    assert_eq!(of("pi3", "tcp/10250"), "reached");
    assert_eq!(of("pi3", "udp/8472"), "reached");
}
