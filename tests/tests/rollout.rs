//! The parts of `scripts/gather-nodes` and `scripts/rollout` that need no node: what is made of what nodes said, what goes
//! to which node, and what a tool's answer there means. Over ssh: `real_rollout.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::{require, tools};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn script(name: &str, folder: &Path, arguments: &[&str]) -> Outcome {
    Program::new("env")
        .args([format!("BIN={}", tools::folder().unwrap().display())])
        .args([tools::top().join("scripts/.parts/ansible").join(name)])
        .args(arguments)
        .folder(folder)
        .run()
        .unwrap()
}

fn write(folder: &Path, name: &str, value: &Value) {
    std::fs::write(folder.join(name), value.to_string()).unwrap();
}

/// What observe.sh prints for these facts.
fn printed(facts: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        let coded = Program::new("base64")
            .args(["-w0"])
            .input(*value)
            .run()
            .unwrap();
        text.push_str(&format!("{name} {}\n", coded.text()));
    }
    text + "end \n"
}

#[test]
fn what_nodes_said_is_kept_and_what_they_could_not_say_is_a_finding() {
    if !require(&["python3", "base64"]).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let seen = |node: &str, stdout: &str| {
        write(
            at,
            &format!("{node}.seen"),
            &json!({"rc": 0, "stdout": stdout}),
        );
    };
    let table =
        r#"{"partitiontable": {"device": "/dev/mmcblk0", "firstlba": 12345678901234567890}}"#;
    seen(
        "pi1",
        &printed(&[
            ("hostname", "pi1.lan\n"),
            ("machine_id", "abc\n"),
            ("serial", "10000000abcdef\0"),
            ("meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n"),
            ("sfdisk", table),
            ("lsblk", "lsblk: not JSON"),
            ("discard_granularity", "4194304\n"),
            ("link.eth0", "dc:a6:32:00:00:01\n"),
            ("link.lo", "00:00:00:00:00:00\n"),
            ("os_release", "ID=debian\nVERSION_ID=\"12\"\n"),
            (
                "docker",
                r#"{"ServerVersion": "20.10.24", "DockerRootDir": "/var/lib/docker", "Driver": "overlay2"}"#,
            ),
            ("tool.pi-partition", "pi-partition 0.1.0"),
        ]),
    );
    seen(
        "pi2",
        &printed(&[("hostname", "raspberrypi"), ("machine_id", "abc")]),
    );
    seen("pi3", "hostname cGkz\n");
    write(
        at,
        "pi4.seen",
        &json!({"unreachable": true, "msg": "Connection\u{1b}[31m timed out"}),
    );
    let nodes =
        ["pi1", "pi2", "pi3", "pi4"].map(|name| json!({"name": name, "observed": {"old": 1}}));
    write(
        at,
        "cluster.json",
        &json!({"x_big": 12345678901234567890_u64, "nodes": nodes}),
    );
    let here = at.display().to_string();
    let outcome = script(
        "observed.py",
        at,
        &["cluster.json", &here, "pi1", "pi2", "pi3", "pi4"],
    );
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    let document = outcome.json().unwrap();
    assert_eq!(document["x_big"], 12345678901234567890_u64);
    let observed = &document["nodes"][0]["observed"];
    assert_eq!(
        observed["sfdisk"],
        serde_json::from_str::<Value>(table).unwrap()
    );
    assert_eq!(observed.get("lsblk"), None);
    assert_eq!(observed["serial"], "10000000abcdef");
    assert_eq!(observed["memory_bytes"], 8_192_000_000_u64);
    assert_eq!(observed["discard_granularity"], 4_194_304);
    assert_eq!(observed["interfaces"].as_array().unwrap().len(), 1);
    assert_eq!(observed["os_release"]["VERSION_ID"], "12");
    assert_eq!(observed["engines"]["docker"]["root"], "/var/lib/docker");
    assert_eq!(observed["tools"]["pi-partition"], "0.1.0");
    // Those that were not seen keep what was known of them.
    assert_eq!(document["nodes"][2]["observed"], json!({"old": 1}));
    let findings = document["gather_nodes"]["findings"].as_array().unwrap();
    let ids: Vec<(&str, &str)> = findings
        .iter()
        .map(|f| (f["id"].as_str().unwrap(), f["subject"].as_str().unwrap()))
        .collect();
    assert_eq!(
        ids,
        [
            ("node-not-observed", "pi3"),
            ("node-unreachable", "pi4"),
            ("node-name-differs", "pi2"),
            ("node-machine-id-twice", "pi2"),
        ]
    );
}

