//! Move a container data root to another file system, whole, verified.
//!
//! [`engine`] is the whole move of an engine's root. It rests on the job for any tree: [`observe`] opens both trees and counts what they hold; [`plan`] says, from that alone, what is needed and
//! what stands against it; [`apply`] copies and verifies. [`mod@copy`] is the copier, [`overlay`] looks through it as a
//! container would.

pub mod answer;
pub mod apply;
pub mod cli;
pub mod copy;
pub mod engine;
pub mod memory;
mod nodes;
pub mod observe;
pub mod overlay;
pub mod plan;
pub mod progress;
pub mod render;
pub mod request;

use answer::{About, Answer, Node};
use anyhow::Result;
use cluster::edge::nodes::Entry;
use cluster::finding::{self, Finding};
use observe::Observed;
use progress::Show;
use request::Request;
use std::collections::BTreeMap;

/// The whole job for a tree: looks, plans, and with `apply` copies; with `verify` compares.
///
/// # Errors
/// What cannot be read or written. What speaks against the copy is an error finding instead.
pub fn tree(request: &Request, show: Show) -> Result<(Answer, Vec<Finding>)> {
    let mut findings = observe::refusals(request)?;
    let mut node = Node::new(request);
    let mut changed = false;
    let mut pending = None;
    if finding::ok(&findings) {
        let observed = observe::observe(request, show)?;
        findings.extend(plan::judge(request, &observed));
        node.plan = plan::figures(&observed);
        pending = observed.pending();
        if request.apply && finding::ok(&findings) {
            changed = copied(request, &observed, show, &mut node, &mut findings)?;
            pending = Some(false);
        }
        if request.verify && finding::ok(&findings) {
            let (verified, more) = apply::verify(request, &observed, show)?;
            node.verified = Some(verified);
            findings.extend(more);
        }
    }
    let about = About::Tree(Box::new(node));
    let nodes = BTreeMap::from([(request.node.clone(), Entry::New(Box::new(about)))]);
    Ok((
        Answer {
            pending,
            changed,
            nodes,
        },
        findings,
    ))
}

/// Copies, and says whether that changed anything.
fn copied(
    request: &Request,
    observed: &Observed,
    show: Show,
    node: &mut Node,
    findings: &mut Vec<Finding>,
) -> Result<bool> {
    if observed.pending() == Some(false) {
        return Ok(false);
    }
    let (result, more) = apply::copy(request, observed, show)?;
    findings.extend(more);
    let changed = result.changed();
    node.result = Some(result);
    Ok(changed)
}
