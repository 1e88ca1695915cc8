//! Pictures, read back by an XML parser that we did not write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::name::escape_controls;
use cluster::picture::{Anchor, Area, Face, Picture, Tone};
use cluster_tests::{program::Program, require, tools};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// Reads a list of pictures; prints of each its title, description, tips, words, and what is wrong with it.
const READ: &str = r#"
import json, re, sys
from xml.etree import ElementTree as E
S = "{http://www.w3.org/2000/svg}"
out = []
for text in json.load(sys.stdin):
    root = E.fromstring(text)
    wrong = []
    if root.tag != S + "svg": wrong.append("root " + root.tag)
    names = {e.get("id"): e for e in root.iter() if e.get("id")}
    told = [names[i].text for i in root.get("aria-labelledby").split()]
    style = root.find(S + "style").text
    for e in root.iter():
        if e.tag not in [S + t for t in "svg title desc style rect line text".split()]: wrong.append(e.tag)
        for name, value in e.attrib.items():
            if name.startswith("on") or "href" in name or "url(" in value: wrong.append(name)
        c = e.get("class")
        if c and c != root.get("class") and style.count("." + c + "{") != 2: wrong.append("no colour for " + c)
        for a in ("x", "y", "width", "height", "x1", "x2", "y1", "y2", "font-size"):
            if e.get(a) is not None and not (0 <= float(e.get(a)) <= 1e6): wrong.append(a + "=" + e.get(a))
    if re.search(r"@import|url\(|user-select", style): wrong.append("style")
    box = [float(n) for n in root.get("viewBox").split()]
    for e in root.iter(S + "rect"):
        if float(e.get("x", 0)) + float(e.get("width")) > box[2] + .01: wrong.append("too wide")
        if float(e.get("y", 0)) + float(e.get("height")) > box[3] + .01: wrong.append("too high")
    tips = [e.text for e in root.iter(S + "title")][1:]
    out.append({"told": told, "tips": tips, "words": [e.text for e in root.iter(S + "text")], "wrong": wrong})
json.dump(out, sys.stdout)
"#;

fn read(pictures: &[String]) -> Vec<Value> {
    let outcome = Program::new("/usr/bin/python3")
        .args(["-c", READ])
        .input(json!(pictures).to_string())
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome.json().unwrap().as_array().unwrap().clone()
}

fn words(picture: &Value) -> String {
    let words = picture["words"].as_array().unwrap().iter();
    words
        .map(|word| word.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn whatever_stands_in_a_picture_is_read_back() {
    if !require(&["python3"]).unwrap() {
        return;
    }
    let mut runner = TestRunner::deterministic();
    let hostile = prop::collection::vec(
        prop_oneof![
            any::<char>(),
            Just('<'),
            Just('&'),
            Just('"'),
            Just('\''),
            Just(']'),
            Just('\u{0}'),
            Just('\u{ffff}')
        ],
        1..24,
    );
    let mut text = || -> String {
        let tree = hostile.new_tree(&mut runner).unwrap();
        tree.current().into_iter().collect()
    };
    let texts: Vec<[String; 4]> = (0..500).map(|_| [text(), text(), text(), text()]).collect();
    let draw = |[title, description, tip, word]: &[String; 4]| {
        let mut picture = Picture::new("tool", title, description, 300.0);
        let area = Area {
            x: 1.0,
            y: 1.0,
            width: 9.0,
            height: 9.0,
        };
        picture.fill(area, Tone::New, tip);
        picture.text((1.0, 20.0), Face::Body, Tone::Ink, Anchor::Start, word);
        picture.finish()
    };
    let pictures: Vec<String> = texts.iter().map(draw).collect();
    let shown = |text: &str| escape_controls(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    for (given, found) in texts.iter().zip(read(&pictures)) {
        let [title, description, tip, word] = given;
        assert_eq!(found["told"], json!([shown(title), shown(description)]));
        assert_eq!(found["tips"], json!([shown(tip)]));
        assert_eq!(found["words"], json!([shown(word)]));
        assert_eq!(found["wrong"], json!([]));
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn the_tools_pictures_are_whole_and_say_in_words_what_they_show() {
    if !require(&["python3"]).unwrap() {
        return;
    }
    let mut over: Value = serde_json::from_str(EXAMPLE).unwrap();
    over["switches"][0]["budget_w"] = json!(40);
    let mut fleet = over.clone();
    for number in 2..9 {
        let name = format!("sw{number}");
        let switch = json!({"name": name, "budget_w": 500, "poe_ports": 48, "standard": "at", "allocation": "draw"});
        fleet["switches"].as_array_mut().unwrap().push(switch);
    }
    let picture = |tool: &str, arguments: &[&str], input: &str| {
        let tool = tools::tool(tool).unwrap();
        let outcome = tool
            .args(["-f", "svg"])
            .args(arguments)
            .input(input)
            .run()
            .unwrap();
        assert!(matches!(outcome.code, Some(0 | 3)), "{}", outcome.stderr);
        outcome.text()
    };
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a<b>&\"'\u{1b}.img");
    let mut card = vec![0; 512];
    card[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0]);
    card[510..].copy_from_slice(&[0x55, 0xaa]);
    std::fs::write(&image, &card).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&image)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let pictures = [
        picture("poe-budget", &[], EXAMPLE),
        picture("poe-budget", &[], &over.to_string()),
        picture("poe-budget", &["--optimise"], &over.to_string()),
        picture("poe-budget", &["--assign"], &fleet.to_string()),
        picture("poe-budget", &["-n"], ""),
        picture(
            "pi-partition",
            &["-n", "--label", "data", "--disk", image.to_str().unwrap()],
            "",
        ),
        picture("pi-partition", &[], EXAMPLE),
        picture("gluster-plan", &[], EXAMPLE),
    ];
    let found = read(&pictures);
    for picture in &found {
        assert_eq!(picture["wrong"], json!([]), "{picture}");
    }
    assert!(words(&found[0]).contains("43.3 of 56.0 W"));
    assert!(
        found[0]["told"][1]
            .as_str()
            .unwrap()
            .contains("4 of 4 PoE ports in use")
    );
    assert!(
        words(&found[1]).contains("3.3 W too much")
            && words(&found[1]).contains("dark in the worst case")
    );
    assert!(words(&found[2]).contains("feed pi1 by itself (or pi2, pi3, pi4)"));
    assert!(
        words(&found[3]).contains("-> sw8 port 1"),
        "{}",
        words(&found[3])
    );
    assert!(words(&found[4]).contains("no switch"));
    let told = found[5]["told"][1].as_str().unwrap();
    assert!(
        told.contains("/a<b>&\"'\\u{1b}.img, 1.07 GB, MBR") && told.contains("2 new"),
        "{told}"
    );
    assert!(words(&found[5]).contains("ext4 data"));
    assert!(words(&found[6]).contains("/dev/mmcblk0, not known"));
    assert!(words(&found[7]).contains("gv0 brick 4"));
    let told = found[7]["told"][1].as_str().unwrap();
    assert!(told.contains("survives one loss of a node"), "{told}");
}
