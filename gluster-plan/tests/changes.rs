//! Changes of volumes that are in use: what is asked of them first, in which steps they go, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use cluster_tests::program::Program;
use common::{run, volume, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn answer(arguments: &[&str], input: &Value) -> Value {
    let outcome = run(&[&["--only"], arguments].concat(), input);
    assert!(matches!(outcome.code, Some(0 | 3)), "{}", outcome.stderr);
    outcome.json().unwrap()
}

fn ids(answer: &Value) -> Vec<&str> {
    let steps = answer["steps"].as_array().unwrap();
    let ids = steps.iter().map(|step| step["id"].as_str().unwrap());
    ids.collect()
}

fn has(answer: &Value, severity: &str, id: &str) -> bool {
    let mut findings = answer["findings"].as_array().unwrap().iter();
    findings.any(|found| found["id"] == id && found["severity"] == severity)
}

fn step<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let mut steps = answer["steps"].as_array().unwrap().iter();
    steps.find(|step| step["id"] == id).unwrap()
}

/// What a step's check prints where `gluster` prints this.
fn check(step: &Value, printed: &str) -> String {
    let argv = step["check"]["argv"].as_array().unwrap();
    let mut words: Vec<String> = argv
        .iter()
        .map(|word| word.as_str().unwrap().to_owned())
        .collect();
    let fake = format!("gluster() {{ printf '%s' '{printed}'; }}\n");
    words[2].insert_str(0, &fake);
    let outcome = Program::new(&words[0]).args(&words[1..]).run().unwrap();
    assert_eq!(outcome.stderr, "");
    outcome.text().trim().to_owned()
}

/// `heal info`: each brick with what it lists; `None` is one that is down.
fn heal(bricks: &[(&str, Option<&[&str]>)]) -> String {
    let brick = |(name, entries): &(&str, Option<&[&str]>)| match entries {
        None => format!(
            "Brick {name}:/srv/gluster/sda/gv0\nStatus: Transport endpoint is not connected\nNumber of entries: -\n\n"
        ),
        Some(entries) => {
            let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
            format!(
                "Brick {name}:/srv/gluster/sda/gv0\n{lines}Status: Connected\nNumber of entries: {}\n\n",
                entries.len()
            )
        }
    };
    bricks.iter().map(brick).collect()
}

fn pair() -> Value {
    volume(json!({"replica": 2, "quorum": "auto", "nodes": ["pi1", "pi2"]}))
}

#[test]
fn the_only_good_copy_is_not_taken_away() {
    let whole: Option<&[&str]> = Some(&[]);
    let behind = heal(&[("pi1", Some(&["/F"])), ("pi2", whole)]);
    let rebooting = heal(&[("pi1", None), ("pi2", whole)]);
    let healed = heal(&[("pi1", whole), ("pi2", whole)]);
    for arguments in [&["--remove", "pi1"][..], &["--replace", "pi1:sda=pi3:sda"]] {
        let planned = answer(arguments, &pair());
        let wait = step(&planned, "others-in-step-gv0");
        assert_eq!(check(wait, &behind), "", "{arguments:?}");
        assert_eq!(
            check(wait, &rebooting),
            "down: pi1:/srv/gluster/sda/gv0",
            "{arguments:?}"
        );
        assert_eq!(check(wait, &healed), "in step", "{arguments:?}");
        assert!(!has(&planned, "warning", "gluster-given-up"));
        // Gone already: a script that is run again.
        let again = heal(&[("pi2", whole), ("pi3", whole)]);
        assert_eq!(check(wait, &again), "in step", "{arguments:?}");
        let dead = answer(&[arguments, &["--dead"]].concat(), &pair());
        let wait = step(&dead, "others-in-step-gv0");
        assert_eq!(check(wait, &behind), "", "{arguments:?}");
        assert_eq!(check(wait, &rebooting), "in step", "{arguments:?}");
        assert!(has(&dead, "warning", "gluster-given-up"));
    }
    let same = answer(&["--replace", "pi1:sda"], &pair());
    let wait = step(&same, "others-in-step-gv0");
    assert_eq!(check(wait, &behind), "");
    assert_eq!(check(wait, &rebooting), "in step");
    let elsewhere = heal(&[("pi4", whole), ("pi2", whole)]);
    assert_eq!(
        check(wait, &elsewhere),
        "no such brick: pi1:/srv/gluster/sda/gv0"
    );
}

