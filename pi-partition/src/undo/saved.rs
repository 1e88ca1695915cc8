//! What an earlier run saved of a table.

use crate::answer::SavedBytes;
use anyhow::Context;
use cluster::invalid::Invalid;
use serde::Deserialize;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Larger than any saved table or document.
const FILE_LIMIT: u64 = 64 << 20;
/// A table's bytes are at most this many: two copies of the largest GPT that is read, their headers and the MBR.
const MOST_SAVED: usize = 1 << 20;

/// What was saved.
#[derive(Debug, Deserialize)]
pub(super) struct Saved {
    pub(super) disk_id: Option<String>,
    #[serde(default)]
    pub(super) table_before: Vec<SavedBytes>,
    /// The partitions that were made.
    #[serde(default)]
    pub(super) partitions: Vec<Made>,
    pub(super) disk: Option<Value>,
    #[serde(default)]
    pub(super) steps: Vec<Value>,
}

/// A partition as the saved file names it.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    number: Option<u32>,
    start_bytes: Option<u64>,
    size_bytes: Option<u64>,
}

impl Made {
    /// Whether it is this one, in its exact place.
    pub(super) fn is(&self, number: u32, start_bytes: u64, size_bytes: u64) -> bool {
        (self.number, self.start_bytes, self.size_bytes)
            == (Some(number), Some(start_bytes), Some(size_bytes))
    }
}

/// A saved table, a node's answer, or a document with this tool's key.
pub(super) fn read(file: &Path) -> anyhow::Result<Saved> {
    let content = read_file(file, FILE_LIMIT)?;
    let reading = || format!("reading {}", file.display());
    let invalid =
        |error: serde_json::Error| Invalid::new("", format!("not a saved table: {error}"));
    let value: Value = serde_json::from_slice(&content)
        .map_err(invalid)
        .with_context(reading)?;
    let nodes = value["pi_partition"]["nodes"].as_object();
    let nodes = nodes.or_else(|| value["nodes"].as_object());
    let value = match nodes {
        Some(nodes) if nodes.len() == 1 => nodes.values().next().cloned().unwrap_or_default(),
        Some(nodes) => {
            let problem = format!("expected the answer for one node, found {}", nodes.len());
            return Err(Invalid::new("pi_partition.nodes", problem)).with_context(reading);
        }
        None => value,
    };
    let saved: Saved = serde_json::from_value(value)
        .map_err(invalid)
        .with_context(reading)?;
    let size: usize = saved
        .table_before
        .iter()
        .map(|bytes| bytes.bytes.0.len())
        .sum();
    if saved.table_before.is_empty() || size > MOST_SAVED {
        let problem = format!("expected the bytes of a table, found {size} bytes");
        return Err(Invalid::new("table_before", problem)).with_context(reading);
    }
    Ok(saved)
}

/// Reads a whole small file.
fn read_file(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let reading = || format!("reading {}", path.display());
    let mut content = Vec::new();
    let file = File::open(path).with_context(reading)?;
    file.take(limit)
        .read_to_end(&mut content)
        .with_context(reading)?;
    Ok(content)
}

/// Whether the image had a hole where the new partition is: its file system's step could be taken back by a discard.
pub(super) fn was_hole(saved: &Saved, (start_bytes, size_bytes): (u64, u64)) -> bool {
    saved.steps.iter().map(|step| &step["undo"]).any(|undo| {
        undo["kind"] == "discard"
            && undo["offset_bytes"] == start_bytes
            && undo["size_bytes"] == size_bytes
    })
}
