//! A Kubernetes service with what is asked of it again and again.

use crate::kubectl::{Annotations, Ingress, Port, Service};
use cluster::invalid::Invalid;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// A service's namespace and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The name.
    pub name: &'a str,
}

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A service with what is asked of it again and again.
pub struct View<'a> {
    index: usize,
    /// Who it is.
    pub names: Names<'a>,
    /// What kubectl printed.
    pub service: &'a Service<'a>,
    /// This tool's annotations.
    pub annotations: Option<&'a Annotations<'a>>,
    /// Its ports.
    pub ports: &'a [Port<'a>],
}

impl<'a> View<'a> {
    /// From what kubectl printed at `index` of its list.
    ///
    /// # Errors
    /// A service without a name.
    pub fn read(index: usize, service: &'a Service<'a>) -> Result<Self, Invalid> {
        let metadata = &service.metadata;
        let name = metadata.name.as_deref().unwrap_or_default();
        if name.is_empty() {
            return Err(Invalid::new(
                format!("items[{index}].metadata.name"),
                "expected a service's name, found none",
            ));
        }
        Ok(Self {
            index,
            names: Names {
                namespace: metadata.namespace.as_deref().unwrap_or("default"),
                name,
            },
            service,
            annotations: metadata.annotations.as_ref(),
            ports: service.spec.ports.as_deref().unwrap_or_default(),
        })
    }

    /// Its type.
    pub fn kind(&self) -> &str {
        self.service.spec.kind.as_deref().unwrap_or("ClusterIP")
    }

    /// Whether its type is one that can be exposed.
    pub fn may_be_exposed(&self) -> bool {
        matches!(self.kind(), "LoadBalancer" | "NodePort")
    }

    /// Whether only nodes with a pod of it answer.
    pub fn is_local_policy(&self) -> bool {
        self.service.spec.external_traffic_policy.as_deref() == Some("Local")
    }

    fn error_at(&self, field: &str, expected: &str, found: &str) -> Invalid {
        Invalid::new(
            format!("items[{}].{field}", self.index),
            format!("expected {expected}, found {found:?}"),
        )
    }

    /// Addresses that lead to the service from the local network, the nearest to certain first, and whether they are
    /// there already.
    ///
    /// # Errors
    /// An address that cannot be read.
    pub fn addresses(&self) -> Result<(Vec<IpAddr>, bool), Invalid> {
        let spec = &self.service.spec;
        let mut given: Vec<IpAddr> = Vec::new();
        for (number, one) in self.ingress().iter().enumerate() {
            if let Some(ip) = one.ip.as_deref() {
                let field = format!("status.loadBalancer.ingress[{number}].ip");
                given.push(self.address(&field, ip)?);
            }
        }
        for (number, ip) in spec.external_ips.iter().flatten().enumerate() {
            given.push(self.address(&format!("spec.externalIPs[{number}]"), ip)?);
        }
        if !given.is_empty() {
            return Ok((given, true));
        }
        match spec.load_balancer_ip.as_deref().filter(|ip| !ip.is_empty()) {
            Some(ip) => Ok((vec![self.address("spec.loadBalancerIP", ip)?], false)),
            None => Ok((Vec::new(), false)),
        }
    }

    fn address(&self, field: &str, text: &str) -> Result<IpAddr, Invalid> {
        text.parse()
            .map_err(|_| self.error_at(field, "an address", text))
    }

    /// Host names of its load balancer.
    pub fn host_names(&self) -> Vec<&str> {
        let ingress = self.ingress().iter();
        ingress.filter_map(|one| one.hostname.as_deref()).collect()
    }

    /// What its load balancer gave it.
    fn ingress(&self) -> &[Ingress<'_>] {
        let status = self.service.status.as_ref();
        let balancer = status.and_then(|status| status.load_balancer.as_ref());
        balancer
            .and_then(|balancer| balancer.ingress.as_deref())
            .unwrap_or_default()
    }

    /// `loadBalancerSourceRanges`, by family; `None` where everybody may connect.
    ///
    /// # Errors
    /// A range that cannot be read.
    pub fn sources(&self) -> Result<Option<Vec<IpNet>>, Invalid> {
        let Some(ranges) = self.service.spec.load_balancer_source_ranges.as_deref() else {
            return Ok(None);
        };
        let read = ranges.iter().enumerate().map(|(number, range)| {
            range.trim().parse::<IpNet>().map_err(|_| {
                let field = format!("spec.loadBalancerSourceRanges[{number}]");
                self.error_at(&field, "a network such as \"203.0.113.0/24\"", range)
            })
        });
        let ranges = read.collect::<Result<Vec<_>, _>>()?;
        Ok(Some(ranges).filter(|ranges| !ranges.is_empty()))
    }
}
