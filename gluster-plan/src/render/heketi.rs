//! Heketi's `topology.json`: nodes, zones, whole raw devices.

use crate::answer::Answer;
use crate::site::Site;
use cluster::finding::Finding;
use serde_json::{Value, json};

/// The least and the most that Heketi takes for a brick, in bytes.
const BRICK: std::ops::RangeInclusive<u64> = (1 << 30)..=(4 << 40);

/// What Heketi would not read.
pub fn faults(site: &Site) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, stick) in site
        .sticks
        .iter()
        .enumerate()
        .filter(|(_, stick)| !stick.uuid.is_empty())
    {
        let node = &site.nodes[stick.node];
        if node.address.is_none() {
            findings.push(
                Finding::error(
                    "gluster-heketi-address",
                    &node.name,
                    "Heketi wants the node's address",
                )
                .fix("name it in nodes[].address"),
            );
        }
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '/' | '-');
        if stick
            .device
            .as_ref()
            .is_some_and(|device| !device.chars().all(good))
        {
            findings.push(
                Finding::error(
                    "gluster-heketi-device",
                    site.stick_name(index),
                    "Heketi takes devices of letters, digits and _ . : / - only",
                )
                .fix("name the device otherwise"),
            );
        }
        if stick.size.is_some_and(|size| !BRICK.contains(&size)) {
            findings.push(
                Finding::error(
                    "gluster-heketi-size",
                    site.stick_name(index),
                    "Heketi takes bricks from 1 GiB to 4 TiB",
                )
                .fix("use another stick"),
            );
        }
    }
    findings
}

/// The topology: a node's zone is its power domain, from 1.
pub fn topology(answer: &Answer) -> String {
    let site = &answer.site;
    let mut nodes: Vec<Value> = Vec::new();
    for (index, node) in site.nodes.iter().enumerate() {
        let sticks = site.sticks.iter().filter(|stick| stick.node == index);
        let devices: Vec<Value> = sticks
            .filter_map(|stick| stick.device.as_ref())
            .map(|device| json!({"name": device, "destroydata": false}))
            .collect();
        let Some(address) = node.address.filter(|_| !devices.is_empty()) else {
            continue;
        };
        nodes.push(json!({
            "node": {
                "hostnames": {"manage": [node.name], "storage": [address]},
                "zone": node.domain.map_or(1, |domain| domain + 1),
            },
            "devices": devices,
        }));
    }
    let topology = json!({"clusters": [{"nodes": nodes}]});
    format!("{topology:#}\n")
}
