//! Every finding: what brings it about, how much it matters, and that the page lists it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::sources::identifiers;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SERVICES: &str = include_str!("kubectl/services.json");

fn run(arguments: &[&str], input: &str) -> Outcome {
    let program = Program::new(env!("CARGO_BIN_EXE_nat-gen"));
    program.args(arguments).input(input).run().unwrap()
}

/// The reference cluster with values set; `null` takes one away.
fn with(changes: &[(&str, Value)]) -> Value {
    let mut document: Value = serde_json::from_str(cluster::EXAMPLE).unwrap();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = document
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        match value {
            Value::Null => drop(parent.remove(field)),
            value => drop(parent.insert(field.to_owned(), value.clone())),
        }
    }
    document
}

fn expose(entries: Value) -> (&'static str, Value) {
    ("/expose", entries)
}

/// A document, and the finding that it shall have: its severity, its identifier and what its message or fix says.
fn of_documents() -> Vec<(Value, &'static str, &'static str, &'static str)> {
    let entry = |port: Value, to: &str| json!([{"name": "a", "port": port, "to_address": to}]);
    let lan6 = ("/network/lan_ipv6", json!("2001:db8:11::/64"));
    let udp = |port: u16| json!([{"name": "a", "protocol": "udp", "port": port}]);
    vec![
        (
            with(&[expose(
                json!([{"name": "a", "port": 80}, {"name": "b", "port": 80, "to_port": 81}]),
            )]),
            "error",
            "nat-port-twice",
            "a and b want the public port tcp/80",
        ),
        (
            with(&[expose(entry(json!(80), "192.168.12.50"))]),
            "error",
            "nat-target-outside-lan",
            "192.168.12.50 is not in the local network 192.168.11.0/24",
        ),
        (
            with(&[lan6.clone(), expose(entry(json!(80), "2001:db8:12::1"))]),
            "error",
            "nat-target-outside-lan",
            "2001:db8:12::1 is not in",
        ),
        (
            with(&[expose(entry(json!(80), "192.168.11.1"))]),
            "error",
            "nat-target-not-a-host",
            "the router itself",
        ),
        (
            with(&[
                ("/router/other_addresses", json!(["192.168.11.2"])),
                expose(entry(json!(80), "192.168.11.2")),
            ]),
            "error",
            "nat-target-not-a-host",
            "the router itself",
        ),
        (
            with(&[expose(entry(json!(80), "192.168.11.255"))]),
            "error",
            "nat-target-not-a-host",
            "broadcast",
        ),
        (
            with(&[expose(entry(json!(80), "192.168.11.0"))]),
            "error",
            "nat-target-not-a-host",
            "the network's own",
        ),
        (
            with(&[expose(entry(json!(80), "2001:db8:11::50"))]),
            "error",
            "nat-ipv6-no-lan",
            "no local IPv6 network",
        ),
        (
            with(&[
                lan6.clone(),
                expose(
                    json!([{"name": "a", "port": 80, "to_port": 81, "to_address": "2001:db8:11::50"}]),
                ),
            ]),
            "error",
            "nat-ipv6-port",
            "80 cannot become 81",
        ),
        (
            with(&[("/network/lan", Value::Null)]),
            "error",
            "nat-no-lan",
            "network.lan",
        ),
        (
            with(&[
                ("/network/gateway", Value::Null),
                ("/router/address", Value::Null),
            ]),
            "error",
            "nat-router-port",
            "nobody there could reach it",
        ),
        (
            with(&[("/router/address", json!("10.9.9.9"))]),
            "error",
            "nat-router-port",
            "tcp/443",
        ),
        (
            with(&[
                ("/network/gateway", Value::Null),
                ("/router/address", Value::Null),
                expose(udp(53)),
            ]),
            "error",
            "nat-router-port",
            "udp/53",
        ),
        (
            with(&[
                ("/network/gateway", Value::Null),
                ("/router/address", Value::Null),
                ("/router/service_ports", json!([8080])),
                expose(json!([{"name": "a", "port": 8080}])),
            ]),
            "error",
            "nat-router-port",
            "tcp/8080",
        ),
        (with(&[]), "info", "nat-router-port-shared", "192.168.11.1"),
        (
            with(&[("/router/address", json!("10.0.0.1"))]),
            "warning",
            "nat-router-outside-lan",
            "10.0.0.1",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 6443}]))]),
            "error",
            "nat-reserved-port",
            "--force-port kubernetes-api",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 443, "to_port": 6443}]))]),
            "error",
            "nat-reserved-port",
            "the Kubernetes API",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 2379}]))]),
            "error",
            "nat-reserved-port",
            "etcd",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 2380}]))]),
            "error",
            "nat-reserved-port",
            "etcd",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 10250}]))]),
            "error",
            "nat-reserved-port",
            "kubelet",
        ),
        (
            with(&[expose(udp(8472))]),
            "error",
            "nat-reserved-port",
            "VXLAN",
        ),
        (
            with(&[expose(udp(51820))]),
            "error",
            "nat-reserved-port",
            "WireGuard",
        ),
        (
            with(&[expose(udp(51821))]),
            "error",
            "nat-reserved-port",
            "--force-port flannel-wireguard",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 5001}]))]),
            "error",
            "nat-reserved-port",
            "registry",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 24007}]))]),
            "error",
            "nat-reserved-port",
            "Gluster's daemon",
        ),
        (
            with(&[expose(json!([{"name": "a", "port": 60999}]))]),
            "error",
            "nat-reserved-port",
            "Gluster brick",
        ),
        (
            with(&[
                ("/storage", Value::Null),
                (
                    "/gluster_plan",
                    json!({"ok": true, "ports": [{"protocol": "tcp", "first": 7000, "last": 7009, "what": "x"}]}),
                ),
                expose(json!([{"name": "a", "port": 7009}])),
            ]),
            "error",
            "nat-reserved-port",
            "a port of Gluster",
        ),
        (
            with(&[("/gluster_plan", json!({"ok": false, "ports": []}))]),
            "warning",
            "nat-answer-not-ok",
            "gluster_plan is used here",
        ),
        (
            with(&[
                (
                    "/k3s_join",
                    json!({"ok": false, "service_addresses": ["192.168.11.60"]}),
                ),
                expose(json!([{"name": "a", "port": 80}])),
            ]),
            "warning",
            "nat-answer-not-ok",
            "k3s_join is used here",
        ),
        (
            with(&[
                ("/network/load_balancer", Value::Null),
                expose(json!([{"name": "a", "port": 80}])),
            ]),
            "error",
            "nat-no-target",
            "to_address",
        ),
        (
            with(&[expose(
                json!([{"name": "a", "port": 8443, "sources": ["2001:db8::/32"]}]),
            )]),
            "error",
            "nat-no-source",
            "none of them is an IPv4 network",
        ),
        (
            with(&[
                lan6,
                expose(
                    json!([{"name": "a", "port": 8443, "to_address": "2001:db8:11::50", "sources": ["0.0.0.0/0"]}]),
                ),
            ]),
            "error",
            "nat-no-source",
            "name IPv6 networks",
        ),
        (
            with(&[expose(json!([]))]),
            "info",
            "nat-nothing-exposed",
            "exposes nothing",
        ),
        (
            with(&[expose(udp(53))]),
            "info",
            "nat-udp-keeps-target",
            "--drop-udp",
        ),
        (
            with(&[("/router/default_firewall", json!(false))]),
            "info",
            "nat-filter-rule",
            "FastTrack",
        ),
    ]
}

