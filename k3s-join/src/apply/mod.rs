//! Making a node what is planned, or taking that back: files, the kernel command line, the program and its images, the
//! official installer, the service.
//!
//! [`steps`] is pure; [`acting`] knows how each step is looked at and done, so that a killed run is continued;
//! [`service`] starts K3s and waits, with an end, until it is ready, and [`diagnose`] reads in its log why it is not.

pub mod acting;
pub mod diagnose;
pub mod release;
pub mod service;
pub mod steps;

use crate::TOOL;
use acting::Acting;
use cluster::plan::Plan;
use cluster::root::Root;
use cluster::run::{self, Applied, Executor, Journal, JournalPlace, Presence};

/// The ids of the steps whose effect is not there.
///
/// # Errors
/// It cannot be seen.
pub fn pending(plan: &Plan, acting: &mut Acting<'_>) -> anyhow::Result<Vec<String>> {
    let mut pending = Vec::new();
    for step in &plan.steps {
        if acting.presence(step)? != Presence::Present {
            pending.push(step.id.clone());
        }
    }
    Ok(pending)
}

/// Carries the plan out, or what a killed run left of it.
///
/// # Errors
/// A refusal, or what failed.
pub fn carry_out(
    plan: &Plan,
    acting: &mut Acting<'_>,
    root: &Root,
    node: &str,
) -> anyhow::Result<Applied> {
    let place = JournalPlace::made(root, TOOL, node)?;
    run::apply(Journal::open(&place.path, TOOL)?, plan, acting)
}
