//! The document as its readers and writers see it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::document::{Document, Layout};
use cluster::inventory::{Allocation, Section};
use cluster::{EXAMPLE, TOOL_KEYS};
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(text: &str) -> Result<Document, String> {
    Document::parse(text.as_bytes().to_vec()).map_err(|error| error.to_string())
}

fn written(text: &str, value: &Value, layout: Layout) -> String {
    let document = parse(text).unwrap();
    let mut out = Vec::new();
    document
        .write(&mut out, "poe_budget", value, layout)
        .unwrap();
    String::from_utf8(out).unwrap()
}

fn problem(text: &str) -> String {
    match parse(text) {
        Err(problem) => problem,
        Ok(document) => document
            .inventory(&Section::ALL)
            .map(drop)
            .unwrap_err()
            .to_string(),
    }
}

#[test]
fn the_example_is_read_whole() {
    let (inventory, warnings) = parse(EXAMPLE).unwrap().inventory(&Section::ALL).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(inventory.nodes.len(), 4);
    assert_eq!(inventory.switches[0].allocation, Some(Allocation::Draw));
    assert_eq!(
        inventory.nodes[3].usb[0].size_bytes.unwrap().0,
        64_000_000_000
    );
    assert_eq!(
        inventory.parts[0]
            .unit_cost
            .as_ref()
            .unwrap()
            .amount
            .hundredths,
        8990
    );
    let text: Value = serde_json::from_str(EXAMPLE).unwrap();
    let keys = text.as_object().unwrap().keys();
    assert!(
        keys.clone()
            .all(|key| key == "format_version" || Section::ALL.iter().any(|s| s.key() == key))
    );
}

#[test]
fn a_key_is_added_and_the_rest_keeps_its_bytes() {
    let value = json!({"ok": true, "list": [], "deep": [{}, {"a": [1, 2]}]});
    let text = "{\n\t\"other\" : 12345678901234567890.10 ,\"é\\u0041\": [1e400 ]\n}\n";
    let out = written(text, &value, Layout::Indented);
    let head = text.trim_end().strip_suffix("\n}").unwrap();
    let expected = format!(
        "{head},\n  \"poe_budget\": {{\n    \"ok\": true,\n    \"list\": [],\n    \"deep\": [\n      {{}},\n      {{\n        \"a\": [\n          1,\n          2\n        ]\n      }}\n    ]\n  }}\n}}\n"
    );
    let sorted = |text: &str| text.split("\"poe_budget\"").next().unwrap().to_owned();
    assert_eq!(sorted(&out), sorted(&expected));
    let again = written(&out, &json!({"ok": false}), Layout::Indented);
    assert_eq!(
        again,
        format!("{head},\n  \"poe_budget\": {{\n    \"ok\": false\n  }}\n}}\n")
    );
}

#[test]
fn a_key_is_replaced_where_it_stands() {
    let text = "{\"a\":1,\"poe_budget\": {\"old\":[1,2]} ,\"b\":2}";
    let out = written(text, &json!(7), Layout::Indented);
    assert_eq!(out, "{\"a\":1,\"poe_budget\": 7 ,\"b\":2}\n");
}

#[test]
fn objects_of_every_shape_take_a_key() {
    for (text, compact) in [
        ("{}", "{\"poe_budget\":1}\n"),
        (" { } ", "{\"poe_budget\":1}\n"),
        (
            "{\"a\": \" \\\" { \"}",
            "{\"a\":\" \\\" { \",\"poe_budget\":1}\n",
        ),
        ("{\"a\\\\\": 1 }", "{\"a\\\\\":1,\"poe_budget\":1}\n"),
    ] {
        assert_eq!(written(text, &json!(1), Layout::Compact), compact, "{text}");
        let indented = written(text, &json!(1), Layout::Indented);
        let value: Value = serde_json::from_str(&indented).unwrap();
        assert_eq!(value["poe_budget"], 1);
        assert!(indented.ends_with('\n'));
    }
}

#[test]
fn what_is_no_document_is_named() {
    for (text, expected) in [
        ("", "expected a JSON object, found nothing"),
        (" \n", "expected a JSON object, found nothing"),
        ("[1]", "expected a JSON object, found [1]"),
        ("\u{feff}{}", "byte order mark"),
        ("{\"a\":1", "line 1, column 6"),
        ("{\"a\":01}", "line 1"),
        ("{} {}", "found more after it"),
        ("{}\n}", "found more after it"),
        ("{\"a\":1,\"a\":2}", "a: expected each key once"),
        ("{\"\\u0061\":1,\"a\":2}", "a: expected each key once"),
        (
            "{\"nodes\":[],\"nodes\":[]}",
            "nodes: expected each key once",
        ),
        ("{\"storge\":{}}", "did you mean \"storage\"?"),
        ("{\"poe_budgt\":{}}", "did you mean \"poe_budget\"?"),
        (
            "{\"format_version\":\"2.0\"}",
            "format_version: expected major version 1",
        ),
        ("{\"format_version\":1}", "format_version: expected text"),
        (
            "{\"format_version\":\"1\"}",
            "format_version: expected text",
        ),
    ] {
        let problem = problem(text);
        assert!(problem.contains(expected), "{text:?}: {problem}");
    }
    let not_text = Document::parse(b"{\"a\xff\":1}".to_vec()).unwrap_err();
    assert!(not_text.to_string().contains("offset 3"), "{not_text}");
}

