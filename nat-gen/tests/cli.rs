//! nat-gen seen from outside: arguments, exit codes, errors, and the files it makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use serde_json::{Value, json};
use tempfile::TempDir;

const SERVICES: &str = include_str!("kubectl/services.json");

fn run(arguments: &[&str], input: &str) -> Outcome {
    let program = Program::new(env!("CARGO_BIN_EXE_nat-gen"));
    program.args(arguments).input(input).run().unwrap()
}

fn example() -> Value {
    serde_json::from_str(cluster::EXAMPLE).unwrap()
}

/// The reference cluster in a file, for `--cluster`.
struct Cluster {
    folder: TempDir,
}

impl Cluster {
    fn new(document: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cluster.json"), document.to_string()).unwrap();
        Self { folder }
    }

    fn path(&self) -> String {
        self.folder
            .path()
            .join("cluster.json")
            .display()
            .to_string()
    }

    fn run(&self, arguments: &[&str], services: &str) -> Outcome {
        let path = self.path();
        let mut all = vec!["--cluster", &path];
        all.extend(arguments);
        run(&all, services)
    }
}

fn rules(answer: &Value) -> Vec<String> {
    let rules = answer["rules"].as_array().unwrap().iter();
    rules
        .map(|rule| {
            let text = |name: &str| rule[name].as_str().unwrap();
            format!(
                "{} {}/{} {}:{}",
                text("name"),
                text("protocol"),
                rule["port"],
                text("to_address"),
                rule["to_port"]
            )
        })
        .collect()
}

fn ids(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["id"].as_str().unwrap())
        .collect()
}

/// Compares with a golden file; `BLESS=1` writes it instead.
fn golden(name: &str, found: &str) {
    cluster_tests::golden(env!("CARGO_MANIFEST_DIR"), name, found).unwrap();
}

#[test]
fn the_files_for_the_reference_cluster_are_as_they_were() {
    for (format, name) in [
        ("text", "reference.txt"),
        ("rsc", "reference.rsc"),
        ("rsc-remove", "reference-remove.rsc"),
        ("nft", "reference.nft"),
        ("metallb", "reference-metallb.yaml"),
    ] {
        let outcome = run(&["-f", format], cluster::EXAMPLE);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        golden(name, &outcome.text());
    }
    let outcome = run(&["--only"], cluster::EXAMPLE);
    golden("reference.json", &outcome.text());
    let outcome = run(&["-f", "rsc", "--confirm", "120"], cluster::EXAMPLE);
    golden("reference-confirm.rsc", &outcome.text());
}

#[test]
fn the_files_for_every_kind_of_rule_are_as_they_were() {
    let mut document = example();
    document["network"]["lan_ipv6"] = json!("2001:db8:11::/64");
    document["router"] = json!({
        "routeros": "6", "address": "192.168.11.1", "other_addresses": ["192.168.88.1", "10.8.0.1"],
        "wan": {"interface": "ether1"}, "lan": {"interface": "bridge"}, "default_firewall": false,
    });
    document["expose"] = json!([
        {"name": "http", "port": 80},
        {"name": "alt", "port": 8080, "to_port": 80},
        {"name": "few", "port": 8443, "sources": ["203.0.113.0/24", "203.0.113.128/25", "192.168.11.20/32"]},
        {"name": "dns", "protocol": "udp", "port": 53, "to_address": "192.168.11.51"},
        {"name": "game", "protocol": "udp", "port": 27015, "to_address": "192.168.11.51"},
        {"name": "game-next", "protocol": "udp", "port": 27016, "to_address": "192.168.11.51"},
        {"name": "six", "port": 443, "to_address": "2001:db8:11::50", "sources": ["2001:db8:99::/48"]},
    ]);
    for (arguments, name) in [
        (&["-f", "rsc", "--drop-udp"][..], "kinds.rsc"),
        (&["-f", "nft", "--interface", "WAN=ignored"], "kinds.nft"),
        (&["-f", "text"], "kinds.txt"),
    ] {
        let outcome = run(arguments, &document.to_string());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        golden(name, &outcome.text());
    }
}

