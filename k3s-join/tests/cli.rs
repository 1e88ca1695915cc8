//! The program seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{AGENT_TOKEN, SERVER_TOKEN, answer, example, folder, ids, on, run, run_in, secret};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Compares with a golden file; `BLESS=1` writes it instead.
fn golden(name: &str, found: &str) {
    cluster_tests::golden(env!("CARGO_MANIFEST_DIR"), name, found).unwrap();
}

#[test]
fn the_reference_has_one_server_and_three_agents_and_says_why() {
    let text = run(&["-f", "text"], cluster::EXAMPLE);
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    golden("reference.txt", &text.text());
    let outcome = run(&[], cluster::EXAMPLE);
    let answer = answer(&outcome);
    assert_eq!(answer["ha"]["servers"], 1);
    assert_eq!(answer["order"], json!(["pi1", "pi2", "pi3", "pi4"]));
    assert_eq!(answer["service_addresses"], json!(["192.168.11.50"]));
    assert_eq!(answer["nodes"]["pi1"]["cluster_init"], false);
    assert_eq!(answer["storage"]["mount"], "/mnt/gv0");
}

#[test]
fn two_servers_are_refused_with_the_quorum() {
    let two = example(|document| document["nodes"][1]["role"] = json!("server"));
    let outcome = run(&[], &two);
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stderr.contains("2 servers need 2 of 2 for a quorum (more than half), so the cluster stops when either one fails"), "{}", outcome.stderr);
    for format in ["config", "files", "sh", "ports", "ansible", "k3sup"] {
        let outcome = run(&["-f", format], &two);
        assert_eq!(outcome.code, Some(3), "{format}");
        assert!(outcome.stdout.is_empty(), "{format}");
    }
    let four = example(|document| {
        for node in document["nodes"].as_array_mut().unwrap() {
            node["role"] = json!("server");
        }
    });
    assert!(run(&[], &four).stderr.contains("4 servers need 3 of 4"));
}

/// Every file of a node's folder: path, permissions, content.
fn tree(folder: &Path) -> String {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
            let content = std::fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.push(format!("=== /{name} {mode:04o}\n{content}"));
        }
    }
    found.sort();
    found.concat()
}

#[test]
fn the_files_of_each_system_are_as_they_were() {
    for (os, release) in [
        ("rancheros", None),
        ("burmillaos", None),
        ("raspios", Some("bullseye")),
        ("raspios", Some("bookworm")),
        ("ubuntu", Some("22.04")),
        ("debian", Some("12")),
    ] {
        let here = folder();
        let document = on(os, release);
        let outcome = run_in(here.path(), &["-f", "files", "-o", "out"], &document);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let mut text = String::new();
        let planned = answer(&run_in(here.path(), &[], &document));
        for node in ["pi1", "pi2"] {
            let own = &planned["nodes"][node];
            text.push_str(&format!("##### {node}\n"));
            for key in ["unit", "kernel_command_line", "packages", "install"] {
                text.push_str(&format!("{key}: {}\n", own[key]));
            }
            text.push_str(&tree(&here.path().join("out").join(node)));
        }
        golden(&format!("{os}{}.txt", release.unwrap_or_default()), &text);
    }
}

