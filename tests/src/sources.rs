//! What a tool's sources name, for tests that hold its page against them.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::path::Path;

/// The identifiers with this prefix (lower case, digits, hyphens) that stand in quotation marks in the files below a folder.
///
/// # Errors
/// The sources cannot be read.
pub fn identifiers(folder: impl AsRef<Path>, prefix: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let reading = || format!("reading {}", folder.as_ref().display());
    for entry in std::fs::read_dir(folder.as_ref()).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.is_dir() {
            found.extend(identifiers(&path, prefix)?);
            continue;
        }
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))?;
        let quoted = text.split('"').filter(|part| part.starts_with(prefix));
        found.extend(quoted.filter(|part| is_identifier(part)).map(str::to_owned));
    }
    Ok(found)
}

fn is_identifier(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