/// The findings of an answer as `severity identifier: message fix`.
fn findings(outcome: &Outcome) -> Vec<String> {
    let answer = outcome.json().unwrap();
    let findings = answer["findings"].as_array().unwrap().iter();
    findings
        .map(|f| {
            format!(
                "{} {}: {} {}",
                f["severity"].as_str().unwrap(),
                f["id"].as_str().unwrap(),
                f["message"],
                f["fix"]
            )
        })
        .collect()
}

fn check(outcome: &Outcome, severity: &str, id: &str, says: &str) {
    let found = findings(outcome);
    let lead = format!("{severity} {id}: ");
    assert!(
        found
            .iter()
            .any(|f| f.starts_with(&lead) && f.contains(says)),
        "{id} that says {says:?} is not in {found:#?}"
    );
    let errors = found.iter().any(|f| f.starts_with("error"));
    assert_eq!(outcome.code, Some(if errors { 3 } else { 0 }));
}

#[test]
fn documents_bring_about_their_findings() {
    for (document, severity, id, says) in of_documents() {
        check(&run(&["--only"], &document.to_string()), severity, id, says);
    }
    let quiet = with(&[("/router/service_ports", json!([22]))]);
    assert_eq!(
        findings(&run(&["--only"], &quiet.to_string())),
        Vec::<String>::new()
    );
}

