//! gluster-plan seen from outside: arguments, exit codes, errors, and the files it makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use cluster_tests::program::Program;
use common::{run, volume, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

fn example() -> Value {
    serde_json::from_str(cluster::EXAMPLE).unwrap()
}

fn answer(arguments: &[&str], input: &Value) -> Value {
    let mut all = vec!["--only"];
    all.extend(arguments);
    let outcome = run(&all, input);
    assert!(matches!(outcome.code, Some(0 | 3)), "{}", outcome.stderr);
    outcome.json().unwrap()
}

fn nodes(answer: &Value) -> Vec<&str> {
    let bricks = answer["volumes"][0]["bricks"].as_array().unwrap();
    bricks
        .iter()
        .map(|brick| brick["node"].as_str().unwrap())
        .collect()
}

/// Node, stick size and power domain.
fn inventory(all: &[(&str, &[u64], &str)], volumes: Value) -> Value {
    let node = |(name, sticks, domain): &(&str, &[u64], &str)| {
        let usb: Vec<Value> = sticks
            .iter()
            .enumerate()
            .map(|(index, size)| json!({"device": format!("/dev/sd{}", char::from(b'a' + index as u8)), "size_bytes": size, "use": "brick"}))
            .collect();
        let mut node = json!({"name": name, "usb": usb, "arch": "aarch64", "os": "debian"});
        if !domain.is_empty() {
            node["power_domain"] = json!(domain);
        }
        node
    };
    json!({"name": "lab", "nodes": all.iter().map(node).collect::<Vec<_>>(), "storage": {"volumes": volumes}})
}

const GB: u64 = 1_000_000_000;

#[test]
fn the_reference_cluster_has_four_bricks_and_one_guaranteed_loss() {
    let answer = answer(&[], &example());
    assert_eq!(
        (&answer["ok"], &answer["pending"]),
        (&json!(true), &json!(true))
    );
    let volume = &answer["volumes"][0];
    assert_eq!(volume["usable_bytes"], 62_813_969_777u64);
    assert_eq!(volume["usable_bound_bytes"], volume["usable_bytes"]);
    assert_eq!(
        volume["survival"]["guaranteed_losses"],
        json!({"nodes": 1, "sticks": 1, "domains": 0})
    );
    let sets = &volume["survival"]["node_sets"];
    assert_eq!(
        (
            &sets["total"],
            &sets["available"],
            &sets["safe"],
            &sets["lost"]
        ),
        (&json!(15), &json!(8), &json!(7), &json!(0))
    );
    assert_eq!(
        volume["survival"]["also"]["sets"],
        json!([["pi2", "pi3"], ["pi2", "pi4"], ["pi3", "pi4"]])
    );
    assert_eq!(
        volume["survival"]["minimal_cuts"]["nodes"],
        json!([
            ["pi1", "pi2"],
            ["pi1", "pi3"],
            ["pi1", "pi4"],
            ["pi2", "pi3", "pi4"]
        ])
    );
    assert_eq!(volume["split_brain"]["possible"], false);
    assert_eq!(
        answer["mount"],
        json!({"volume": "gv0", "path": "/mnt/gv0", "provisioner": "nfs", "storage_class": "gluster-gv0", "nfs_server": "pi1"})
    );
    for port in answer["ports"].as_array().unwrap() {
        assert!(port["first"].as_u64() <= port["last"].as_u64() && port["protocol"] == "tcp");
    }
}

#[test]
fn a_question_is_answered_by_the_exit_code() {
    for (lost, code) in [
        ("pi1,pi2", 3),
        ("pi3,pi4", 0),
        ("pi2,pi3:sda", 0),
        ("pi1:sda,pi4", 3),
        ("sw1", 3),
        ("pi9", 2),
        ("pi1:sdb", 2),
    ] {
        assert_eq!(
            run(&["--lose", lost], &example()).code,
            Some(code),
            "{lost}"
        );
    }
    let lost = answer(&["--lose", "pi1,pi2,pi3,pi4"], &example());
    assert_eq!(lost["lose"]["state"], "lost");
    assert_eq!(lost["findings"][0]["id"], "gluster-lose-lost");
    assert_eq!(answer(&["--lose=sw1"], &example())["lose"]["state"], "safe");
}

#[test]
fn brick_1_is_on_the_node_that_goes_dark_last() {
    let mut document = example();
    document["poe_budget"] =
        json!({"ok": true, "shed_order": ["pi1", "pi3", "switch2", "pi4", "pi2"]});
    assert_eq!(nodes(&answer(&[], &document)), ["pi2", "pi4", "pi3", "pi1"]);
    document["poe_budget"]["ok"] = json!(false);
    let findings = answer(&[], &document)["findings"].clone();
    assert!(
        findings
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["id"] == "gluster-answer-not-ok")
    );
}

