//! Every finding, provoked from outside, and the page that explains them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::Program;
use cluster_tests::sources::identifiers;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A document, what is asked of it, and the finding that must come with its severity and a part of its words.
struct Case {
    id: &'static str,
    severity: &'static str,
    words: &'static str,
    arguments: &'static [&'static str],
    change: fn(&mut Value),
}

fn port(document: &mut Value, index: usize) -> &mut Value {
    &mut document["switches"][0]["ports"][index]
}

fn remove(value: &mut Value, field: &str) {
    value.as_object_mut().unwrap().remove(field);
}

/// The reference cluster with everything certain, so that each case adds one doubt.
fn cases() -> Vec<Case> {
    let case = |id, severity, words, change| Case {
        id,
        severity,
        words,
        arguments: &[],
        change,
    };
    vec![
        case(
            "poe-over-budget",
            "error",
            "stress draws 43.3 of 30.0 W: 13.3 W too much",
            |d| {
                d["switches"][0]["budget_w"] = json!(30);
            },
        ),
        case(
            "poe-over-budget",
            "error",
            "the classes reserve 120.0 of 56.0 W: 64.0 W too much",
            |d| {
                d["switches"][0]["allocation"] = json!("class");
            },
        ),
        case(
            "poe-allocation-unknown",
            "error",
            "stress draws 43.3 of 56.0 W, the classes reserve 120.0 of 56.0 W",
            |d| {
                remove(&mut d["switches"][0], "allocation");
            },
        ),
        case(
            "poe-budget-unknown",
            "error",
            "56 and 65 W are attested for this model",
            |d| {
                remove(&mut d["switches"][0], "budget_w");
                d["switches"][0]["allocation"] = json!("class");
                for node in 0..4 {
                    d["nodes"][node]["hat"] = json!("poe-hat");
                }
            },
        ),
        case(
            "poe-over-port-limit",
            "error",
            "pi1 takes 10.8 W and the port gives at most 8.0 W",
            |d| {
                port(d, 0)["limit_w"] = json!(8);
            },
        ),
        case(
            "poe-over-class",
            "error",
            "pi1 draws 10.8 W and class 2 allows it 6.5 W",
            |d| {
                port(d, 0)["class"] = json!(2);
            },
        ),
        case(
            "poe-over-hat",
            "error",
            "pi1 wants 13.9 W behind its HAT, which gives 12.5 W",
            |d| {
                d["nodes"][0]["hat"] = json!("poe-hat");
                let usb = json!({"model": "usb-ssd"});
                d["nodes"][0]["usb"] = json!([usb, usb, usb]);
            },
        ),
        case(
            "poe-over-usb",
            "error",
            "draw 7.5 W together and the board gives them 6.1 W",
            |d| {
                let usb = json!({"model": "usb-ssd"});
                d["nodes"][0]["usb"] = json!([usb, usb, usb]);
            },
        ),
        case("poe-over-usb", "error", "draw 9.0 W together", |d| {
            d["nodes"][0]["usb"] = json!([{}, {}]);
        }),
        case("poe-under-voltage", "error", "V and needs 37.0 V", |d| {
            port(d, 0)["cable"] = json!({"awg": 30, "length_m": 160});
        }),
        case(
            "poe-cable-collapse",
            "error",
            "the cable cannot carry what pi1 draws",
            |d| {
                port(d, 0)["cable"] = json!({"awg": 30, "length_m": 400});
            },
        ),
        case("poe-no-hat", "error", "pi1 has no PoE HAT", |d| {
            remove(&mut d["nodes"][0], "hat")
        }),
        case("poe-no-switch", "error", "4 nodes have a PoE HAT", |d| {
            d["switches"] = json!([])
        }),
        Case {
            arguments: &["--add", "mobile-router=4.6"],
            ..case(
                "poe-no-port",
                "error",
                "no PoE port is left for mobile-router",
                |_| (),
            )
        },
        case(
            "poe-goes-dark",
            "warning",
            "pi4, pi3 go dark by lowest-priority, deny-new, retry: 2 of 4 bricks of gv0: clients read and write on only while the first brick is up",
            |d| {
                d["switches"][0]["budget_w"] = json!(30);
            },
        ),
        case(
            "poe-goes-dark",
            "warning",
            "pi1, pi2 go dark by first-come: the only K3s server",
            |d| {
                d["switches"][0]["budget_w"] = json!(30);
            },
        ),
        case(
            "poe-goes-dark",
            "warning",
            "pi4, pi3 go dark by lowest-priority, deny-new, retry: 2 of 3 bricks of gv0: clients can neither read nor write",
            |d| {
                d["switches"][0]["budget_w"] = json!(25);
                d["storage"]["volumes"][0]["replica"] = json!(2);
                d["storage"]["volumes"][0]["arbiter"] = json!(true);
                d["nodes"][0]["usb"] = json!([]);
            },
        ),
        case("poe-goes-dark", "warning", "go on and off", |d| {
            d["switches"][0]["budget_w"] = json!(30);
            d["switches"][0]["shed_policy"] = json!("retry");
        }),
        case(
            "poe-goes-dark",
            "warning",
            "2 of 3 K3s servers, and with them the quorum of 2",
            |d| {
                d["nodes"][2]["role"] = json!("server");
                d["nodes"][3]["role"] = json!("server");
                d["switches"][0]["budget_w"] = json!(30);
            },
        ),
        case(
            "poe-shed-policy-unknown",
            "warning",
            "pi4 by lowest-priority, pi1 (K3s server) by first-come",
            |_| (),
        ),
        case(
            "poe-server-first",
            "warning",
            "the K3s server pi1 goes dark before",
            |d| {
                d["switches"][0]["shed_policy"] = json!("first-come");
            },
        ),
        case(
            "poe-little-headroom",
            "warning",
            "2.7 W of 46.0 W are left",
            |d| {
                d["switches"][0]["budget_w"] = json!(46);
            },
        ),
        case(
            "poe-class-above-standard",
            "warning",
            "asks for class 4 and 802.3af knows up to class 3",
            |d| {
                d["switches"][0]["standard"] = json!("af");
            },
        ),
        case("poe-hat-unconnected", "warning", "stands on no port", |d| {
            d["switches"][0]["ports"].as_array_mut().unwrap().pop();
        }),
        case(
            "poe-draw-from-class",
            "warning",
            "the most that its class allows is counted, 25.5 W",
            |d| {
                remove(&mut d["nodes"][0], "model");
            },
        ),
        case("poe-draw-from-class", "warning", "3.8 W", |d| {
            *port(d, 0) = json!({"port": 1, "device": "phone", "class": 1});
        }),
        case(
            "poe-measured-once",
            "warning",
            "5.5 W was measured once",
            |d| {
                d["nodes"][0]["measured_w"] = json!(5.5);
            },
        ),
        case(
            "poe-model-unknown",
            "warning",
            "found \"raspberry-pi-9-8gb\"",
            |d| {
                d["nodes"][0]["model"] = json!("raspberry-pi-9-8gb");
                d["nodes"][0]["draw_w"] = json!(12);
            },
        ),
        case(
            "poe-unmanaged",
            "warning",
            "only restarted by pulling its cable",
            |_| (),
        ),
        case(
            "poe-budget-not-attested",
            "warning",
            "the document says 80 W",
            |d| {
                d["switches"][0]["budget_w"] = json!(80);
            },
        ),
        case(
            "poe-budget-attested",
            "info",
            "56 and 65 W are attested",
            |_| (),
        ),
        case(
            "poe-efficiency-assumed",
            "info",
            "82 % of the power",
            |_| (),
        ),
        case("poe-standard-assumed", "info", "802.3af is assumed", |d| {
            remove(&mut d["switches"][0], "model");
            d["switches"][0]["poe_ports"] = json!(4);
        }),
        case(
            "poe-ports-full",
            "info",
            "all 4 PoE ports are taken",
            |_| (),
        ),
        case(
            "poe-inrush",
            "info",
            "may ask 90.0 W of 56.0 W for up to 75 ms",
            |_| (),
        ),
        case("poe-cable-short", "info", "noise", |_| ()),
        case("poe-cable-unknown", "info", "no cable is declared", |d| {
            remove(port(d, 0), "cable")
        }),
        case("poe-reported", "info", "raspberrypi/linux#3413", |_| ()),
        case("poe-nothing-powered", "info", "nothing to carry", |d| {
            d["switches"] = json!([]);
            d["nodes"] = json!([]);
        }),
        Case {
            arguments: &["--assign"],
            ..case(
                "poe-assigned",
                "info",
                "every device stays where it is, and 12.7 W are left on the fullest switch",
                |_| (),
            )
        },
        Case {
            arguments: &["--assign"],
            ..case(
                "poe-assign-impossible",
                "error",
                "the devices draw 43.3 W together in stress, and the switches give 40.0 W together",
                |d| {
                    d["switches"][0]["budget_w"] = json!(40);
                    d["switches"][0]["ports"] = json!([]);
                },
            )
        },
        Case {
            arguments: &["--assign"],
            ..case(
                "poe-assign-unknown",
                "error",
                "depends on how sw1 counts its ports, which is not declared",
                |d| remove(&mut d["switches"][0], "allocation"),
            )
        },
        Case {
            arguments: &["--assign"],
            ..case(
                "poe-assign-not-found",
                "error",
                "no way was found to put 18 devices on a port",
                tight,
            )
        },
        Case {
            arguments: &["--measured", MEASURED],
            ..case(
                "poe-measured-zero",
                "warning",
                "pi1 was measured with 0 W",
                |_| (),
            )
        },
        Case {
            arguments: &["--measured", MEASURED],
            ..case(
                "poe-measured-unknown",
                "warning",
                "names no device here",
                |_| (),
            )
        },
    ]
}

