//! What speaks against a plan.

pub mod config;
pub mod names;
pub mod network;
pub mod servers;

use crate::request::Request;
use crate::roles::Part;
use cluster::finding::Finding;

/// All that was noticed, in the order in which a person mends it.
pub fn findings(request: &Request, parts: &[Part]) -> Vec<Finding> {
    let mut findings = request.findings.clone();
    findings.extend(servers::findings(request, parts));
    findings.extend(network::findings(request, parts));
    findings.extend(config::findings(request, parts));
    findings.extend(names::findings(request));
    findings
}