/// What `judge` makes of an answer: its exit code and why.
fn judged(planned: Value, answer: Value, what: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "planned.json",
        &json!({"pi_partition": {"nodes": {"pi1": planned}}}),
    );
    write(
        at,
        &format!("pi1.pi-partition.{what}"),
        &json!({"pi_partition": answer}),
    );
    let here = at.display().to_string();
    let outcome = script("judge", at, &[&here, "pi1", "pi-partition", what]);
    (outcome.code, outcome.stderr)
}

#[test]
fn an_answer_on_a_node_is_a_yes_a_no_or_a_restart() {
    if !require(&["jq"]).unwrap() {
        return;
    }
    let seen = || json!({"ok": true, "state_sha256": "aaa"});
    let own = |pending: bool, state: &str| {
        json!({"ok": true, "findings": [], "pending": true,
            "nodes": {"pi1": {"pending": pending, "state_sha256": state}}})
    };
    assert_eq!(judged(seen(), own(true, "aaa"), "plan").0, Some(0));
    assert_eq!(judged(seen(), own(false, "bbb"), "plan").0, Some(10));
    let (code, why) = judged(seen(), own(true, "bbb"), "plan");
    assert_eq!(code, Some(1));
    assert!(
        why.contains("what is on pi1 now is not what the plan was made for"),
        "{why}"
    );
    // Where nobody looked before the plan, there is nothing to compare with.
    assert_eq!(
        judged(json!({"ok": true}), own(true, "bbb"), "plan").0,
        Some(0)
    );
    // A tool that knows no state is held to its plan.
    let plan = |hash: &str| json!({"state_sha256": null, "plan_sha256": hash});
    let mut reviewed = plan("aaa");
    reviewed["ok"] = json!(true);
    let now = |hash: &str| json!({"ok": true, "findings": [], "pending": true, "nodes": {"pi1": plan(hash)}});
    assert_eq!(judged(reviewed.clone(), now("aaa"), "plan").0, Some(0));
    let (code, why) = judged(reviewed, now("bbb"), "plan");
    assert_eq!(code, Some(1));
    assert!(why.contains("is not the plan that was looked at"), "{why}");
    // What nobody could plan before is not done behind anyone's back.
    for unseen in [json!({}), json!({"ok": false})] {
        let (code, why) = judged(unseen.clone(), own(true, "aaa"), "plan");
        assert_eq!(code, Some(1));
        assert!(why.contains("say --unreviewed"), "{why}");
        assert_eq!(judged(unseen, own(false, "aaa"), "plan").0, Some(10));
    }
    let error = |id: &str| json!({"id": id, "severity": "error", "subject": "pi1\u{1b}", "message": "m", "fix": "f"});
    let no = |findings: Value| json!({"ok": false, "nodes": {}, "findings": findings});
    assert_eq!(
        judged(seen(), no(json!([error("k3s-reboot-required")])), "plan").0,
        Some(11)
    );
    let both = json!([error("k3s-reboot-required"), error("other")]);
    let (code, why) = judged(seen(), no(both), "plan");
    assert_eq!(
        (code, why.as_str()),
        (Some(1), "pi1: pi-partition: pi1?: m -> f; pi1?: m -> f\n")
    );
    assert_eq!(judged(seen(), Value::Null, "plan").0, Some(1));
    let acted =
        |changed: bool| json!({"ok": true, "findings": [], "changed": changed, "nodes": {}});
    assert_eq!(judged(seen(), acted(true), "answer").0, Some(0));
    assert_eq!(judged(seen(), acted(false), "answer").0, Some(10));
}

fn here(folder: &Path) -> String {
    folder.display().to_string()
}

/// Unpacks a bundle as on a node, in a shell that is not bash; where to. A dry run's folder is taken away by `run clean`.
fn unpacked(folder: &Path, node: &str) -> PathBuf {
    let unpacked = Program::new("busybox")
        .args(["sh"])
        .args([folder.join(format!("{node}.bundle"))])
        .args(["dry-run"])
        .run()
        .unwrap();
    assert_eq!(unpacked.code, Some(0), "{}", unpacked.stderr);
    let text = unpacked.text();
    PathBuf::from(text.trim().strip_prefix("folder ").unwrap())
}

