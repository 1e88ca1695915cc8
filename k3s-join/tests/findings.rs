//! What speaks against a plan: each finding brought about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{answer, example, folder, ids, run, run_in, secret};
use k3s_join::keys::{KEYS, Key, Kind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A change to the reference cluster.
type Change = fn(&mut Value);

/// Changes, the finding's id, its severity.
const CASES: &[(&str, &str, Change)] = &[
    ("k3s-no-nodes", "warning", |d| d["nodes"] = json!([])),
    ("k3s-no-server", "error", |d| {
        d["nodes"][0]["role"] = json!("agent")
    }),
    ("k3s-servers-even", "error", |d| {
        d["nodes"][1]["role"] = json!("server")
    }),
    ("k3s-version-missing", "warning", |d| d["k3s"] = json!({})),
    ("k3s-version-servers", "warning", |d| {
        three(d);
        d["nodes"][2]["k3s"] = json!({"version": "v1.34.1+k3s1"});
    }),
    ("k3s-version-skew", "error", |d| {
        d["nodes"][3]["k3s"] = json!({"version": "v1.34.1+k3s1"})
    }),
    ("k3s-version-skew", "error", |d| {
        d["nodes"][3]["k3s"] = json!({"version": "v1.29.1+k3s1"})
    }),
    ("k3s-version-far", "info", |d| {
        d["k3s"]["version"] = json!("v1.27.1+k3s1")
    }),
    ("k3s-os-unproven", "warning", |_| {}),
    ("k3s-os-unknown", "warning", |d| {
        _ = d["nodes"][3].as_object_mut().unwrap().remove("os")
    }),
    ("k3s-server-on-wifi", "warning", |d| {
        d["nodes"][0]["interface"] = json!("wlan0")
    }),
    ("k3s-etcd-on-card", "warning", three),
    ("k3s-address-twice", "error", |d| {
        d["nodes"][3]["address"] = json!("192.168.11.13/24")
    }),
    ("k3s-cidr-overlap", "error", |d| {
        d["k3s"]["cluster_cidr"] = json!("192.168.0.0/16")
    }),
    ("k3s-cidr-overlap", "error", |d| {
        d["k3s"]["service_cidr"] = json!("10.42.128.0/17")
    }),
    ("k3s-dns-outside-services", "error", |d| {
        d["k3s"]["cluster_dns"] = json!("10.44.0.10")
    }),
    ("k3s-service-address-outside", "error", |d| {
        pool(d, "192.168.12.50")
    }),
    ("k3s-service-address-in-use", "error", |d| {
        pool(d, "192.168.11.10-192.168.11.12")
    }),
    ("k3s-server-address-unknown", "error", |d| {
        _ = d["nodes"][0].as_object_mut().unwrap().remove("address")
    }),
    ("k3s-address-by-dhcp", "warning", |d| {
        _ = d["nodes"][3].as_object_mut().unwrap().remove("address")
    }),
    ("k3s-node-outside-lan", "warning", |d| {
        d["nodes"][3]["address"] = json!("192.168.12.14/24")
    }),
    ("k3s-interface-unknown", "info", |d| {
        _ = d["nodes"][3].as_object_mut().unwrap().remove("interface")
    }),
    ("k3s-no-gateway", "warning", |d| {
        _ = d["network"].as_object_mut().unwrap().remove("gateway")
    }),
    ("k3s-key-unknown", "error", |d| {
        config(d, "disable-servicelb", json!(true))
    }),
    ("k3s-key-unknown", "error", |d| {
        config(d, "debug+", json!(true))
    }),
    ("k3s-key-type", "error", |d| {
        config(d, "write-kubeconfig-mode", json!(420))
    }),
    ("k3s-key-type", "error", |d| {
        config(d, "debug", json!("true"))
    }),
    ("k3s-key-type", "error", |d| {
        config(d, "data-dir", json!("/mnt/../etc"))
    }),
    ("k3s-key-type", "error", |d| {
        config(d, "data-dir", json!("k3s"))
    }),
    ("k3s-key-owned", "error", |d| {
        config(d, "node-name", json!("x"))
    }),
    ("k3s-key-side", "error", |d| {
        d["nodes"][3]["k3s"] = json!({"config": {"embedded-registry": true}})
    }),
    ("k3s-secret-in-document", "error", |d| {
        config(d, "token", json!("x"))
    }),
    ("k3s-secret-in-document", "error", |d| {
        config(d, "datastore-endpoint", json!("mysql://u:p@tcp(h:1)/k"))
    }),
    ("k3s-secret-in-document", "error", |d| {
        d["k3s"]["registries"] = json!({"configs": {"r": {"auth": {"username": "u"}}}})
    }),
    ("k3s-registries-key", "error", |d| {
        d["k3s"]["registries"] = json!({"mirors": {}})
    }),
    ("k3s-registries-key", "error", |d| {
        d["k3s"]["registries"] = json!({"mirrors": []})
    }),
    ("k3s-registries-twice", "error", |d| {
        d["k3s"]["registries"] = json!({});
        d["k3s"]["registries_file"] = json!("r");
    }),
    ("k3s-critical-differs", "error", |d| {
        three(d);
        d["nodes"][2]["k3s"] = json!({"config": {"cluster-domain": "home"}});
    }),
    ("k3s-critical-differs", "error", |d| {
        three(d);
        d["nodes"][2]["k3s"] = json!({"config": {"disable": ["servicelb"]}});
    }),
    ("k3s-component-unknown", "error", |d| {
        d["k3s"]["disable"] = json!(["traffik"])
    }),
    ("k3s-label-syntax", "error", |d| {
        d["nodes"][3]["labels"] = json!({"a b": "c"})
    }),
    ("k3s-label-reserved", "error", |d| {
        d["nodes"][3]["labels"] = json!({"node-role.kubernetes.io/worker": "true"})
    }),
    ("k3s-taint-syntax", "error", |d| {
        d["nodes"][3]["taints"] = json!(["a=b:NoSchedul"])
    }),
    ("k3s-answer-not-ok", "warning", |d| {
        d["gluster_plan"] = json!({"ok": false, "volumes": []})
    }),
    ("k3s-clock", "info", |_| {}),
    ("k3s-metallb", "info", |_| {}),
    ("k3s-swap", "info", |_| {}),
    ("k3s-ca-not-pinned", "info", |_| {}),
];

fn three(document: &mut Value) {
    for at in 0..3 {
        document["nodes"][at]["role"] = json!("server");
    }
}

fn pool(document: &mut Value, addresses: &str) {
    document["network"]["load_balancer"]["addresses"] = json!([addresses]);
}

fn config(document: &mut Value, key: &str, value: Value) {
    document["k3s"]["config"] = json!({key: value});
}

#[test]
fn each_finding_is_brought_about_and_stops_what_it_must() {
    for (id, severity, change) in CASES {
        let outcome = run(&[], &example(*change));
        assert_eq!(
            outcome.code,
            Some(if *severity == "error" { 3 } else { 0 }),
            "{id}: {}",
            outcome.stderr
        );
        let found = ids(&outcome, severity);
        assert!(
            found.iter().any(|found| found == id),
            "{id} is not among {found:?}"
        );
    }
}

#[test]
fn what_is_at_the_edge_of_a_rule_passes() {
    let fine: &[Change] = &[
        |d| d["nodes"][3]["k3s"] = json!({"version": "v1.30.1+k3s1"}),
        |d| d["nodes"][3]["k3s"] = json!({"version": "v1.33.9+k3s1"}),
        |d| d["k3s"]["cluster_dns"] = json!("10.43.0.53"),
        |d| pool(d, "192.168.11.15-192.168.11.254"),
        |d| {
            d["nodes"][3]["labels"] = json!({"node.kubernetes.io/x": "y", "topology.kubernetes.io/zone": "a", "e.org/b": ""})
        },
        |d| d["nodes"][3]["taints"] = json!(["a:NoExecute", "e.org/a=b:PreferNoSchedule"]),
        |d| config(d, "write-kubeconfig-mode", json!("0644")),
        |d| config(d, "kubelet-arg+", json!("max-pods=50")),
        |d| config(d, "datastore-endpoint", json!("postgres://host:5432/k3s")),
        |d| d["k3s"]["registries"] = json!({"mirrors": {"*": {"endpoint": ["https://r.home"]}}, "configs": {"r.home": {"tls": {"ca_file": "/c"}}}}),
        |d| d["network"]["load_balancer"] = json!({"kind": "service-lb"}),
    ];
    for (index, change) in fine.iter().enumerate() {
        let outcome = run(&[], &example(*change));
        assert_eq!(outcome.code, Some(0), "{index}: {}", outcome.stderr);
    }
    // With a datastore of its own two servers are no quorum.
    let outcome = run(
        &[],
        &example(|d| {
            config(d, "datastore-endpoint", json!("postgres://host:5432/k3s"));
            d["nodes"][1]["role"] = json!("server");
        }),
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let answer = answer(&outcome);
    assert_eq!(answer["ha"]["tolerates"], 1);
    assert!(answer["nodes"]["pi2"]["request"]["config"]["server"].is_null());
}

#[test]
fn a_misspelt_key_is_told_its_name() {
    let message = |change: Change| {
        let outcome = run(&[], &example(change));
        answer(&outcome)["findings"][0]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        message(|d| config(d, "flanel-backend", json!("vxlan")))
            .contains("did you mean \"flannel-backend\"?")
    );
    assert!(
        message(|d| d["k3s"]["disable"] = json!(["traefk"])).contains("did you mean \"traefik\"?")
    );
    let mode = run(
        &[],
        &example(|d| config(d, "write-kubeconfig-mode", json!(644))),
    );
    assert_eq!(answer(&mode)["findings"][0]["fix"], "write \"0644\"");
}

#[test]
fn what_cannot_be_read_is_65_with_its_path() {
    let cases: &[(&str, Change)] = &[
        ("k3s.version: ", |d| d["k3s"]["version"] = json!("1.33.4")),
        ("nodes[2].k3s.version: ", |d| {
            d["nodes"][2]["k3s"] = json!({"version": "latest"})
        }),
        ("nodes[3].name: ", |d| d["nodes"][3]["name"] = json!("pi_4")),
        ("nodes[3].name: ", |d| d["nodes"][3]["name"] = json!("Pi4")),
        ("nodes[3].name: ", |d| d["nodes"][3]["name"] = json!("pi1")),
        ("k3s.server_address: ", |d| {
            d["k3s"]["server_address"] = json!("https://a")
        }),
        ("k3s.install: ", |d| d["k3s"]["install"] = json!("by hand")),
        ("network.load_balancer.addresses[0]: ", |d| pool(d, "x")),
        ("poe_budget", |d| d["poe_budget"] = json!({"shed_order": 1})),
        ("gluster_plan", |d| {
            d["gluster_plan"] = json!({"volumes": 1})
        }),
    ];
    for (path, change) in cases {
        let outcome = run(&[], &example(*change));
        assert_eq!(outcome.code, Some(65), "{path}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(path), "{path}: {}", outcome.stderr);
    }
}

#[test]
fn the_secret_files_are_looked_at() {
    for (name, content, id, severity) in [
        ("k3s.token", "K10abc::server:x", "k3s-token-full", "error"),
        (
            "k3s.agent-token",
            "abcdef.0123456789abcdef",
            "k3s-token-bootstrap",
            "error",
        ),
        (
            "k3s.token",
            "with white space in it ..",
            "k3s-token-characters",
            "error",
        ),
        ("k3s.token", "abc123xyz", "k3s-token-short", "warning"),
        (
            "k3s.agent-token",
            common::SERVER_TOKEN,
            "k3s-tokens-equal",
            "warning",
        ),
    ] {
        let here = folder();
        secret(here.path(), name, content);
        let outcome = run_in(here.path(), &[], cluster::EXAMPLE);
        assert_eq!(
            outcome.code,
            Some(if severity == "error" { 3 } else { 0 }),
            "{id}"
        );
        assert!(
            ids(&outcome, severity).iter().any(|found| found == id),
            "{id}: {}",
            outcome.text()
        );
        assert!(
            !outcome.text().contains(content) && !outcome.stderr.contains(content),
            "{id}"
        );
    }
}

#[test]
fn a_secret_that_is_refused_is_not_shown_either() {
    const MARKER: &str = "markermarkermarker";
    let changes: &[Change] = &[
        |d| config(d, "token", json!(MARKER)),
        |d| config(d, "agent-token", json!(MARKER)),
        |d| config(d, "vpn-auth", json!(MARKER)),
        |d| config(d, "etcd-s3-secret-key", json!(MARKER)),
        |d| {
            config(
                d,
                "datastore-endpoint",
                json!(format!("mysql://u:{MARKER}@tcp(h)/k")),
            )
        },
        |d| d["nodes"][3]["k3s"] = json!({"config": {"token": MARKER}}),
        |d| {
            three(d);
            let endpoint = format!("mysql://u:{MARKER}@tcp(h)/k");
            d["nodes"][1]["k3s"] = json!({"config": {"datastore-endpoint": endpoint}});
        },
        |d| d["k3s"]["registries"] = json!({"configs": {"r": {"auth": {"password": MARKER}}}}),
        |d| {
            d["k3s"]["registries"] =
                json!({"mirrors": {"r": {"endpoint": [format!("https://u:{MARKER}@r")]}}})
        },
    ];
    for (index, change) in changes.iter().enumerate() {
        for arguments in [
            &["--only"][..],
            &["-f", "text"],
            &["-f", "config", "-o", "/dev/null"],
        ] {
            let outcome = run(arguments, &example(*change));
            assert_eq!(outcome.code, Some(3), "{index}: {}", outcome.stderr);
            let all = format!("{}{}", outcome.text(), outcome.stderr);
            assert!(!all.contains(MARKER), "{index}: {all}");
        }
    }
}

/// The names of all flags, from another source than the table's.
const FLAGS: &str = include_str!("k3s-flags.txt");

#[test]
fn the_table_knows_all_flags_but_these() {
    let flags: BTreeSet<&str> = FLAGS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let known: BTreeSet<&str> = KEYS.iter().map(|key| key.name).collect();
    let unknown: Vec<&&str> = flags.difference(&known).collect();
    // No key of a file; for RKE2 alone; former names of others.
    assert_eq!(
        unknown,
        [
            &"apiserver-bind-address",
            &"apiserver-port",
            &"config",
            &"kube-cloud-controller-arg",
            &"kube-controller-arg",
            &"supervisor-port",
        ]
    );
    let extra: Vec<&&str> = known.difference(&flags).collect();
    assert!(extra.is_empty(), "K3s has no flags {extra:?}");
    assert!(KEYS.is_sorted_by_key(|key| key.name));
}

#[test]
fn keys_refuse_other_types() {
    let find = |name: &str| Key::find(name).unwrap();
    assert!(find("tls-san+").kind == Kind::List);
    assert!(Key::find("server+").is_none());
    for (name, good, bad) in [
        ("debug", json!(true), json!("true")),
        ("https-listen-port", json!(6443), json!("6443")),
        ("https-listen-port", json!(6443), json!(-1)),
        ("cluster-domain", json!("a"), json!(["a"])),
        ("write-kubeconfig-mode", json!("644"), json!("0o644")),
        ("tls-san", json!(["a"]), json!([1])),
        ("tls-san", json!("a"), json!({"a": "b"})),
    ] {
        assert!(
            find(name).kind.refuses(&good).is_none(),
            "{name} refuses {good}"
        );
        assert!(
            find(name).kind.refuses(&bad).is_some(),
            "{name} takes {bad}"
        );
    }
}
