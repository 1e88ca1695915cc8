//! The scripts and the Makefile fragment as a person uses them, on the programs of this build.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::tools;
use std::path::Path;

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// Runs a bash command in `folder`, with `BIN` naming this build's programs.
fn bash(folder: &Path, command: &str) -> Outcome {
    let bin = tools::folder().unwrap();
    let top = tools::top();
    let script = format!(
        "export BIN={} TOP={}\n{command}",
        bin.display(),
        top.display()
    );
    Program::new("bash")
        .args(["-uc", &script])
        .folder(folder)
        .run()
        .unwrap()
}

/// The reference cluster without its allocation: poe-budget's answer becomes "unknown".
fn undecided() -> String {
    let text = EXAMPLE.replace("\"allocation\": \"draw\",", "");
    assert_ne!(text, EXAMPLE);
    text
}

#[test]
fn planning_the_built_in_cluster_writes_the_document_and_says_what_it_costs() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = bash(folder.path(), "$TOP/scripts/plan-cluster");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let text = outcome.text();
    for words in [
        "Cluster cloud-at-home: 4 nodes",
        "poe-budget     yes",
        "CHF 493.70, without a price: 4 x LogiLink",
    ] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
    let planned = std::fs::read(folder.path().join("out/planned.json")).unwrap();
    let planned: serde_json::Value = serde_json::from_slice(&planned).unwrap();
    for tool in tools::names().unwrap() {
        assert!(
            planned[tool.replace('-', "_")]["ok"].is_boolean(),
            "{tool} has no answer"
        );
    }
    let (_, listed) = text.split_once("Written to out:\n").unwrap();
    assert!(listed.lines().count() > 5, "{listed}");
    for line in listed.lines() {
        assert!(
            folder.path().join("out").join(line.trim()).is_file(),
            "{line}"
        );
    }
}

#[test]
fn secrets_are_made_once_for_their_owner_and_go_into_each_nodes_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mut document: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap();
    document["k3s"]["ca_dir"] = "k3s-ca".into();
    for node in document["nodes"].as_array_mut().unwrap() {
        node["os"] = "raspios".into();
    }
    std::fs::write(folder.path().join("c.json"), document.to_string()).unwrap();
    let plan = || {
        let outcome = bash(folder.path(), "$TOP/scripts/plan-cluster c.json");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        outcome
    };
    let said = plan();
    let at = |name: &str| folder.path().join("out").join(name);
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    let mode = |name: &str| at(name).metadata().unwrap().permissions().mode() & 0o777;
    let [server, agent] = ["secrets/k3s.token", "secrets/k3s.agent-token"].map(|name| {
        assert_eq!(mode(name), 0o600, "{name}");
        read(name).trim().to_owned()
    });
    assert!(server.len() > 30 && agent.len() > 30 && server != agent);
    let token = "k3s-join/etc/rancher/k3s/k3s-join.token";
    assert_eq!(mode(&format!("nodes/pi2/{token}")), 0o600);
    let joined = read(&format!("nodes/pi2/{token}"));
    assert!(
        joined.starts_with("K10") && joined.ends_with(&format!("::node:{agent}\n")),
        "{joined}"
    );
    assert_eq!(read(&format!("nodes/pi1/{token}")).trim(), server);
    let key = "nodes/pi1/k3s-join/var/lib/rancher/k3s/server/tls/server-ca.key";
    assert_eq!(mode(key), 0o600);
    assert_eq!(read(key), read("secrets/k3s-ca/server-ca.key"));
    for words in [
        &said.text(),
        &said.stderr,
        &read("planned.json"),
        &read("nodes/pi2/k3s-join.sh"),
    ] {
        assert!(
            !words.contains(&server) && !words.contains(&agent),
            "{words}"
        );
    }
    plan();
    assert_eq!(read("secrets/k3s.token").trim(), server);
    assert_eq!(read(&format!("nodes/pi2/{token}")), joined);
}

#[test]
fn three_copies_come_with_heketis_topology_and_four_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let topology = folder.path().join("out/heketi/topology.json");
    let three = EXAMPLE.replace("\"replica\": 4", "\"replica\": 3");
    assert_ne!(three, EXAMPLE);
    std::fs::write(folder.path().join("three.json"), three).unwrap();
    for (input, there) in [("three.json", true), ("", false)] {
        let command = format!("$TOP/scripts/plan-cluster {input}");
        let outcome = bash(folder.path(), &command);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert_eq!(topology.is_file(), there, "{}", outcome.text());
        for path in [
            "gluster/gluster.sh",
            "kubernetes/gluster.yaml",
            "nodes/pi1/gluster.sh",
        ] {
            assert!(folder.path().join("out").join(path).is_file(), "{path}");
        }
    }
}