/// Packs what goes to a node; the names of the secrets in it, or why there is none.
fn bundled(secrets: &[&str], node: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for file in [
        "tokens/server",
        "tokens/agent",
        "wifi.psk",
        "ca/server-ca.crt",
        "ca/server-ca.key",
    ] {
        let path = at.join("secrets").join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file).unwrap();
    }
    let files: Vec<Value> = secrets
        .iter()
        .map(|file| json!({"secret_file": file}))
        .collect();
    write(
        at,
        "planned.json",
        &json!({
            "wifi": {"networks": [{"psk_file": "wifi.psk"}, {"psk_hex_file": "/etc/own.psk"}, {"psk_file": "not-there"}]},
            "k3s": {"ca_dir": "ca"},
            "k3s_join": {"nodes": {"pi1": {"files": files}}},
            "poe_budget": {"ok": true}
        }),
    );
    std::fs::write(at.join("tools"), "pi-wifi\nk3s-join\n").unwrap();
    for tool in ["pi-wifi", "k3s-join"] {
        let path = at.join("secrets").display().to_string();
        std::fs::write(at.join(format!("secrets.{tool}")), path).unwrap();
    }
    std::fs::create_dir(at.join("bin")).unwrap();
    for tool in ["pi-wifi", "k3s-join"] {
        std::fs::copy("/bin/true", at.join("bin").join(tool)).unwrap();
    }
    std::fs::write(
        at.join("programs.x86_64"),
        at.join("bin").display().to_string(),
    )
    .unwrap();
    let here = at.display().to_string();
    let outcome = script("bundle", at, &[&here, node, "x86_64"]);
    if outcome.code != Some(0) {
        return Err(outcome.stderr);
    }
    let on_node = unpacked(at, node);
    let document: Value =
        serde_json::from_slice(&std::fs::read(on_node.join("document.json")).unwrap()).unwrap();
    assert_eq!(
        document.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["k3s", "poe_budget", "wifi"]
    );
    assert!(on_node.join("bin/pi-wifi").is_file());
    let found = Program::new("find")
        .args(["secrets", "-type", "f"])
        .folder(&on_node)
        .run()
        .unwrap();
    let clean = Program::new(on_node.join("run"))
        .args(["clean", "dry-run"])
        .run()
        .unwrap();
    assert_eq!(
        (clean.code, on_node.exists()),
        (Some(0), false),
        "{}",
        clean.stderr
    );
    let mut names: Vec<String> = found.text().lines().map(str::to_owned).collect();
    names.sort();
    Ok(names)
}

#[test]
fn a_node_gets_its_own_secrets_and_no_others() {
    if !require(&["jq", "busybox"]).unwrap() {
        return;
    }
    // The certificates of the authorities are no secret; their keys go where the plan says.
    assert_eq!(
        bundled(&["tokens/agent"], "pi1").unwrap(),
        [
            "secrets/ca/server-ca.crt",
            "secrets/tokens/agent",
            "secrets/wifi.psk"
        ]
    );
    assert_eq!(
        bundled(
            &["tokens/server", "tokens/agent", "ca/server-ca.key"],
            "pi1"
        )
        .unwrap(),
        [
            "secrets/ca/server-ca.crt",
            "secrets/ca/server-ca.key",
            "secrets/tokens/agent",
            "secrets/tokens/server",
            "secrets/wifi.psk"
        ]
    );
    assert_eq!(
        bundled(&["tokens/server"], "pi2").unwrap(),
        ["secrets/ca/server-ca.crt", "secrets/wifi.psk"]
    );
    let refused = bundled(&["../tokens/server"], "pi1").unwrap_err();
    assert_eq!(
        refused,
        "pi1: the secret file ../tokens/server leaves its folder\n"
    );
    // It would be looked for on the node, and is here.
    let refused = bundled(&["/etc/passwd"], "pi1").unwrap_err();
    assert!(
        refused.starts_with("pi1: the secret file /etc/passwd is here"),
        "{refused}"
    );
}