/// The guards of a script where `gluster` prints this.
fn guarded(arguments: &[&str], printed: &str) -> (Option<i32>, String) {
    let script = run(&[arguments, &["-f", "sh"]].concat(), &pair()).text();
    let (functions, rest) = script.split_once("\nthis_is ").unwrap();
    let (_, looks) = rest.split_once("\nmay_go ").unwrap();
    let (looks, _) = looks.split_once("\n# others-in-step").unwrap();
    let fake =
        format!("sh -c 'gluster() {{ printf '\\''%s'\\'' '\\''{printed}'\\''; }}; volume=$1");
    let looks = looks.replace("sh -c 'volume=$1", &fake);
    let text = format!("{functions}\nmay_go {looks}\n");
    let outcome = Program::new("sh").args(["-c", &text]).run().unwrap();
    (outcome.code, outcome.stderr)
}

#[test]
fn a_brick_that_is_down_is_refused_before_the_first_change() {
    let whole: Option<&[&str]> = Some(&[]);
    let rebooting = heal(&[("pi1", None), ("pi2", whole)]);
    for arguments in [&["--remove", "pi1"][..], &["--replace", "pi1:sda=pi3:sda"]] {
        let (code, said) = guarded(arguments, &rebooting);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("pi1:/srv/gluster/sda/gv0 is down"), "{said}");
        let dead = [arguments, &["--dead"]].concat();
        assert_eq!(guarded(&dead, &rebooting).0, Some(0));
    }
    let (code, said) = guarded(&["--replace", "pi1:sda"], &heal(&[("pi2", whole)]));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("is no brick of the volume"), "{said}");
    assert_eq!(guarded(&["--replace", "pi1:sda"], &rebooting).0, Some(0));
}

#[test]
fn what_cannot_be_meant_is_2() {
    for (arguments, says) in [
        (&["--dead"][..], "--dead has no effect"),
        (
            &["--dead", "--replace", "pi3:sda"],
            "the stick is dead there",
        ),
        (&["--dead", "--add", "pi4"], "--dead has no effect"),
        (&["--replace", "pi3:sda=pi3:sda"], "nothing moves"),
        (&["--add", "pi4,pi3,pi4"], "names a node twice"),
    ] {
        let outcome = run(arguments, &with(&[]));
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    }
}

/// Five nodes, of which four hold two pairs with arbiters.
fn arbiters() -> Value {
    let node = |number: usize| {
        json!({"name": format!("n{number}"), "os": "debian", "arch": "aarch64",
            "usb": [{"device": "/dev/sda", "size_bytes": 64_000_000_000u64, "use": "brick"}]})
    };
    let nodes: Vec<Value> = (1..=5).map(node).collect();
    json!({"name": "lab", "nodes": nodes, "storage": {"volumes": [
        {"name": "v", "replica": 3, "arbiter": true, "nodes": ["n1", "n2", "n3", "n4"]}]}})
}

/// A node with two bricks, and these.
fn with_two(document: &Value) -> (String, Vec<String>) {
    let all = answer(&[], document);
    let bricks = all["volumes"][0]["bricks"].as_array().unwrap();
    let of_node = |number: usize| {
        let node = format!("n{number}");
        let own = bricks.iter().filter(|brick| brick["node"] == node.as_str());
        let own: Vec<String> = own
            .map(|brick| format!("{node}:{}", brick["path"].as_str().unwrap()))
            .collect();
        (own.len() == 2).then_some((node, own))
    };
    (1..=4).find_map(of_node).unwrap()
}