#[test]
fn one_nodes_folder_and_one_nodes_file() {
    let here = folder();
    let document = on("raspios", None);
    let outcome = run_in(
        here.path(),
        &["-f", "files", "--node", "pi3", "-o", "pi3"],
        &document,
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let token = here.path().join("pi3/etc/rancher/k3s/k3s-join.token");
    assert_eq!(
        std::fs::read_to_string(&token).unwrap(),
        format!("{AGENT_TOKEN}\n")
    );
    assert_eq!(
        token.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    let config = run(&["-f", "config", "--node", "pi3"], &document);
    assert!(
        config
            .text()
            .contains("\"server\": \"https://192.168.11.11:6443\"\n"),
        "{}",
        config.text()
    );
    let unknown = run(&["-f", "config", "--node", "pi33"], &document);
    assert_eq!(unknown.code, Some(2));
    assert!(
        unknown.stderr.contains("did you mean \"pi3\"?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn the_other_formats_are_as_they_were() {
    let document = on("raspios", Some("bookworm"));
    for (format, name) in [
        ("ports", "ports.nft"),
        ("ansible", "ansible.json"),
        ("k3sup", "k3sup.json"),
    ] {
        let outcome = run(&["-f", format], &document);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        golden(name, &outcome.text());
    }
    golden(
        "pi2.sh",
        &run(&["-f", "sh", "--node", "pi2"], &document).text(),
    );
    golden(
        "remove-pi3.txt",
        &run(&["--remove", "pi3", "-f", "text"], &document).text(),
    );
}

#[test]
fn three_servers_start_with_etcd_one_after_the_other() {
    let three = example(|document| {
        for at in 0..3 {
            document["nodes"][at]["role"] = json!("server");
            document["nodes"][at]["disk"]["device"] = json!("/dev/sda");
        }
    });
    let answer = answer(&run(&[], &three));
    assert_eq!(
        answer["ha"],
        json!({"servers": 3, "tolerates": 1, "datastore": "etcd", "server": "https://192.168.11.11:6443", "ca_sha256": null})
    );
    let config = |node: &str| answer["nodes"][node]["request"]["config"].clone();
    assert_eq!(config("pi1")["cluster-init"], true);
    assert!(config("pi1")["server"].is_null());
    assert_eq!(config("pi2")["server"], "https://192.168.11.11:6443");
    assert!(config("pi2")["cluster-init"].is_null());
    assert_eq!(config("pi2")["tls-san"], config("pi1")["tls-san"]);
    assert!(
        answer["ports"]
            .as_array()
            .unwrap()
            .iter()
            .any(|port| port["what"] == "etcd")
    );
}

#[test]
fn without_the_internet_the_releases_files_are_wanted_in_their_places() {
    let document = example(|document| {
        document["k3s"]["install"] = json!("airgap");
        document["k3s"]["config"] = json!({"data-dir": "/mnt/k3s"});
        document["nodes"][1]["os"] = json!("ubuntu");
    });
    let install = answer(&run(&[], &document))["nodes"]["pi2"]["install"].clone();
    assert_eq!(
        install,
        json!({
            "by": "airgap",
            "variables": {"INSTALL_K3S_EXEC": "agent", "INSTALL_K3S_SKIP_DOWNLOAD": "true", "INSTALL_K3S_SKIP_START": "true"},
            "copies": [
                {"release_file": "k3s-arm64", "path": "/usr/local/bin/k3s", "mode": "0755"},
                {
                    "release_file": "k3s-airgap-images-arm64.tar.zst",
                    "path": "/mnt/k3s/agent/images/k3s-airgap-images-arm64.tar.zst",
                    "mode": "0644"
                },
            ],
        })
    );
    let script = run(&["-f", "sh", "--node", "pi2"], &document).text();
    assert!(
        script.contains("need /usr/local/bin/k3s 'k3s-arm64 of the release'\n"),
        "{script}"
    );
}

#[test]
fn other_nodes_find_the_server_where_the_document_says() {
    for (given, expected) in [
        ("k3s.home", "https://k3s.home:6443"),
        ("fd00::10", "https://[fd00::10]:6443"),
        ("192.168.11.9", "https://192.168.11.9:6443"),
    ] {
        let document = example(|document| document["k3s"]["server_address"] = json!(given));
        let answer = answer(&run(&[], &document));
        assert_eq!(answer["nodes"]["pi2"]["request"]["server"], expected);
        let names = &answer["nodes"]["pi1"]["request"]["config"]["tls-san"];
        assert!(names.as_array().unwrap().contains(&json!(given)), "{names}");
    }
    let document =
        example(|document| document["k3s"]["config"] = json!({"https-listen-port": 16443}));
    let answer = answer(&run(&[], &document));
    assert_eq!(answer["ha"]["server"], "https://192.168.11.11:16443");
    assert_eq!(answer["ports"][0]["first"], 16443);
}

#[test]
fn service_addresses_are_single_addresses_in_order() {
    let of = |balancer: Value| {
        let document = example(|document| document["network"]["load_balancer"] = balancer);
        answer(&run(&[], &document))["service_addresses"].clone()
    };
    let ranges =
        json!({"kind": "metallb", "addresses": ["192.168.11.60-192.168.11.69", "192.168.11.50"]});
    assert_eq!(of(ranges), json!(["192.168.11.60", "192.168.11.50"]));
    let nodes = json!([
        "192.168.11.11",
        "192.168.11.12",
        "192.168.11.13",
        "192.168.11.14"
    ]);
    assert_eq!(of(json!({"kind": "service-lb"})), nodes);
    assert_eq!(of(json!({"kind": "none"})), json!([]));
}

#[test]
fn roles_are_chosen_by_power_and_disks() {
    let roles = |disk: &str, shed: Value| {
        let document = example(|document| {
            for node in document["nodes"].as_array_mut().unwrap() {
                node.as_object_mut().unwrap().remove("role");
                node["disk"]["device"] = json!(disk);
            }
            document["poe_budget"] = json!({"ok": true, "shed_order": shed});
        });
        let answer = answer(&run(&[], &document));
        let order = answer["order"].as_array().unwrap();
        let servers = answer["ha"]["servers"].as_u64().unwrap() as usize;
        let names = order[..servers]
            .iter()
            .map(|name| name.as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        roles("/dev/mmcblk0", json!(["pi4", "pi1", "pi2", "pi3"])),
        ["pi3"]
    );
    assert_eq!(roles("/dev/mmcblk0", json!([])), ["pi1"]);
    assert_eq!(
        roles("/dev/nvme0n1", json!(["pi1", "pi4", "pi2", "pi3"])),
        ["pi2", "pi3", "pi4"]
    );
}

#[test]
fn k3sups_list_is_taken_and_given() {
    let list = r#"[{"hostname": "pi1", "ip": "192.168.11.11"}, {"hostname": "pi2", "ip": "192.168.11.12"}]"#;
    let outcome = run(&[], list);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let document = outcome.json().unwrap();
    assert_eq!(
        document["nodes"][1],
        json!({"name": "pi2", "address": "192.168.11.12/32"})
    );
    let again = run(&["-f", "k3sup"], &outcome.text());
    assert_eq!(
        again.json().unwrap(),
        serde_json::from_str::<Value>(list).unwrap()
    );
    for (bad, expected) in [
        (
            r#"[{"hostname": "pi_1", "ip": "192.168.11.11"}]"#,
            "RFC 1123",
        ),
        (
            r#"[{"hostname": "Pi1", "ip": "192.168.11.11"}]"#,
            "RFC 1123",
        ),
        (
            r#"[{"hostname": "a", "ip": "1.1.1.1"}, {"hostname": "a", "ip": "1.1.1.2"}]"#,
            "each name once",
        ),
        (r#"[{"host": "a"}]"#, "k3sup's list"),
    ] {
        let outcome = run(&[], bad);
        assert_eq!(outcome.code, Some(65), "{bad}");
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}

#[test]
fn no_secret_is_in_any_output_but_the_files() {
    let document = on("raspios", None);
    for arguments in [
        &[][..],
        &["-f", "text"],
        &["-f", "sh", "-o", "scripts"],
        &["-f", "ansible"],
        &["-f", "ports"],
        &["-f", "config", "-o", "configs"],
        &["--only", "--compact"],
    ] {
        let here = folder();
        let outcome = run_in(here.path(), arguments, &document);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let mut all = format!("{}{}", outcome.text(), outcome.stderr);
        for made in ["scripts", "configs"] {
            if here.path().join(made).exists() {
                all.push_str(&tree(&here.path().join(made)));
            }
        }
        assert!(
            !all.contains(SERVER_TOKEN) && !all.contains(AGENT_TOKEN),
            "{arguments:?}"
        );
    }
    let here = folder();
    run_in(here.path(), &["-f", "files", "-o", "out"], &document);
    assert!(tree(&here.path().join("out")).contains(SERVER_TOKEN));
    // An agent never gets the servers' token.
    assert!(!tree(&here.path().join("out/pi2")).contains(SERVER_TOKEN));
}

#[test]
fn a_missing_token_is_a_warning_until_it_is_needed() {
    let here = tempfile::tempdir().unwrap();
    let outcome = run_in(here.path(), &[], cluster::EXAMPLE);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(
        ids(&outcome, "warning")
            .iter()
            .filter(|id| *id == "k3s-token-missing")
            .count(),
        2
    );
    let outcome = run_in(here.path(), &["-f", "files", "-o", "out"], cluster::EXAMPLE);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("reading the secret file k3s.token: it is not there"),
        "{}",
        outcome.stderr
    );
    assert!(!here.path().join("out").exists());
    secret(here.path(), "k3s.token", "");
    assert_eq!(run_in(here.path(), &[], cluster::EXAMPLE).code, Some(1));
}

#[test]
fn the_ca_is_made_once_and_pinned() {
    let here = folder();
    let outcome = run_in(here.path(), &["-n", "--make-ca", "ca"], "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let ca = answer(&outcome)["ca"].clone();
    let hash = ca["sha256"].as_str().unwrap().to_owned();
    assert_eq!(hash.len(), 64);
    assert_eq!(ca["server_token_prefix"], format!("K10{hash}::server:"));
    assert_eq!(ca["server"], "https://127.0.0.1:6443");
    for file in ca["files"].as_array().unwrap() {
        let name = file.as_str().unwrap();
        let mode = here
            .path()
            .join("ca")
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(
            mode,
            if name.ends_with(".crt") { 0o644 } else { 0o600 },
            "{name}"
        );
    }
    let before = tree(&here.path().join("ca"));
    let again = run_in(here.path(), &["-n", "--make-ca", "ca"], "");
    assert_eq!(again.code, Some(3));
    assert_eq!(ids(&again, "error"), ["k3s-ca-exists"]);
    assert_eq!(tree(&here.path().join("ca")), before);
    // No key in what is printed, and nothing left beside.
    assert!(!format!("{}{}", outcome.text(), again.text()).contains("PRIVATE KEY"));
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 3);
    // Made with a document that names it, it is not missing.
    let named = example(|document| document["k3s"]["ca_dir"] = json!("named"));
    let outcome = run_in(here.path(), &["--make-ca", "named"], &named);
    assert!(
        !outcome.text().contains("k3s-ca-missing"),
        "{}",
        outcome.text()
    );
    assert_eq!(
        answer(&outcome)["ha"]["ca_sha256"],
        answer(&outcome)["ca"]["sha256"]
    );
    // A document that names it pins it on all but the first server.
    let document = example(|document| {
        document["k3s"]["ca_dir"] = json!("ca");
        for node in document["nodes"].as_array_mut().unwrap() {
            node["os"] = json!("raspios");
        }
    });
    let outcome = run_in(here.path(), &["-f", "files", "-o", "out"], &document);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let token = |node: &str| {
        let path = format!("out/{node}/etc/rancher/k3s/k3s-join.token");
        std::fs::read_to_string(here.path().join(path)).unwrap()
    };
    assert_eq!(token("pi1"), format!("{SERVER_TOKEN}\n"));
    assert_eq!(token("pi2"), format!("K10{hash}::node:{AGENT_TOKEN}\n"));
    let tls = "var/lib/rancher/k3s/server/tls";
    for name in ["server-ca.crt", "etcd/peer-ca.key", "service.key"] {
        let planted = std::fs::read(here.path().join("out/pi1").join(tls).join(name)).unwrap();
        assert_eq!(
            planted,
            std::fs::read(here.path().join("ca").join(name)).unwrap(),
            "{name}"
        );
    }
    assert!(!here.path().join("out/pi2").join(tls).exists());
    assert!(
        !here
            .path()
            .join("out/pi1")
            .join(tls)
            .join("root-ca.key")
            .exists()
    );
}

#[test]
fn a_ca_folder_that_is_no_set_is_not_taken() {
    let here = folder();
    let document = example(|document| document["k3s"]["ca_dir"] = json!("ca"));
    let outcome = run_in(here.path(), &[], &document);
    assert_eq!(outcome.code, Some(0));
    assert!(ids(&outcome, "warning").contains(&"k3s-ca-missing".to_owned()));
    // An artefact would go out unpinned.
    let outcome = run_in(here.path(), &["-f", "files", "-o", "out"], &document);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    std::fs::create_dir(here.path().join("ca")).unwrap();
    assert_eq!(run_in(here.path(), &[], &document).code, Some(1));
    // Another root than the chain's.
    for ca in ["one", "two"] {
        assert_eq!(
            run_in(here.path(), &["-n", "--make-ca", ca], "").code,
            Some(0)
        );
    }
    std::fs::copy(
        here.path().join("two/root-ca.crt"),
        here.path().join("one/root-ca.crt"),
    )
    .unwrap();
    let document = example(|document| document["k3s"]["ca_dir"] = json!("one"));
    let outcome = run_in(here.path(), &[], &document);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("not the last certificate of server-ca.crt"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_ca_needs_a_new_folder_and_leaves_nothing_where_it_cannot_be_made() {
    let here = folder();
    for (place, make) in [("file", true), ("none/ca", false)] {
        if make {
            std::fs::write(here.path().join(place), "mine").unwrap();
        }
        let outcome = run_in(here.path(), &["-n", "--make-ca", place], "");
        assert_eq!(
            outcome.code,
            Some(if make { 3 } else { 1 }),
            "{}",
            outcome.stderr
        );
    }
    assert_eq!(
        std::fs::read_to_string(here.path().join("file")).unwrap(),
        "mine"
    );
    std::fs::create_dir(here.path().join("empty")).unwrap();
    assert_eq!(
        run_in(here.path(), &["-n", "--make-ca", "empty/"], "").code,
        Some(0)
    );
    for wrong in [
        &["--make-ca", "x", "-f", "sh"][..],
        &["--make-ca", "x", "--server", "http://a"],
        &["--server", "https://a:6443"],
        &["--make-ca", "x", "--remove", "pi1"],
    ] {
        let arguments: Vec<&str> = [&["-n"][..], wrong].concat();
        assert_eq!(
            run_in(here.path(), &arguments, "").code,
            Some(2),
            "{wrong:?}"
        );
    }
    let outcome = run_in(
        here.path(),
        &["-n", "--make-ca", "y", "--server", "https://k3s.home:6443"],
        "",
    );
    assert_eq!(answer(&outcome)["ca"]["server"], "https://k3s.home:6443");
}

#[test]
fn who_leaves_goes_in_the_order_that_keeps_the_quorum() {
    let servers = |count: usize| {
        example(|document| {
            for (at, node) in document["nodes"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .enumerate()
            {
                node["role"] = json!(if at < count { "server" } else { "agent" });
                node["disk"]["device"] = json!("/dev/sda");
            }
        })
    };
    let steps = |outcome: &cluster_tests::program::Outcome| -> Vec<String> {
        let answer = answer(outcome);
        let steps = answer["removal"]["steps"].as_array().unwrap();
        steps
            .iter()
            .map(|step| step["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let agent = run(&["--remove", "pi4"], &servers(3));
    assert_eq!(agent.code, Some(0));
    assert_eq!(
        steps(&agent),
        ["drain", "leave", "delete-node", "delete-password"]
    );
    let server = run(&["--remove", "pi3"], &servers(3));
    assert_eq!(server.code, Some(0), "{}", server.stderr);
    assert_eq!(
        steps(&server),
        [
            "drain",
            "etcd-member",
            "etcd-member-gone",
            "leave",
            "delete-node",
            "delete-password"
        ]
    );
    assert_eq!(ids(&server, "warning"), ["k3s-remove-even"]);
    let first = run(&["--remove", "pi1"], &servers(3));
    assert_eq!(
        ids(&first, "warning"),
        ["k3s-remove-even", "k3s-remove-first-server"]
    );
    let last = run(&["--remove", "pi1"], &servers(1));
    assert_eq!(last.code, Some(3));
    assert_eq!(ids(&last, "error"), ["k3s-remove-last-server"]);
    let of_two = run(&["--remove", "pi1"], &servers(2));
    assert_eq!(
        ids(&of_two, "error"),
        ["k3s-servers-even", "k3s-remove-quorum"]
    );
    assert!(
        run(&["--remove", "pi1", "-f", "sh"], &servers(1))
            .stdout
            .is_empty()
    );
    let unknown = run(&["--remove", "pi9"], &servers(3));
    assert_eq!(unknown.code, Some(2));
    let script = run(&["--remove", "pi4", "-f", "sh"], &servers(3)).text();
    assert!(
        script.contains("\nssh 192.168.11.14 'sudo k3s-join -n --leave --apply'\n"),
        "{script}"
    );
}
