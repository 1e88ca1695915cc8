//! What is remembered of a move, so that it can be finished, rolled back and checked. Root's alone: it holds configuration.

use super::inventory::Inventory;
use super::kind::Engine;
use super::switch::Switch;
use anyhow::{Context, Result};
use cluster::root::{Attributes, Root};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const LIMIT: u64 = 64 << 20;

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was begun: the new root may hold a copy, and the old one is in use until the switch.
    Begun,
    /// The new root is in use, the old one is put away.
    Moved,
    /// The old root is in use again, the new one is put away.
    RolledBack,
}

/// A move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which engine's.
    pub engine: Engine,
    /// The old root.
    pub old: String,
    /// The new root.
    pub new: String,
    /// What decides on the root.
    pub switch: Switch,
    /// The file that it changes, as it was; `None` where there was none.
    pub before: Option<String>,
    /// Whether the new root is a mount point.
    #[serde(default)]
    pub mount_point: bool,
    /// How far it is.
    pub stage: Stage,
    /// Whether a rollback with a copy was begun: the old root is then not as it was left any more.
    #[serde(default)]
    pub overwritten: bool,
    /// What the engine had right before it was stopped.
    pub inventory: Option<Inventory>,
}

fn place(engine: Engine) -> PathBuf {
    PathBuf::from(format!(
        "/var/lib/cluster/pi-dockerroot/{}.json",
        engine.as_str()
    ))
}

/// What is remembered of this engine.
///
/// # Errors
/// It cannot be read.
pub fn read(root: &Root, engine: Engine) -> Result<Option<Record>> {
    let path = place(engine);
    let reading = || format!("reading {}", path.display());
    let Some(bytes) = root.read_if_there(&path, LIMIT).with_context(reading)? else {
        return Ok(None);
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .with_context(reading)
}

impl Record {
    /// Writes it, durably.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, root: &Root) -> Result<()> {
        let path = place(self.engine);
        let writing = || format!("writing {}", path.display());
        if let Some(folder) = path.parent() {
            root.make_folder(folder, 0o700).with_context(writing)?;
        }
        let bytes = serde_json::to_vec(self).with_context(writing)?;
        let attributes = Attributes {
            mode: 0o600,
            owner: None,
        };
        root.write(&path, &bytes, attributes).with_context(writing)
    }
}

/// Forgets the move.
///
/// # Errors
/// It cannot be removed.
pub fn forget(root: &Root, engine: Engine) -> Result<()> {
    let path: &Path = &place(engine);
    root.remove(path)
        .map(drop)
        .with_context(|| format!("removing {}", path.display()))
}
