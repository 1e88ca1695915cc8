//! Where output goes: standard output, or a file that is there whole or not at all.

use super::Usage;
use crate::root;
use anyhow::Context;
use std::fs::{File, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

/// A file that a tool makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Its place below the folder that `-o` names; of no meaning where there is only one file.
    pub path: PathBuf,
    /// Its content.
    pub content: Vec<u8>,
    /// Its permissions; with a secret inside 0o600.
    pub mode: u32,
}

impl Artefact {
    /// A file of text with these permissions.
    pub fn text(path: impl Into<PathBuf>, content: String, mode: u32) -> Self {
        Self {
            path: path.into(),
            content: content.into_bytes(),
            mode,
        }
    }
}

/// Large enough that a system call costs little beside what it moves.
const BUFFER: usize = 128 * 1024;

/// Writes to standard output, or to `target` at once. A reader who closes the pipe early is not an error.
pub(super) fn write(
    target: Option<&Path>,
    secret: bool,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    if let Some(target) = target.filter(|target| target.as_os_str() != "-") {
        let mode = if secret { 0o600 } else { 0o666 };
        return write_file(target, mode, content);
    }
    // Standard output itself, not the line buffer that Rust puts before it.
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let stdout = File::from(stdout.context("opening standard output")?);
    let mut out = BufWriter::with_capacity(BUFFER, stdout);
    match content(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            // What is still buffered has no reader; writing it again on drop would only fail again.
            let _ = out.into_parts();
            Ok(())
        }
        Err(error) => {
            let _ = out.into_parts();
            Err(error).context("writing standard output")
        }
        Ok(()) => Ok(()),
    }
}

/// Tries whether `target` can be written to, before a tool acts: what it did would otherwise be told nowhere. Nothing is left there.
pub(super) fn try_target(target: Option<&Path>) -> anyhow::Result<()> {
    let Some(target) = target.filter(|target| target.as_os_str() != "-") else {
        return Ok(());
    };
    let writing = || format!("writing {}", target.display());
    let path = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    if path.metadata().is_ok_and(|present| !present.is_file()) {
        // A device or a pipe: opening one may wait for its reader.
        return Ok(());
    }
    tempfile::tempfile_in(folder_of(&path)).with_context(writing)?;
    Ok(())
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Prints bytes to standard output.
pub(super) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    write(None, false, |out| out.write_all(bytes))
}

/// Writes the files of an artefact format: one of them plainly, several into the folder `target`. Where that is a folder
/// already, one goes into it as well.
pub(super) fn write_artefacts(target: Option<&Path>, artefacts: &[Artefact]) -> anyhow::Result<()> {
    let folder = target.is_some_and(Path::is_dir);
    if let ([only], false) = (artefacts, folder) {
        let secret = only.mode & 0o077 == 0;
        return write(target, secret, |out| out.write_all(&only.content));
    }
    let Some(folder) = target else {
        let problem = format!(
            "this format makes {} files; name a folder for them with -o",
            artefacts.len()
        );
        return Err(Usage::new(problem)).context("reading the arguments");
    };
    for artefact in artefacts {
        let path = folder.join(inside(&artefact.path)?);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
        write_file(&path, artefact.mode, |out| out.write_all(&artefact.content))?;
    }
    Ok(())
}

/// The path of an artefact below its folder: without a leading `/`, and never with `..`.
fn inside(path: &Path) -> anyhow::Result<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => inside.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                anyhow::bail!(
                    "making {}: the path leads out of its folder",
                    path.display()
                )
            }
        }
    }
    Ok(inside)
}

/// Writes a file that is there whole or not at all: made beside `path`, flushed to the disk, renamed.
///
/// A symbolic link is followed. A device or a pipe is written as it is: renaming over `/dev/null` would break the machine.
///
/// # Errors
/// What the file system reports; the former file is then still whole.
pub fn write_file(
    path: &Path,
    mode: u32,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    let writing = || format!("writing {}", path.display());
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(_) => path.to_owned(),
    };
    if let Ok(present) = path.metadata()
        && !present.is_file()
    {
        let file = File::options()
            .write(true)
            .open(&path)
            .with_context(writing)?;
        let mut out = BufWriter::with_capacity(BUFFER, file);
        return content(&mut out)
            .and_then(|()| out.flush())
            .with_context(writing);
    }
    let folder = folder_of(&path);
    let temporary = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .with_context(writing)?;
    let folder = File::open(folder).with_context(writing)?;
    let name = path.file_name().unwrap_or_default();
    let former = root::held(&folder, name).with_context(writing)?;
    let mut out = BufWriter::with_capacity(BUFFER, temporary);
    content(&mut out)
        .and_then(|()| out.flush())
        .with_context(writing)?;
    let temporary = out
        .into_inner()
        .map_err(|error| error.into_error())
        .with_context(writing)?;
    temporary.as_file().sync_all().with_context(writing)?;
    let file = temporary
        .persist(&path)
        .map_err(|error| error.error)
        .with_context(writing)?;
    root::settle(&folder, &file, former).with_context(writing)
}
