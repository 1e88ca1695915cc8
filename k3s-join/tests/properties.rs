//! Over random inventories: what is refused and what is planned leave nothing between them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::document::Document;
use cluster::finding;
use cluster::inventory::{Role, Section};
use k3s_join::answer::Answer;
use k3s_join::plan::plan;
use k3s_join::request::Request;
use k3s_join::token::{Pin, faults};
use k3s_join::version::Version;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A node: role, system, disk, address, interface, version.
fn node() -> impl Strategy<Value = Value> {
    let pick = |values: &'static [&'static str]| prop::sample::select(values);
    (
        pick(&["server", "agent", ""]),
        pick(&["rancheros", "burmillaos", "raspios", "ubuntu", "debian", ""]),
        pick(&["/dev/mmcblk0", "/dev/sda", "/dev/nvme0n1", ""]),
        prop::option::weighted(0.9, 2..250_u8),
        pick(&["eth0", "wlan0", ""]),
        pick(&["", "", "", "v1.33.4+k3s1", "v1.32.9+k3s1", "v1.34.1+k3s1"]),
        pick(&["", "", "", "bookworm", "22.04", "12"]),
    )
        .prop_map(|(role, os, disk, address, interface, version, release)| {
            let mut node = json!({});
            let mut put = |name: &str, value: &str| {
                if !value.is_empty() {
                    node[name] = json!(value);
                }
            };
            put("role", role);
            put("os", os);
            put("interface", interface);
            put("os_release", release);
            if !disk.is_empty() {
                node["disk"] = json!({"device": disk});
            }
            if let Some(last) = address {
                node["address"] = json!(format!("10.0.0.{last}/24"));
            }
            if !version.is_empty() {
                node["k3s"] = json!({"version": version});
            }
            node
        })
}

