//! nat-gen's files beside programs that we did not write: routeros-lsp, PyYAML, nft, and a kernel that carries real connections.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::document::Document;
use cluster::inventory::{Protocol, RouterOs, Section};
use cluster_tests::program::{Outcome, Program};
use cluster_tests::{host, require, tools};
use nat_gen::firewall::Firewall;
use nat_gen::forward::Forward;
use nat_gen::render::rsc;
use nat_gen::routeros::quote;
use nat_gen::site::{Side, Site};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");
const SERVICES: &str = include_str!("../../nat-gen/tests/kubectl/services.json");

/// The virtual environment that scripts/setup makes for tests/requirements.txt.
fn python() -> String {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    let python = cache
        .unwrap_or_else(home)
        .join("cloud-at-home/venv/bin/python3");
    python.display().to_string()
}

fn beside(name: &str) -> PathBuf {
    tools::top().join("tests/nat").join(name)
}

fn nat_gen(arguments: &[&str], input: &str) -> Outcome {
    let program = tools::tool("nat-gen").unwrap();
    program.args(arguments).input(input).run().unwrap()
}

/// An artefact of an input that is not refused.
fn artefact(arguments: &[&str], input: &str) -> String {
    let outcome = nat_gen(arguments, input);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {}", outcome.stderr);
    outcome.text()
}

/// Hostile text, the same in every run.
struct Hostile(u64);

impl Hostile {
    fn number(&mut self, below: u64) -> u64 {
        // Xorshift (Marsaglia 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 32] = [
            "\"",
            "\\",
            "$",
            "?",
            "\n",
            "\r\n",
            "\0",
            "\t",
            "\u{1b}[2J",
            "\u{7f}",
            "é",
            "日本",
            "🦀",
            "$(1)",
            "$[/system reset]",
            "$ngOldD",
            "\\\"",
            "\\00",
            "\"; /system reboot; \"",
            "#",
            "{",
            "}",
            "[",
            "]",
            ";",
            " ",
            "=",
            "'",
            "`",
            "a",
            "-",
            "\u{202e}",
        ];
        let length = match self.number(100) {
            0 => 4000,
            n => n % 24,
        };
        (0..length)
            .map(|_| PIECES[usize::try_from(self.number(32)).unwrap()])
            .collect()
    }
}