#[test]
fn a_forced_port_is_exposed_and_only_that_one() {
    let document = with(&[expose(
        json!([{"name": "a", "port": 6443}, {"name": "b", "port": 10250}]),
    )])
    .to_string();
    let both = run(
        &[
            "--only",
            "--force-port",
            "kubernetes-api",
            "--force-port",
            "kubelet",
        ],
        &document,
    );
    assert_eq!(both.code, Some(0), "{}", both.stderr);
    let one = run(&["--only", "--force-port", "kubernetes-api"], &document);
    let errors: Vec<String> = findings(&one)
        .into_iter()
        .filter(|f| f.starts_with("error"))
        .collect();
    assert_eq!((one.code, errors.len()), (Some(3), 1));
    assert!(errors[0].contains("tcp/10250"), "{errors:?}");
}

#[test]
fn ports_and_addresses_that_are_none_are_65() {
    for (changes, path) in [
        (
            (
                "/gluster_plan",
                json!({"ports": [{"protocol": "tcp", "first": 24007, "last": 24006}]}),
            ),
            "gluster_plan.ports[0]",
        ),
        (("/gluster_plan", json!({"ports": [24007]})), "gluster_plan"),
        (("/gluster_plan", json!({"ok": true})), "gluster_plan"),
        (
            ("/k3s_join", json!({"service_addresses": ["x"]})),
            "k3s_join",
        ),
        (
            (
                "/k3s_join",
                json!({"service_addresses": {"a": "192.168.11.60"}}),
            ),
            "k3s_join",
        ),
        (
            ("/k3s_join", json!({"service_addresses": "192.168.11.60"})),
            "k3s_join",
        ),
        (expose(json!([{"name": "a", "port": 0}])), "expose[0].port"),
        (
            expose(json!([{"name": "a", "port": 65536}])),
            "expose[0].port",
        ),
        (
            expose(json!([{"name": "a", "port": 80, "to_address": "192.168.11.500"}])),
            "expose[0].to_address",
        ),
        (
            expose(json!([{"name": "a", "port": 80, "sources": ["203.0.113.1/24"]}])),
            "expose[0].sources[0]",
        ),
        (
            expose(json!([{"name": "a", "port": 80, "protocol": "sctp"}])),
            "expose[0].protocol",
        ),
        (
            (
                "/network/load_balancer",
                json!({"kind": "metallb", "addresses": ["192.168.11.60-192.168.11.50"]}),
            ),
            "network.load_balancer.addresses[0]",
        ),
        (
            (
                "/network/load_balancer",
                json!({"kind": "metallb", "addresses": ["192.168.11.50", "x"]}),
            ),
            "network.load_balancer.addresses[1]",
        ),
        (("/network/lan", json!("2001:db8::/64")), "network.lan"),
        (
            ("/network/lan_ipv6", json!("192.168.11.0/24")),
            "network.lan_ipv6",
        ),
        (("/router/address", json!("2001:db8::1")), "router.address"),
        (
            ("/router/other_addresses", json!(["192.168.88.1", "::1"])),
            "router.other_addresses[1]",
        ),
        (
            (
                "/router/wan",
                json!({"interface": "a", "interface_list": "b"}),
            ),
            "router.wan",
        ),
        (
            ("/router/lan", json!({"interface_list": ""})),
            "router.lan.interface_list",
        ),
    ] {
        let outcome = run(&["--error-format", "json"], &with(&[changes]).to_string());
        assert_eq!(
            (outcome.code, outcome.stdout.len()),
            (Some(65), 0),
            "{path}: {}",
            outcome.stderr
        );
        let error: Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(error["path"], path, "{error}");
    }
}

