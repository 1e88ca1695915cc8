//! The server's critical settings beside this node's (failure 12).
//!
//! `/v1-k3s/config` is K3s's `config.Control` as JSON. Only the fields named here are read, and what is in it of secrets
//! (`IPSECPSK`) is never shown.

use super::Target;
use base64ct::{Base64, Encoding};
use cluster::finding::Finding;
use cluster::inventory::Role;
use serde_json::{Value, json};
use std::net::IpAddr;

/// Settings that all servers have to share: K3s's key, and the field of `CriticalControlArgs`
/// (pkg/daemons/config/types.go).
const CRITICAL: [(&str, &str); 14] = [
    ("cluster-cidr", "ClusterIPRanges"),
    ("service-cidr", "ServiceIPRanges"),
    ("cluster-dns", "ClusterDNS"),
    ("cluster-domain", "ClusterDomain"),
    ("disable-cloud-controller", "DisableCCM"),
    ("disable-helm-controller", "DisableHelmController"),
    ("disable-network-policy", "DisableNPC"),
    ("egress-selector-mode", "EgressSelectorMode"),
    ("embedded-registry", "EmbeddedRegistry"),
    ("flannel-backend", "FlannelBackend"),
    ("flannel-external-ip", "FlannelExternalIP"),
    ("flannel-ipv6-masq", "FlannelIPv6Masq"),
    ("secrets-encryption", "EncryptSecrets"),
    ("secrets-encryption-provider", "EncryptProvider"),
];

/// K3s's own defaults, for what a node does not set.
const DEFAULTS: [(&str, &str); 14] = [
    ("cluster-cidr", "10.42.0.0/16"),
    ("service-cidr", "10.43.0.0/16"),
    ("cluster-dns", "10.43.0.10"),
    ("cluster-domain", "cluster.local"),
    ("disable-cloud-controller", "false"),
    ("disable-helm-controller", "false"),
    ("disable-network-policy", "false"),
    ("egress-selector-mode", "agent"),
    ("embedded-registry", "false"),
    ("flannel-backend", "vxlan"),
    ("flannel-external-ip", "false"),
    ("flannel-ipv6-masq", "false"),
    ("secrets-encryption", "false"),
    ("secrets-encryption-provider", "aescbc"),
];

/// What of the server's configuration and this node does not go together.
pub fn compare(url: &str, config: &Value, target: &Target) -> Vec<Finding> {
    let mut findings = Vec::new();
    if target.role == Some(Role::Server) {
        findings.extend(
            CRITICAL
                .iter()
                .filter_map(|(key, field)| differs(url, config, target, key, field)),
        );
    }
    if target.role == Some(Role::Server) {
        findings.extend(servicelb(url, config, target));
    }
    for (key, field) in [
        ("cluster-cidr", "ClusterIPRanges"),
        ("service-cidr", "ServiceIPRanges"),
    ] {
        findings.extend(overlaps(url, config, target, key, field));
    }
    findings
}

/// K3s's own load balancer for services, which is left out by a word in the list `disable`.
fn servicelb(url: &str, config: &Value, target: &Target) -> Option<Finding> {
    let found = config.get("DisableServiceLB")?.as_bool()?;
    let disabled = target.settings.get("disable").map_or("", String::as_str);
    let wanted = disabled.split(',').any(|part| part == "servicelb");
    let word = |off: bool| if off { "left out" } else { "there" };
    (found != wanted).then(|| {
        let message = format!(
            "servicelb is {} on the server and {} for this node, and all servers have to share it",
            word(found),
            word(wanted)
        );
        Finding::error("k3s-critical-setting-differs", url, message)
            .fix("the same k3s.disable for all servers")
            .evidence(json!({"key": "disable", "server": found, "node": wanted}))
    })
}

fn differs(url: &str, config: &Value, target: &Target, key: &str, field: &str) -> Option<Finding> {
    // An older or newer server may not have the field: nothing to compare then.
    let found = text(config.get(field)?)?;
    let default = DEFAULTS
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, value)| *value);
    let wanted = target.settings.get(key).map(String::as_str).or(default)?;
    let same = |a: &str, b: &str| {
        a.trim_matches('"')
            .eq_ignore_ascii_case(b.trim_matches('"'))
    };
    if same(&found, wanted) {
        return None;
    }
    let message = format!(
        "{key} is {found} on the server and {wanted} for this node, and all servers have to share it"
    );
    Some(
        Finding::error("k3s-critical-setting-differs", url, message)
            .fix(format!("{key}: {found} in this node's configuration"))
            .evidence(json!({"key": key, "server": found, "node": wanted})),
    )
}

/// A field's value as K3s's configuration has it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(on) => Some(on.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(list) => {
            let networks: Option<Vec<String>> = list.iter().map(network).collect();
            networks
                .filter(|list| !list.is_empty())
                .map(|list| list.join(","))
        }
        _ => None,
    }
}

/// Go's `net.IPNet` in JSON: `{"IP": "10.42.0.0", "Mask": "//8AAA=="}`.
fn network(value: &Value) -> Option<String> {
    let address: IpAddr = value["IP"].as_str()?.parse().ok()?;
    let mask = value["Mask"].as_str()?;
    let length: u32 = Base64::decode_vec(mask)
        .ok()?
        .iter()
        .map(|byte| byte.count_ones())
        .sum();
    Some(format!("{address}/{length}"))
}

/// The cluster's own networks hold none of this node's addresses: it would not reach them any more.
fn overlaps(url: &str, config: &Value, target: &Target, key: &str, field: &str) -> Vec<Finding> {
    let ranges = text(config.get(field).unwrap_or(&Value::Null)).unwrap_or_default();
    let mut findings = Vec::new();
    for range in ranges
        .split(',')
        .filter_map(|range| range.parse::<ipnet::IpNet>().ok())
    {
        for own in target.addresses.iter().filter(|own| range.contains(*own)) {
            let message = format!(
                "this node has the address {own}, which lies in the cluster's {key} {range}: it loses its own network when it joins"
            );
            findings.push(
                Finding::error("k3s-cluster-network-overlaps", url, message)
                    .fix(format!(
                        "another {key} for the whole cluster, or another network for the nodes"
                    ))
                    .evidence(json!({"address": own, "range": range.to_string()})),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_writes_networks_with_a_mask_in_base64() {
        let value = json!([{"IP": "10.42.0.0", "Mask": "//8AAA=="}, {"IP": "2001:cafe:42::", "Mask": "/////////wAAAAAAAAAAAA=="}]);
        assert_eq!(text(&value).unwrap(), "10.42.0.0/16,2001:cafe:42::/56");
        assert_eq!(text(&json!(false)).unwrap(), "false");
        assert_eq!(text(&json!(null)), None);
    }

    #[test]
    fn each_critical_key_has_a_default() {
        for (key, _) in CRITICAL {
            assert!(DEFAULTS.iter().any(|(name, _)| *name == key), "{key}");
        }
    }
}
