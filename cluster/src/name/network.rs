//! Networks and hosts' addresses, checked as names are.

use crate::checked::inline_schema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// A network in CIDR notation whose host bits are zero, such as `192.168.11.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(ipnet::IpNet);

impl Network {
    /// The network itself.
    pub fn net(&self) -> ipnet::IpNet {
        self.0
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let net: ipnet::IpNet = text.parse().map_err(|_| {
            format!("expected a network such as \"192.168.11.0/24\", found {text:?}")
        })?;
        if net.trunc() != net {
            return Err(format!(
                "expected a network, found the address {text:?}; its network is \"{}\"",
                net.trunc()
            ));
        }
        Ok(Self(net))
    }
}

/// A host's address with the length of its network's prefix, such as `192.168.11.11/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostAddress(ipnet::IpNet);

impl HostAddress {
    /// The address without its prefix length.
    pub fn address(&self) -> IpAddr {
        self.0.addr()
    }

    /// The network that the host is in.
    pub fn network(&self) -> ipnet::IpNet {
        self.0.trunc()
    }
}

impl TryFrom<String> for HostAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let expected = "a host address with its prefix length such as \"192.168.11.11/24\"";
        let net: ipnet::IpNet = text
            .parse()
            .map_err(|_| format!("expected {expected}, found {text:?}"))?;
        let host_bits = net.max_prefix_len() - net.prefix_len();
        if net.addr().is_ipv4()
            && host_bits >= 2
            && (net.addr() == net.network() || net.addr() == net.broadcast())
        {
            return Err(format!(
                "expected {expected}, found {text:?}, which is the network's own or its broadcast address"
            ));
        }
        Ok(Self(net))
    }
}

macro_rules! net_text {
    ($name:ident, $example:literal) => {
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        inline_schema!($name, {"type": "string", "examples": [$example]});
    };
}

net_text!(Network, "192.168.11.0/24");
net_text!(HostAddress, "192.168.11.11/24");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_no_host_bits_and_hosts_are_hosts() {
        let network = |text: &str| Network::try_from(text.to_owned());
        assert!(network("192.168.11.0/24").is_ok());
        assert!(network("fd00::/64").is_ok());
        let refused = network("192.168.11.5/24").unwrap_err();
        assert!(refused.contains("192.168.11.0/24"), "{refused}");
        assert!(network("192.168.11.0").is_err());
        let host = |text: &str| HostAddress::try_from(text.to_owned());
        assert!(host("192.168.11.11/24").is_ok());
        assert!(host("10.0.0.1/31").is_ok());
        assert!(host("192.168.11.0/24").is_err());
        assert!(host("192.168.11.255/24").is_err());
        assert!(host("192.168.11.11").is_err());
        assert!(host("192.168.11.300/24").is_err());
    }
}