/// Runs on kubectl's services with the reference cluster changed.
fn on_services(arguments: &[&str], changes: &[(&str, Value)], services: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.json");
    std::fs::write(&path, with(changes).to_string()).unwrap();
    let path = path.display().to_string();
    let mut all = vec!["--only", "--cluster", &path];
    all.extend(arguments);
    run(&all, services)
}

/// The services with a field of one's `spec` set.
fn edited(name: &str, field: &str, value: Value) -> String {
    let mut list: Value = serde_json::from_str(SERVICES).unwrap();
    let items = list["items"].as_array_mut().unwrap();
    let service = items.iter_mut().find(|s| s["metadata"]["name"] == name);
    service.unwrap()["spec"][field] = value;
    list.to_string()
}

/// Arguments, changes of the document, services; and the severity, the identifier and a word of the finding.
type Case<'a> = (
    &'a [&'a str],
    Vec<(&'a str, Value)>,
    String,
    &'a str,
    &'a str,
    &'a str,
);

#[test]
fn services_bring_about_their_findings() {
    let replaced = |what: &str, by: &str| {
        let services = SERVICES.replace(what, by);
        assert_ne!(services, SERVICES, "{what}");
        services
    };
    let annotated = |name: &str, value: &str| {
        replaced(
            "\"cloud-at-home/expose\": \"false\"",
            &format!("\"cloud-at-home/{name}\": \"{value}\""),
        )
    };
    let plain = SERVICES.to_owned();
    let two = (
        "/network/load_balancer",
        json!({"kind": "metallb", "addresses": ["192.168.11.50-192.168.11.59"]}),
    );
    let lan6 = ("/network/lan_ipv6", json!("2001:db8:11::/64"));
    let cases: Vec<Case<'_>> = vec![
        (
            &["--select", "data/outside"],
            vec![],
            plain.clone(),
            "error",
            "nat-service-external-name",
            "DNS",
        ),
        (
            &["--select", "data/headless"],
            vec![],
            plain.clone(),
            "error",
            "nat-service-headless",
            "headless",
        ),
        (
            &["--select", "data/inner"],
            vec![],
            plain.clone(),
            "error",
            "nat-service-cluster-ip",
            "LoadBalancer",
        ),
        (
            &["--select", "net/phone"],
            vec![],
            plain.clone(),
            "error",
            "nat-service-protocol",
            "SCTP",
        ),
        (
            &["--select", "net/waiting"],
            vec![two.clone()],
            plain.clone(),
            "error",
            "nat-service-pending",
            "EXTERNAL-IP",
        ),
        (
            &["--select", "net/waiting"],
            vec![],
            plain.clone(),
            "warning",
            "nat-service-pending",
            "192.168.11.50 is the only one",
        ),
        (
            &["--select", "net/wishing"],
            vec![],
            plain.clone(),
            "warning",
            "nat-service-pending",
            "192.168.11.54 is what the service asks for",
        ),
        (
            &["--select", "net/elsewhere"],
            vec![],
            plain.clone(),
            "error",
            "nat-service-host-name",
            "lb.example.org",
        ),
        (
            &["--select", "net/six"],
            vec![],
            plain.clone(),
            "error",
            "nat-ipv6-no-lan",
            "2001:db8:11::50",
        ),
        (
            &["--select", "net/both"],
            vec![],
            plain.clone(),
            "info",
            "nat-ipv6-no-lan",
            "2001:db8:11::55",
        ),
        (
            &["--select", "net/node"],
            vec![],
            plain.clone(),
            "error",
            "nat-service-needs-node",
            "--node",
        ),
        (
            &["--all"],
            vec![two],
            plain.clone(),
            "warning",
            "nat-service-pending",
            "EXTERNAL-IP",
        ),
        (
            &["--all"],
            vec![],
            plain.clone(),
            "info",
            "nat-service-external-name",
            "DNS",
        ),
        (
            &["--all"],
            vec![],
            plain.clone(),
            "info",
            "nat-service-headless",
            "headless",
        ),
        (
            &["--all"],
            vec![],
            plain.clone(),
            "info",
            "nat-service-cluster-ip",
            "cluster",
        ),
        (
            &["--all"],
            vec![],
            plain.clone(),
            "warning",
            "nat-service-protocol",
            "SCTP",
        ),
        (
            &["--all"],
            vec![],
            plain.clone(),
            "info",
            "nat-service-needs-node",
            "node",
        ),
        (
            &[],
            vec![],
            plain.clone(),
            "info",
            "nat-local-policy",
            "after translation",
        ),
        (
            &["--select", "net/node", "--node", "pi1"],
            vec![],
            replaced(
                "\"type\": \"NodePort\"",
                "\"type\": \"NodePort\", \"externalTrafficPolicy\": \"Local\"",
            ),
            "warning",
            "nat-local-policy",
            "--node",
        ),
        (
            &["--select", "net/node", "--node", "pi1"],
            vec![],
            replaced("\"nodePort\": 30080", "\"nodePort\": null"),
            "error",
            "nat-service-no-node-port",
            "8085",
        ),
        (
            &["--select", "shop/web", "--select", "shop/nothing"],
            vec![],
            plain.clone(),
            "error",
            "nat-select-unknown",
            "not in the input",
        ),
        (
            &["--select", "shop/web:https"],
            vec![],
            plain.clone(),
            "error",
            "nat-service-port-unknown",
            "80-8080, 443-8443",
        ),
        (
            &[],
            vec![],
            annotated("expose", "yes"),
            "error",
            "nat-annotation",
            "expected \\\"true\\\" or \\\"false\\\"",
        ),
        (
            &[],
            vec![],
            annotated("expsoe", "true"),
            "error",
            "nat-annotation",
            "did you mean",
        ),
        (
            &["--select", "shop/closed"],
            vec![],
            annotated("public-port", "0"),
            "error",
            "nat-annotation",
            "1 to 65535",
        ),
        (
            &["--select", "shop/closed"],
            vec![],
            annotated("public-port", "https=80"),
            "error",
            "nat-service-port-unknown",
            "no port https",
        ),
        (
            &["--select", "shop/closed"],
            vec![],
            annotated("public-port", "80"),
            "error",
            "nat-port-twice",
            "shop/closed",
        ),
        (
            &[],
            vec![],
            replaced(
                "\"ip\": \"192.168.11.50\"",
                "\"ip\": \"192.168.11.50\"}, {\"ip\": \"192.168.11.49\"",
            ),
            "info",
            "nat-service-several-addresses",
            "only 192.168.11.50 is used",
        ),
        (
            &["--select", "net/both"],
            vec![lan6],
            edited(
                "both",
                "loadBalancerSourceRanges",
                json!(["203.0.113.0/24"]),
            ),
            "info",
            "nat-service-no-source",
            "2001:db8:11::55",
        ),
        (
            &["--select", "shop/quiet"],
            vec![],
            replaced("\"type\": \"LoadBalancer\"", "\"type\": \"Balancer\""),
            "error",
            "nat-service-type",
            "not known",
        ),
        (
            &[],
            vec![],
            plain.clone(),
            "info",
            "nat-not-opted-in",
            "10 services",
        ),
        (
            &[],
            vec![],
            plain,
            "info",
            "nat-expose-not-used",
            "2 entries",
        ),
    ];
    for (arguments, changes, services, severity, id, says) in cases {
        check(
            &on_services(arguments, &changes, &services),
            severity,
            id,
            says,
        );
    }
}

