//! UDP connections to a former target: they would follow their old translation until they fall silent, so a script may end them.

use crate::firewall::{Hook, Role};
use crate::forward::Forward;
use crate::render::rsc_words::variable;
use crate::routeros::{Names, quote};
use cluster::inventory::Protocol;
use std::net::IpAddr;

const CONNECTIONS: &str = "/ip firewall connection";

/// Ends the connections on our ports that a former rule of ours led to where the ports no longer lead. It has to run while the
/// former chains are still there: only they say which connections are ours. Others on the same port, such as those of a rule
/// that catches everybody's DNS, lead elsewhere.
pub fn drop(forwards: &[Forward], names: &Names) -> Vec<String> {
    let stale: Vec<String> = forwards.iter().flat_map(stale).collect();
    if stale.is_empty() {
        return Vec::new();
    }
    let (old, mine) = (
        variable("Old", Hook::Dstnat),
        variable("Mine", Hook::Dstnat),
    );
    let new = quote(&names.chain(Role::Public));
    let menu = Hook::Dstnat.menu();
    let mut lines = vec![
        format!("  :if ((${old} != \"\") && ($ngSame = false)) do={{:do {{"),
        format!(
            "    :foreach ngRule in=[{menu} find where chain~${mine} and chain!={new} and action=dst-nat and protocol=\"udp\"] do={{"
        ),
        format!("      :local ngFormer (\"^\" . [{menu} get $ngRule to-addresses] . \"(:|\\$)\")"),
    ];
    lines.extend(stale);
    lines.push("    }".to_owned());
    lines.push(format!(
        "  }} on-error={{:log warning {}}}}}",
        quote("nat-gen: not all UDP connections to former targets could be removed; they end within three minutes of silence")
    ));
    lines
}

/// For one public port. The manual shows a connection's addresses with the port behind them; the command schema of RouterOS
/// 7.21.4 has ports of their own. So it is said in both ways, and each router has connections for one of them only.
fn stale(forward: &Forward) -> Vec<String> {
    let IpAddr::V4(to) = forward.to_address else {
        return Vec::new();
    };
    if forward.protocol != Protocol::Udp {
        return Vec::new();
    }
    let (port, to_port) = (forward.port, forward.to_port);
    let behind = quote(&format!(":{port}$"));
    let target = quote(&format!(
        "^{}:{to_port}$",
        to.to_string().replace('.', "\\.")
    ));
    [
        format!("dst-address~{behind} and !(reply-src-address~{target})"),
        format!("dst-port={port} and !(reply-src-address=\"{to}\" and reply-src-port={to_port})"),
    ]
    .map(|ports| {
        format!(
            "      {CONNECTIONS} remove [{CONNECTIONS} find where protocol=\"udp\" and dstnat=yes and reply-src-address~$ngFormer and {ports}]"
        )
    })
    .into()
}
