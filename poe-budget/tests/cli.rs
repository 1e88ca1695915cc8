//! poe-budget seen from outside: arguments, exit codes, errors.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use serde_json::{Value, json};

fn example() -> Value {
    serde_json::from_str(cluster::EXAMPLE).unwrap()
}

fn run(arguments: &[&str], input: &str) -> Outcome {
    let program = Program::new(env!("CARGO_BIN_EXE_poe-budget"));
    program.args(arguments).input(input).run().unwrap()
}

fn run_on(arguments: &[&str], document: &Value) -> Outcome {
    run(arguments, &document.to_string())
}

/// The tool's own value and the exit code.
fn answer(arguments: &[&str], document: &Value) -> (Value, i32) {
    let outcome = run_on(arguments, document);
    let mut whole = outcome.json().unwrap();
    (whole["poe_budget"].take(), outcome.code.unwrap())
}

fn ids(answer: &Value, severity: &str) -> Vec<String> {
    let findings = answer["findings"].as_array().unwrap().iter();
    let of = findings.filter(|finding| finding["severity"] == severity);
    of.map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The same document with one value changed; `null` takes the field away.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = example();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (value, parent) {
        (Value::Null, Value::Object(object)) => drop(object.remove(field)),
        (value, Value::Object(object)) => drop(object.insert(field.to_owned(), value)),
        (value, Value::Array(list)) if field == "-" => list.push(value),
        (value, Value::Array(list)) => list[field.parse::<usize>().unwrap()] = value,
        (value, parent) => unreachable!("{pointer} leads to {parent}, which holds no {value}"),
    }
    document
}

fn push(document: &mut Value, list: &str, value: Value) {
    let list = document.pointer_mut(list).unwrap();
    list.as_array_mut().unwrap().push(value);
}

#[test]
fn the_reference_cluster_is_carried() {
    let (answer, code) = answer(&[], &example());
    assert_eq!(code, 0, "{answer}");
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["headroom_w"], json!(12.7));
    assert_eq!(answer["shed_order"], json!(["pi4", "pi3", "pi2", "pi1"]));
    let switch = &answer["switches"][0];
    assert_eq!(switch["name"], "sw1");
    let stress = switch["cases"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["scenario"] == "stress");
    assert_eq!(
        stress.unwrap(),
        &json!({"scenario": "stress", "allocation": "draw", "budget_w": 56, "demand_w": 43.3,
            "headroom_w": 12.7, "fits": true})
    );
    let port = &switch["ports"][0];
    assert_eq!(port["device"], "pi1");
    assert_eq!((&port["class"], &port["limit_w"]), (&json!(4), &json!(30)));
    assert_eq!(port["draw_w"]["boot"], json!(8.335));
    assert_eq!(port["confidence"], "estimated");
    assert!(port["pd_v"].as_f64().unwrap() > 49.9);
    assert_eq!(switch["shed"].as_array().unwrap().len(), 4);
    assert!(ids(&answer, "error").is_empty());
}

#[test]
fn without_an_allocation_the_answer_is_unknown() {
    let document = with("/switches/0/allocation", Value::Null);
    let (answer, code) = answer(&[], &document);
    assert_eq!(code, 3);
    assert_eq!(ids(&answer, "error"), ["poe-allocation-unknown"]);
    assert_eq!(answer["headroom_w"], json!(-64));
    let cases = answer["switches"][0]["cases"].as_array().unwrap();
    let reserved: Vec<&Value> = cases
        .iter()
        .filter(|c| c["allocation"] == "class")
        .collect();
    assert_eq!(reserved.len(), 4);
    assert!(
        reserved
            .iter()
            .all(|case| case["demand_w"] == json!(120) && case["fits"] == false)
    );
    let text = run_on(&["-f", "text"], &document).text();
    assert!(text.starts_with("unknown: "), "{text}");
}

/// Two devices that never want their most at once: nobody goes dark where the answer is yes.
#[test]
fn who_is_dark_is_counted_in_the_worst_case() {
    let draw =
        |boot: u32, stress: u32| json!({"boot": boot, "idle": 1, "typical": 1, "stress": stress});
    let mut document = example();
    document["nodes"] = json!([]);
    let switch = &mut document["switches"][0];
    switch["budget_w"] = json!(32);
    switch["ports"] = json!([
        {"port": 1, "device": "a", "draw_w": draw(20, 10)},
        {"port": 2, "device": "b", "draw_w": draw(10, 20)},
    ]);
    let (answer, code) = answer(&[], &document);
    assert_eq!((code, &answer["headroom_w"]), (0, &json!(2)), "{answer}");
    for shed in answer["switches"][0]["shed"].as_array().unwrap() {
        assert_eq!(shed["dark"], json!([]), "{shed}");
    }
}