#[test]
fn external_addresses_of_a_cluster_ip_service_are_a_way() {
    let services = SERVICES.replace(
        "\"clusterIP\": \"10.43.0.10\"",
        "\"clusterIP\": \"10.43.0.10\", \"externalIPs\": [\"192.168.11.70\"]",
    );
    let outcome = on_services(&["--select", "data/inner"], &[], &services);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(outcome.text().contains("192.168.11.70"));
}

#[test]
fn all_takes_no_cluster_ip_service_whatever_addresses_it_has() {
    let services = edited("inner", "externalIPs", json!(["192.168.11.70"]));
    let outcome = on_services(&["--all"], &[], &services);
    check(
        &outcome,
        "info",
        "nat-service-cluster-ip",
        "also one with externalIPs",
    );
    let answer = outcome.json().unwrap();
    assert!(!answer["rules"].to_string().contains("192.168.11.70"));
}

/// The addresses that are left to the router, in order.
fn left_out(document: &Value) -> Vec<String> {
    let outcome = run(&["-f", "rsc"], &document.to_string());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let script = outcome.text();
    let returns = script
        .lines()
        .filter(|line| line.contains("action=\"return\""));
    let address = |line: &str| line.split('"').nth(5).unwrap().to_owned();
    returns.map(address).collect()
}

