//! The load balancer's addresses: `network.load_balancer`.

use crate::finding::Finding;
use crate::invalid::Invalid;
use crate::inventory::{LoadBalancer, LoadBalancerKind};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// The addresses that a load balancer hands out.
#[derive(Debug, Clone)]
pub struct Pool {
    /// What hands them out.
    pub kind: LoadBalancerKind,
    /// In the document's order.
    pub ranges: Vec<Range>,
}

/// Addresses of one family, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub first: IpAddr,
    /// The last; the same for a single address.
    pub last: IpAddr,
    /// The prefix length where it was written as a network.
    prefix: Option<u8>,
}

impl Pool {
    /// From the document.
    ///
    /// # Errors
    /// An entry that is no address, range or network.
    pub fn read(given: &LoadBalancer) -> Result<Self, Invalid> {
        let entries = given.addresses.iter().enumerate();
        let ranges = entries.map(|(index, entry)| {
            Range::parse(entry.as_str()).ok_or_else(|| {
                Invalid::new(
                    format!("network.load_balancer.addresses[{index}]"),
                    format!(
                        "expected an address, a range such as \"192.168.11.50-192.168.11.59\" or a network, found {:?}",
                        entry.as_str()
                    ),
                )
            })
        });
        Ok(Self {
            kind: given.kind,
            ranges: ranges.collect::<Result<_, _>>()?,
        })
    }

    /// The first address.
    pub fn first(&self) -> Option<IpAddr> {
        self.ranges.first().map(|range| range.first)
    }

    /// The only address, where there is exactly one.
    pub fn only(&self) -> Option<IpAddr> {
        match self.ranges.as_slice() {
            [range] if range.first == range.last => Some(range.first),
            _ => None,
        }
    }
}

/// Why MetalLB cannot hand out some of a pool's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// They are not all in the local network, where MetalLB announces them.
    Outside,
    /// One is somebody's own: the owner, and the address.
    InUse(String, IpAddr),
}

impl Pool {
    /// What speaks against the pool: every range with its faults. `local` says whether an address is in the local network.
    pub fn faults(
        &self,
        local: impl Fn(IpAddr) -> bool,
        owners: &[(String, IpAddr)],
    ) -> Vec<(Range, Fault)> {
        let mut faults = Vec::new();
        for range in &self.ranges {
            if !local(range.first) || !local(range.last) {
                faults.push((*range, Fault::Outside));
            }
            let taken = owners.iter().filter(|(_, own)| range.contains(*own));
            faults.extend(taken.map(|(owner, own)| (*range, Fault::InUse(owner.clone(), *own))));
        }
        faults
    }
}

impl Fault {
    /// As a finding with this identifier.
    pub fn finding(&self, id: &'static str, range: Range) -> Finding {
        let (message, fix) = match self {
            Self::Outside => (
                "MetalLB announces addresses in the local network, and these are not all in it"
                    .to_owned(),
                "take addresses of network.lan that DHCP does not hand out",
            ),
            Self::InUse(owner, address) => (
                format!(
                    "{address} is {owner}'s own address: MetalLB would hand it out a second time"
                ),
                "leave it out of network.load_balancer.addresses",
            ),
        };
        Finding::error(id, range.to_string(), message).fix(fix)
    }
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self {
                first: address,
                last: address,
                prefix: None,
            });
        }
        if let Ok(net) = text.parse::<IpNet>() {
            let whole = net.trunc() == net;
            return whole.then(|| Self {
                first: net.network(),
                last: net.broadcast(),
                prefix: Some(net.prefix_len()),
            });
        }
        let (first, last) = text.split_once('-')?;
        let first: IpAddr = first.trim().parse().ok()?;
        let last: IpAddr = last.trim().parse().ok()?;
        let ordered = first.is_ipv4() == last.is_ipv4() && first <= last;
        ordered.then_some(Self {
            first,
            last,
            prefix: None,
        })
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }
}

/// As MetalLB writes it: a network, or a range; a single address is a network of its full length.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.first),
            None if self.first == self.last => {
                write!(
                    f,
                    "{}/{}",
                    self.first,
                    if self.first.is_ipv4() { 32 } else { 128 }
                )
            }
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}
