//! What is asked for, after arguments and files were read.

use crate::render::nft::Interfaces;
use crate::render::rest;
use crate::selection::Selection;

/// What is asked for, and for which purpose.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// What `kubectl get svc -A -o json` printed; `None` where the document's `expose` counts.
    pub services: Option<&'a [u8]>,
    /// Which services.
    pub selection: Selection,
    /// Names of reserved ports that may be exposed.
    pub forced: Vec<String>,
    /// What the answer is for: some formats ask for more.
    pub purpose: Purpose,
}

/// What the answer is for.
#[derive(Debug, Default)]
pub enum Purpose {
    /// The forwardings: a document, text, a script.
    #[default]
    Forward,
    /// Taking everything away: what is asked for does not matter.
    Remove,
    /// The load balancer's addresses.
    Pool,
    /// A ruleset for Linux, with the interfaces that lists stand for.
    Nft(Interfaces),
    /// Requests against a saved state.
    Rest(rest::State),
}