/// A rollout that broke off leaves its document on the node, and the next one may bring another.
#[test]
fn what_a_rollout_left_that_broke_off_is_not_the_next_ones() {
    if !require(&["busybox"]).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let on_node = at.join("node/rollout");
    std::fs::create_dir_all(on_node.join("secrets")).unwrap();
    let left = [
        "now.json",
        "plan.json",
        "answer.json",
        "said",
        "secrets/token",
    ];
    for name in left {
        std::fs::write(on_node.join(name), "of before").unwrap();
    }
    std::fs::create_dir_all(at.join("box/secrets")).unwrap();
    std::fs::create_dir_all(at.join("box/bin")).unwrap();
    for name in ["run", "document.json"] {
        std::fs::write(at.join("box").join(name), "of now").unwrap();
    }
    let head = tools::top().join("scripts/.parts/ansible/unpack.sh");
    let head = std::fs::read_to_string(head).unwrap();
    let lines = head.lines().count() + 1;
    // Another folder than the node's own, which is this machine's here.
    let place = at.join("node").display().to_string();
    let head = head.replace("@LINES@", &lines.to_string());
    let head = head.replace("/var/lib/cluster", &place);
    let head = head.replace("bin=/usr/local/bin", &format!("bin={place}/bin"));
    let packed = Program::new("tar").args(["-C"]).args([at.join("box")]);
    let packed = packed.args(["-czf", "-", "."]).run().unwrap();
    let bundle = at.join("bundle");
    std::fs::write(&bundle, [head.as_bytes(), &packed.stdout].concat()).unwrap();
    let unpacked = Program::new("busybox").args(["sh"]).args([&bundle]);
    let unpacked = unpacked.args(["apply"]).run().unwrap();
    assert_eq!(unpacked.code, Some(0), "{}", unpacked.stderr);
    for name in left {
        assert!(!on_node.join(name).exists(), "{name}");
    }
    let document = std::fs::read_to_string(on_node.join("document.json"));
    assert_eq!(document.unwrap(), "of now");
}

/// gluster-plan's part of a node is a script. Here it is another machine's, so it refuses before anything else.
#[test]
fn a_script_that_refuses_is_a_no_with_its_reason() {
    if !require(&["jq", "busybox"]).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let example = include_str!("../../cluster/example/cluster.json");
    let document = example.replace("\"pi1\"", "\"no-such-machine\"");
    std::fs::write(at.join("planned.json"), document).unwrap();
    std::fs::write(at.join("tools"), "gluster-plan\n").unwrap();
    std::fs::write(at.join("programs.x86_64"), here(at)).unwrap();
    let packed = script("bundle", at, &[&here(at), "no-such-machine", "x86_64"]);
    assert_eq!(packed.code, Some(0), "{}", packed.stderr);
    let on_node = unpacked(at, "no-such-machine");
    let run = |words: &[&str]| Program::new(on_node.join("run")).args(words).run().unwrap();
    let acted = run(&["apply", "gluster-plan", "no-such-machine"]);
    run(&["clean", "dry-run"]);
    assert_eq!(acted.code, Some(3), "{}", acted.stderr);
    let finding = &acted.json().unwrap()["gluster_plan"]["findings"][0];
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.ends_with("and the script is for no-such-machine"),
        "{message}"
    );
    assert!(!on_node.exists());
}

#[test]
fn what_is_asked_wrongly_is_said_before_anything_happens() {
    if !require(&["ansible-playbook", "jq"]).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "planned.json",
        &json!({"nodes": [{"name": "pi1"}], "pi_partition": {"ok": true, "nodes": {"pi1": {}}}}),
    );
    write(at, "none.json", &json!({"nodes": [{"name": "pi1"}]}));
    write(
        at,
        "bad.json",
        &json!({"nodes": [{"name": "-oProxyCommand=x"}]}),
    );
    let run = |name: &str, arguments: &str| {
        let path = format!("../../{name}");
        script(&path, at, &arguments.split(' ').collect::<Vec<_>>())
    };
    for (name, arguments, code, said) in [
        (
            "rollout",
            "--plan none.json",
            1,
            "the plan holds no answer of pi-partition",
        ),
        (
            "rollout",
            "--plan planned.json pi9",
            2,
            "the plan has no node pi9; it has pi1",
        ),
        (
            "rollout",
            "--plan planned.json --tools nat-gen",
            2,
            "nat-gen does not act on nodes",
        ),
        (
            "rollout",
            "--plan nowhere.json",
            2,
            "cannot read nowhere.json; scripts/plan-cluster makes it",
        ),
        (
            "rollout",
            "--plan planned.json --secrets nowhere",
            2,
            "nowhere is no folder",
        ),
        ("rollout", "--plan bad.json", 65, "nodes[0].name"),
        ("gather-nodes", "bad.json", 65, "nodes[0].name"),
        ("gather-nodes", "--apply", 2, "unknown option --apply"),
    ] {
        let outcome = run(name, arguments);
        assert_eq!(
            outcome.code,
            Some(code),
            "{name} {arguments}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains(said),
            "{name} {arguments}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.text(), "");
    }
}