#[test]
fn a_stick_with_two_bricks_of_a_volume_is_replaced_in_its_place() {
    let document = arbiters();
    let (node, bricks) = with_two(&document);
    let planned = answer(&["--replace", &format!("{node}:sda")], &document);
    assert_eq!(
        ids(&planned),
        [
            "others-in-step-v",
            "reset-v",
            "reset-v.2",
            "unmount-sda",
            "mkfs-sda",
            "mount-sda",
            "new-v",
            "folder-v",
            "commit-v",
            "new-v.2",
            "folder-v.2",
            "commit-v.2",
            "healed-v"
        ]
    );
    // Both are down, and neither keeps the other waiting.
    let wait = step(&planned, "others-in-step-v");
    let words = wait["check"]["argv"].as_array().unwrap();
    assert_eq!(
        words[words.len() - 2..],
        [json!(bricks[0]), json!(bricks[1])]
    );
    let all = answer(&[], &document);
    let printed: String = all["volumes"][0]["bricks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|brick| {
            let name = format!(
                "{}:{}",
                brick["node"].as_str().unwrap(),
                brick["path"].as_str().unwrap()
            );
            let (status, count) = if bricks.contains(&name) {
                ("Transport endpoint is not connected", "-")
            } else {
                ("Connected", "0")
            };
            format!("Brick {name}\nStatus: {status}\nNumber of entries: {count}\n\n")
        })
        .collect();
    assert_eq!(check(wait, &printed), "in step");
}

#[test]
fn bricks_of_a_stick_move_one_by_one() {
    let document = arbiters();
    let (node, bricks) = with_two(&document);
    let planned = answer(&["--replace", &format!("{node}:sda=n5:sda")], &document);
    assert_eq!(planned["ok"], true, "{}", planned["findings"]);
    let cluster: Vec<&str> = ids(&planned)
        .into_iter()
        .filter(|id| id.contains("-v") && !id.contains("fstab"))
        .filter(|id| !["mount-point-v", "reload-v", "automount-v"].contains(id))
        .collect();
    assert_eq!(
        cluster,
        [
            "others-in-step-v",
            "replace-v",
            "healed-v",
            "others-in-step-v.2",
            "replace-v.2",
            "healed-v.2"
        ]
    );
    // After the first move the second brick is still where it was.
    let layout = |id: &str| {
        let lines = step(&planned, id)["check"]["lines"].as_array().unwrap();
        let names = lines.iter().filter_map(|line| {
            let (_, name) = line.as_str()?.split_once(": ")?;
            Some(name.trim_end_matches(" (arbiter)").to_owned())
        });
        names.collect::<BTreeSet<String>>()
    };
    let there = |names: &BTreeSet<String>| [0, 1].map(|at| names.contains(&bricks[at]));
    assert_eq!(there(&layout("replace-v")), [false, true]);
    assert_eq!(there(&layout("replace-v.2")), [false, false]);
    assert!(layout("replace-v").contains("n5:/srv/gluster/sda/v"));
    assert!(layout("replace-v.2").contains("n5:/srv/gluster/sda/v-arbiter"));
    let after: Vec<&str> = planned["stages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|stage| stage["after"].as_str())
        .collect();
    let unique: BTreeSet<&&str> = after.iter().collect();
    assert_eq!(unique.len(), 4, "{after:?}");
}

#[test]
fn a_volume_is_not_left_without_its_quorum() {
    let fixed = volume(
        json!({"replica": 3, "quorum": "fixed", "quorum_count": 3, "nodes": ["pi1", "pi2", "pi3"]}),
    );
    let planned = answer(&["--remove", "pi3"], &fixed);
    assert!(has(&planned, "error", "gluster-change-ends"), "{planned}");
    assert_eq!(planned["ok"], false);
    assert_eq!(run(&["--remove", "pi3", "-f", "sh"], &fixed).code, Some(3));
    let auto = volume(json!({"replica": 3, "nodes": ["pi1", "pi2", "pi3"]}));
    assert_eq!(answer(&["--remove", "pi3"], &auto)["ok"], true);
}

#[test]
fn a_stick_holds_one_brick_of_a_volume() {
    let pairs = volume(json!({"replica": 2, "quorum": "auto"}));
    let before = answer(&[], &pairs);
    let node = |at: usize| before["volumes"][0]["bricks"][at]["node"].as_str().unwrap();
    let moved = format!("{}:sda={}:sda", node(0), node(2));
    let planned = answer(&["--replace", &moved], &pairs);
    assert!(has(&planned, "error", "gluster-stick-taken"), "{planned}");
}

/// `volume info` of four bricks, of which pi3's was made when its stick had another name.
fn old_name() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("info.xml");
    let bricks: String = [
        "pi1:/srv/gluster/sda",
        "pi2:/srv/gluster/sda",
        "pi3:/srv/gluster/usb-OLD",
        "pi4:/srv/gluster/sda",
    ]
    .iter()
    .map(|place| format!("<brick><name>{place}/gv0</name><isArbiter>0</isArbiter></brick>"))
    .collect();
    let text = format!(
        "<cliOutput><opRet>0</opRet><volInfo><volumes><volume><name>gv0</name><statusStr>Started</statusStr>\
         <replicaCount>4</replicaCount><arbiterCount>0</arbiterCount><disperseCount>0</disperseCount>\
         <bricks>{bricks}</bricks><options/></volume></volumes></volInfo></cliOutput>"
    );
    std::fs::write(&path, text).unwrap();
    let option = format!("--observed={}", path.display());
    (folder, option)
}