#[test]
fn the_router_keeps_every_address_that_the_document_names() {
    let elsewhere = with(&[
        ("/router/address", json!("10.9.9.9")),
        ("/router/other_addresses", json!(["192.168.11.1"])),
    ]);
    assert_eq!(left_out(&elsewhere), ["10.9.9.9", "192.168.11.1"]);
    // The gateway of a pair of routers (VRRP) is an address of the one that is master.
    let pair = with(&[("/router/address", json!("192.168.11.2"))]);
    assert_eq!(left_out(&pair), ["192.168.11.2", "192.168.11.1"]);
    let twice = with(&[("/router/other_addresses", json!(["192.168.11.1"]))]);
    assert_eq!(left_out(&twice), ["192.168.11.1"]);
}

#[test]
fn formats_bring_about_their_own_findings() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("nat.json");
    std::fs::write(&state, "[]").unwrap();
    let state = state.display().to_string();
    let balancer = |addresses: Value| {
        (
            "/network/load_balancer",
            json!({"kind": "metallb", "addresses": addresses}),
        )
    };
    let rest = ["-f", "rest", "--rest-nat", &state];
    let cases: Vec<(&[&str], Value, &str)> = vec![
        (
            &["-f", "nft"],
            with(&[("/router/wan", json!({"interface_list": "a b"}))]),
            "is no name of a Linux interface",
        ),
        (
            &["-f", "nft", "--interface", "WAN=eth*"],
            with(&[]),
            "is no name of a Linux interface",
        ),
        (
            &["-f", "metallb"],
            with(&[("/network/load_balancer", Value::Null)]),
            "no addresses for MetalLB",
        ),
        (
            &["-f", "metallb"],
            with(&[(
                "/network/load_balancer",
                json!({"kind": "service-lb", "addresses": ["192.168.11.50"]}),
            )]),
            "no addresses for MetalLB",
        ),
        (
            &["-f", "metallb"],
            with(&[balancer(json!(["192.168.11.250-192.168.12.9"]))]),
            "not all in it",
        ),
        (
            &["-f", "metallb"],
            with(&[balancer(json!(["192.168.11.12-192.168.11.20"]))]),
            "192.168.11.12 is pi2's own address",
        ),
        (
            &["-f", "metallb"],
            with(&[balancer(json!(["192.168.11.0/30"]))]),
            "192.168.11.1 is the router's own address",
        ),
        (
            &rest,
            with(&[("/router/default_firewall", json!(false))]),
            "GET /rest/ip/firewall/filter",
        ),
    ];
    for (arguments, document, says) in cases {
        let outcome = run(arguments, &document.to_string());
        assert_eq!(
            (outcome.code, outcome.stdout.len()),
            (Some(3), 0),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains(says),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn the_page_lists_every_finding_and_no_other() {
    let page =
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
            .unwrap();
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?
                .split_once('`')
                .map(|(id, _)| id.to_owned())
        })
        .filter(|id| id.starts_with("nat-"))
        .collect();
    let mut named = identifiers(concat!(env!("CARGO_MANIFEST_DIR"), "/src"), "nat-").unwrap();
    for name in ["nat-gen", "nat-remove"] {
        named.remove(name);
    }
    assert_eq!(listed, named);
}
