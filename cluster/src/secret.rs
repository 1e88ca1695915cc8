//! Secrets: read from files, written only into artefacts, shown nowhere.

use crate::finding::Finding;
use anyhow::{Context, bail};
use clap::Args;
use nix::fcntl::OFlag;
use serde::{Serialize, Serializer};
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What stands in a document, a text or a log in a secret's place.
pub const REDACTED: &str = "<redacted>";

/// The longest secret file that is read. Keys, tokens and passphrases are far shorter.
const LONGEST: u64 = 64 << 10;

/// Where secret files are.
#[derive(Debug, Clone, Default, Args)]
pub struct Secrets {
    /// The folder that relative paths of secret files start from [default: the current one]
    #[arg(long = "secrets", value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// A secret's bytes. Its `Debug` and `Serialize` hide them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// The bytes, for an artefact or a derivation.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl Secrets {
    /// Where a secret file is.
    pub fn path(&self, file: &Path) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join(file),
            None => file.to_owned(),
        }
    }

    /// The secret in a file, without its last line break; `None` where the file is not there yet.
    /// A file that others can read is a warning with the command that mends it.
    ///
    /// # Errors
    /// The file cannot be read, is no regular file, is empty or too long.
    pub fn read(&self, file: &Path, findings: &mut Vec<Finding>) -> anyhow::Result<Option<Secret>> {
        let path = self.path(file);
        let reading = || format!("reading the secret file {}", path.display());
        // A pipe without a writer would otherwise hold the program for ever.
        let opened = File::options()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&path);
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(reading),
        };
        let metadata = opened.metadata().with_context(reading)?;
        if !metadata.is_file() {
            bail!("{}: not a regular file", reading());
        }
        let mut bytes = Vec::new();
        opened
            .take(LONGEST + 1)
            .read_to_end(&mut bytes)
            .with_context(reading)?;
        if bytes.len() as u64 > LONGEST {
            bail!("{}: longer than {LONGEST} bytes", reading());
        }
        if bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
        }
        if bytes.is_empty() {
            bail!("{}: it is empty", reading());
        }
        findings.extend(readable_by_others(&path, metadata.permissions().mode()));
        Ok(Some(Secret(bytes)))
    }
}

fn readable_by_others(path: &Path, mode: u32) -> Option<Finding> {
    if mode & 0o077 == 0 {
        return None;
    }
    let shown = path.display().to_string();
    let message = format!(
        "the secret file has mode {:04o}: others than its owner can read it",
        mode & 0o7777
    );
    let fix = format!("chmod 600 {}", crate::command::quote(&shown));
    Some(Finding::warning("secret-file-open", shown, message).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;

    fn secrets(content: &[u8], mode: u32) -> (tempfile::TempDir, Secrets) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let secrets = Secrets {
            folder: Some(folder.path().to_owned()),
        };
        (folder, secrets)
    }

    #[test]
    fn a_secret_loses_one_line_break_and_is_never_shown() {
        let (_folder, secrets) = secrets(b" pass \r\n", 0o600);
        let mut findings = Vec::new();
        let secret = secrets
            .read(Path::new("key"), &mut findings)
            .unwrap()
            .unwrap();
        assert_eq!(secret.reveal(), b" pass ");
        assert_eq!(format!("{secret:?}"), REDACTED);
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<redacted>\"");
        assert!(findings.is_empty());
    }

    #[test]
    fn an_open_file_is_a_warning_with_its_remedy() {
        let (_folder, secrets) = secrets(b"pass", 0o644);
        let mut findings = Vec::new();
        secrets.read(Path::new("key"), &mut findings).unwrap();
        assert_eq!(findings[0].id, "secret-file-open");
        assert!(findings[0].fix.as_ref().unwrap().starts_with("chmod 600 "));
    }

    #[test]
    fn missing_is_no_error_and_empty_is_one() {
        let (folder, secrets) = secrets(b"\n", 0o600);
        let mut findings = Vec::new();
        assert!(
            secrets
                .read(Path::new("none"), &mut findings)
                .unwrap()
                .is_none()
        );
        assert!(secrets.read(Path::new("key"), &mut findings).is_err());
        assert!(secrets.read(folder.path(), &mut findings).is_err());
        std::fs::write(folder.path().join("key"), vec![b'a'; 70_000]).unwrap();
        assert!(secrets.read(Path::new("key"), &mut findings).is_err());
    }
}
