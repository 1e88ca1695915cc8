//! Where the last pass over a tree is remembered, until the machine is started anew: `/run/pi-dockerroot`, one small file
//! for each target. All of it may be lost: the next pass then reads more.

use crate::copy::{Pass, Tree};
use anyhow::{Context, Result};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How many targets are remembered.
const MOST: usize = 16;

/// Only root's word is taken, and only root can write there.
const FOLDER: &str = "/run/pi-dockerroot";

/// The last finished pass into `target`.
pub fn recall(target: &Tree) -> Option<Pass> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let file = File::open(path(target).ok()?).ok()?;
    serde_json::from_reader(file).ok()
}

/// Remembers a finished pass into `target`.
///
/// # Errors
/// It cannot be written.
pub fn remember(target: &Tree, pass: &Pass) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let mut folder = DirBuilder::new();
    let made = folder.recursive(true).mode(0o700).create(FOLDER);
    made.with_context(|| format!("making {FOLDER}"))?;
    forget_oldest();
    cluster::edge::write_file(&path(target)?, 0o600, |out| {
        Ok(serde_json::to_writer(out, pass)?)
    })
}

/// Makes room for one more.
fn forget_oldest() {
    let Ok(entries) = std::fs::read_dir(FOLDER) else {
        return;
    };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort_unstable();
    for (_, path) in files.iter().take((files.len() + 1).saturating_sub(MOST)) {
        // Somebody else may have done it.
        let _ = std::fs::remove_file(path);
    }
}

fn path(target: &Tree) -> Result<PathBuf> {
    Ok(Path::new(FOLDER).join(target.identity()?))
}
