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

use acting::Acting;
use anyhow::Context;
use cluster::plan::Plan;
use cluster::root::{Root, by_descriptor};
use cluster::run::{self, Applied, Executor, Journal, Presence};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Where the journal of a node's run is: on the node's own disk, also when that is a card in another computer.
#[derive(Debug)]
pub struct JournalPlace {
    /// A card's folder stays open: a link on the card must not lead the journal out of it.
    _folder: Option<File>,
    /// The journal.
    pub path: PathBuf,
}

impl JournalPlace {
    /// Below this root. `None`: there is no such folder, and `make` does not say to make it.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(root: &Root, node: &str, make: bool) -> anyhow::Result<Option<Self>> {
        let path = run::system_path("k3s-join", node);
        if root.is_system() {
            return Ok(Some(Self {
                _folder: None,
                path,
            }));
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        if make {
            let making = || format!("making {}", root.shown(folder).display());
            root.make_folder(folder, 0o700).with_context(making)?;
        }
        let Ok(folder) = root.file(folder) else {
            return Ok(None);
        };
        Ok(Some(Self {
            path: Path::new(&by_descriptor(&folder)).join(name),
            _folder: Some(folder),
        }))
    }
}

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
    let place = JournalPlace::new(root, node, true)?
        .context("opening the journal: there is no folder for it")?;
    run::apply(Journal::open(&place.path, "k3s-join")?, plan, acting)
}
