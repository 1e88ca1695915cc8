//! Properties of the plan: sums hold, demand grows, shedding never leaves too much.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::inventory::{Inventory, ShedPolicy};
use poe_budget::measured::Measured;
use poe_budget::question::Question;
use poe_budget::shed::{self, Claim, POLICIES};
use poe_budget::watts::Milliwatts;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A device on a port: its draw, and sometimes class, priority, limit and cable.
fn device() -> impl Strategy<Value = Value> {
    let cable = (22u8..=30, 0.0..120.0f64, prop_oneof![Just(2u8), Just(4)]).prop_map(
        |(awg, length_m, pairs)| json!({"awg": awg, "length_m": length_m, "pairs": pairs}),
    );
    let number = |most: f64| prop::option::of(0.001..most);
    (
        [0.0..60.0f64, 0.0..60.0, 0.0..60.0, 0.0..60.0],
        prop::option::of(0u8..=8),
        prop::option::of(1u8..=3),
        number(90.0),
        prop::option::of(cable),
        any::<bool>(),
    )
        .prop_map(
            |([boot, idle, typical, stress], class, priority, limit, cable, measured)| {
                let draw =
                    json!({"boot": boot, "idle": idle, "typical": typical, "stress": stress});
                let mut device = json!({if measured { "measured_w" } else { "draw_w" }: draw});
                let fields = [
                    ("class", class.map(Value::from)),
                    ("priority", priority.map(Value::from)),
                    ("limit_w", limit.map(Value::from)),
                    ("cable", cable),
                ];
                for (name, value) in fields {
                    if let Some(value) = value {
                        device[name] = value;
                    }
                }
                device
            },
        )
}

fn switch() -> impl Strategy<Value = Value> {
    let word = |words: &'static [&'static str]| prop::option::of(prop::sample::select(words));
    (
        prop::collection::vec(device(), 0..9),
        0.001..400.0f64,
        word(&["draw", "class"]),
        word(&["lowest-priority", "first-come", "deny-new", "retry"]),
        word(&["af", "at", "bt3", "bt4"]),
    )
        .prop_map(|(devices, budget, allocation, policy, standard)| {
            let mut switch = json!({"budget_w": budget, "poe_ports": 10, "ports": devices});
            for (name, value) in [
                ("allocation", allocation),
                ("shed_policy", policy),
                ("standard", standard),
            ] {
                if let Some(value) = value {
                    switch[name] = json!(value);
                }
            }
            switch
        })
}