/// A document: nodes, network, the order in which they lose power.
fn document() -> impl Strategy<Value = Value> {
    let configs = prop::sample::select(vec![
        json!({}),
        json!({"flannel-backend": "wireguard-native", "disable": ["traefik"]}),
        json!({"datastore-endpoint": "postgres://h:5432/k"}),
        json!({"nonsense": 1}),
    ]);
    let nodes = prop::collection::vec(node(), 0..9);
    (nodes, any::<bool>(), configs, any::<u64>()).prop_map(|(mut nodes, network, config, order)| {
        for (index, node) in nodes.iter_mut().enumerate() {
            node["name"] = json!(format!("n{index}"));
        }
        let mut shed: Vec<String> = (0..nodes.len()).map(|index| format!("n{index}")).collect();
        shed.sort_by_key(|name| (order ^ name.bytes().map(u64::from).sum::<u64>()).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        shed.truncate(usize::try_from(order % 10).unwrap());
        let mut document = json!({"nodes": nodes, "k3s": {"config": config}, "poe_budget": {"ok": true, "shed_order": shed}});
        if network {
            document["network"] = json!({"lan": "10.0.0.0/24", "gateway": "10.0.0.1"});
        }
        document
    })
}

fn planned(document: &Value, pin: bool) -> (Answer, Vec<finding::Finding>) {
    let document = Document::parse(document.to_string().into_bytes()).unwrap();
    let sections = [Section::Network, Section::Nodes, Section::K3s];
    let (inventory, _) = document.inventory(&sections).unwrap();
    let mut request = Request::read(&inventory, &document).unwrap();
    if pin {
        request.ca = Some((PathBuf::from("ca"), Pin("ab".repeat(32))));
    }
    plan(&request)
}

proptest! {
    #[test]
    fn every_node_has_one_role_and_a_server_is_first(document in document(), pin: bool) {
        let (answer, findings) = planned(&document, pin);
        let given = document["nodes"].as_array().unwrap();
        prop_assert_eq!(answer.nodes.len(), given.len());
        let order: BTreeSet<&String> = answer.order.iter().collect();
        prop_assert_eq!(order.len(), given.len(), "each node joins once");
        let roles: Vec<Role> = answer.order.iter().map(|name| answer.planned(name).unwrap().role).collect();
        let servers = roles.iter().filter(|role| **role == Role::Server).count();
        // Servers first.
        prop_assert!(roles[..servers].iter().all(|role| *role == Role::Server));
        for node in given {
            if let Some(role) = node.get("role") {
                let own = answer.planned(node["name"].as_str().unwrap()).unwrap();
                prop_assert_eq!(json!(own.role), role.clone(), "a given role is kept");
            }
        }
        let even = findings.iter().any(|finding| finding.id == "k3s-servers-even");
        let none = findings.iter().any(|finding| finding.id == "k3s-no-server");
        let external = document["k3s"]["config"].get("datastore-endpoint").is_some();
        prop_assert_eq!(none, servers == 0 && !given.is_empty());
        prop_assert_eq!(even, servers > 0 && servers.is_multiple_of(2) && !external);
        if let Some(ha) = &answer.ha {
            prop_assert_eq!(ha.servers, servers);
            prop_assert!(ha.tolerates < servers);
        }
    }

    #[test]
    fn what_is_not_refused_can_join(document in document(), pin: bool) {
        let (answer, findings) = planned(&document, pin);
        if !finding::ok(&findings) || answer.nodes.is_empty() {
            return Ok(());
        }
        let addresses: Vec<_> = answer.plans().filter_map(|node| node.request.address).collect();
        let single: BTreeSet<_> = addresses.iter().collect();
        prop_assert_eq!(addresses.len(), single.len(), "no address twice");
        let first = answer.planned(&answer.order[0]).unwrap();
        prop_assert_eq!(first.role, Role::Server);
        prop_assert!(first.request.server.is_none());
        let external = document["k3s"]["config"].get("datastore-endpoint").is_some();
        for (place, name) in answer.order.iter().enumerate() {
            let node = answer.planned(name).unwrap();
            let config = &node.request.config;
            let server = node.role == Role::Server;
            let servers = answer.ha.as_ref().unwrap().servers;
            prop_assert_eq!(node.cluster_init, place == 0 && servers > 1 && !external);
            prop_assert_eq!(config.contains_key("cluster-init"), node.cluster_init);
            prop_assert_eq!(config.contains_key("server"), place > 0 && !(server && external), "{} joins", name);
            prop_assert_eq!(config.contains_key("agent-token-file"), server);
            for key in config.keys() {
                let known = k3s_join::keys::Key::find(key).unwrap();
                prop_assert!(known.known_to(server), "{} on {}", key, name);
                prop_assert!(known.kind.refuses(&config[key]).is_none(), "{}: {}", key, config[key]);
            }
            // What the configuration names is among the files, and nothing is written twice.
            let paths: BTreeSet<&str> = node.files.iter().map(|file| file.path.as_str()).collect();
            prop_assert_eq!(paths.len(), node.files.len());
            for key in ["token-file", "agent-token-file"] {
                if let Some(path) = config.get(key) {
                    prop_assert!(paths.contains(path.as_str().unwrap()));
                }
            }
            let prefixes = node.files.iter().filter(|file| !file.prefix.is_empty()).count();
            prop_assert_eq!(prefixes, usize::from(pin && place > 0), "all but the first pin the CA");
            for file in &node.files {
                let secret = file.secret_file.is_some();
                prop_assert!(!secret || file.content == "<redacted>");
                prop_assert!(!secret || file.mode == "0600" || file.path.ends_with(".crt"));
                prop_assert!(file.path.starts_with('/') && !file.path.contains(".."));
            }
        }
    }

    #[test]
    fn a_plan_is_the_same_twice_and_its_hash_sees_a_change(document in document()) {
        let text = |answer: &Answer| serde_json::to_string(answer).unwrap();
        let (once, _) = planned(&document, false);
        prop_assert_eq!(text(&once), text(&planned(&document, false).0));
        let (pinned, _) = planned(&document, true);
        for (place, name) in once.order.iter().enumerate() {
            let same = once.planned(name).unwrap().plan_sha256 == pinned.planned(name).unwrap().plan_sha256;
            prop_assert!(!same, "{} {}", place, name);
        }
    }

    #[test]
    fn a_token_passes_only_where_k3s_takes_it_for_a_password(text in "[ -~]{0,40}|K10.{0,20}|[a-z0-9]{6}\\.[a-z0-9]{16}") {
        let secret = cluster::secret::Secret::from(text.clone().into_bytes());
        let refused = !finding::ok(&faults(k3s_join::token::Which::Agent, "f", &secret));
        let bootstrap = text.len() == 23 && text.as_bytes()[6] == b'.'
            && text.bytes().enumerate().all(|(at, b)| at == 6 || b.is_ascii_lowercase() || b.is_ascii_digit());
        let whole = text.bytes().all(|b| b.is_ascii_graphic());
        prop_assert_eq!(refused, text.starts_with("K10") || bootstrap || !whole);
    }

    #[test]
    fn a_version_is_read_back(major in 0..9_u32, minor in 0..99_u32, patch in 0..99_u32, k3s in 1..9_u32) {
        let text = format!("v{major}.{minor}.{patch}+k3s{k3s}");
        prop_assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
    }

    #[test]
    fn no_text_is_a_version_by_accident(text in ".{0,20}") {
        if let Ok(version) = text.parse::<Version>() {
            prop_assert!(text.parse::<Version>().is_ok() && text.starts_with('v'), "{}", version);
        }
    }
}
