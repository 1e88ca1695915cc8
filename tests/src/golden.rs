//! Files that people and other programs read, kept as they were.

use anyhow::{Context, Result, bail};
use std::path::Path;

/// Compares with `tests/golden/NAME` of the package in `package`; with `BLESS=1` in the environment writes that instead.
///
/// # Errors
/// It differs, or cannot be read.
pub fn golden(package: &str, name: &str, found: &str) -> Result<()> {
    let path = Path::new(package).join("tests/golden").join(name);
    let reading = || format!("reading {}", path.display());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).with_context(reading)?;
    }
    let kept = std::fs::read_to_string(&path).with_context(reading)?;
    if kept != found {
        bail!("{name} differs; see `git diff` after BLESS=1 cargo test\n{found}");
    }
    Ok(())
}
