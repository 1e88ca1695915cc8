//! The folder of the certificate authorities: there whole or not at all, and never written over.

use super::Made;
use crate::token::Pin;
use anyhow::{Context, bail};
use cluster::plan::sha256;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The longest certificate file that is read.
const LONGEST: u64 = 1 << 20;

/// Writes the set into a folder that is not there yet, or is empty. `false`, and nothing written, where it is not.
///
/// # Errors
/// What the file system reports; nothing is left behind then.
pub fn store(folder: &Path, made: &Made) -> anyhow::Result<bool> {
    let writing = || format!("writing {}", folder.display());
    if occupied(folder).with_context(writing)? {
        return Ok(false);
    }
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let new = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .with_context(writing)?;
    for (path, mode, content) in &made.files {
        write(&new.path().join(path), *mode, content).with_context(writing)?;
    }
    File::open(new.path())
        .and_then(|f| f.sync_all())
        .with_context(writing)?;
    // rename(2) of a folder replaces an empty one and no other.
    match fs::rename(new.path(), folder) {
        Ok(()) => {
            let _ = new.keep();
        }
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => return Ok(false),
        Err(error) => return Err(error).with_context(writing),
    }
    File::open(parent)
        .and_then(|f| f.sync_all())
        .with_context(writing)?;
    Ok(true)
}

/// Whether something is there that is no empty folder.
fn occupied(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(folder.is_symlink()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes a file and its folder through to the disk: what is renamed into place must not be empty after a power cut.
fn write(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

/// What tokens pin where K3s starts with the certificate authorities of this folder. `None` where there is no such folder.
///
/// K3s hashes the root of the chain in `server-ca.crt`; a file with a single certificate it hashes as it stands.
///
/// # Errors
/// The folder holds no such set.
pub fn pin(folder: &Path) -> anyhow::Result<Option<Pin>> {
    if !folder
        .try_exists()
        .with_context(|| format!("reading {}", folder.display()))?
    {
        return Ok(None);
    }
    let path = folder.join("server-ca.crt");
    let reading = || format!("reading {}", path.display());
    let bytes = read(&path).with_context(reading)?;
    let mut chain = certificates(&bytes).with_context(reading)?;
    let root = match (chain.pop(), chain.is_empty()) {
        (Some(_), true) => return Ok(Some(Pin(sha256(&bytes)))),
        (Some(root), false) => root,
        (None, _) => bail!("{}: it holds no certificate", reading()),
    };
    let own = folder.join("root-ca.crt");
    let reading_root = || format!("reading {}", own.display());
    let bytes = read(&own).with_context(reading_root)?;
    if certificates(&bytes).with_context(reading_root)? != [root.clone()] {
        bail!(
            "{}: it is not the last certificate of server-ca.crt, which tokens pin",
            reading_root()
        );
    }
    Ok(Some(Pin(sha256(&root))))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.len() > LONGEST {
        return Err(io::Error::other(format!("longer than {LONGEST} bytes")));
    }
    fs::read(path)
}

/// The certificates of a PEM file, as DER.
fn certificates(bytes: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::str::from_utf8(bytes).context("it is not PEM")?;
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-----BEGIN CERTIFICATE-----") {
        let Some(end) = rest[start..].find(END) else {
            bail!("it ends within a certificate");
        };
        let end = start + end + END.len();
        let block = rest[start..end].replace('\r', "") + "\n";
        let (_, der) =
            der::pem::decode_vec(block.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
        found.push(der);
        rest = &rest[end..];
    }
    Ok(found)
}