#[test]
fn a_mobile_router_finds_no_port_though_the_watts_would_do() {
    let (answer, code) = answer(&["--add", "mobile-router=4.6"], &example());
    assert_eq!(code, 3);
    assert_eq!(ids(&answer, "error"), ["poe-no-port"]);
    let message = answer["findings"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "no PoE port is left for mobile-router: 4 of 4 are taken; the watts would do (4.6 W of 12.7 W)"
    );
    let question = &answer["question"];
    assert_eq!(question["asked"], json!(["add mobile-router 4.6 W"]));
    assert_eq!(
        (&question["without"]["ok"], &question["with"]["ok"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(question["difference"]["headroom_w"], json!(0));
    assert_eq!(
        question["difference"]["new_findings"],
        json!(["poe-no-port mobile-router"])
    );
    let (answer, _) = self::answer(&["--add", "heater=20"], &example());
    let message = answer["findings"][0]["message"].as_str().unwrap();
    assert!(
        message.ends_with("nor would the watts do (20.0 W of 12.7 W)"),
        "{message}"
    );
}

#[test]
fn a_question_tells_the_difference() {
    let (answer, code) = answer(
        &["--remove", "pi2", "--add", "camera=6.5@sw1:2"],
        &example(),
    );
    assert_eq!(code, 0, "{answer}");
    assert_eq!(answer["switches"][0]["ports"][1]["device"], "camera");
    assert_eq!(answer["switches"][0]["ports"][1]["basis"], "document");
    assert_eq!(answer["shed_order"], json!(["pi4", "pi3", "camera", "pi1"]));
    let question = &answer["question"];
    assert_eq!(
        question["asked"],
        json!(["remove pi2", "add camera 6.5 W on sw1 port 2"])
    );
    assert_eq!(question["without"]["headroom_w"], json!(12.7));
    assert_eq!(question["difference"]["headroom_w"], json!(4.325));
    assert_eq!(question["difference"]["demand_w"], json!(-4.325));
    assert_eq!(answer["headroom_w"], json!(17.025));

    let (answer, code) = self::answer(&["--budget", "40", "--ambient-c", "-20"], &example());
    assert_eq!(code, 3);
    assert_eq!(ids(&answer, "error"), ["poe-over-budget"]);
    assert_eq!(
        answer["question"]["asked"],
        json!(["budget 40 W", "ambient -20 °C"])
    );
    let (answer, code) = self::answer(&["--budget", "sw1=43.3"], &example());
    assert_eq!((code, &answer["headroom_w"]), (0, &json!(0)));
    assert!(ids(&answer, "warning").contains(&"poe-little-headroom".to_owned()));

    // A port of one's own choice that is taken, or gives no power, is a no.
    for place in ["2", "5", "sw1:2"] {
        let (answer, code) = self::answer(&["--add", &format!("camera=5@{place}")], &example());
        assert_eq!(
            (code, ids(&answer, "error")),
            (3, vec!["poe-no-port".to_owned()]),
            "{place}"
        );
    }
}

#[test]
fn warmth_raises_what_a_long_cable_takes() {
    let document = with("/switches/0/ports/0/cable/length_m", json!(90));
    let loss = |arguments: &[&str]| {
        let (answer, _) = answer(arguments, &document);
        answer["switches"][0]["ports"][0]["cable_loss_w"]
            .as_f64()
            .unwrap()
    };
    let (cold, warm) = (loss(&[]), loss(&["--ambient-c", "60"]));
    assert!(cold > 0.5 && warm > cold * 1.15, "{cold} {warm}");
}

#[test]
fn a_device_is_added_where_the_most_watts_are_left() {
    let mut document = example();
    let other = json!({"name": "sw2", "budget_w": 120, "poe_ports": 2, "standard": "at",
        "allocation": "draw", "shed_policy": "retry", "ports": []});
    push(&mut document, "/switches", other);
    let (answer, code) = answer(&["--add", "camera=6.5"], &document);
    assert_eq!(code, 0);
    assert_eq!(answer["switches"][1]["ports"][0]["device"], "camera");
    assert_eq!(answer["switches"][1]["ports"][0]["port"], 1);
    // Its switch has by far the most left, so it is the last to go dark.
    assert_eq!(
        answer["shed_order"],
        json!(["pi4", "pi3", "pi2", "pi1", "camera"])
    );
    let shed = answer["switches"][1]["shed"].as_array().unwrap();
    assert_eq!((shed.len(), &shed[0]["policy"]), (1, &json!("retry")));
    let outcome = run_on(&["--budget", "40"], &document);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome
            .stderr
            .contains("--budget: the document has 2 switches; name one")
    );
}

/// Each change that is told, made in the document by hand, leaves what is said of it; and no device could be fed by itself
/// with more effect than the one that is told.
#[test]
fn the_change_that_buys_most_is_told_and_true() {
    let (answer, code) = answer(&["--optimise"], &example());
    assert_eq!(code, 0);
    let changes = answer["question"]["changes"].as_array().unwrap();
    let gains: Vec<f64> = changes
        .iter()
        .map(|c| c["gain_w"].as_f64().unwrap())
        .collect();
    assert!(
        gains.windows(2).all(|pair| pair[0] >= pair[1]) && gains.len() >= 4,
        "{gains:?}"
    );
    let of = |kind: &str| {
        changes
            .iter()
            .find(|change| change["kind"] == kind)
            .unwrap()
    };
    let headroom = |document: &Value| self::answer(&[], document).0["headroom_w"].clone();

    let apart = of("apart");
    assert_eq!(apart["devices"], json!(["pi1", "pi2", "pi3", "pi4"]));
    assert_eq!(apart["words"], "feed pi1 by itself");
    for device in ["pi1", "pi2", "pi3", "pi4"] {
        let removed = self::answer(&["--remove", device], &example()).0;
        assert_eq!(removed["headroom_w"], apart["headroom_w"], "{device}");
    }
    assert_eq!(
        of("usb")["headroom_w"],
        headroom(&with("/nodes/0/usb", json!([])))
    );
    let hat = with("/nodes/0/hat", json!("rak9003-poe-pi-hat"));
    assert_eq!(
        (&of("hat")["words"], &of("hat")["headroom_w"]),
        (&json!("give pi1 the RAK9003 PoE Pi HAT"), &headroom(&hat))
    );
    let mut other = with("/switches/0/model", json!("mikrotik-css610-8p-2s-plus-in"));
    for field in ["budget_w", "allocation"] {
        other["switches"][0].as_object_mut().unwrap().remove(field);
    }
    assert_eq!(
        of("switch")["words"],
        "take a MikroTik CSS610-8P-2S+IN in the place of sw1"
    );
    assert_eq!(of("switch")["headroom_w"], headroom(&other));
    assert_eq!(answer["question"]["difference"]["headroom_w"], json!(0));

    let outcome = run(&["--optimise", "--remove", "pi1"], cluster::EXAMPLE);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
}

#[test]
fn what_is_not_known_may_buy_most_and_a_weak_hat_nothing() {
    let mut document = with("/switches/0/allocation", Value::Null);
    document["nodes"][0]["model"] = json!("raspberry-pi-5-8gb");
    let (answer, code) = answer(&["--optimise"], &document);
    assert_eq!(code, 3);
    let changes = answer["question"]["changes"].as_array().unwrap();
    assert_eq!(
        changes[0]["words"],
        "find out whether sw1 counts its ports by draw"
    );
    // An af HAT reserves 15.4 W instead of 30, and a Pi 5 with a stick wants more than it gives.
    let hat = changes
        .iter()
        .find(|change| change["kind"] == "hat")
        .unwrap();
    assert_eq!(hat["words"], "give pi2 the Raspberry Pi PoE HAT");
    assert_eq!(hat["devices"], json!(["pi2", "pi3", "pi4"]));
    assert_eq!(hat["gain_w"], json!(14.6));
}

/// Another HAT is proposed where its source says that it fits the board, and nowhere else.
#[test]
fn a_hat_for_another_board_is_not_proposed() {
    let mut document = example();
    document["nodes"][0]["model"] = json!("raspberry-pi-5-8gb");
    document["nodes"][0]["hat"] = json!("waveshare-poe-hat-f");
    document["nodes"][0]["hat_efficiency"] = json!(0.5);
    let hats = |document: &Value| -> Vec<Value> {
        let (answer, _) = answer(&["--optimise"], document);
        let changes = answer["question"]["changes"].as_array().unwrap().clone();
        let hats = changes.into_iter().filter(|change| change["kind"] == "hat");
        hats.collect()
    };
    let words = |change: &Value| change["words"].as_str().unwrap().to_owned();
    let found = hats(&document);
    let of_first: Vec<String> = found
        .iter()
        .map(words)
        .filter(|w| w.contains("pi1"))
        .collect();
    assert!(
        of_first.contains(&"give pi1 the 52Pi PoE+ HAT (EP-0238)".to_owned()),
        "{found:?}"
    );
    assert!(!of_first.iter().any(|w| w.contains("RAK9003")), "{found:?}");
    let rak = found
        .iter()
        .find(|change| words(change).contains("RAK9003"));
    assert_eq!(rak.unwrap()["devices"], json!(["pi2", "pi3", "pi4"]));
    // Nothing is known of a board that is not named.
    document["nodes"][0]
        .as_object_mut()
        .unwrap()
        .remove("model");
    document["nodes"][0]["draw_w"] = json!(20);
    assert!(
        !hats(&document)
            .iter()
            .any(|change| words(change).contains("pi1"))
    );
}

#[test]
fn what_is_wrong_on_the_other_switch_already_does_not_hinder_a_move() {
    let mut document = example();
    let camera = json!({"port": 1, "device": "x", "class": 4, "draw_w": 26});
    let other = json!({"name": "sw2", "budget_w": 200, "poe_ports": 4, "standard": "at", "allocation": "draw",
        "ports": [camera]});
    push(&mut document, "/switches", other);
    let (answer, _) = answer(&["--optimise"], &document);
    assert_eq!(ids(&answer, "error"), ["poe-over-class"]);
    let changes = answer["question"]["changes"].as_array().unwrap();
    let moved = changes.iter().find(|change| change["kind"] == "move");
    assert_eq!(
        moved.unwrap()["words"],
        "move pi1 to sw2 port 2",
        "{answer}"
    );
}

#[test]
fn a_device_may_stand_better_on_another_switch() {
    let mut document = example();
    let other = json!({"name": "sw2", "budget_w": 70, "poe_ports": 2, "standard": "at", "allocation": "draw",
        "ports": [{"port": 1, "device": "camera", "draw_w": 6.5}]});
    push(&mut document, "/switches", other);
    let (answer, _) = answer(&["--optimise"], &document);
    let changes = answer["question"]["changes"].as_array().unwrap();
    let moved = changes
        .iter()
        .find(|change| change["kind"] == "move")
        .unwrap();
    assert_eq!(moved["words"], "move pi1 to sw2 port 2");
    let mut by_hand = document.clone();
    let mut port = by_hand["switches"][0]["ports"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    port["port"] = json!(2);
    by_hand["switches"][1]["ports"]
        .as_array_mut()
        .unwrap()
        .push(port);
    assert_eq!(
        self::answer(&[], &by_hand).0["headroom_w"],
        moved["headroom_w"]
    );
    // Two switches with as little left: no single change helps.
    document["switches"][1]["budget_w"] = json!(6.5 + 12.7);
    document["switches"][1]["ports"][0]["measured_w"] = json!(6.5);
    let (answer, _) = self::answer(&["--optimise"], &document);
    assert_eq!(answer["question"]["changes"], json!([]));
    let text = run_on(&["--optimise", "-f", "text"], &document).text();
    assert!(
        text.contains("nothing: no single change raises the least headroom"),
        "{text}"
    );
}

/// Two switches for the four nodes, one with 30 W and one with what is given, and all nodes on no port yet.
fn two_switches(budget: f64, ports: u16) -> Value {
    let mut document = with("/switches/0/ports", json!([]));
    document["switches"][0]["budget_w"] = json!(30);
    let other = json!({"name": "sw2", "budget_w": budget, "poe_ports": ports, "standard": "at",
        "allocation": "draw", "shed_policy": "lowest-priority"});
    push(&mut document, "/switches", other);
    document
}

#[test]
fn devices_are_assigned_to_the_ports_of_all_switches() {
    let document = two_switches(30.0, 4);
    let (without, code) = answer(&[], &document);
    assert_eq!(code, 0);
    assert!(ids(&without, "warning").contains(&"poe-hat-unconnected".to_owned()));
    let (answer, code) = answer(&["--assign"], &document);
    assert_eq!(code, 0, "{answer}");
    // Two of 10.823 W on each. Three on one would be 32.5 W.
    assert_eq!(answer["headroom_w"], json!(8.354));
    let assignment = &answer["question"]["assignment"];
    assert_eq!(assignment["exact"], true);
    assert_eq!(assignment["headroom_w"], answer["headroom_w"]);
    assert_eq!(assignment["at_most_w"], answer["headroom_w"]);
    assert_eq!(assignment["impossible"], Value::Null);
    let moves = assignment["moves"].as_array().unwrap();
    assert_eq!(moves.len(), 4);
    // The K3s server is on a port that is kept longest.
    assert_eq!(
        (&moves[0]["device"], &moves[0]["to"]["port"]),
        (&json!("pi1"), &json!(1))
    );
    assert_eq!(moves[0]["from"], Value::Null);
    assert!(!ids(&answer, "warning").contains(&"poe-hat-unconnected".to_owned()));
    assert_eq!(answer["question"]["asked"], json!(["assign all devices"]));
    let text = run_on(&["--assign", "-f", "text"], &document).text();
    assert!(text.contains("\n  pi1: no port -> sw"), "{text}");

    // A fifth finds its place with them, and one that is taken away leaves it.
    let (answer, code) = self::answer(&["--assign", "--add", "camera=6.5"], &document);
    assert_eq!(code, 0, "{answer}");
    assert_eq!(
        answer["question"]["assignment"]["moves"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let (answer, _) = self::answer(&["--assign", "--remove", "pi2"], &document);
    assert_eq!(
        answer["question"]["assignment"]["moves"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let outcome = run_on(&["--assign", "--add", "pi2=5"], &document);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome
            .stderr
            .contains("--add pi2: --assign gives it a port already")
    );
}

/// What has a supply of its own needs no port: it neither makes ports scarce nor gets one.
#[test]
fn who_takes_no_power_is_not_assigned() {
    let mut document = example();
    let mut fifth = document["nodes"][3].clone();
    fifth["name"] = json!("pi5");
    fifth["draw_w"] = json!(0);
    for field in ["address", "machine_id", "serial", "mac"] {
        fifth.as_object_mut().unwrap().remove(field);
    }
    push(&mut document, "/nodes", fifth);
    let (answer, code) = answer(&["--assign"], &document);
    assert_eq!(code, 0, "{answer}");
    assert_eq!(answer["question"]["assignment"]["moves"], json!([]));
    assert!(!ids(&answer, "warning").contains(&"poe-hat-unconnected".to_owned()));
    let (answer, code) = self::answer(&["--assign", "--add", "lamp=0"], &document);
    assert_eq!(code, 0, "{answer}");
    let other = json!({"name": "sw2", "budget_w": 10, "poe_ports": 4, "standard": "at", "allocation": "draw"});
    push(&mut document, "/switches", other);
    let (answer, code) = self::answer(&["--assign"], &document);
    assert_eq!(code, 0, "{answer}");
    let assigned = answer["question"]["assignment"]["moves"].to_string();
    assert!(!assigned.contains("pi5"), "{assigned}");
    document["switches"] = json!([]);
    document["nodes"] = json!([document["nodes"][4]]);
    let (answer, code) = self::answer(&[], &document);
    assert_eq!(
        (code, ids(&answer, "error")),
        (0, Vec::<String>::new()),
        "{answer}"
    );
}

/// "There is no way" is said where none can be true; where it depends on what is not declared, that is said.
#[test]
fn what_depends_on_an_open_question_is_no_proof() {
    let message = |document: &Value, expected: &[&str]| {
        let (answer, code) = answer(&["--assign"], document);
        assert_eq!(
            (code, ids(&answer, "error")),
            (3, to_owned(expected)),
            "{answer}"
        );
        let assignment = &answer["question"]["assignment"];
        let proven = expected[0] == "poe-assign-impossible";
        assert_eq!(assignment["exact"], json!(proven));
        assert_eq!(assignment["impossible"].is_string(), proven);
        assert_eq!(assignment["moves"], json!([]));
        answer["findings"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mut document = with("/switches/0/allocation", Value::Null);
    let unknown = ["poe-assign-unknown", "poe-allocation-unknown"];
    assert_eq!(
        message(&document, &unknown),
        "whether there is a way to put every device on a port depends on how sw1 counts its ports, which is not declared: at best one leaves 12.7 W on the fullest switch, at worst there is none, because the devices have 120.0 W reserved for their classes, and the switches give 56.0 W together"
    );
    let text = run_on(&["--assign", "-f", "text"], &document).text();
    assert!(text.starts_with("unknown: "), "{text}");
    // Neither by draw nor by class: that is a proof again.
    document["switches"][0]["budget_w"] = json!(40);
    let impossible = ["poe-assign-impossible", "poe-over-budget"];
    assert_eq!(
        message(&document, &impossible),
        "there is no way to put every device on a port: the devices draw 43.3 W together in stress, and the switches give at most 40.0 W together"
    );
    // 60 W on a model of which 56 and 65 W are attested.
    let mut document = with("/switches/0/budget_w", Value::Null);
    for port in document["switches"][0]["ports"].as_array_mut().unwrap() {
        port["draw_w"] = json!(15);
        port.as_object_mut().unwrap().remove("cable");
    }
    let unknown = ["poe-assign-unknown", "poe-budget-unknown"];
    let told = message(&document, &unknown);
    assert!(
        told.contains("depends on which budget sw1 has (56 or 65 W)"),
        "{told}"
    );
    // A port of the assumed standard gives 15.4 W; which one it is, is not declared.
    let mut document = two_switches(60.0, 4);
    for switch in document["switches"].as_array_mut().unwrap() {
        *switch =
            json!({"name": switch["name"], "budget_w": 60, "poe_ports": 2, "allocation": "draw"});
    }
    document["nodes"][0]["draw_w"] = json!(20);
    let told = message(&document, &["poe-assign-unknown"]);
    assert!(
        told.contains("which standard sw1 has, which standard sw2 has, which is not declared"),
        "{told}"
    );
}

fn to_owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_node_of_which_nothing_is_known_cannot_be_assigned() {
    let mut document = two_switches(30.0, 4);
    document["nodes"][2]["model"] = json!("raspberry-pi-9");
    assert_eq!(run_on(&[], &document).code, Some(0));
    let outcome = run_on(&["--assign"], &document);
    assert_eq!(outcome.code, Some(65));
    assert!(
        outcome.stderr.contains("nodes[2].model: expected a board"),
        "{}",
        outcome.stderr
    );
    document["nodes"][2]["draw_w"] = json!(9);
    assert_eq!(run_on(&["--assign"], &document).code, Some(0));
}

#[test]
fn without_a_switch_there_is_nothing_to_assign() {
    let nothing = run(&["-n", "--only", "--assign"], "").json().unwrap();
    assert_eq!(
        (&nothing["ok"], &nothing["question"]["assignment"]),
        (&json!(true), &Value::Null)
    );
    let (answer, code) = answer(&["--assign"], &with("/switches", Value::Null));
    assert_eq!(
        (code, ids(&answer, "error")),
        (3, vec!["poe-no-switch".to_owned()])
    );
    let mut empty = with("/switches/0/ports", json!([]));
    empty["nodes"] = json!([]);
    let (answer, code) = self::answer(&["--assign"], &empty);
    assert_eq!(
        (code, &answer["question"]["assignment"]["headroom_w"]),
        (0, &json!(56))
    );
}

#[test]
fn who_stands_well_stays() {
    let (answer, code) = answer(&["--assign"], &example());
    assert_eq!(code, 0);
    assert_eq!(answer["question"]["assignment"]["moves"], json!([]));
    assert_eq!(answer["question"]["difference"]["headroom_w"], json!(0));
    let message = answer["findings"].as_array().unwrap().iter();
    let message = message
        .clone()
        .find(|finding| finding["id"] == "poe-assigned")
        .unwrap();
    assert_eq!(
        message["message"],
        "every device stays where it is, and 12.7 W are left on the fullest switch; no other way leaves more, and none that leaves as much moves fewer"
    );
}

#[test]
fn where_there_is_no_way_the_reason_is_a_proof() {
    let reason = |document: &Value| {
        let (answer, code) = answer(&["--assign"], document);
        assert_eq!(code, 3, "{answer}");
        assert_eq!(ids(&answer, "error"), ["poe-assign-impossible"]);
        // Nothing is moved then.
        assert_eq!(answer["switches"][0]["ports"], json!([]));
        let assignment = &answer["question"]["assignment"];
        assert_eq!(
            (&assignment["exact"], &assignment["headroom_w"]),
            (&json!(true), &Value::Null)
        );
        assignment["impossible"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        reason(&two_switches(10.0, 4)),
        "the devices draw 43.3 W together in stress, and the switches give 40.0 W together"
    );
    let mut few = two_switches(100.0, 1);
    few["switches"][0]["poe_ports"] = json!(2);
    assert_eq!(
        reason(&few),
        "4 devices take power, and the switches have 3 PoE ports for them"
    );
    // 43.3 of 45 W, and still no way: two and one and one of them leave the fourth nowhere.
    assert_eq!(
        reason(&two_switches(15.0, 4)),
        "of all 16 ways to spread the devices over the switches none fits: each leaves a switch at least 2.5 W short"
    );
    let mut small = two_switches(10.0, 4);
    small["switches"][0]["budget_w"] = json!(9);
    assert_eq!(
        reason(&small),
        "pi1 alone counts 10.8 W, and no switch has that and a port for it"
    );
}

#[test]
fn a_question_that_does_not_fit_the_document_is_usage() {
    for (arguments, expected) in [
        (
            &["--remove", "pi5"][..],
            "--remove pi5: no such device stands on a port; did you mean \"pi1\"?",
        ),
        (
            &["--add", "pi1=5"],
            "--add pi1: it stands on sw1 port 1 already; add --remove pi1",
        ),
        (
            &["--add", "camera=5@sw2:1"],
            "--add sw2: the document has no such switch; did you mean \"sw1\"?",
        ),
        (
            &["--budget", "sw9=40"],
            "--budget sw9: the document has no such switch; did you mean \"sw1\"?",
        ),
        (&["--add", "camera"], "expected NAME=WATTS"),
        (&["--add", "camera=-5"], "0 or more"),
        (&["--add", "camera=1e7"], "at most 1000000 watts"),
        (&["--add", "camera=5@0"], "a port number from 1 to 65535"),
        (&["--add", "Camera=5"], "RFC 1123"),
        (&["--budget", "0"], "watts above 0"),
        (&["--budget", "nan"], "watts above 0"),
        (
            &["--ambient-c", "200"],
            "expected -60 to 150 degrees Celsius",
        ),
        (&["--remove", "-x"], "unexpected argument"),
        (&["-f", "yaml"], "possible values: json, text"),
    ] {
        let outcome = run_on(arguments, &example());
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty());
        assert!(
            outcome.stderr.starts_with("poe-budget: "),
            "{}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains(expected),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 1);
    }
}

#[test]
fn bad_documents_are_65_with_the_path() {
    let fifth = json!({"port": 5, "device": "pi5", "draw_w": 5});
    for (pointer, value, expected) in [
        (
            "/switches/0/budgt_w",
            json!(56),
            "switches[0].budgt_w: unknown field; did you mean \"budget_w\"?",
        ),
        (
            "/switches/0/model",
            json!("tp-link-tl-sg1005d"),
            "switches[0].model: expected a switch of the catalogue, found \"tp-link-tl-sg1005d\"; did you mean \"tp-link-tl-sg1005p\"?",
        ),
        (
            "/nodes/0/model",
            json!("raspberry-pi-4b-8bg"),
            "nodes[0].model: expected a board of the catalogue, found \"raspberry-pi-4b-8bg\"; did you mean \"raspberry-pi-4b-8gb\"?",
        ),
        (
            "/nodes/1/hat",
            json!("poe-hta"),
            "nodes[1].hat: expected a PoE HAT of the catalogue, found \"poe-hta\"; did you mean \"poe-hat\"?",
        ),
        (
            "/nodes/1/usb/0/model",
            json!("usb-sdd"),
            "nodes[1].usb[0].model: expected a USB device of the catalogue, found \"usb-sdd\"; did you mean \"usb-hdd\"?",
        ),
        (
            "/switches/0/ports/1/port",
            json!(1),
            "switches[0].ports[1].port: expected each port once, found 1 again after switches[0].ports[0]",
        ),
        (
            "/switches/0/ports/1/device",
            json!("pi1"),
            "switches[0].ports[1].device: expected each device on one port, found \"pi1\" again after switches[0].ports[0].device",
        ),
        (
            "/switches/0/ports/1/device",
            json!("sw1"),
            "switches[0].ports[1].device: expected a node's name, or a device with model, draw_w or class, found \"sw1\"",
        ),
        (
            "/switches/0/ports/1/device",
            json!("pi9"),
            "found \"pi9\"; did you mean \"pi1\"?",
        ),
        (
            "/switches/0/ports/1/model",
            json!("openwrt-one"),
            "switches[0].ports[1].model: expected no model, because the device is a node",
        ),
        (
            "/switches/0/ports/-",
            fifth,
            "switches[0].ports[4].port: expected a PoE port from 1 to 4, found 5, which gives no power",
        ),
        (
            "/switches/0/ports/-",
            json!({"port": 6, "device": "laptop", "draw_w": 0}),
            "switches[0].ports[4].port: expected a port from 1 to 5, found 6",
        ),
        (
            "/switches/0/ports/0/cable/awg",
            json!(12),
            "switches[0].ports[0].cable.awg: invalid value: integer `12`, expected an American Wire Gauge from 22 to 30",
        ),
        (
            "/switches/0/ports/0/cable/awg",
            json!(40),
            "switches[0].ports[0].cable.awg: invalid value: integer `40`",
        ),
        (
            "/switches/0/ports/0/cable/length_m",
            json!(-1),
            "switches[0].ports[0].cable.length_m: invalid value",
        ),
        (
            "/switches/0/ports/0/cable/temperature_c",
            json!(200),
            "switches[0].ports[0].cable.temperature_c: expected -60 to 150 degrees Celsius, found 200",
        ),
        (
            "/switches/0/ambient_c",
            json!(-100),
            "switches[0].ambient_c: expected -60 to 150 degrees Celsius",
        ),
        (
            "/switches/0/budget_w",
            json!(0),
            "switches[0].budget_w: invalid value",
        ),
        (
            "/switches/0/budget_w",
            json!(-56),
            "switches[0].budget_w: invalid value",
        ),
        (
            "/switches/0/budget_w",
            json!(1e7),
            "switches[0].budget_w: expected at most 1000000 watts, found 10000000",
        ),
        (
            "/switches/0/port_limit_w",
            json!(1e7),
            "switches[0].port_limit_w: expected at most",
        ),
        (
            "/switches/0/ports/0/draw_w",
            json!(-1),
            "switches[0].ports[0].draw_w: expected a number of watts, 0 or more",
        ),
        (
            "/switches/0/ports/0/draw_w",
            json!(1e9),
            "switches[0].ports[0].draw_w: expected at most",
        ),
        (
            "/switches/0/ports/0/limit_w",
            json!(1e9),
            "switches[0].ports[0].limit_w: expected at most",
        ),
        (
            "/switches/0/ports/0/measured_w",
            json!(1e9),
            "switches[0].ports[0].measured_w: expected at most",
        ),
        (
            "/nodes/2/draw_w",
            json!(1e9),
            "nodes[2].draw_w: expected at most",
        ),
        (
            "/nodes/2/measured_w",
            json!(1e9),
            "nodes[2].measured_w: expected at most",
        ),
        (
            "/nodes/2/hat_efficiency",
            json!(1.2),
            "nodes[2].hat_efficiency: invalid value",
        ),
        (
            "/nodes/2/hat_efficiency",
            json!(1e-17),
            "nodes[2].hat_efficiency: expected a ratio from 0.3 to 1, found 0.00000000000000001",
        ),
        (
            "/switches/0/voltage_v",
            json!(230),
            "switches[0].voltage_v: expected 10 to 60 volts, found 230",
        ),
        (
            "/switches/0/ports/0/class",
            json!(9),
            "switches[0].ports[0].class: invalid value",
        ),
    ] {
        let outcome = run_on(&[], &with(pointer, value));
        assert_eq!(outcome.code, Some(65), "{pointer}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty());
        assert!(
            outcome.stderr.contains(expected),
            "{pointer}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 1);
    }
    let endless = cluster::EXAMPLE.replace("\"budget_w\": 56", "\"budget_w\": 1e999");
    let outcome = run(&[], &endless);
    assert_eq!(outcome.code, Some(65));
    assert!(
        outcome
            .stderr
            .contains("switches[0].budget_w: number out of range"),
        "{}",
        outcome.stderr
    );
}

/// However long the cable: a finding and finite numbers.
#[test]
fn a_cable_to_the_moon_is_a_finding() {
    let draw = json!({"boot": 0, "idle": 0, "typical": 5, "stress": 5});
    let mut document = with("/switches/0/ports/0/cable/length_m", json!(1e308));
    document["switches"][0]["ports"][0]["draw_w"] = draw;
    let (answer, code) = answer(&[], &document);
    assert_eq!(
        (code, ids(&answer, "error")),
        (3, vec!["poe-cable-collapse".to_owned()])
    );
    assert_eq!(
        answer["switches"][0]["ports"][0]["pse_w"]["stress"],
        json!(5)
    );
}

#[test]
fn a_switch_without_a_model_says_the_rest_itself() {
    let mut document = with("/switches/0/model", Value::Null);
    let outcome = run_on(&[], &document);
    assert!(
        outcome
            .stderr
            .contains("switches[0].poe_ports: expected the number of ports that give power")
    );
    document["switches"][0]["poe_ports"] = json!(4);
    document["switches"][0]
        .as_object_mut()
        .unwrap()
        .remove("budget_w");
    let outcome = run_on(&[], &document);
    assert_eq!(outcome.code, Some(65));
    assert!(
        outcome
            .stderr
            .contains("switches[0].budget_w: expected a number of watts, because no model says it")
    );
    document["switches"][0]["budget_w"] = json!(60);
    document["switches"][0]["standard"] = json!("at");
    assert_eq!(run_on(&[], &document).code, Some(0));
}

/// A model's own figures count: several budgets, a port that gives less than its standard, a carrier without a USB limit.
#[test]
fn a_model_of_the_catalogue_says_the_rest() {
    let mut document = with("/switches/0/model", json!("mikrotik-crs112-8p-4s-in"));
    document["switches"][0]
        .as_object_mut()
        .unwrap()
        .remove("budget_w");
    let (answer, code) = answer(&[], &document);
    assert_eq!(code, 0, "{answer}");
    let budgets = answer["switches"][0]["cases"].as_array().unwrap().iter();
    let budgets: Vec<&Value> = budgets.map(|case| &case["budget_w"]).collect();
    assert_eq!(budgets[..2], [&json!(67.2), &json!(80)]);
    assert_eq!(answer["switches"][0]["ports"][0]["limit_w"], json!(21.6));
    assert_eq!(answer["switches"][0]["shed"].as_array().unwrap().len(), 1);
    let sources = answer["sources"].as_array().unwrap().iter();
    assert!(
        sources
            .clone()
            .any(|source| source["figure"] == "port_limit_w")
    );

    // Two disks are more than a Pi 5 gives behind a HAT, unless its firmware was told to give more; a carrier gives what it gives.
    let mut disks = document.clone();
    disks["nodes"][0]["model"] = json!("raspberry-pi-5-8gb");
    disks["nodes"][0]["usb"] =
        json!([{"model": "samsung-portable-ssd-t3"}, {"model": "usb-stick"}]);
    assert_eq!(ids(&self::answer(&[], &disks).0, "error"), ["poe-over-usb"]);
    disks["nodes"][0]["usb_limit_w"] = json!(8);
    assert!(ids(&self::answer(&[], &disks).0, "error").is_empty());
    disks["nodes"][0]["usb_limit_w"] = Value::Null;
    disks["nodes"][0]["model"] = json!("raspberry-pi-cm5");
    assert!(ids(&self::answer(&[], &disks).0, "error").is_empty());

    document["nodes"][0]["model"] = json!("raspberry-pi-cm5");
    document["nodes"][1]["model"] = json!("raspberry-pi-5-8gb");
    document["nodes"][2]["model"] = json!("raspberry-pi-3b-plus");
    let (answer, _) = self::answer(&[], &document);
    let stress = |port: usize| {
        answer["switches"][0]["ports"][port]["draw_w"]["stress"]
            .as_f64()
            .unwrap()
    };
    assert!(
        stress(1) > stress(0) && stress(0) > stress(3) && stress(3) > stress(2),
        "{answer}"
    );
}

/// What is only heard of a switch is told, and the document has to say it: no verdict rests on it.
#[test]
fn a_budget_that_is_not_verified_has_to_be_declared() {
    let mut document = with("/switches/0/model", json!("ubiquiti-usw-lite-8-poe"));
    let (answer, code) = answer(&[], &document);
    assert_eq!(code, 0, "{answer}");
    assert!(ids(&answer, "warning").contains(&"poe-budget-not-attested".to_owned()));
    document["switches"][0]
        .as_object_mut()
        .unwrap()
        .remove("budget_w");
    let outcome = run_on(&[], &document);
    assert_eq!(outcome.code, Some(65));
    assert_eq!(
        outcome.stderr,
        "poe-budget: working out the budget: switches[0].budget_w: expected a number of watts, because what is said of the Ubiquiti USW-Lite-8-PoE (52 W) is not verified, found nothing\n"
    );
}

#[test]
fn measured_draws_replace_estimates() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draws.json");
    let path = file.to_str().unwrap();
    let draws = json!({"sw1": {"1": 5.5, "2": {"boot": 5, "idle": 4, "typical": 5, "stress": 7}, "3": 0, "5": 0, "9": 2}});
    std::fs::write(&file, draws.to_string()).unwrap();
    let document = with("/switches/0/ports/0/cable/length_m", json!(90));
    let (answer, code) = answer(&["--measured", path], &document);
    assert_eq!(code, 0);
    let ports = &answer["switches"][0]["ports"];
    assert_eq!(
        (&ports[0]["pse_w"]["idle"], &ports[0]["basis"]),
        (&json!(5.5), &json!("measured"))
    );
    assert!(ports[0]["draw_w"]["idle"].as_f64().unwrap() < 5.5);
    assert_eq!(ports[1]["pse_w"]["stress"], json!(7));
    assert_eq!(ports[2]["basis"], "catalogue");
    assert_eq!(answer["headroom_w"], json!(21.85));
    assert_eq!(answer["question"], Value::Null);
    for id in [
        "poe-measured-once",
        "poe-measured-zero",
        "poe-measured-unknown",
    ] {
        assert!(ids(&answer, "warning").contains(&id.to_owned()), "{id}");
    }

    for (text, code, expected) in [
        (
            "{\"sw2\": {\"1\": 5}}",
            65,
            "[\"sw2\"]: expected a switch of the document, found \"sw2\"; did you mean \"sw1\"?",
        ),
        (
            "{\"sw1\": {\"1\": -5}}",
            65,
            "[\"sw1\"][\"1\"]: expected a number of watts, 0 or more",
        ),
        (
            "{\"sw1\": {\"x\": 5}}",
            65,
            "[\"sw1\"][\"x\"]: expected a port number",
        ),
        (
            "{\"sw1\": {\"1\": 5}, \"sw1\": {}}",
            65,
            "expected each key once, found \"sw1\" again",
        ),
        ("[]", 65, "expected an object"),
    ] {
        std::fs::write(&file, text).unwrap();
        let outcome = run_on(&["--measured", path], &example());
        assert_eq!(outcome.code, Some(code), "{text}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty());
        assert!(
            outcome.stderr.contains(expected),
            "{text}: {}",
            outcome.stderr
        );
    }
    std::fs::remove_file(&file).unwrap();
    let outcome = run_on(&["--measured", path], &example());
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .starts_with(&format!("poe-budget: reading {path}: ")),
        "{}",
        outcome.stderr
    );
}

/// The example in `--help`, on a line that `ntgrrc poe status -f json` printed (its formatter_json.go).
#[test]
fn the_jq_line_of_the_help_makes_what_measured_takes() {
    let help = run(&["--help"], "").text();
    let start = help.find("| jq '").unwrap() + "| jq '".len();
    let filter = &help[start..start + help[start..].find('\'').unwrap()];
    let printed = r#"{"poe_status":[{"Port ID":"1","Port Name":"PI4","Status":"Delivering Power","PortPwr class":"0","Voltage (V)":"53","Current (mA)":"102","PortPwr (W)":"5.50","Temp. (°C)":"38","Error status":"No Error"},{"Port ID":"2","Port Name":"","Status":"Searching","PortPwr class":"","Voltage (V)":"0","Current (mA)":"0","PortPwr (W)":"0.00","Temp. (°C)":"33","Error status":"No Error"}]}"#;
    let jq = Program::new("jq")
        .args([filter])
        .input(printed)
        .run()
        .unwrap();
    assert_eq!(jq.code, Some(0), "{}", jq.stderr);
    assert_eq!(jq.json().unwrap(), json!({"sw1": {"1": 5.5, "2": 0}}));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draws.json");
    std::fs::write(&file, jq.stdout).unwrap();
    let (answer, _) = answer(&["--measured", file.to_str().unwrap()], &example());
    assert_eq!(
        answer["switches"][0]["ports"][0]["pse_w"]["stress"],
        json!(5.5)
    );
}

#[test]
fn a_no_says_why_on_standard_error_too() {
    let document = with("/switches/0/budget_w", json!(40));
    let outcome = run_on(&[], &document);
    assert_eq!(outcome.code, Some(3));
    assert_eq!(
        outcome.stderr,
        "poe-budget: sw1: stress draws 43.3 of 40.0 W: 3.3 W too much\n"
    );
    assert_eq!(run_on(&["-f", "text"], &document).stderr, "");
    let outcome = run_on(&["--error-format", "json"], &document);
    let line: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(line["finding"]["id"], "poe-over-budget");
}

#[test]
fn everything_else_of_the_document_stays() {
    let foreign = cluster::EXAMPLE.replacen('{', "{\"mine\": 12345678901234567890.10,", 1);
    let outcome = run(&[], &foreign);
    assert!(outcome.text().contains("12345678901234567890.10"));
    let mut after = outcome.json().unwrap();
    after.as_object_mut().unwrap().remove("poe_budget");
    assert_eq!(after, serde_json::from_str::<Value>(&foreign).unwrap());
    let again = run(&[], &outcome.text());
    assert_eq!(again.text(), outcome.text());
    let only = run(&["--only"], cluster::EXAMPLE).json().unwrap();
    assert_eq!(only["ok"], true);
    let nothing = run(&["-n", "--only"], "").json().unwrap();
    assert_eq!(
        (&nothing["ok"], &nothing["headroom_w"]),
        (&json!(true), &Value::Null)
    );
}

/// The output's form is a promise: a field that goes or changes its name breaks other people's programs.
#[test]
fn the_keys_of_the_answer_are_these() {
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let (answer, _) = answer(&["--remove", "pi4"], &example());
    assert_eq!(
        keys(&answer),
        "findings headroom_w ok question shed_order sources switches"
    );
    let switch = &answer["switches"][0];
    assert_eq!(
        keys(switch),
        "cases headroom_w name poe_ports ports shed standard voltage_v"
    );
    assert_eq!(
        keys(&switch["cases"][0]),
        "allocation budget_w demand_w fits headroom_w scenario"
    );
    assert_eq!(
        keys(&switch["ports"][0]),
        "basis cable_loss_w class confidence device draw_w limit_w pd_v port pse_w"
    );
    assert_eq!(
        keys(&switch["ports"][0]["draw_w"]),
        "boot idle stress typical"
    );
    assert_eq!(keys(&switch["shed"][0]), "dark order policy");
    assert_eq!(keys(&answer["question"]), "asked difference with without");
    assert_eq!(
        keys(&answer["question"]["with"]),
        "demand_w headroom_w ok shed_order"
    );
    assert_eq!(
        keys(&answer["question"]["difference"]),
        "demand_w gone_findings headroom_w new_findings"
    );
    assert_eq!(
        keys(&answer["sources"][0]),
        "confidence figure model source"
    );
    let schema = run(&["--schema"], "").json().unwrap();
    let own = &schema["properties"]["poe_budget"];
    let own = own["$ref"]
        .as_str()
        .map_or(own, |r| schema.pointer(&r[1..]).unwrap());
    let mut declared: Vec<&String> = own["properties"].as_object().unwrap().keys().collect();
    declared.sort();
    assert_eq!(
        declared,
        answer.as_object().unwrap().keys().collect::<Vec<_>>()
    );
}

#[test]
fn text_is_at_most_80_columns_wide() {
    let long = "a".repeat(63);
    let mut wide = example();
    wide["switches"][0]["name"] = json!(long);
    wide["nodes"][0]["name"] = json!(format!("{}b", "a".repeat(62)));
    wide["switches"][0]["ports"][0]["device"] = wide["nodes"][0]["name"].clone();
    wide["switches"][0]["budget_w"] = json!(1e6);
    wide["switches"][0]["ports"][1]["draw_w"] = json!(1e6);
    let mut many = example();
    for number in 0..6 {
        let name = format!("{}{number}", "c".repeat(50));
        many["switches"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": name, "budget_w": 999999,
            "poe_ports": 48, "standard": "bt4", "allocation": "draw", "ports": []}));
    }
    let broken = with("/switches/0/allocation", Value::Null);
    let add = format!("{}=999999", "d".repeat(63));
    for (arguments, document) in [
        (&["-f", "text"][..], &example()),
        (&["-f", "text"], &wide),
        (&["-f", "text"], &many),
        (&["-f", "text"], &broken),
        (
            &["-f", "text", "--add", &add, "--remove", "pi4"],
            &example(),
        ),
        (&["-f", "text", "--add", &add], &example()),
        (&["-f", "text", "-n"], &Value::Null),
    ] {
        let outcome = run_on(arguments, document);
        assert!(matches!(outcome.code, Some(0 | 3)), "{}", outcome.stderr);
        let text = outcome.text();
        // A name of 63 characters may stand alone behind the indentation of a finding.
        let over: Vec<&str> = text
            .lines()
            .filter(|line| line.chars().count() > 80)
            .collect();
        assert!(over.is_empty(), "{over:#?}");
    }
}

/// Compares with a golden file; `BLESS=1` writes it instead.
fn golden(name: &str, found: &str) {
    cluster_tests::golden(env!("CARGO_MANIFEST_DIR"), name, found).unwrap();
}

/// The picture is for people: it shows a no too, in words that can be selected, and points nowhere else.
#[test]
fn the_picture_shows_yes_and_no() {
    let picture = run(&["-f", "svg"], cluster::EXAMPLE);
    assert_eq!(picture.code, Some(0));
    golden("reference.svg", &picture.text());
    let document = with("/switches/0/budget_w", json!(40));
    let outcome = run_on(&["-f", "svg"], &document);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(3), ""));
    let text = outcome.text();
    for words in [
        "<title id=\"poe-budget-title\">no: in the worst case 3.3 W too much</title>",
        ">3.3 W too much</text>",
        ">dark in the worst case</text>",
        ">error: sw1: stress draws 43.3 of 40.0 W: 3.3 W too much</text>",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("href") && !text.contains("url("), "{text}");
}

#[test]
fn text_is_what_it_was() {
    let text = run(&["-f", "text"], cluster::EXAMPLE).text();
    golden("reference.txt", &text);
    let document = with("/switches/0/allocation", Value::Null);
    let text = run_on(&["-f", "text"], &document).text();
    golden("unknown.txt", &text);
    let text = run(
        &["-f", "text", "--add", "mobile-router=4.6"],
        cluster::EXAMPLE,
    )
    .text();
    golden("no-port.txt", &text);
    let mut fleet = example();
    for number in 2..8 {
        fleet["switches"]
            .as_array_mut()
            .unwrap()
            .push(json!({"name": format!("sw{number}"),
            "budget_w": 60, "poe_ports": 8, "standard": "at", "allocation": "draw",
            "ports": [{"port": 1, "device": format!("camera{number}"), "draw_w": number * 10}]}));
    }
    let text = run_on(&["-f", "text"], &fleet).text();
    let table: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("error"))
        .collect();
    golden("fleet.txt", &format!("{}\n", table.join("\n").trim_end()));
}