#[test]
fn what_a_section_gets_wrong_is_named_by_its_path() {
    let switch = |fields: &str| format!("{{\n \"switches\": [{{\"name\": \"sw1\", {fields}}}]}}");
    for (text, path, expected) in [
        (switch("\"budgt_w\": 56"), "switches[0].budgt_w", "did you mean \"budget_w\"?"),
        (switch("\"budget_w\": 0"), "switches[0].budget_w", "expected a number of watts above 0"),
        (switch("\"budget_w\": -5"), "switches[0].budget_w", "line 2, column 44"),
        (switch("\"budget_w\": 1e999"), "switches[0].budget_w", "number out of range"),
        (switch("\"budget_w\": \"56\""), "switches[0].budget_w", "string \"56\""),
        (switch("\"budget_w\": 5, \"budget_w\": 6"), "switches[0]", "duplicate field `budget_w`"),
        (switch("\"allocation\": \"drow\""), "switches[0].allocation", "`draw` or `class`"),
        (
            switch("\"ports\": [{\"port\": 1, \"device\": \"a\", \"cable\": {\"awg\": 12, \"length_m\": 1}}]"),
            "switches[0].ports[0].cable.awg",
            "expected an American Wire Gauge from 22 to 30",
        ),
        (
            switch("\"ports\": [{\"port\": 0, \"device\": \"a\"}]"),
            "switches[0].ports[0].port",
            "expected a port number from 1 to 65535",
        ),
        (
            switch("\"ports\": [{\"port\": 1, \"device\": \"a\", \"cable\": {\"awg\": 26, \"length\": 1, \"length_m\": 1}}]"),
            "switches[0].ports[0].cable.length",
            "did you mean \"length_m\"?",
        ),
        ("{\"switches\": 5}".to_owned(), "switches", "expected a list"),
        ("{\"nodes\": [{}]}".to_owned(), "nodes[0]", "missing field `name`"),
        ("{\"nodes\": [{\"name\": \"Pi_1\"}]}".to_owned(), "nodes[0].name", "RFC 1123"),
        (
            "{\"nodes\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}".to_owned(),
            "nodes[1].name",
            "again after nodes[0]",
        ),
        (
            "{\"nodes\": [{\"name\": \"a\", \"partitions\": [{\"filesystem\": \"xfs\", \"label\": \"0123456789abc\"}]}]}".to_owned(),
            "nodes[0].partitions[0].label",
            "at most 12 bytes",
        ),
        (
            "{\"nodes\": [{\"name\": \"a\", \"disk\": {\"device\": \"/dev/../etc\"}}]}".to_owned(),
            "nodes[0].disk.device",
            "without '..'",
        ),
        ("{\"wifi\": {\"route_metric\": -1}}".to_owned(), "wifi.route_metric", "a whole number, 0 or more"),
    ] {
        let problem = problem(&text);
        assert!(problem.starts_with(&format!("{path}: ")), "{text}: {problem}");
        assert!(problem.contains(expected), "{text}: {problem}");
    }
}

#[test]
fn a_newer_minor_version_turns_unknown_fields_into_warnings() {
    let text =
        "{\"format_version\": \"1.7\", \"switches\": [{\"name\": \"sw1\", \"colour\": \"red\"}]}";
    let (inventory, warnings) = parse(text).unwrap().inventory(&Section::ALL).unwrap();
    assert_eq!(inventory.switches.len(), 1);
    assert_eq!(warnings[0].subject, "switches[0].colour");
}

#[test]
fn fields_of_ones_own_are_free() {
    let text = "{\"x_mine\": 1, \"x_nodes\": 2, \"switches\": [{\"name\": \"sw1\", \"x_colour\": {\"a\": 1}}]}";
    assert!(parse(text).unwrap().inventory(&Section::ALL).is_ok());
}

#[test]
fn answers_that_are_not_ok_are_found() {
    let text = "{\"poe_budget\": {\"ok\": true}, \"nat_gen\": {\"ok\": false}, \"k3s_join\": 5}";
    assert_eq!(
        parse(text).unwrap().answers_not_ok(),
        ["k3s_join", "nat_gen"]
    );
}

#[test]
fn a_deep_value_of_somebody_elses_is_no_concern() {
    let deep = format!(
        "{{\"theirs\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let out = written(&deep, &json!(1), Layout::Compact);
    assert!(out.contains("[[["));
}

/// JSON values, and text that is nearly JSON.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map("[a-z_\\\\\" é]{1,8}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(document) = Document::parse(bytes) {
            let _ = document.inventory(&Section::ALL);
        }
    }

    #[test]
    fn arbitrary_sections_never_panic(section in 0usize..10, value in any_json()) {
        let key = Section::ALL[section].key();
        let document = parse(&json!({key: value}).to_string()).unwrap();
        let _ = document.inventory(&Section::ALL);
        let _ = document.answers_not_ok();
    }

    #[test]
    fn damaged_examples_never_panic(at in 0..EXAMPLE.len(), byte in any::<u8>()) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(document) = Document::parse(bytes) {
            let _ = document.inventory(&Section::ALL);
        }
    }

    #[test]
    fn foreign_keys_survive_and_writing_again_changes_nothing(
        foreign in proptest::collection::btree_map("y[a-z \"\\\\é]{9,16}", any_json(), 0..5),
        value in any_json(),
        pretty in any::<bool>(),
        key in 0usize..7,
    ) {
        let foreign = json!(foreign);
        let text = if pretty { serde_json::to_string_pretty(&foreign) } else { serde_json::to_string(&foreign) }.unwrap();
        for layout in [Layout::Indented, Layout::Compact] {
            let write = |text: &str| {
                let mut out = Vec::new();
                parse(text).unwrap().write(&mut out, TOOL_KEYS[key], &value, layout).unwrap();
                String::from_utf8(out).unwrap()
            };
            let once = write(&text);
            let mut expected = foreign.clone();
            expected[TOOL_KEYS[key]] = value.clone();
            prop_assert_eq!(serde_json::from_str::<Value>(&once).unwrap(), expected);
            prop_assert_eq!(write(&once), once);
        }
    }
}