#[test]
fn a_rancheros_node_gets_one_configuration_of_all_tools_and_others_their_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("out").join(name);
    let mode = |name: &str| at(name).metadata().unwrap().permissions().mode() & 0o777;
    let outcome = bash(
        folder.path(),
        "$TOP/scripts/plan-cluster && cp out/secrets/wifi.psk kept && $TOP/scripts/plan-cluster >/dev/null && cmp kept out/secrets/wifi.psk",
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let config = std::fs::read_to_string(at("nodes/pi1/cloud-config.yml")).unwrap();
    for words in [
        "\"LABEL=docker\",\"/mnt/docker\",\"ext4\",\"noatime\"",
        "\"wifi_network\":\"wlan0\"",
        "psk=",
    ] {
        assert!(config.contains(words), "{words} is not in {config}");
    }
    assert_eq!(
        (mode("nodes/pi1/cloud-config.yml"), mode("secrets/wifi.psk")),
        (0o600, 0o600)
    );
    let psk = std::fs::read_to_string(at("secrets/wifi.psk")).unwrap();
    let text = bash(
        folder.path(),
        "cat out/planned.json out/summary.txt out/nodes/*/pi-wifi.txt",
    )
    .text();
    assert!(!text.contains(psk.trim()), "the secret is in the open");

    let others = EXAMPLE.replace("\"os\": \"rancheros\"", "\"os\": \"raspios\"");
    std::fs::write(folder.path().join("c.json"), others).unwrap();
    let outcome = bash(folder.path(), "$TOP/scripts/plan-cluster c.json");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome
            .text()
            .contains("the secret file ./wifi.psk is not there yet"),
        "{}",
        outcome.text()
    );
    assert!(at("nodes/pi1/pi-wifi.sh").is_file() && !at("nodes/pi1/wifi").exists());
    let outcome = bash(
        folder.path(),
        "cp kept wifi.psk && $TOP/scripts/plan-cluster c.json",
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let file =
        "nodes/pi1/wifi/etc/NetworkManager/system-connections/pi-wifi-cloud-at-home.nmconnection";
    assert_eq!(mode(file), 0o600);
}

#[test]
fn planning_again_keeps_what_is_not_ours_and_takes_away_what_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("plan").join(name);
    std::fs::create_dir(folder.path().join("plan")).unwrap();
    std::fs::write(at("mine.txt"), "mine").unwrap();
    assert_eq!(
        bash(folder.path(), "$TOP/scripts/plan-cluster -o plan").code,
        Some(0)
    );
    std::fs::write(at("old.txt"), "old").unwrap();
    let manifest = std::fs::read_to_string(at(".manifest")).unwrap();
    std::fs::write(at(".manifest"), format!("{manifest}./old.txt\n")).unwrap();
    assert_eq!(
        bash(
            folder.path(),
            "sort -o plan/.manifest plan/.manifest; $TOP/scripts/plan-cluster -o plan"
        )
        .code,
        Some(0)
    );
    assert!(at("mine.txt").exists() && !at("old.txt").exists());
    assert_eq!(std::fs::read_to_string(at(".manifest")).unwrap(), manifest);
}

#[test]
fn a_no_is_an_answer_and_with_strict_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.json"), undecided()).unwrap();
    let outcome = bash(folder.path(), "$TOP/scripts/plan-cluster c.json");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.text().contains("poe-budget     NO"),
        "{}",
        outcome.text()
    );
    assert_eq!(
        bash(folder.path(), "$TOP/scripts/plan-cluster c.json --strict").code,
        Some(3)
    );
}

