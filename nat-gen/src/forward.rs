//! A forwarding: one public port and where it goes.

use cluster::inventory::Protocol;
use cluster::name::Network;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Serialize;
use std::net::IpAddr;

/// One public port and where it goes. An IPv6 target is let through on the same port; an IPv4 target is translated to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Forward {
    /// The name in `expose`, or `NAMESPACE/NAME:PORT` of a Kubernetes service.
    pub name: String,
    /// The Kubernetes service, `NAMESPACE/NAME`; `null` for an entry of `expose`.
    pub service: Option<String>,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The public port.
    pub port: u16,
    /// Where it goes.
    pub to_address: IpAddr,
    /// The port there.
    pub to_port: u16,
    /// Who may connect; empty for everybody.
    pub sources: Vec<Network>,
}

impl Forward {
    /// `tcp/443`: the public port with its protocol.
    pub fn public(&self) -> String {
        format!("{}/{}", self.protocol.as_str(), self.port)
    }

    /// `192.168.11.50:443`, with brackets around an IPv6 address.
    pub fn target(&self) -> String {
        match self.to_address {
            IpAddr::V4(address) => format!("{address}:{}", self.to_port),
            IpAddr::V6(address) => format!("[{address}]:{}", self.to_port),
        }
    }
}

/// Who of `sources` may connect to `target`: those of its family in their shortest form, sorted and none inside another; empty
/// for everybody. `None` where they let nobody of its family connect.
///
/// Everybody of the other family is nobody here, so the families are told apart before anything is put together.
pub fn of_family(sources: &[IpNet], target: IpAddr) -> Option<Vec<Network>> {
    let same = sources
        .iter()
        .filter(|net| net.addr().is_ipv4() == target.is_ipv4());
    let same: Vec<IpNet> = same.map(IpNet::trunc).collect();
    if same.is_empty() && !sources.is_empty() {
        return None;
    }
    let mut shortest = IpNet::aggregate(&same);
    if shortest.iter().any(|net| net.prefix_len() == 0) {
        return Some(Vec::new());
    }
    shortest.sort_unstable();
    Some(shortest.into_iter().filter_map(network).collect())
}

/// The network as the document's type; it has no host bits, so there always is one.
fn network(net: IpNet) -> Option<Network> {
    Network::try_from(net.to_string()).ok()
}