#[test]
fn services_that_opted_in_are_exposed_and_the_others_are_counted() {
    let cluster = Cluster::new(&example());
    let outcome = cluster.run(&[], SERVICES);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let document = outcome.json().unwrap();
    assert_eq!(
        document["name"], "cloud-at-home",
        "the output is the cluster document"
    );
    let answer = &document["nat_gen"];
    assert_eq!(
        rules(answer),
        [
            "shop/web:80-8080 tcp/80 192.168.11.50:80",
            "shop/web:443-8443 tcp/443 192.168.11.50:443",
            "shop/admin:8443-8443 tcp/10443 192.168.11.50:8443",
        ]
    );
    assert_eq!(
        answer["rules"][2]["sources"],
        json!(["198.51.100.7/32", "203.0.113.0/24"])
    );
    assert_eq!(answer["rules"][2]["service"], "shop/admin");
    assert_eq!(
        ids(answer),
        [
            "nat-local-policy",
            "nat-not-opted-in",
            "nat-expose-not-used",
            "nat-router-port-shared"
        ]
    );
    assert!(
        answer["findings"][1]["message"]
            .as_str()
            .unwrap()
            .starts_with("10 services")
    );
}

#[test]
fn without_opt_in_nothing_is_exposed_and_it_says_how() {
    let cluster = Cluster::new(&example());
    let services = SERVICES.replace(
        "\"cloud-at-home/expose\": \"true\"",
        "\"cloud-at-home/expose\": \"false\"",
    );
    let outcome = cluster.run(&["--only"], &services);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let answer = outcome.json().unwrap();
    assert_eq!(
        (rules(&answer), answer["ok"].clone()),
        (vec![], json!(true))
    );
    let finding = &answer["findings"][0];
    assert_eq!(finding["id"], "nat-not-opted-in");
    assert!(
        finding["fix"]
            .as_str()
            .unwrap()
            .contains("kubectl annotate service NAME -n NAMESPACE cloud-at-home/expose=true")
    );
    let empty = cluster
        .run(&["--only"], r#"{"kind": "List", "items": []}"#)
        .json()
        .unwrap();
    assert_eq!(ids(&empty)[0], "nat-not-opted-in");
}

#[test]
fn services_are_selected_by_name_port_and_all() {
    let mut document = example();
    document["network"]["lan_ipv6"] = json!("2001:db8:11::/64");
    let cluster = Cluster::new(&document);
    let selected = |arguments: &[&str]| {
        let mut all = vec!["--only"];
        all.extend(arguments);
        let answer = cluster.run(&all, SERVICES).json().unwrap();
        rules(&answer)
            .into_iter()
            .filter(|r| !r.starts_with("shop/web") && !r.starts_with("shop/admin"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        selected(&["--select", "net/dns"]),
        [
            "net/dns:dns-tcp tcp/53 192.168.11.52:53",
            "net/dns:dns udp/53 192.168.11.52:53"
        ]
    );
    assert_eq!(
        selected(&["--select", "net/dns:dns"]),
        ["net/dns:dns udp/53 192.168.11.52:53"]
    );
    assert_eq!(
        selected(&["--select", "net/dns:53", "--select", "shop/closed"]).len(),
        3,
        "a number takes both protocols"
    );
    assert_eq!(
        selected(&["--select", "net/both"]),
        [
            "net/both:8046-8046 tcp/8046 192.168.11.55:8046",
            "net/both:8046-8046 tcp/8046 2001:db8:11::55:8046"
        ]
    );
    assert_eq!(
        selected(&["--select", "net/six"]),
        ["net/six:8006-8006 tcp/8006 2001:db8:11::50:8006"]
    );
    assert_eq!(
        selected(&["--select", "net/node", "--node", "pi3"]),
        ["net/node:8085-8080 tcp/8085 192.168.11.13:30080"]
    );
    assert_eq!(
        selected(&["--select", "net/waiting", "--node", "pi2"]),
        ["net/waiting:83-83 tcp/83 192.168.11.12:30080"]
    );
    assert_eq!(
        selected(&["--select", "net/wishing"]),
        ["net/wishing:84-84 tcp/84 192.168.11.54:84"]
    );
    let all = selected(&["--all"]);
    assert!(
        all.iter().all(|rule| !rule.starts_with("shop/closed")),
        "an annotation \"false\" stands against --all"
    );
    assert_eq!(all.len(), 8, "{all:#?}");
}

#[test]
fn one_service_as_kubectl_prints_it_is_read_too() {
    let list: Value = serde_json::from_str(SERVICES).unwrap();
    let cluster = Cluster::new(&example());
    let outcome = cluster.run(&["--only"], &list["items"][0].to_string());
    assert_eq!(
        rules(&outcome.json().unwrap()).len(),
        2,
        "{}",
        outcome.stderr
    );
    // Text with escapes is the same text, and other kinds of objects are passed over.
    let services = SERVICES
        .replace("\"shop\"", "\"sh\\u006fp\"")
        .replace("\"cloud-at-home/expose\"", "\"cloud\\u002dat-home/expose\"");
    let services = services.replacen(
        "\"items\": [",
        "\"items\": [{\"kind\": \"Pod\", \"spec\": {\"type\": 5}},",
        1,
    );
    let with_pod = cluster.run(
        &["--only"],
        &services.replace("\"type\": 5", "\"type\": \"x\""),
    );
    assert_eq!(
        with_pod.stdout,
        cluster.run(&["--only"], SERVICES).stdout,
        "{}",
        with_pod.stderr
    );
}

#[test]
fn input_of_kubectl_that_is_not_valid_is_65_with_its_path() {
    let cluster = Cluster::new(&example());
    for (what, by, expected) in [
        (
            "\"192.168.11.50\"",
            "\"192.168.11.500\"",
            "items[0].status.loadBalancer.ingress[0].ip: expected an address",
        ),
        (
            "\"203.0.113.0/24\"",
            "\"203.0.113.0/33\"",
            "items[3].spec.loadBalancerSourceRanges[0]: expected a network",
        ),
        (
            "\"port\": 443,",
            "\"port\": 0,",
            "items[0].spec.ports[1].port: expected a port number from 1 to 65535, found 0",
        ),
        (
            "\"port\": 443,",
            "\"port\": 65536,",
            "items[0].spec.ports[1].port: expected a port number from 1 to 65535, found 65536",
        ),
        (
            "\"port\": 443,",
            "\"port\": \"https\",",
            "items[0].spec.ports[1].port: invalid type",
        ),
        (
            "\"name\": \"web\"",
            "\"name\": \"\"",
            "items[0].metadata.name: expected a service's name",
        ),
        (
            "\"kind\": \"List\"",
            "\"kind\": \"PodList\"",
            "expected what `kubectl get svc -A -o json` prints",
        ),
        (
            "\"items\": [",
            "\"items\": 5, \"x\": [",
            "items: invalid type",
        ),
    ] {
        let services = SERVICES.replace(what, by);
        assert_ne!(services, SERVICES, "{what}");
        let outcome = cluster.run(&[], &services);
        assert_eq!(
            (outcome.code, outcome.stdout.len()),
            (Some(65), 0),
            "{by}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains(expected),
            "{by}: {}",
            outcome.stderr
        );
        assert!(
            outcome
                .stderr
                .starts_with("nat-gen: reading the services: "),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 1);
    }
    let outcome = cluster.run(&[], &format!("{SERVICES}x"));
    assert_eq!(outcome.code, Some(65), "{}", outcome.stderr);
    let outcome = cluster.run(&[], cluster::EXAMPLE);
    assert_eq!(
        outcome.code,
        Some(65),
        "a document is not what kubectl prints: {}",
        outcome.stderr
    );
}

#[test]
fn wrong_arguments_are_2() {
    let cluster = Cluster::new(&example());
    let path = cluster.path();
    for (arguments, expected) in [
        (&["--select", "web"][..], "expected NAMESPACE/NAME"),
        (
            &["--cluster", &path, "--select", "shop/web:"],
            "expected a port's name or number",
        ),
        (
            &["--cluster", &path, "--select", "shop/web:0"],
            "expected a port number",
        ),
        (&["--all"], "--cluster <FILE>"),
        (
            &["--cluster", &path, "--node", "pi9"],
            "no such node; did you mean \"pi1\"?",
        ),
        (&["--cluster", &path, "-n"], "cannot be used with"),
        (&["--force-port", "kublet"], "did you mean \"kubelet\"?"),
        (
            &["--confirm", "60"],
            "--confirm has no effect without -f rsc",
        ),
        (
            &["-f", "nft", "--drop-udp"],
            "--drop-udp has no effect without -f rsc",
        ),
        (&["-f", "rsc", "--confirm", "5"], "5 is not in 10..=86400"),
        (
            &["-f", "rsc", "--interface", "WAN=eth0"],
            "--interface has no effect without -f nft",
        ),
        (
            &["-f", "nft", "--interface", "WAN"],
            "expected LIST=NAME[,NAME]",
        ),
        (
            &["--rest-nat", &path],
            "--rest-nat has no effect without -f rest",
        ),
        (&["-f", "rest", "--rest-filter", &path], "--rest-nat <FILE>"),
        (&["-f", "rest"], "GET /rest/ip/firewall/nat"),
    ] {
        let input = if arguments.contains(&"--cluster") {
            SERVICES
        } else {
            cluster::EXAMPLE
        };
        let outcome = run(arguments, input);
        assert_eq!(
            (outcome.code, outcome.stdout.len()),
            (Some(2), 0),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains(expected),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
    for services in [SERVICES, "{\"kind\": \"Service\"}"] {
        let outcome = run(&[], services);
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(
            outcome
                .stderr
                .contains("name the cluster document with --cluster FILE"),
            "{}",
            outcome.stderr
        );
    }
    let mut document = example();
    document["router"]["routeros"] = json!("6");
    let outcome = run(&["-f", "rest", "--rest-nat", &path], &document.to_string());
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("RouterOS 6 has no REST API"),
        "{}",
        outcome.stderr
    );
    let outcome = run(&["--cluster", "/no/such/file"], SERVICES);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("reading /no/such/file: No such file"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_is_refused_prints_nothing_but_why() {
    let mut document = example();
    document["expose"][1]["port"] = json!(80);
    for format in ["rsc", "nft"] {
        let outcome = run(&["-f", format], &document.to_string());
        assert_eq!(
            (outcome.code, outcome.stdout.len()),
            (Some(3), 0),
            "{}",
            outcome.stderr
        );
        assert_eq!(
            outcome.stderr,
            "nat-gen: http: http and https want the public port tcp/80: a port has one owner\n"
        );
    }
    let answer = run(&["--only"], &document.to_string()).json().unwrap();
    assert_eq!(
        (&answer["ok"], &answer["digest"], &answer["chain"]),
        (&json!(false), &Value::Null, &Value::Null)
    );
    // Taking everything away is always possible, and the load balancer's addresses are another matter.
    for format in ["rsc-remove", "metallb"] {
        assert_eq!(
            run(&["-f", format], &document.to_string()).code,
            Some(0),
            "{format}"
        );
    }
}

#[test]
fn the_digest_is_the_content_and_nothing_else() {
    let digest = |document: &Value| {
        run(&["--only"], &document.to_string()).json().unwrap()["digest"].clone()
    };
    let one = digest(&example());
    let mut other = example();
    other["expose"].as_array_mut().unwrap().reverse();
    other["switches"] = json!([]);
    assert_eq!(
        digest(&other),
        one,
        "neither order nor other sections matter"
    );
    for (pointer, value) in [
        ("/expose/0/port", json!(81)),
        ("/expose/0/name", json!("web")),
        ("/expose/0/to_address", json!("192.168.11.51")),
        ("/router/address", json!("192.168.11.2")),
        ("/router/wan/interface_list", json!("WAN2")),
        ("/network/lan", json!("192.168.0.0/16")),
    ] {
        let mut changed = example();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_ne!(digest(&changed), one, "{pointer}");
    }
}

#[test]
fn requests_are_planned_against_the_saved_state() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let bare = save(
        "bare.json",
        r#"[{".id": "*1", "action": "masquerade", "chain": "srcnat", "comment": "defconf: masquerade", "dynamic": "false", "ipsec-policy": "out,none", "out-interface-list": "WAN"}]"#,
    );
    let outcome = run(&["-f", "rest", "--rest-nat", &bare], cluster::EXAMPLE);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    golden("reference-requests.jsonl", &outcome.text());
    for (name, text, expected) in [
        (
            "object.json",
            "{\"error\": 401}",
            "expected a list of rules",
        ),
        (
            "strange.json",
            "[{\"chain\": \"srcnat\"}]",
            "[0]: expected a rule with \".id\"",
        ),
    ] {
        let outcome = run(
            &["-f", "rest", "--rest-nat", &save(name, text)],
            cluster::EXAMPLE,
        );
        assert_eq!(
            (outcome.code, outcome.stdout.len()),
            (Some(65), 0),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains(expected), "{}", outcome.stderr);
    }
}

#[test]
fn lists_stand_for_the_interfaces_that_are_named() {
    let ruleset = run(
        &[
            "-f",
            "nft",
            "--interface",
            "WAN=ppp0,wwan0",
            "--interface",
            "LAN=br0",
        ],
        cluster::EXAMPLE,
    )
    .text();
    assert!(
        ruleset.contains("elements = { \"ppp0\", \"wwan0\" }"),
        "{ruleset}"
    );
    assert!(ruleset.contains("elements = { \"br0\" }"), "{ruleset}");
}