/// Names and numbers are given here, so that they are never twice.
fn document(switches: Vec<Value>) -> Value {
    let mut list = Vec::new();
    for (index, mut switch) in switches.into_iter().enumerate() {
        switch["name"] = json!(format!("sw{index}"));
        for (port, device) in switch["ports"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .enumerate()
        {
            device["port"] = json!(port + 1);
            device["device"] = json!(format!("d{index}-{port}"));
        }
        list.push(switch);
    }
    json!({"switches": list})
}

/// The answer as it stands in a document.
fn answer(document: &Value) -> Value {
    let inventory: Inventory = serde_json::from_value(document.clone()).unwrap();
    let (answer, _) =
        poe_budget::answer(inventory, &Measured::default(), &Question::default()).unwrap();
    serde_json::to_value(&answer).unwrap()
}

fn milliwatts(value: &Value) -> i64 {
    (value.as_f64().unwrap() * 1000.0).round() as i64
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    prop::collection::vec((1u8..=3, 0i64..90_000), 0..25).prop_map(|all| {
        let claim = |(at, (priority, demand))| Claim {
            port: u16::try_from(at).unwrap() + 1,
            priority,
            demand: Milliwatts(demand),
        };
        all.into_iter().enumerate().map(claim).collect()
    })
}

/// What keeps a device from a port.
const NOT_CARRIED: [&str; 3] = [
    "poe-over-port-limit",
    "poe-cable-collapse",
    "poe-under-voltage",
];

/// The best headroom of all ways to put the devices on two switches, each way written down as a document and planned.
fn brute_force(document: &Value) -> Option<i64> {
    let switches = list(&document["switches"]);
    let devices: Vec<&Value> = switches
        .iter()
        .flat_map(|switch| list(&switch["ports"]))
        .collect();
    let way = |number: usize| {
        let mut document = document.clone();
        for (at, switch) in document["switches"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .enumerate()
        {
            let here = |(place, _): &(usize, &&Value)| number >> place & 1 == at;
            let ports = devices
                .iter()
                .enumerate()
                .filter(here)
                .map(|(_, device)| (*device).clone());
            switch["ports"] = ports.collect();
            for (port, device) in switch["ports"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .enumerate()
            {
                device["port"] = json!(port + 1);
            }
        }
        let inventory: Inventory = serde_json::from_value(document).unwrap();
        let (answer, findings) =
            poe_budget::answer(inventory, &Measured::default(), &Question::default()).unwrap();
        let carried = !findings
            .iter()
            .any(|finding| NOT_CARRIED.contains(&finding.id));
        carried
            .then(|| answer.headroom_w.unwrap().0)
            .filter(|headroom| *headroom >= 0)
    };
    (0..1usize << devices.len()).filter_map(way).max()
}

/// The document with everything declared that it leaves open of its two switches, in each way that can be true.
fn settled(document: &Value) -> Vec<Value> {
    let mut all = vec![document.clone()];
    for at in 0..2 {
        for (field, choices) in [
            ("allocation", &["draw", "class"][..]),
            ("standard", &["af", "at", "bt3", "bt4"]),
        ] {
            if document["switches"][at].get(field).is_some() {
                continue;
            }
            let chosen = |document: Value| {
                choices.iter().map(move |choice| {
                    let mut document = document.clone();
                    document["switches"][at][field] = json!(choice);
                    document
                })
            };
            all = all.into_iter().flat_map(chosen).collect();
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// No way to put devices on ports, planned as a document of its own, leaves more than the one that is found.
    #[test]
    fn no_assignment_leaves_more(mut switches in prop::collection::vec(switch(), 2)) {
        for switch in &mut switches {
            switch["ports"].as_array_mut().unwrap().truncate(3);
        }
        let document = document(switches);
        let best = brute_force(&document);
        let inventory: Inventory = serde_json::from_value(document.clone()).unwrap();
        let devices: usize = inventory.switches.iter().map(|switch| switch.ports.len()).sum();
        let question = Question { assign: true, ..Question::default() };
        let (answer, findings) = poe_budget::answer(inventory, &Measured::default(), &question).unwrap();
        let assignment = answer.question.unwrap().assignment.unwrap();
        prop_assert_eq!(assignment.headroom_w.map(|headroom| headroom.0), best);
        let told = |id: &str| findings.iter().any(|finding| finding.id == id);
        let (refused, unknown) = (told("poe-assign-impossible"), told("poe-assign-unknown"));
        prop_assert_eq!(refused || unknown, best.is_none());
        prop_assert_eq!(refused, assignment.impossible.is_some());
        prop_assert_eq!(assignment.exact, !unknown);
        if refused {
            // Whatever is not declared, there is no way.
            for document in settled(&document) {
                prop_assert_eq!(brute_force(&document), None, "{}", document);
            }
        }
        if best.is_some() {
            prop_assert_eq!(answer.headroom_w, assignment.headroom_w);
        }
        // Each device stands on one port, and no port holds two.
        let mut names = std::collections::HashSet::new();
        for switch in &answer.switches {
            let ports: std::collections::HashSet<u16> = switch.ports.iter().map(|port| port.port).collect();
            prop_assert_eq!(ports.len(), switch.ports.len());
            names.extend(switch.ports.iter().map(|port| port.device.to_string()));
        }
        prop_assert_eq!(names.len(), devices);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Headroom is budget minus demand to the last digit shown, and the worst one is the answer's.
    #[test]
    fn sums_hold(switches in prop::collection::vec(switch(), 1..4)) {
        let answer = answer(&document(switches));
        let mut worst = i64::MAX;
        for switch in list(&answer["switches"]) {
            let mut own = i64::MAX;
            for case in list(&switch["cases"]) {
                let [budget, demand, headroom] =
                    ["budget_w", "demand_w", "headroom_w"].map(|name| milliwatts(&case[name]));
                prop_assert_eq!(headroom, budget - demand);
                prop_assert_eq!(&case["fits"], &json!(demand <= budget));
                own = own.min(headroom);
                if case["allocation"] == "draw" {
                    let scenario = case["scenario"].as_str().unwrap();
                    let ports = list(&switch["ports"]).iter();
                    let sum: i64 = ports.map(|port| milliwatts(&port["pse_w"][scenario])).sum();
                    prop_assert_eq!(demand, sum);
                }
            }
            prop_assert_eq!(milliwatts(&switch["headroom_w"]), own);
            worst = worst.min(own);
        }
        prop_assert_eq!(milliwatts(&answer["headroom_w"]), worst);
    }

    /// A port never gives less than its device gets, and the difference is the cable's.
    #[test]
    fn cables_only_take(switch in switch()) {
        for port in list(&answer(&document(vec![switch]))["switches"][0]["ports"]) {
            for scenario in ["boot", "idle", "typical", "stress"] {
                let (given, got) = (milliwatts(&port["pse_w"][scenario]), milliwatts(&port["draw_w"][scenario]));
                prop_assert!(given >= got, "{}", port);
            }
            if !port["cable_loss_w"].is_null() {
                prop_assert!(milliwatts(&port["cable_loss_w"]) >= 0);
                prop_assert!(port["pd_v"].as_f64().unwrap() > 0.0);
            }
        }
    }

    /// Demand grows with every added device, in every case.
    #[test]
    fn demand_grows(mut switch in switch(), device in device()) {
        let before = answer(&document(vec![switch.clone()]));
        switch["ports"].as_array_mut().unwrap().push(device.clone());
        let after = answer(&document(vec![switch]));
        let cases = |answer: &Value| list(&answer["switches"][0]["cases"]).clone();
        for (before, after) in cases(&before).iter().zip(cases(&after)) {
            prop_assert_eq!(&before["scenario"], &after["scenario"]);
            let (less, more) = (milliwatts(&before["demand_w"]), milliwatts(&after["demand_w"]));
            prop_assert!(more >= less);
            let ports = list(&answer(&document(vec![json!({"budget_w": 1, "poe_ports": 1, "ports": [device.clone()]})]))["switches"][0]["ports"]).clone();
            if after["allocation"] == "draw" && milliwatts(&ports[0]["draw_w"][after["scenario"].as_str().unwrap()]) > 0 {
                prop_assert!(more > less);
            }
        }
    }

    /// Every powered device stands once in the shed order, and each switch's own order is kept in it.
    #[test]
    fn the_shed_order_is_total(switches in prop::collection::vec(switch(), 1..4)) {
        let answer = answer(&document(switches));
        let order = list(&answer["shed_order"]);
        let mut powered: Vec<Value> = Vec::new();
        for switch in list(&answer["switches"]) {
            let ports = list(&switch["ports"]).iter().filter(|port| !port["class"].is_null());
            powered.extend(ports.map(|port| port["device"].clone()));
            let own: Vec<&Value> = order.iter().filter(|d| list(&switch["shed"][0]["order"]).contains(d)).collect();
            prop_assert_eq!(own, list(&switch["shed"][0]["order"]).iter().collect::<Vec<_>>());
        }
        prop_assert_eq!(order.len(), powered.len());
        prop_assert!(powered.iter().all(|device| order.contains(device)));
    }

    /// What is kept is within the budget, whatever the policy; nothing is dark that need not be.
    #[test]
    fn shedding_never_leaves_too_much(claims in claims(), budget in 0i64..1_500_000) {
        let budget = Milliwatts(budget);
        let total: Milliwatts = claims.iter().map(|claim| claim.demand).sum();
        for policy in POLICIES {
            let dark = shed::dark(policy, &claims, budget);
            let off: Milliwatts = dark.iter().map(|at| claims[*at].demand).sum();
            prop_assert!(total - off <= budget, "{policy:?}");
            prop_assert!(total > budget || dark.is_empty(), "{policy:?}");
            let mut order = shed::order(policy, &claims);
            let mut rest = order.iter();
            prop_assert!(dark.iter().all(|at| rest.any(|other| other == at)), "{policy:?}: not in its order");
            order.sort_unstable();
            prop_assert_eq!(order, (0..claims.len()).collect::<Vec<_>>());
            if policy != ShedPolicy::LowestPriority {
                let fits = |at: &usize| total - off + claims[*at].demand <= budget;
                prop_assert!(!dark.iter().any(fits), "{policy:?}: one more would fit");
            }
        }
    }
}
