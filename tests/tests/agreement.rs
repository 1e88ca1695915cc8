//! Where two tools speak of the same thing, they say the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::inventory::Protocol;
use cluster_tests::tools;
use serde_json::{Value, json};

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// What a tool answers to a document.
fn answer(tool: &str, document: &Value) -> Value {
    let program = tools::tool(tool).unwrap();
    let outcome = program.input(document.to_string()).run().unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome.json().unwrap()
}

#[test]
fn nat_gen_exposes_no_port_that_k3s_join_opens_between_nodes() {
    for config in [
        json!({}),
        json!({"flannel-backend": "wireguard-native", "embedded-registry": true}),
    ] {
        let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
        document["k3s"]["config"] = config;
        for at in 0..3 {
            document["nodes"][at]["role"] = json!("server");
        }
        let planned = answer("k3s-join", &document);
        let ports = planned["k3s_join"]["ports"].as_array().unwrap();
        assert!(ports.len() >= 4, "{ports:?}");
        for port in ports {
            let protocol = match port["protocol"].as_str().unwrap() {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                other => panic!("no protocol: {other}"),
            };
            for end in ["first", "last"] {
                let number = u16::try_from(port[end].as_u64().unwrap()).unwrap();
                let mut reserved = nat_gen::reserved::K3S.iter();
                assert!(
                    reserved.any(|reserved| reserved.covers(protocol, number)),
                    "nat-gen would expose {port}"
                );
            }
        }
    }
}

#[test]
fn nat_gen_forwards_to_the_address_that_k3s_join_names() {
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    document["network"]["load_balancer"]["addresses"] = json!(["192.168.11.60-192.168.11.69"]);
    for entry in document["expose"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().remove("to_address");
    }
    let planned = answer("nat-gen", &answer("k3s-join", &document));
    assert_eq!(
        planned["nat_gen"]["rules"][0]["to_address"],
        "192.168.11.60"
    );
}