/// Six switches with 12 W and three ports each, and devices that only fit as 6+3+3 and 4+4+4 W: too many to try every way.
fn tight(document: &mut Value) {
    let watts = [6, 4, 4, 4, 3, 3];
    let switch = |number: usize| {
        let port = |port: usize| {
            let device = format!("d{number}-{port}");
            json!({"port": port, "device": device, "draw_w": watts[number]})
        };
        let ports: Vec<Value> = (1..=3).map(port).collect();
        json!({"name": format!("sw{number}"), "budget_w": 12, "poe_ports": 3, "standard": "at",
            "allocation": "draw", "ports": ports})
    };
    document["switches"] = (0..6).map(switch).collect();
    document["nodes"] = json!([]);
}

/// Port 1 was off, and something draws power on port 5 that nobody named.
const MEASURED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/measured.json");

#[test]
fn each_finding_comes_when_it_should_and_not_without_reason() {
    for case in cases() {
        let mut document: Value = serde_json::from_str(cluster::EXAMPLE).unwrap();
        (case.change)(&mut document);
        let program = Program::new(env!("CARGO_BIN_EXE_poe-budget")).args(["--only"]);
        let outcome = program
            .args(case.arguments)
            .input(document.to_string())
            .run()
            .unwrap();
        let answer = outcome.json().unwrap();
        let findings = answer["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| {
            finding["id"] == case.id && finding["message"].as_str().unwrap().contains(case.words)
        });
        let found = found.unwrap_or_else(|| panic!("{} {:?}: {answer:#}", case.id, case.words));
        assert_eq!(found["severity"], case.severity, "{}", case.id);
        assert!(!found["subject"].as_str().unwrap().is_empty());
        let error = findings
            .iter()
            .any(|finding| finding["severity"] == "error");
        assert_eq!(outcome.code, Some(if error { 3 } else { 0 }), "{}", case.id);
        assert_eq!(answer["ok"], json!(!error));
        if case.severity == "error" {
            assert!(found["fix"].is_string(), "{} says no way out", case.id);
        }
    }
}

