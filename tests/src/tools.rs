//! The tools of this workspace: which there are, and where their programs were built.

use crate::program::Program;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// The top of the source tree.
pub fn top() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// The names of all tools: the top folders with a `src/main.rs`.
///
/// # Errors
/// The tree cannot be read.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(top()).context("reading the source tree")? {
        let entry = entry.context("reading the source tree")?;
        if entry.path().join("src/main.rs").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The folder with the programs of this build.
///
/// # Errors
/// The test does not run from a build folder.
pub fn folder() -> Result<PathBuf> {
    let test = std::env::current_exe().context("finding the build folder")?;
    let folder = test.parent().and_then(Path::parent);
    folder
        .map(Path::to_owned)
        .context("finding the build folder")
}

/// A tool's program without what only a debugger reads: a fifth of the size, for where it is carried. It lies in `stripped` beside the whole
/// one, and is made anew where it is older.
///
/// # Errors
/// It was not built, or `strip` fails.
pub fn stripped(name: &str) -> Result<PathBuf> {
    let whole = folder()?.join(name);
    let stripped = folder()?.join("stripped");
    let to = stripped.join(name);
    let built = |path: &Path| path.metadata().and_then(|of| of.modified());
    let when = built(&whole).with_context(|| format!("{} is not built", whole.display()))?;
    if built(&to).is_ok_and(|then| then >= when) {
        return Ok(to);
    }
    std::fs::create_dir_all(&stripped).context("making a folder for stripped programs")?;
    // Others may want it at this moment: it takes the name when it is whole.
    let new = tempfile::Builder::new().tempfile_in(&stripped)?;
    let strip = Program::new("strip").args([Path::new("-o"), new.path(), &whole]);
    let outcome = strip.run()?;
    if outcome.code != Some(0) {
        bail!("stripping {name}: {}", outcome.stderr);
    }
    new.persist(&to).context("keeping a stripped program")?;
    Ok(to)
}

/// A tool's program.
///
/// # Errors
/// It was not built.
pub fn tool(name: &str) -> Result<Program> {
    let path = folder()?.join(name);
    if !path.is_file() {
        bail!("{name} is not built: run `cargo build --workspace` first");
    }
    Ok(Program::new(path))
}