#[test]
fn a_stick_whose_name_changed_is_replaced_by_both_names() {
    let (_folder, observed) = old_name();
    let document = with(&[("/nodes/2/usb/0/device", json!("/dev/disk/by-id/usb-NEW"))]);
    let one = answer(&[&observed, "--replace", "pi3:usb-NEW"], &document);
    assert_eq!(one["findings"][0]["id"], "gluster-not-a-brick", "{one}");
    let fix = one["findings"][0]["fix"].as_str().unwrap();
    assert!(fix.contains("--replace pi3:usb-OLD=pi3:usb-NEW"), "{fix}");
    let both = answer(
        &[&observed, "--replace", "pi3:usb-OLD=pi3:usb-NEW"],
        &document,
    );
    assert_eq!(both["ok"], true, "{}", both["findings"]);
    assert_eq!(
        both["volumes"][0]["bricks"][2]["path"],
        "/srv/gluster/usb-NEW/gv0"
    );
    assert_eq!(step(&both, "mkfs-usb-NEW")["node"], "pi3");
    let words = step(&both, "replace-gv0")["action"]["argv"].to_string();
    assert!(words.contains("pi3:/srv/gluster/usb-OLD/gv0"), "{words}");
    let lost = run(&[&observed, "--lose", "pi3:usb-OLD"], &document);
    assert_eq!(lost.code, Some(0), "{}", lost.stderr);
    // It is no stick for another volume.
    let mut two = document.clone();
    let volumes = two["storage"]["volumes"].as_array_mut().unwrap();
    volumes.push(json!({"name": "gv1", "replica": 4}));
    let placed = answer(&[&observed], &two);
    assert_eq!(
        placed["volumes"][1]["bricks"][2]["path"],
        "/srv/gluster/usb-NEW/gv1"
    );
}

#[test]
fn a_second_new_set_is_filled_too() {
    let mut pairs = volume(json!({"replica": 2, "quorum": "auto"}));
    pairs["storage"]["heketi"] = json!(false);
    let grown = answer(&["--add", "pi3,pi4"], &pairs);
    let start = step(&grown, "rebalance-gv0");
    let row = |node: &str, state: &str| {
        format!(
            "{node:>40}                0        0Bytes             3             0             0 {state:>20}        0:00:00\n"
        )
    };
    // The earlier task of the first set.
    let earlier = row("localhost", "completed") + &row("pi2", "completed");
    assert_eq!(check(start, &earlier), "");
    let now = earlier + &row("pi3", "in progress") + &row("pi4", "completed");
    assert_eq!(check(start, &now), "under way");
    let before =
        row("localhost", "completed") + &row("pi3", "not started") + &row("pi4", "not started");
    assert_eq!(check(start, &before), "");
}