/// The page's table and the findings that exist are the same set: a new one without a line fails here.
#[test]
fn the_page_explains_every_finding() {
    let page = include_str!("../README.md");
    let told: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `poe-").map(|_| &line[3..]))
        .filter_map(|line| line.split('`').next())
        .collect();
    let provoked: BTreeSet<&str> = cases().iter().map(|case| case.id).collect();
    assert_eq!(told, provoked);
    let mut written = identifiers(concat!(env!("CARGO_MANIFEST_DIR"), "/src"), "poe-").unwrap();
    for name in ["poe-budget", "poe-plus-hat", "poe-plus-hta"] {
        written.remove(name);
    }
    assert_eq!(written, provoked.into_iter().map(str::to_owned).collect());
}

#[test]
fn a_fleet_of_the_same_kind_is_told_once() {
    let mut document: Value = serde_json::from_str(cluster::EXAMPLE).unwrap();
    let switch = document["switches"][0].clone();
    let nodes = document["nodes"].as_array().unwrap().clone();
    for number in 2..40 {
        let mut switch = switch.clone();
        switch["name"] = json!(format!("sw{number}"));
        for (at, node) in nodes.iter().enumerate() {
            let mut node = node.clone();
            node["name"] = json!(format!("pi{number}-{at}"));
            switch["ports"][at]["device"] = node["name"].clone();
            document["nodes"].as_array_mut().unwrap().push(node);
        }
        document["switches"].as_array_mut().unwrap().push(switch);
    }
    let program = Program::new(env!("CARGO_BIN_EXE_poe-budget")).args(["--only"]);
    let outcome = program.input(document.to_string()).run().unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let answer = outcome.json().unwrap();
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 9, "{findings:#?}");
    let unmanaged = findings
        .iter()
        .find(|f| f["id"] == "poe-unmanaged")
        .unwrap();
    assert_eq!(unmanaged["evidence"]["count"], 39);
}