#[test]
fn invalid_input_ends_planning_and_leaves_the_former_files() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        bash(folder.path(), "$TOP/scripts/plan-cluster").code,
        Some(0)
    );
    let before = std::fs::read(folder.path().join("out/planned.json")).unwrap();
    std::fs::write(
        folder.path().join("c.json"),
        EXAMPLE.replace("budget_w", "budgt_w"),
    )
    .unwrap();
    let outcome = bash(folder.path(), "$TOP/scripts/plan-cluster c.json");
    assert_eq!(outcome.code, Some(65), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("switches[0].budgt_w"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        std::fs::read(folder.path().join("out/planned.json")).unwrap(),
        before
    );
    let hidden = std::fs::read_dir(folder.path().join("out")).unwrap();
    let hidden: Vec<_> = hidden
        .map(|e| e.unwrap().file_name())
        .filter(|n| n.to_string_lossy().starts_with(".new"))
        .collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    for wrong in ["--strct", "none.json", "-o", "a b"] {
        assert_eq!(
            bash(folder.path(), &format!("$TOP/scripts/plan-cluster {wrong}")).code,
            Some(2),
            "{wrong}"
        );
    }
}

#[test]
fn make_plans_once_and_stops_at_a_no() {
    let folder = tempfile::tempdir().unwrap();
    let planned = folder.path().join("out/planned.json");
    std::fs::write(
        folder.path().join("Makefile"),
        "all: out/planned.json out/nat.rsc\ninclude $(TOP)/scripts/cluster.mk\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("cluster.json"), EXAMPLE).unwrap();
    let make = "make --no-print-directory BIN=$BIN/";
    let outcome = bash(folder.path(), make);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(planned.is_file());
    assert!(
        bash(folder.path(), make)
            .text()
            .contains("Nothing to be done")
    );
    std::fs::write(folder.path().join("cluster.json"), undecided()).unwrap();
    let outcome = bash(
        folder.path(),
        &format!("touch -d '+1 minute' cluster.json; {make}"),
    );
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(
        !folder.path().join("out/poe-budget.json").exists(),
        "a half-written target is left"
    );
}

#[test]
fn every_tool_has_its_part_of_the_bench() {
    let top = tools::top();
    let names = tools::names().unwrap();
    for tool in &names {
        let command = format!(
            ". $TOP/tests/bench/{tool}.sh && declare -F bench_{}",
            tool.replace('-', "_")
        );
        let outcome = bash(top, &command);
        assert_eq!(outcome.code, Some(0), "{tool}: {}", outcome.stderr);
    }
    for part in std::fs::read_dir(top.join("tests/bench")).unwrap() {
        let part = part.unwrap().file_name().into_string().unwrap();
        if let Some(name) = part.strip_suffix(".sh") {
            let shared = ["lib", "reference"].contains(&name);
            assert!(shared || names.iter().any(|tool| tool == name), "{part}");
        }
    }
    let outcome = bash(top, "$TOP/scripts/bench no-tool");
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("nat-gen"), "{}", outcome.stderr);
}

#[test]
fn a_row_of_the_bench_that_misses_its_aim_is_marked() {
    let rows = |call: &str| {
        let command =
            format!(". tests/bench/lib.sh; tool=x-y; {call}; printf '%s\\n' \"${{rows[@]}}\"");
        let outcome = bash(tools::top(), &command);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        outcome.text()
    };
    for (call, row) in [
        (
            "beside a 0.5 1 2 jq",
            "| x-y, a, beside `jq` | 1.00 s | 2.00 s | 0.50 | at most 0.5 |\n",
        ),
        (
            "beside a 0.5 1.001 2 jq",
            "| x-y, a, beside `jq` | 1.00 s | 2.00 s | 0.50 | at most 0.5, **missed** |\n",
        ),
        (
            "within a 0.004 0.003",
            "| x-y, a | 3.0 ms |  | 0.75 | at most 4 ms |\n",
        ),
        (
            "within a 0.004 0.005 0.01 jq",
            "| x-y, a, beside `jq` | 5.0 ms | 10.0 ms | 0.50 | at most 4 ms, **missed** |\n",
        ),
        (
            "weight a 6000000 6100000",
            "| x-y, a | 6.1 MB |  | 1.02 | at most 6.0 MB, **missed** |\n",
        ),
        (
            "weight a '' 5000 10000 jq",
            "| x-y, a, beside `jq` | 5.0 kB | 10.0 kB | 0.50 |  |\n",
        ),
        (
            "growth a 5 4 1",
            "| x-y, a | 4.00 s | 1.00 s | 4.00 | at most 5 |\n",
        ),
    ] {
        assert_eq!(rows(call), row);
    }
}