#[test]
fn sets_are_spread_over_nodes_and_power_domains() {
    let all: Vec<(&str, &[u64], &str)> = vec![
        ("a1", &[64 * GB, 64 * GB], "left"),
        ("a2", &[64 * GB, 64 * GB], "left"),
        ("b1", &[64 * GB, 64 * GB], "right"),
        ("b2", &[64 * GB, 64 * GB], "right"),
    ];
    let answer = answer(
        &[],
        &inventory(&all, json!([{"name": "v", "replica": 2, "quorum": "auto"}])),
    );
    let nodes = nodes(&answer);
    assert_eq!(nodes.len(), 8);
    for set in nodes.chunks(2) {
        let sides: BTreeSet<char> = set
            .iter()
            .map(|node| node.chars().next().unwrap())
            .collect();
        assert_eq!(sides.len(), 2, "{nodes:?}");
    }
}

#[test]
fn arbiters_rotate_and_sit_on_nodes_outside_their_set() {
    let all: Vec<(&str, &[u64], &str)> = ["n1", "n2", "n3", "n4"]
        .iter()
        .map(|name| (*name, &[64 * GB][..], ""))
        .collect();
    let answer = answer(
        &[],
        &inventory(&all, json!([{"name": "v", "replica": 3, "arbiter": true}])),
    );
    let volume = &answer["volumes"][0];
    assert_eq!(
        (&volume["type"], &volume["usable_bytes"]),
        (&json!("distributed-arbiter"), &json!(2 * 62_813_969_777u64))
    );
    let bricks = volume["bricks"].as_array().unwrap();
    let mut arbiters = BTreeSet::new();
    for set in bricks.chunks(3) {
        let nodes: BTreeSet<&str> = set
            .iter()
            .map(|brick| brick["node"].as_str().unwrap())
            .collect();
        assert_eq!(nodes.len(), 3);
        assert_eq!(
            set.iter()
                .map(|brick| &brick["arbiter"])
                .collect::<Vec<_>>(),
            [&json!(false), &json!(false), &json!(true)]
        );
        arbiters.insert(set[2]["node"].to_string());
    }
    assert_eq!(arbiters.len(), 2);
    let create = answer["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["id"] == "create-v")
        .unwrap();
    let words = create["action"]["argv"].as_array().unwrap();
    assert_eq!(
        words[5..9],
        [json!("replica"), json!("3"), json!("arbiter"), json!("1")]
    );
    assert_eq!(volume["survival"]["guaranteed_losses"]["nodes"], 1);
}

#[test]
fn uneven_sticks_hold_what_the_bound_says() {
    let all: Vec<(&str, &[u64], &str)> = vec![
        ("n1", &[128 * GB, 32 * GB], ""),
        ("n2", &[128 * GB], ""),
        ("n3", &[32 * GB], ""),
    ];
    let answer = answer(
        &[],
        &inventory(&all, json!([{"name": "v", "replica": 2, "quorum": "auto"}])),
    );
    let volume = &answer["volumes"][0];
    assert_eq!(volume["bricks"].as_array().unwrap().len(), 4);
    assert_eq!(volume["usable_bytes"], volume["usable_bound_bytes"]);
}

#[test]
fn heketi_gets_a_topology_up_to_three_copies() {
    let refused = run(&["-f", "heketi"], &example());
    assert_eq!((refused.code, refused.stdout.len()), (Some(3), 0));
    assert!(
        refused.stderr.contains("Invalid replica value"),
        "{}",
        refused.stderr
    );
    let three = run(
        &["-f", "heketi"],
        &with(&[("/storage/volumes/0/replica", json!(3))]),
    );
    let topology = three.json().unwrap();
    let nodes = topology["clusters"][0]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 4);
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(
            node["node"]["hostnames"]["manage"],
            json!([format!("pi{}", number + 1)])
        );
        assert_eq!(
            node["node"]["hostnames"]["storage"],
            json!([format!("192.168.11.1{}", number + 1)])
        );
        assert!(node["node"]["zone"].as_u64().unwrap() >= 1);
        assert_eq!(
            node["devices"],
            json!([{"name": "/dev/sda", "destroydata": false}])
        );
    }
}

