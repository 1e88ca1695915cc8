//! MetalLB's own objects: the addresses that it may hand out, and that it announces them in the local network.

use crate::site::Site;
use cluster::finding::Finding;
use cluster::inventory::LoadBalancerKind;
use cluster::pool::Fault;
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
    let router = site
        .router
        .map(|router| ("the router".to_owned(), router.into()));
    let owners: Vec<_> = router
        .into_iter()
        .chain(site.nodes.iter().cloned())
        .collect();
    let faults = pool.faults(|address| site.is_local(address), &owners);
    let told = faults.into_iter().map(|(range, fault)| {
        let id = match fault {
            Fault::Outside => "nat-pool-outside-lan",
            Fault::InUse(..) => "nat-pool-in-use",
        };
        fault.finding(id, range)
    });
    told.collect()
}
