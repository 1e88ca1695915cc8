//! MetalLB's own objects: the addresses that it may hand out, and that it announces them in the local network.

use crate::pool::Range;
use crate::site::Site;
use cluster::finding::Finding;
use cluster::inventory::LoadBalancerKind;
use cluster::yaml;
use serde_json::json;

/// `IPAddressPool` and `L2Advertisement` (metallb.io/v1beta1, since MetalLB 0.13).
pub fn manifest(site: &Site) -> String {
    let ranges = site.pool.iter().flat_map(|pool| &pool.ranges);
    let addresses: Vec<String> = ranges.map(ToString::to_string).collect();
    let metadata = json!({"name": site.cluster, "namespace": "metallb-system"});
    yaml::documents(&[
        json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "IPAddressPool",
            "metadata": metadata,
            "spec": {"addresses": addresses},
        }),
        json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "L2Advertisement",
            "metadata": metadata,
            "spec": {"ipAddressPools": [site.cluster]},
        }),
    ])
}

/// What speaks against the pool.
pub fn faults(site: &Site) -> Vec<Finding> {
    let pool = site
        .pool
        .as_ref()
        .filter(|pool| pool.kind == LoadBalancerKind::Metallb);
    let Some(pool) = pool.filter(|pool| !pool.ranges.is_empty()) else {
        return vec![
            Finding::error(
                "nat-no-pool",
                "network",
                "the document has no addresses for MetalLB to hand out",
            )
            .fix("name them in network.load_balancer, with kind metallb"),
        ];
    };
    let mut findings = Vec::new();
    for range in &pool.ranges {
        if !site.is_local(range.first) || !site.is_local(range.last) {
            findings.push(
                Finding::error(
                    "nat-pool-outside-lan",
                    range.to_string(),
                    "MetalLB announces addresses in the local network, and these are not all in it",
                )
                .fix("take addresses of network.lan that DHCP does not hand out"),
            );
        }
        findings.extend(in_use(range, site));
    }
    findings
}

/// Addresses that somebody else has already.
fn in_use(range: &Range, site: &Site) -> Vec<Finding> {
    let router = site
        .router
        .map(|router| ("the router".to_owned(), router.into()));
    let owners = router.into_iter().chain(site.nodes.iter().cloned());
    let inside = owners.filter(|(_, address)| range.contains(*address));
    inside
        .map(|(owner, address)| {
            let message = format!(
                "{address} is {owner}'s own address: MetalLB would hand it out a second time"
            );
            Finding::error("nat-pool-in-use", range.to_string(), message)
                .fix("leave it out of network.load_balancer.addresses")
        })
        .collect()
}