#[test]
fn the_choices_are_compared() {
    let answer = answer(&["--compare"], &example());
    let all = answer["compare"].as_array().unwrap();
    let of = |name: &str| {
        all.iter()
            .find(|one| one["name"] == name)
            .unwrap_or_else(|| panic!("{name}: {all:#?}"))
    };
    let four = of("replica 4");
    assert_eq!(
        (
            &four["guaranteed_nodes"],
            &four["kept_nodes"],
            &four["pairs"]
        ),
        (&json!(1), &json!(3), &json!({"of": 6, "survived": 3}))
    );
    assert_eq!(of("replica 3 and a spare")["repair_at_once"], true);
    assert_eq!(
        of("2 pairs, rotated arbiters")["usable_bytes"],
        2 * 62_813_969_777u64
    );
    assert_eq!(
        of("2 pairs")["dominated_by"],
        json!(["2 pairs, rotated arbiters"])
    );
    assert_eq!(of("2 pairs, no quorum")["split_brain"], true);
}

#[test]
fn scripts_are_shell_and_refuse_before_they_change_anything() {
    for arguments in [
        &["-f", "sh"][..],
        &["-f", "sh", "--node", "pi2"],
        &["-f", "sh", "--replace", "pi3:sda"],
    ] {
        let text = run(arguments, &example()).text();
        let check = Program::new("sh")
            .args(["-n"])
            .input(text.clone())
            .run()
            .unwrap();
        assert_eq!(check.code, Some(0), "{arguments:?}: {}", check.stderr);
        assert!(
            !text.contains(" force'") || arguments.contains(&"--replace"),
            "{arguments:?}"
        );
        // On a machine that is none of the nodes nothing happens.
        let refused = Program::new("sh").input(text).run().unwrap();
        assert_eq!(refused.code, Some(3), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("and the script is for pi"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_script_is_never_written_with_force_on_create() {
    let text = run(&["-f", "sh"], &example()).text();
    for line in text.lines().filter(|line| line.contains("volume create")) {
        assert!(!line.contains("force"), "{line}");
    }
}

#[test]
fn changes_are_looked_at_step_by_step() {
    let replaced = answer(&["--replace", "pi3:sda"], &example());
    let stages = replaced["stages"].as_array().unwrap();
    let brief: Vec<(bool, u64, u64)> = stages
        .iter()
        .map(|s| {
            (
                s["available"] == true,
                s["guaranteed_nodes"].as_u64().unwrap(),
                s["kept_nodes"].as_u64().unwrap(),
            )
        })
        .collect();
    // Without pi3's stick brick 1 and another one must stay; a new one counts for the quorum before it is filled.
    assert_eq!(brief, [(true, 0, 2), (true, 1, 2), (true, 1, 3)]);
    let ids: Vec<&str> = replaced["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        [
            "others-in-step-gv0",
            "reset-gv0",
            "unmount-sda",
            "mkfs-sda",
            "mount-sda",
            "new-gv0",
            "folder-gv0",
            "commit-gv0",
            "healed-gv0"
        ]
    );
    assert!(
        replaced["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["node"] == "pi3")
    );
    let grown = answer(&["--add", "pi4"], &example());
    assert_eq!(grown["volumes"][0]["replica"], 4);
    assert!(
        grown["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["id"] == "add-gv0")
    );
    let less = answer(&["--remove", "pi1"], &example());
    assert_eq!(less["volumes"][0]["replica"], 3);
    assert!(
        less["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["id"] == "gluster-first-brick-moves")
    );
    assert!(
        less["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["node"] == "pi2")
    );
}

#[test]
fn a_brick_moves_to_another_nodes_stick() {
    let document = volume(json!({"replica": 3, "nodes": ["pi1", "pi2", "pi3"]}));
    let moved = answer(&["--replace", "pi3:sda=pi4:sda"], &document);
    assert_eq!(moved["ok"], true, "{}", moved["findings"]);
    assert_eq!(nodes(&moved), ["pi1", "pi2", "pi4"]);
    let same = answer(&["--replace", "pi3:sda=pi2:sda"], &document);
    assert_eq!(same["findings"][0]["id"], "gluster-same-node");
}

#[test]
fn words_that_do_not_go_together_are_2() {
    for arguments in [
        &["--replace", "pi3:sda", "--add", "pi4"][..],
        &["--replace", "pi3"],
        &["--remove", "pi7"],
        &["--add", "pi4,pi4"],
        &["--node", "pi1"],
        &["-f", "sh", "--node", "pi7"],
    ] {
        let outcome = run(arguments, &example());
        assert_eq!(
            (outcome.code, outcome.stderr.lines().count()),
            (Some(2), 1),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn what_is_no_answer_of_gluster_is_65() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.xml").display().to_string();
    for (text, expected) in [
        ("", "expected XML"),
        ("<a/>", "expected <cliOutput>"),
        (
            "<cliOutput><opRet>-1</opRet><opErrstr>no</opErrstr></cliOutput>",
            "failed there: no",
        ),
        (
            "<cliOutput><opRet>0</opRet></cliOutput>",
            "<volInfo> or <peerStatus>",
        ),
        (
            "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>v</name><replicaCount>x</replicaCount></volume></volumes></volInfo></cliOutput>",
            "expected a number in <replicaCount>",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let outcome = run(&["--observed", &path], &example());
        assert_eq!(outcome.code, Some(65), "{text}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
    assert_eq!(run(&["--observed", "/no/such"], &example()).code, Some(1));
}

/// What four real glusterds printed, read back.
fn observed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/observed")
        .join(name);
    path.display().to_string()
}

fn lab(replica: u64) -> Value {
    let names = ["pi1", "pi2", "pi3", "pi4"];
    let node = |name: &&str| json!({"name": name, "os": "debian", "arch": "x86_64", "usb": [{"device": format!("/dev/shm/sticks/{name}"), "size_bytes": 450_048_000, "use": "brick"}]});
    json!({"name": "real", "nodes": names.iter().map(node).collect::<Vec<_>>(), "storage": {"volumes": [{"name": "gv0", "replica": replica}]}})
}

#[test]
fn what_is_there_is_not_done_again() {
    let files = [
        format!("--observed={}", observed("info.xml")),
        format!("--observed={}", observed("pool.xml")),
    ];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let same = answer(&files, &lab(4));
    assert_eq!(
        (&same["ok"], &same["pending"]),
        (&json!(true), &json!(false)),
        "{}",
        same["findings"]
    );
    let differs = answer(&files, &lab(3));
    assert_eq!(differs["findings"][0]["id"], "gluster-differs");
    let mut quorum = lab(4);
    quorum["storage"]["volumes"][0]["server_quorum"] = json!(true);
    let steps = answer(&files, &quorum)["steps"].clone();
    assert_eq!(
        steps
            .as_array()
            .unwrap()
            .iter()
            .map(|step| step["id"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["set-gv0-cluster-server-quorum-type"]
    );
    let mut nobodys = lab(4);
    nobodys["storage"] = json!({});
    let adopted = answer(&files, &nobodys);
    assert_eq!(
        (&adopted["volumes"][0]["adopted"], &adopted["pending"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        adopted["volumes"][0]["survival"]["guaranteed_losses"]["nodes"],
        1
    );
}

/// Names that a shell, XML and fstab would take apart.
#[test]
fn hostile_names_stay_what_they_are() {
    let mount = "/mnt/a 'b' $(c)\\&<d>\"";
    let device = "/dev/disk/by-id/x'&<\"y $(z)";
    let document = with(&[
        ("/storage/volumes/0/mount", json!(mount)),
        ("/storage/volumes/0/provisioner", json!("local-path")),
        ("/nodes/0/usb/0/device", json!(device)),
        ("/nodes/0/os", json!("debian")),
    ]);
    let svg = run(&["-f", "svg"], &document).text();
    let picture = roxmltree::Document::parse(&svg).unwrap();
    let lost = run(&["-f", "svg", "--lose", "pi1,pi2"], &document);
    assert_eq!(lost.code, Some(3));
    assert!(lost.text().starts_with("<svg "), "a picture shows a no too");
    let shown = ">error: gv0: without pi1, pi2 ";
    assert!(lost.text().contains(shown), "{}", lost.text());
    let texts: Vec<&str> = picture
        .descendants()
        .filter_map(|node| node.text())
        .collect();
    assert!(texts.iter().any(|text| text.contains(mount)), "{texts:?}");
    assert!(texts.contains(&"Gluster volumes of cloud-at-home"));
    for arguments in [&["-f", "sh"][..], &["-f", "sh", "--node", "pi1"]] {
        let text = run(arguments, &document).text();
        let check = Program::new("sh").args(["-n"]).input(text).run().unwrap();
        assert_eq!(check.code, Some(0), "{}", check.stderr);
    }
    let steps = answer(&[], &document)["steps"].clone();
    let lines = steps
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["node"] == "pi1");
    let fstab: Vec<&str> = lines
        .filter(|step| step["action"]["path"] == "/etc/fstab")
        .map(|step| step["action"]["line"].as_str().unwrap())
        .collect();
    assert!(
        fstab.iter().all(|line| line.split(' ').count() == 6),
        "{fstab:?}"
    );
    // What the helper pod runs reads its own words back: the volume is not mounted here.
    let yaml = run(&["-f", "k8s"], &document).text();
    let setup = yaml
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"setup\": "))
        .unwrap();
    let setup: String = serde_json::from_str(setup).unwrap();
    let refused = Program::new("sh").args(["-c", &setup]).run().unwrap();
    assert_eq!(
        (refused.code, refused.stderr.as_str()),
        (Some(1), "the volume is not mounted here\n")
    );
}

/// A volume as `volume info --xml` tells it, with these options.
fn info(options: &[(&str, &str)]) -> String {
    let options: String = options
        .iter()
        .map(|(name, value)| format!("<option><name>{name}</name><value>{value}</value></option>"))
        .collect();
    let bricks: String = (1..=4)
        .map(|n| {
            format!(
                "<brick><name>pi{n}:/srv/gluster/pi{n}/gv0</name><isArbiter>0</isArbiter></brick>"
            )
        })
        .collect();
    let plain = "<option><name>network.ping-timeout</name><value>20</value></option>\
        <option><name>cluster.favorite-child-policy</name><value>none</value></option>";
    format!(
        "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>gv0</name><statusStr>Started</statusStr>\
         <replicaCount>4</replicaCount><arbiterCount>0</arbiterCount><disperseCount>0</disperseCount>\
         <bricks>{bricks}</bricks><options>{plain}{options}</options></volume></volumes></volInfo></cliOutput>"
    )
}

fn step_ids(answer: &Value) -> Vec<&str> {
    let steps = answer["steps"].as_array().unwrap();
    let ids = steps.iter().map(|step| step["id"].as_str().unwrap());
    ids.collect()
}

#[test]
fn what_is_there_is_judged_by_the_quorums_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("info.xml");
    let observed = format!("--observed={}", path.display());
    let see = |options: &[(&str, &str)]| std::fs::write(&path, info(options)).unwrap();
    let auto = ("cluster.quorum-type", "auto");
    let server = ("cluster.server-quorum-type", "server");
    let ratio = ("cluster.server-quorum-ratio", "50%");
    // Two of four peers are too few, whatever the document says.
    see(&[auto, server]);
    let lost = answer(&[&observed, "--lose=pi3,pi4"], &lab(4));
    assert_eq!(lost["lose"]["state"], "safe");
    assert_eq!(lost["volumes"][0]["quorum"]["server"]["required"], 3);
    assert_eq!(step_ids(&lost), ["set-gv0-cluster-server-quorum-type"]);
    assert_eq!(lost["steps"][0]["action"]["argv"][6], "none");
    see(&[auto, ("cluster.server-quorum-type", "none")]);
    let lost = answer(&[&observed, "--lose=pi3,pi4"], &lab(4));
    assert_eq!(
        (&lost["lose"]["state"], &lost["pending"]),
        (&json!("available"), &json!(false))
    );
    // The pool's ratio is set, kept and taken back.
    let mut half = lab(4);
    half["storage"]["volumes"][0]["server_quorum"] = json!(true);
    half["storage"]["volumes"][0]["server_quorum_ratio"] = json!(50);
    see(&[auto, server]);
    let planned = answer(&[&observed], &half);
    assert_eq!(step_ids(&planned), ["set-server-quorum-ratio"]);
    assert_eq!(planned["volumes"][0]["quorum"]["server"]["required"], 3);
    see(&[auto, server, ratio]);
    let planned = answer(&[&observed], &half);
    assert_eq!(planned["pending"], false, "{}", planned["steps"]);
    assert_eq!(planned["volumes"][0]["quorum"]["server"]["required"], 2);
    half["storage"]["volumes"][0]["server_quorum_ratio"] = Value::Null;
    let planned = answer(&[&observed], &half);
    assert_eq!(step_ids(&planned), ["set-server-quorum-ratio"]);
    assert_eq!(planned["steps"][0]["action"]["argv"][3], "reset");
}

#[test]
fn a_split_brain_that_is_asked_for_is_refused_and_one_that_is_there_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("info.xml");
    let observed = format!("--observed={}", path.display());
    let severity = |answer: &Value| {
        let findings = answer["findings"].as_array().unwrap();
        let found: Vec<Value> = findings
            .iter()
            .filter(|found| found["id"] == "gluster-split-brain")
            .map(|found| found["severity"].clone())
            .collect();
        json!(found)
    };
    let none = info(&[("cluster.quorum-type", "none")]);
    std::fs::write(&path, none).unwrap();
    let mended = answer(&[&observed], &lab(4));
    assert_eq!(severity(&mended), json!(["warning"]));
    assert_eq!(step_ids(&mended), ["set-gv0-cluster-quorum-type"]);
    assert_eq!(mended["ok"], true);
    let auto = info(&[("cluster.quorum-type", "auto")]);
    std::fs::write(&path, auto).unwrap();
    let mut two = lab(4);
    two["storage"]["volumes"][0]["quorum"] = json!("fixed");
    two["storage"]["volumes"][0]["quorum_count"] = json!(2);
    let asked = answer(&[&observed], &two);
    assert_eq!(severity(&asked), json!(["error"]));
    assert_eq!(asked["volumes"][0]["split_brain"]["possible"], false);
}

/// The exports of pi1, by their volumes' mounts.
fn exports(arguments: &[&str], document: &Value) -> BTreeSet<String> {
    let steps = answer(arguments, document)["steps"].clone();
    let steps = steps.as_array().unwrap().iter();
    let lines = steps.filter(|step| step["action"]["path"] == "/etc/exports");
    lines
        .map(|step| step["action"]["line"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_export_keeps_its_identity() {
    let nfs = |name: &str| json!({"name": name, "replica": 4, "provisioner": "nfs"});
    let document = |volumes: Value| {
        let mut lab = lab(4);
        lab["network"] = json!({"lan": "10.9.0.0/24"});
        lab["storage"]["volumes"] = volumes;
        lab
    };
    let both = exports(&[], &document(json!([nfs("gv0"), nfs("gv1")])));
    let identities: BTreeSet<&str> = both
        .iter()
        .map(|line| line.split("fsid=").nth(1).unwrap())
        .collect();
    assert_eq!(identities.len(), 2, "{both:?}");
    assert!(identities.iter().all(|text| text.len() == 37), "{both:?}");
    // The same where the first is there already.
    let seen = format!("--observed={}", observed("info.xml"));
    let later = exports(&[&seen], &document(json!([nfs("gv0"), nfs("gv1")])));
    assert_eq!(later.len(), 1);
    assert!(later.is_subset(&both), "{later:?} {both:?}");
}

#[test]
fn without_a_network_nobody_is_let_in() {
    let document = with(&[("/network/lan", Value::Null)]);
    assert!(exports(&[], &document).is_empty());
    assert_eq!(run(&["-f", "sh", "--node", "pi1"], &document).code, Some(3));
}

/// The functions of a node's script, and then this.
fn guard(text: &str) -> (Option<i32>, String) {
    let script = run(&["-f", "sh", "--node", "pi1"], &example()).text();
    let (functions, rest) = script.split_once("\nthis_is pi1\n").unwrap();
    assert!(rest.starts_with("own_name pi1\n"), "{rest}");
    let all = format!("{functions}\n{text}\n");
    let outcome = Program::new("sh").args(["-c", &all]).run().unwrap();
    (outcome.code, outcome.stderr)
}

#[test]
fn only_what_is_known_to_be_blank_is_formatted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stick");
    std::fs::write(&path, [0; 4096]).unwrap();
    let path = path.display();
    for (code, printed, says) in [
        (2, "", ""),
        (0, "DEVNAME=/dev/x\nPART_ENTRY_NUMBER=1", ""),
        (0, "DEVNAME=/dev/x\nTYPE=vfat", "it holds TYPE=vfat"),
        (8, "", "it ends with 8"),
        (4, "", "it ends with 4"),
    ] {
        let fake = format!("blkid() {{ printf '{printed}\\n'; return {code}; }}");
        let (ended, said) = guard(&format!("{fake}\nblank '{path}'"));
        let refused = !says.is_empty();
        assert_eq!(ended, Some(if refused { 3 } else { 0 }), "{code}: {said}");
        assert!(said.contains(says), "{said}");
    }
    // What cannot be opened is blank to blkid.
    let (ended, said) = guard("blkid() { return 2; }\nblank /no/such/stick");
    assert_eq!(ended, Some(3), "{said}");
    assert!(said.contains("cannot be read"), "{said}");
}

#[test]
fn a_shell_that_starts_rancheros_reads_the_mount_as_one_word() {
    let document = with(&[
        ("/storage/volumes/0/mount", json!("/mnt/a b$(reboot)")),
        ("/nodes/0/os", json!("rancheros")),
    ]);
    let steps = answer(&[], &document)["steps"].clone();
    let boot = steps
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["id"] == "boot" && step["node"] == "pi1")
        .unwrap();
    let content = boot["action"]["content"].as_str().unwrap();
    for command in ["mkdir -p ", "mount -t glusterfs localhost:/gv0 "] {
        let quoted = format!("{command}'/mnt/a b$(reboot)'");
        assert!(content.contains(&quoted), "{content}");
    }
}

#[test]
fn a_fragment_stands_where_its_system_reads_it() {
    for (os, folder) in [("rancheros", "rancher"), ("burmillaos", "burmilla")] {
        let document = with(&[("/nodes/0/os", json!(os))]);
        let steps = answer(&[], &document)["steps"].clone();
        let mut steps = steps.as_array().unwrap().iter();
        let boot = steps.find(|step| step["id"] == "boot").unwrap();
        let path = format!("/var/lib/{folder}/conf/cloud-config.d/gluster-plan.yml");
        for part in ["action", "check", "undo"] {
            assert_eq!(boot[part]["path"], path, "{part}");
        }
    }
}

#[test]
fn files_are_what_they_were() {
    let local = with(&[("/storage/volumes/0/provisioner", json!("local-path"))]);
    let cases: [(&[&str], Value, &str); 7] = [
        (&["-f", "text"], example(), "reference.txt"),
        (&["-f", "sh"], example(), "reference.sh"),
        (
            &["-f", "sh", "--node", "pi1"],
            with(&[("/nodes/0/os", json!("debian"))]),
            "reference-pi1.sh",
        ),
        (
            &["-f", "sh", "--replace", "pi3:sda"],
            example(),
            "replace.sh",
        ),
        (&["-f", "k8s"], example(), "reference-nfs.yaml"),
        (&["-f", "k8s"], local, "reference-local-path.yaml"),
        (&["-f", "svg"], example(), "reference.svg"),
    ];
    for (arguments, document, name) in cases {
        let text = run(arguments, &document).text();
        cluster_tests::golden(env!("CARGO_MANIFEST_DIR"), name, &text).unwrap();
    }
}

#[test]
fn a_node_joins_once() {
    let files = ["info.xml", "pool.xml"]
        .map(observed)
        .map(|path| format!("--observed={path}"));
    let joined = answer(&[&files[0], &files[1], "--add", "pi4"], &lab(4));
    assert_eq!(joined["findings"][0]["id"], "gluster-same-node");
    assert_eq!(
        joined["steps"].as_array().unwrap().len(),
        0,
        "{}",
        joined["steps"]
    );
}
