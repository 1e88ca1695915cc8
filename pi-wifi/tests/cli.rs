//! pi-wifi seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use serde_json::{Value, json};
use std::fs::{Permissions, write};
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");
const KEY: &str = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e";

/// A folder with the secret files of these names.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        secret(&folder, name, content, 0o600);
    }
    folder
}

fn secret(folder: &TempDir, name: &str, content: &str, mode: u32) {
    let path = folder.path().join(name);
    write(&path, content).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
}

fn run(folder: &TempDir, arguments: &[&str], input: &str) -> Outcome {
    Program::new(env!("CARGO_BIN_EXE_pi-wifi"))
        .args(arguments)
        .folder(folder.path())
        .input(input)
        .run()
        .unwrap()
}

fn ieee(more: &Value) -> String {
    let mut network = json!({"ssid": "IEEE", "psk_file": "psk"});
    network
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"wifi": {"country": "CH", "networks": [network]}}).to_string()
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let answer = outcome.json().unwrap();
    let answer = answer.get("pi_wifi").unwrap_or(&answer);
    let findings = answer["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|f| f["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_key_is_derived_and_the_passphrase_stays_away() {
    let folder = folder(&[("psk", "password")]);
    for format in ["wpa-supplicant", "networkmanager", "cloud-config"] {
        let outcome = run(&folder, &["-f", format], &ieee(&json!({})));
        assert_eq!(outcome.code, Some(0), "{format}: {}", outcome.stderr);
        assert!(outcome.text().contains(KEY), "{format}: {}", outcome.text());
        assert!(!outcome.text().contains("password"), "{format}");
    }
    let outcome = run(
        &folder,
        &["-f", "netplan", "--netplan-version", "0.106"],
        &ieee(&json!({})),
    );
    assert!(
        outcome.text().contains(&format!("password: \"{KEY}\"")),
        "{}",
        outcome.text()
    );
    for format in ["json", "text", "sh"] {
        let outcome = run(&folder, &["-f", format], &ieee(&json!({})));
        assert_eq!(outcome.code, Some(0), "{format}: {}", outcome.stderr);
        assert!(
            !outcome.text().contains(KEY) && !outcome.text().contains("password"),
            "{format}"
        );
    }
}

#[test]
fn files_with_secrets_are_for_their_owner_alone() {
    let folder = folder(&[("psk", "password")]);
    let outcome = run(
        &folder,
        &["-f", "systemd", "-o", "files"],
        &ieee(&json!({})),
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let mode = |name: &str| {
        let path = folder.path().join("files").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("wpa_supplicant-wlan0.conf"), 0o600);
    assert_eq!(mode("25-pi-wifi-wlan0.network"), 0o644);
    let outcome = run(&folder, &["-f", "files", "-o", "all"], &ieee(&json!({})));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        folder
            .path()
            .join("all/etc/udev/rules.d/70-pi-wifi.rules")
            .is_file()
    );
}

#[test]
fn a_document_that_is_not_valid_is_65_with_its_place() {
    let folder = folder(&[("psk", "password")]);
    let network = |text: &str| format!("{{\"wifi\": {{\"networks\": [{text}]}}}}");
    for (input, words) in [
        (
            network(r#"{"ssid": "", "psk_file": "psk"}"#),
            "wifi.networks[0].ssid: expected an SSID of 1 to 32 bytes, found 0",
        ),
        (
            network(&format!(
                r#"{{"ssid": "{}", "psk_file": "psk"}}"#,
                "a".repeat(33)
            )),
            "found 33",
        ),
        (
            network(r#"{"psk_file": "psk"}"#),
            "expected one of ssid, ssid_hex and ssid_base64",
        ),
        (
            network(r#"{"ssid": "a"}"#),
            "expected one of psk_file, psk_hex_file",
        ),
        (
            network(r#"{"ssid": "a", "open": true, "psk_file": "psk"}"#),
            "found several",
        ),
        (
            network(r#"{"ssid": "a", "open": true, "bssid": "x"}"#),
            "wifi.networks[0].bssid",
        ),
        (
            network(r#"{"ssid": "a", "open": true}, {"ssid_hex": "61", "open": true}"#),
            "found \"a\" again after wifi.networks[0]",
        ),
        (
            network(r#"{"ssid": "a", "psk_file": "psk", "security": "wpa2-enterprise"}"#),
            "WPA-Enterprise",
        ),
        (
            r#"{"wifi": {"country": "ch"}}"#.to_owned(),
            "did you mean \"CH\"?",
        ),
        (r#"{"wifi": {"country": "ZZ"}}"#.to_owned(), "wifi.country"),
    ] {
        let outcome = run(&folder, &[], &input);
        assert_eq!(outcome.code, Some(65), "{input}: {}", outcome.stderr);
        assert!(
            outcome.stderr.contains(words),
            "{input}: {}",
            outcome.stderr
        );
        assert!(outcome.stdout.is_empty());
    }
}

#[test]
fn a_secret_that_is_none_is_refused_by_name() {
    let folder = folder(&[
        ("short", "1234567"),
        ("long", &"x".repeat(64)),
        ("digits", &"0".repeat(64)),
        ("control", "1234567\t8"),
        ("key", KEY),
    ]);
    for (file, id) in [
        ("short", "wifi-passphrase-length"),
        ("long", "wifi-passphrase-length"),
        ("digits", "wifi-passphrase-is-key"),
        ("control", "wifi-passphrase-control"),
    ] {
        let outcome = run(&folder, &[], &ieee(&json!({"psk_file": file})));
        assert_eq!(outcome.code, Some(3), "{file}");
        assert!(
            ids(&outcome).contains(&id.to_owned()),
            "{file}: {:?}",
            ids(&outcome)
        );
        let outcome = run(
            &folder,
            &["-f", "wpa-supplicant"],
            &ieee(&json!({"psk_file": file})),
        );
        assert_eq!((outcome.code, outcome.stdout.len()), (Some(3), 0), "{file}");
    }
    let derived =
        json!({"wifi": {"country": "CH", "networks": [{"ssid": "IEEE", "psk_hex_file": "key"}]}})
            .to_string();
    let outcome = run(&folder, &["-f", "wpa-supplicant"], &derived);
    assert!(
        outcome.text().contains(&format!("psk={KEY}")),
        "{}",
        outcome.stderr
    );
    let wpa3 = derived.replace("\"ssid\"", "\"security\": \"mixed\", \"ssid\"");
    assert_eq!(ids(&run(&folder, &[], &wpa3))[0], "wifi-key-for-wpa3");
    let wrong = derived.replace("\"key\"", "\"short\"");
    assert_eq!(ids(&run(&folder, &[], &wrong))[0], "wifi-psk-hex");
}

#[test]
fn a_secret_that_is_not_there_is_a_warning_and_an_error_where_it_is_needed() {
    let folder = folder(&[]);
    let outcome = run(&folder, &[], &ieee(&json!({})));
    assert_eq!(
        (outcome.code, ids(&outcome)),
        (Some(0), vec!["wifi-secret-missing".to_owned()])
    );
    let outcome = run(&folder, &["-f", "sh"], &ieee(&json!({})));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let outcome = run(&folder, &["-f", "netplan"], &ieee(&json!({})));
    assert_eq!(
        (outcome.code, outcome.stdout.len()),
        (Some(3), 0),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("this format holds it"),
        "{}",
        outcome.stderr
    );
    secret(&folder, "psk", "password", 0o644);
    let outcome = run(&folder, &[], &ieee(&json!({})));
    assert_eq!(ids(&outcome), ["secret-file-open"]);
    let elsewhere = run(&folder, &["--secrets", "/nowhere"], &ieee(&json!({})));
    assert_eq!(ids(&elsewhere), ["wifi-secret-missing"]);
}

/// Runs the script that a document becomes, below `root`, with the secrets in `there`: the tool itself sees none.
fn script(folder: &TempDir, stack: &str, more: &Value) -> Outcome {
    let arguments = ["-f", "sh", "--stack", stack, "--netplan-version", "0.107.1"];
    let outcome = run(folder, &arguments, &ieee(more));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    write(folder.path().join("script"), outcome.text()).unwrap();
    Program::new("/bin/sh")
        .args(["-c", "ROOT=root SECRETS=there sh script"])
        .folder(folder.path())
        .run()
        .unwrap()
}

#[test]
fn a_script_without_its_secret_stops_before_it_writes() {
    for stack in ["wpa-supplicant", "networkmanager", "netplan", "systemd"] {
        for security in ["wpa3", "mixed", "wpa2"] {
            let folder = folder(&[]);
            std::fs::create_dir(folder.path().join("there")).unwrap();
            secret(&folder, "there/control", "1234567\t8", 0o600);
            for file in ["psk", "control"] {
                let more = json!({"security": security, "psk_file": file});
                let outcome = script(&folder, stack, &more);
                assert_eq!(outcome.code, Some(1), "{stack} {more}: {}", outcome.stderr);
                let words = format!(
                    "stopped: {}",
                    if file == "psk" {
                        "reading psk"
                    } else {
                        "control: "
                    }
                );
                assert!(
                    outcome.stderr.contains(&words),
                    "{stack} {more}: {}",
                    outcome.stderr
                );
                assert!(!folder.path().join("root").exists(), "{stack} {more}");
            }
        }
    }
}

#[test]
fn a_script_takes_one_line_end_as_the_tool_does() {
    for (stack, path, text) in [
        (
            "wpa-supplicant",
            "etc/wpa_supplicant/wpa_supplicant.conf",
            "sae_password=70617373776f7264\n",
        ),
        (
            "networkmanager",
            "etc/NetworkManager/system-connections/pi-wifi-IEEE.nmconnection",
            "psk=password\n",
        ),
        (
            "netplan",
            "etc/netplan/60-pi-wifi.yaml",
            "password: \"password\"\n",
        ),
    ] {
        for content in ["password", "password\n", "password\r\n"] {
            let folder = folder(&[]);
            std::fs::create_dir(folder.path().join("there")).unwrap();
            secret(&folder, "there/psk", content, 0o600);
            let outcome = script(&folder, stack, &json!({"security": "wpa3"}));
            assert_eq!(outcome.code, Some(0), "{stack}: {}", outcome.stderr);
            let written = std::fs::read_to_string(folder.path().join("root").join(path)).unwrap();
            assert!(written.contains(text), "{stack} {content:?}: {written}");
        }
    }
}

#[test]
fn what_a_stack_cannot_express_is_refused_by_its_name() {
    let folder = folder(&[("psk", "password"), ("quote", "a\"b#cdefgh"), ("key", KEY)]);
    let cases = [
        (
            vec!["--stack", "netplan"],
            json!({"ssid": null, "ssid_hex": "00ff"}),
            "text without control",
        ),
        (
            vec!["--stack", "netplan"],
            json!({"ssid": "a\"b#c"}),
            "inner quote",
        ),
        (
            vec!["--stack", "netplan"],
            json!({"ssid": "a\\b"}),
            "backslash",
        ),
        (
            vec!["--stack", "netplan", "--netplan-version", "0.107.1"],
            json!({"psk_file": "quote"}),
            "inner quote",
        ),
        (
            vec!["--stack", "netplan"],
            json!({"security": "wpa3"}),
            "SAE needs netplan 0.107",
        ),
        (
            vec!["--stack", "netplan", "--netplan-version", "0.99"],
            json!({"hidden": true}),
            "`hidden` needs netplan 0.100",
        ),
        (
            vec!["--stack", "netplan"],
            json!({"psk_file": null, "psk_hex_file": "key"}),
            "derived key",
        ),
        (
            vec!["--stack", "networkmanager"],
            json!({"priority": 1000}),
            "priority",
        ),
        (
            vec!["--stack", "cloud-config", "--os", "ubuntu"],
            json!({}),
            "another system",
        ),
    ];
    for (arguments, more, words) in cases {
        let mut document: Value = serde_json::from_str(&ieee(&more)).unwrap();
        let network = document["wifi"]["networks"][0].as_object_mut().unwrap();
        network.retain(|_, value| !value.is_null());
        let outcome = run(&folder, &arguments, &document.to_string());
        assert_eq!(outcome.code, Some(3), "{more}: {}", outcome.stderr);
        assert_eq!(ids(&outcome)[0], "wifi-target-cannot");
        assert!(
            outcome.stderr.contains(words) && outcome.stderr.contains(arguments[1]),
            "{more}: {}",
            outcome.stderr
        );
    }
    let two = json!({"wifi": {"country": "CH", "networks": [{"ssid": "a", "open": true}, {"ssid": "b", "open": true, "priority": 5}]}}).to_string();
    for (stack, words) in [("cloud-config", "one network"), ("netplan", "no priority")] {
        let outcome = run(&folder, &["--stack", stack], &two);
        assert!(
            outcome.stderr.contains(words),
            "{stack}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn each_node_gets_its_own_stack_and_its_own_answer() {
    let folder = folder(&[("psk", "password")]);
    let mut document: Value = serde_json::from_str(&ieee(&json!({}))).unwrap();
    document["network"] = json!({"gateway": "10.0.0.1", "dns": ["10.0.0.2"]});
    document["nodes"] = json!([
        {"name": "a", "os": "rancheros", "interface": "eth0"},
        {"name": "b", "os": "ubuntu", "os_release": "20.04", "role": "server", "interface": "wlan0", "address": "10.0.0.5/24"},
        {"name": "c", "os": "raspios", "os_release": "bullseye"},
        {"name": "d", "os": "raspios"},
        {"name": "e", "os": "debian"},
    ]);
    let text = document.to_string();
    let outcome = run(&folder, &["--only"], &text);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(ids(&outcome).contains(&"wifi-server".to_owned()));
    let answer = outcome.json().unwrap();
    let stacks = [
        "cloud-config",
        "netplan",
        "wpa-supplicant",
        "networkmanager",
        "systemd",
    ];
    for (name, stack) in ["a", "b", "c", "d", "e"].iter().zip(stacks) {
        assert_eq!(answer["nodes"][name]["request"]["stack"], stack);
        assert_eq!(
            answer["nodes"][name]["plan_sha256"].as_str().unwrap().len(),
            64
        );
    }
    let b = &answer["nodes"]["b"]["request"];
    assert_eq!(
        (&b["address"], &b["gateway"], &b["dns"][0]),
        (
            &json!("10.0.0.5/24"),
            &json!("10.0.0.1"),
            &json!("10.0.0.2")
        )
    );
    assert!(
        answer["nodes"]["a"]["files"][0]["content"]
            .as_str()
            .unwrap()
            .contains("net.ipv4.conf.all.arp_ignore")
    );
    let one = run(&folder, &["--node", "d", "-f", "networkmanager"], &text);
    assert!(one.text().contains(KEY), "{}", one.stderr);
    let all = run(&folder, &["-f", "files", "-o", "out"], &text);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    for path in [
        "a/var/lib/rancher/conf/cloud-config.d/pi-wifi.yml",
        "b/etc/netplan/60-pi-wifi.yaml",
        "e/etc/systemd/network/25-pi-wifi-wlan0.network",
    ] {
        assert!(folder.path().join("out").join(path).is_file(), "{path}");
    }
    document["wifi"]["address"] = json!("10.0.0.9/24");
    let shared = run(&folder, &["--only"], &document.to_string());
    assert_eq!(ids(&shared)[0], "wifi-address-shared");
}

#[test]
fn another_tools_fragments_become_part_of_the_one_configuration() {
    let folder = folder(&[("psk", "password")]);
    let mounts =
        "#cloud-config\n\"mounts\": [[\"LABEL=docker\",\"/mnt/docker\",\"ext4\",\"noatime\"]]\n";
    write(folder.path().join("a.yml"), mounts).unwrap();
    write(
        folder.path().join("b.yml"),
        "#cloud-config\n\"rancher\": {\"docker\":{\"graph\":\"/mnt/docker\"}}\n",
    )
    .unwrap();
    write(folder.path().join("wrong.yml"), "users: []\n").unwrap();
    let arguments = ["-f", "cloud-config", "--merge", "a.yml", "--merge", "b.yml"];
    let outcome = run(&folder, &arguments, &ieee(&json!({})));
    let text = outcome.text();
    assert!(
        text.contains("\"LABEL=docker\"")
            && text.contains("\"graph\":\"/mnt/docker\"")
            && text.contains(KEY),
        "{text}{}",
        outcome.stderr
    );
    let outcome = run(
        &folder,
        &["-f", "cloud-config", "--merge", "wrong.yml"],
        &ieee(&json!({})),
    );
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stderr.contains("wrong.yml"), "{}", outcome.stderr);
}

#[test]
fn files_are_written_below_another_root_and_only_once() {
    let folder = folder(&[("psk", "password")]);
    std::fs::create_dir(folder.path().join("card")).unwrap();
    let arguments = [
        "--apply",
        "--only",
        "--sysroot",
        "card",
        "--stack",
        "networkmanager",
    ];
    let outcome = run(&folder, &arguments, &ieee(&json!({})));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.json().unwrap()["changed"], true);
    let path = folder
        .path()
        .join("card/etc/NetworkManager/system-connections/pi-wifi-IEEE.nmconnection");
    assert!(std::fs::read_to_string(&path).unwrap().contains(KEY));
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let again = run(&folder, &arguments, &ieee(&json!({})));
    assert_eq!(again.json().unwrap()["changed"], false);
}

#[test]
fn a_plan_that_was_reviewed_is_what_happens() {
    let folder = folder(&[("psk", "password")]);
    std::fs::create_dir(folder.path().join("card")).unwrap();
    let planned = run(
        &folder,
        &["--stack", "systemd", "--sysroot", "card"],
        &ieee(&json!({})),
    );
    let apply = ["--apply", "--only", "--sysroot", "card"];
    let other = planned
        .text()
        .replacen("RouteMetric=600", "RouteMetric=1", 1);
    let outcome = run(&folder, &apply, &other);
    assert_eq!(
        (outcome.code, ids(&outcome)[0].as_str()),
        (Some(3), "wifi-plan-differs")
    );
    let outcome = run(&folder, &apply, &planned.text());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.json().unwrap()["changed"], true);
}

#[test]
fn a_watch_that_may_restart_the_machine_is_installed_so() {
    let folder = folder(&[]);
    std::fs::create_dir(folder.path().join("card")).unwrap();
    let arguments = [
        "-n",
        "--install-watch",
        "--apply",
        "--sysroot",
        "card",
        "--interface",
        "wlan1",
    ];
    for (more, words) in [
        (&[][..], "--interface wlan1\n"),
        (&["--reboot"][..], "--interface wlan1 --reboot\n"),
    ] {
        let outcome = run(&folder, &[&arguments[..], more].concat(), "");
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let unit = folder
            .path()
            .join("card/etc/systemd/system/pi-wifi-watch.service");
        let unit = std::fs::read_to_string(unit).unwrap();
        assert!(unit.contains(words), "{unit}");
    }
}

#[test]
fn a_machine_without_a_radio_is_told_what_is_missing() {
    let folder = folder(&[]);
    let outcome = run(&folder, &["--check", "-n", "--interface", "wlan77"], "");
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert_eq!(ids(&outcome)[0], "wifi-no-interface");
    let text = run(
        &folder,
        &["--check", "-n", "-f", "text", "--interface", "wlan77"],
        "",
    );
    assert!(
        text.text().contains("no wireless interface") || text.text().contains("there is no wlan77"),
        "{}",
        text.text()
    );
}

#[test]
fn the_reference_cluster_is_planned_without_its_secret() {
    let folder = folder(&[]);
    let outcome = run(&folder, &["--only"], EXAMPLE);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(
        outcome.json().unwrap()["nodes"].as_object().unwrap().len(),
        4
    );
}