/// Has routeros-lsp read all of them, in one process.
fn read_scripts(scripts: &[Value]) {
    let lines: Vec<String> = scripts.iter().map(Value::to_string).collect();
    let outcome = Program::new(python())
        .args([beside("read_rsc.py")])
        .input(lines.join("\n"))
        .run()
        .unwrap();
    assert_eq!(
        outcome.text(),
        format!("{} scripts\n", scripts.len()),
        "{}",
        outcome.stderr
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn another_parser_reads_every_hostile_text_back_as_it_was() {
    if !require(&[&python()]).unwrap() {
        return;
    }
    let mut hostile = Hostile(20260505);
    let scripts: Vec<Value> = (0..6000)
        .map(|_| {
            let (comment, list) = (hostile.text(), hostile.text());
            let script = format!(
                "/ip firewall nat add chain=\"x\" action=\"accept\" in-interface-list={} comment={}\n",
                quote(&list),
                quote(&comment)
            );
            json!({"script": script, "values": {"comment": [comment], "in-interface-list": [list]}})
        })
        .collect();
    read_scripts(&scripts);
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn another_parser_reads_whole_scripts_with_hostile_names() {
    if !require(&[&python()]).unwrap() {
        return;
    }
    let document = Document::parse(EXAMPLE.as_bytes().to_vec()).unwrap();
    let (inventory, _) = document.inventory(&Section::ALL).unwrap();
    let mut site = Site::read(&inventory).unwrap();
    let mut hostile = Hostile(7);
    let scripts: Vec<Value> = (0..200)
        .map(|_| {
            let list = hostile.text();
            site.wan_side = Side::List(list.clone());
            let forwards = [Forward {
                name: hostile.text(),
                service: None,
                protocol: Protocol::Udp,
                port: 53,
                to_address: "192.168.11.50".parse().unwrap(),
                to_port: 5353,
                sources: Vec::new(),
            }];
            let firewall = Firewall::new(&forwards, &site);
            let script = rsc::script(&rsc::Script {
                cluster: &site.cluster,
                firewall: &firewall,
                forwards: &forwards,
                hooks: &rsc::hooks(RouterOs::V7, true),
                confirm: Some(60),
                drop_udp: true,
            });
            let lan = site.lan_side.name();
            json!({"script": script, "scheduled": true, "values": {"in-interface-list": [list, lan]}})
        })
        .collect();
    read_scripts(&scripts);
}

/// Documents of every kind that the tool tells apart.
fn documents() -> Vec<String> {
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    let mut all = vec![document.to_string()];
    document["router"]["routeros"] = json!("6");
    all.push(document.to_string());
    document["router"]["default_firewall"] = json!(false);
    document["router"]["wan"] = json!({"interface": "ether1"});
    document["router"]["lan"] = json!({"interface_list": "my \"list\" $x \\"});
    document["network"]["lan_ipv6"] = json!("2001:db8:11::/64");
    document["expose"] = Value::Array(
        (1..120)
            .map(|n| {
                json!({
                    "name": format!("s{n}"),
                    "protocol": if n % 3 == 0 { "udp" } else { "tcp" },
                    "port": n * 7 % 500 + 1,
                    "to_port": if n % 5 == 1 { json!(n) } else { Value::Null },
                    "to_address": if n % 11 == 0 { "2001:db8:11::50" } else { "192.168.11.51" },
                    "sources": if n % 13 == 0 { json!(["203.0.113.0/24", "198.51.100.0/24", "2001:db8:99::/48", "::/0"]) } else { json!([]) },
                })
            })
            .filter(|e| e["to_port"].is_null() || e["to_address"] != "2001:db8:11::50")
            .collect(),
    );
    all.push(document.to_string());
    document["router"]["routeros"] = json!("7");
    all.push(document.to_string());
    document["expose"] = json!([]);
    all.push(document.to_string());
    all
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn another_parser_reads_the_script_of_every_document() {
    if !require(&[&python()]).unwrap() {
        return;
    }
    let mut scripts = Vec::new();
    for document in documents() {
        for arguments in [
            &["-f", "rsc"][..],
            &["-f", "rsc", "--drop-udp"],
            &["-f", "rsc", "--confirm", "60"],
            &["-f", "rsc-remove"],
        ] {
            let scheduled = arguments.contains(&"--confirm");
            scripts.push(json!({"script": artefact(arguments, &document), "scheduled": scheduled}));
        }
    }
    let cluster = tools::top()
        .join("cluster/example/cluster.json")
        .display()
        .to_string();
    let arguments = ["--cluster", &cluster, "-f", "rsc", "--all"];
    scripts.push(json!({"script": artefact(&arguments, SERVICES)}));
    read_scripts(&scripts);
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn another_parser_reads_metallbs_objects() {
    if !require(&[&python()]).unwrap() {
        return;
    }
    let load = "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))";
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    document["network"]["load_balancer"]["addresses"] = json!([
        "192.168.11.50-192.168.11.59",
        "192.168.11.64/28",
        "192.168.11.90"
    ]);
    let yaml = artefact(&["-f", "metallb"], &document.to_string());
    let outcome = Program::new(python())
        .args(["-c", load])
        .input(yaml)
        .run()
        .unwrap();
    let metadata = json!({"name": "cloud-at-home", "namespace": "metallb-system"});
    assert_eq!(
        outcome.json().unwrap(),
        json!([
            {
                "apiVersion": "metallb.io/v1beta1",
                "kind": "IPAddressPool",
                "metadata": metadata,
                "spec": {"addresses": ["192.168.11.50-192.168.11.59", "192.168.11.64/28", "192.168.11.90/32"]},
            },
            {
                "apiVersion": "metallb.io/v1beta1",
                "kind": "L2Advertisement",
                "metadata": metadata,
                "spec": {"ipAddressPools": ["cloud-at-home"]},
            },
        ])
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn nft_takes_the_ruleset_of_every_document() {
    if !require(&["nft", "unshare"]).unwrap() {
        return;
    }
    for document in documents() {
        let plain = document.replace(r#"my \"list\" $x \\"#, "LAN");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nat.nft");
        std::fs::write(&file, artefact(&["-f", "nft"], &plain)).unwrap();
        let outcome = host("unshare")
            .args(["--net", "nft", "-c", "-f"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(
            outcome.status.success(),
            "{}",
            String::from_utf8_lossy(&outcome.stderr)
        );
    }
}

/// The document of the world in namespaces.
fn world() -> Value {
    let to =
        |name: &str, port: u16| json!({"name": name, "port": port, "to_address": "192.168.11.50"});
    json!({
        "name": "home",
        "network": {"lan": "192.168.11.0/24", "gateway": "192.168.11.1"},
        "router": {"other_addresses": ["192.168.88.1"]},
        "expose": [
            to("http", 80),
            to("https", 443),
            {"name": "dns", "protocol": "udp", "port": 53, "to_address": "192.168.11.50"},
            {"name": "node", "port": 8080, "to_address": "192.168.11.11", "to_port": 30080},
            {"name": "few", "port": 8443, "to_address": "192.168.11.50", "sources": ["203.0.113.9/32", "::/0"]},
        ],
    })
}

fn ruleset(document: &Value) -> String {
    let interfaces = [
        "-f",
        "nft",
        "--interface",
        "WAN=wan",
        "--interface",
        "LAN=lan",
    ];
    artefact(&interfaces, &document.to_string())
}

/// Runs the world with these rulesets, in namespaces that end with it.
fn run_world(folder: &Path, first: &[&str], rulesets: &[String]) -> Vec<Value> {
    let mut command = host("timeout");
    command.args([
        "--kill-after=5",
        "240",
        "unshare",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "python3",
    ]);
    command.arg(beside("world.py")).args(first);
    for (index, ruleset) in rulesets.iter().enumerate() {
        let file = folder.join(format!("{index}.nft"));
        std::fs::write(&file, ruleset).unwrap();
        command.arg(file);
    }
    let outcome = command.output().unwrap();
    let text = String::from_utf8(outcome.stdout).unwrap();
    assert!(
        outcome.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&outcome.stderr)
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Who answers whom where all is well. A client that comes from the internet keeps its address.
fn all_well() -> Value {
    json!({
        "wan_http": "192.168.11.50:80 203.0.113.9",
        "wan_https": "192.168.11.50:443 203.0.113.9",
        "wan_udp": "192.168.11.50:53 203.0.113.9",
        "wan_node_port": "192.168.11.11:30080 203.0.113.9",
        "wan_allowed_source": "192.168.11.50:8443 203.0.113.9",
        "wan_other_source": null,
        "wan_renewed_address": "192.168.11.50:80 203.0.113.9",
        "hairpin_http": "192.168.11.50:80 192.168.11.1",
        "hairpin_udp": "192.168.11.50:53 192.168.11.1",
        "hairpin_from_the_target": "192.168.11.50:443 192.168.11.1",
        "direct": "192.168.11.50:80 192.168.11.20",
        "router_page": "0.0.0.0:80 192.168.11.20",
        "router_page_elsewhere": "0.0.0.0:80 192.168.11.20",
        "outbound_http": "203.0.113.9:80 203.0.113.2",
        "outbound_udp": "203.0.113.9:53 203.0.113.2",
    })
}

/// The probes that went otherwise than where all is well.
fn wrong(probes: &Value) -> Vec<&str> {
    let well = all_well();
    let well = well.as_object().unwrap();
    assert!(
        well.keys().eq(probes.as_object().unwrap().keys()),
        "{probes}"
    );
    let probes = probes.as_object().unwrap().iter();
    probes
        .filter(|(name, said)| well[*name] != **said)
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The ruleset without the lines, or the words, that hold `what`.
fn without(ruleset: &str, what: &str, whole_line: bool) -> String {
    let changed = if whole_line {
        let kept: Vec<&str> = ruleset
            .lines()
            .filter(|line| !line.contains(what))
            .collect();
        kept.join("\n") + "\n"
    } else {
        ruleset.replace(what, "")
    };
    assert_ne!(changed, ruleset, "{what} is not in the ruleset");
    changed
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn real_connections_go_where_they_shall_and_each_known_mistake_is_seen() {
    if !require(&["ip", "nft", "conntrack", "python3", "unshare", "timeout"]).unwrap() {
        return;
    }
    let good = ruleset(&world());
    let anywhere = without(
        &without(&good, "fib daddr type local ", false),
        " return ",
        true,
    );
    let rulesets = [
        good.clone(),
        without(&good, " masquerade ", true),
        anywhere,
        without(&good, " return ", true),
        good.clone(),
    ];
    let folder = tempfile::tempdir().unwrap();
    let said = run_world(folder.path(), &[], &rulesets);
    let [
        well,
        no_masquerade,
        no_destination,
        type_alone,
        again,
        tables,
    ] = said.as_slice()
    else {
        unreachable!("{said:?}");
    };
    assert_eq!(well, &all_well());
    assert_eq!(
        wrong(no_masquerade),
        ["hairpin_from_the_target", "hairpin_http", "hairpin_udp"]
    );
    let wrong_anywhere = wrong(no_destination);
    for probe in [
        "outbound_http",
        "outbound_udp",
        "router_page",
        "router_page_elsewhere",
    ] {
        assert!(wrong_anywhere.contains(&probe), "{wrong_anywhere:?}");
    }
    assert_eq!(wrong(type_alone), ["router_page", "router_page_elsewhere"]);
    assert_eq!(again, &all_well());
    assert_eq!(tables, &json!(["home", "nat_gen_home"]));
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_udp_client_stays_with_its_old_target_until_its_connection_is_removed() {
    if !require(&["ip", "nft", "conntrack", "python3", "unshare", "timeout"]).unwrap() {
        return;
    }
    let mut moved = world();
    moved["expose"][2]["to_address"] = json!("192.168.11.51");
    let folder = tempfile::tempdir().unwrap();
    let said = run_world(
        folder.path(),
        &["--udp"],
        &[ruleset(&world()), ruleset(&moved)],
    );
    let old = "192.168.11.50:53 203.0.113.9";
    assert_eq!(said, [json!([old, old, "192.168.11.51:53 203.0.113.9"])]);
}
