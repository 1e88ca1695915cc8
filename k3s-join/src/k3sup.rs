//! k3sup's list of machines: `[{"hostname": "pi1", "ip": "192.168.11.11"}]`.

use anyhow::Context;
use cluster::invalid::Invalid;
use serde::Deserialize;
use serde_json::json;
use std::net::IpAddr;

/// A machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    hostname: String,
    ip: IpAddr,
}

/// Turns such a list into a document; anything else is passed on as it is.
///
/// # Errors
/// A list that is not of this form.
pub fn adopt(input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let first = input.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return Ok(input);
    }
    let hosts: Vec<Host> = serde_json::from_slice(&input).map_err(|error| {
        Invalid::new(
            "",
            format!(
                "expected a cluster document or k3sup's list of machines, found a list: {error}"
            ),
        )
    })?;
    // The length of the network's prefix does not stand there: it is the single address.
    let nodes: Vec<_> = hosts
        .iter()
        .map(|host| {
            let bits = if host.ip.is_ipv4() { 32 } else { 128 };
            json!({"name": host.hostname, "address": format!("{}/{bits}", host.ip)})
        })
        .collect();
    let mut document =
        serde_json::to_vec_pretty(&json!({"nodes": nodes})).context("writing the document")?;
    document.push(b'\n');
    Ok(document)
}
