//! The tool's value in the document.

use crate::firewall::Firewall;
use crate::forward::Forward;
use crate::render::rest;
use crate::routeros::Names;
use crate::site::Site;
use schemars::JsonSchema;
use serde::Serialize;

/// What is forwarded, and what the rules are called on the router.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// SHA-256 of the rules, in hexadecimal: the same digest, the same rules. `null` where the answer is no.
    pub digest: Option<String>,
    /// The chains' names on the router without their last letter; they hold the digest's start. `null` where the answer
    /// is no.
    pub chain: Option<String>,
    /// The forwardings, by protocol and public port.
    pub rules: Vec<Forward>,
    /// The place, for rendering.
    #[serde(skip)]
    pub(crate) site: Site,
    /// The rules themselves, for rendering.
    #[serde(skip)]
    pub(crate) firewall: Firewall,
    /// Requests to the router's REST API, where they were asked for.
    #[serde(skip)]
    pub(crate) requests: Vec<rest::Request>,
}

impl Answer {
    /// The names of the chains.
    pub(crate) fn names(&self) -> Names {
        Names::new(&self.site.cluster, &self.firewall)
    }
}
