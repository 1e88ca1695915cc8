//! How each step is looked at and done.

use super::steps::Copied;
use anyhow::{Context, bail};
use cluster::plan::{Action, Check, Step};
use cluster::root::{Attributes, Root};
use cluster::run::{Executor, Presence, System};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Larger than any file that is written from a plan.
const LIMIT: u64 = 4 << 20;

/// What knows how this tool's steps are looked at and done.
pub struct Acting<'a> {
    root: &'a Root,
    system: System<'a>,
    /// The content of files that come from secrets, by path.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// The permissions of files that are copied, by path.
    modes: BTreeMap<String, u32>,
    /// The version that `k3s --version` has to say for the installer to have nothing to do.
    pub version: Option<String>,
}

impl<'a> Acting<'a> {
    /// Below this root.
    pub fn new(root: &'a Root, copies: &[Copied]) -> Self {
        Self {
            root,
            system: System::new(root),
            secrets: BTreeMap::new(),
            modes: copies
                .iter()
                .map(|copied| (copied.to.clone(), copied.mode))
                .collect(),
            version: None,
        }
    }

    fn content<'s>(&'s self, path: &str, shown: &'s str) -> &'s [u8] {
        self.secrets
            .get(path)
            .map_or(shown.as_bytes(), Vec::as_slice)
    }

    fn written(&self, path: &str, shown: &str, mode: u32) -> anyhow::Result<Presence> {
        let looking = || format!("reading {path}");
        let present = self
            .root
            .read_if_there(Path::new(path), LIMIT)
            .with_context(looking)?;
        let same = present.is_some_and(|present| present == self.content(path, shown));
        if !same {
            return Ok(Presence::Absent);
        }
        let found = self
            .root
            .file(Path::new(path))
            .and_then(|file| file.metadata())
            .with_context(looking)?;
        // The boot partition's file system has no permissions of its own.
        let kept = path.starts_with("/boot") || found.permissions().mode() & 0o7777 == mode;
        Ok(if kept {
            Presence::Present
        } else {
            Presence::Absent
        })
    }

    fn write(&self, path: &str, content: &mut dyn Read, mode: u32) -> anyhow::Result<()> {
        let place = Path::new(path);
        let make = |folder: &Path, mode| {
            let made = self.root.make_folder(folder, mode);
            made.with_context(|| format!("making {}", folder.display()))
        };
        if let Some((data, _)) = path.split_once("/server/tls/") {
            // As K3s makes it: nobody else's business.
            make(Path::new(data), 0o755)?;
            make(&Path::new(data).join("server"), 0o700)?;
        }
        if let Some(folder) = place.parent() {
            make(folder, 0o755)?;
        }
        let attributes = Attributes { mode, owner: None };
        self.root
            .write_from(place, content, attributes)
            .with_context(|| format!("writing {path}"))
    }

    fn copied(&self, path: &str, sum: &str) -> anyhow::Result<Presence> {
        let file = match self.root.file(Path::new(path)) {
            Ok(file) => file,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(Presence::Absent);
            }
            Err(error) => return Err(error).with_context(|| format!("reading {path}")),
        };
        let same = sha256_of(file).with_context(|| format!("reading {path}"))? == sum;
        Ok(if same {
            Presence::Present
        } else {
            Presence::Absent
        })
    }

    /// Whether the installer has nothing to do: the unit is there, and the program is of the wished version.
    fn installed(&self, unit: &str) -> anyhow::Result<Presence> {
        let there = self
            .root
            .exists(Path::new(&format!("/etc/systemd/system/{unit}")))?;
        let right = match (&self.version, there) {
            (Some(wanted), true) => super::release::installed_version().as_ref() == Some(wanted),
            (None, there) => there,
            (_, false) => false,
        };
        Ok(if right {
            Presence::Present
        } else {
            Presence::Absent
        })
    }
}

impl Executor for Acting<'_> {
    fn presence(&mut self, step: &Step) -> anyhow::Result<Presence> {
        match (&step.action, &step.check) {
            (
                Action::WriteFile {
                    path,
                    content,
                    mode,
                },
                _,
            ) => self.written(path, content, *mode),
            (Action::CopyTree { .. }, Check::File { path, sha256 }) => self.copied(path, sha256),
            (Action::Run { .. }, Check::Output { argv, .. }) => {
                let unit = argv.last().context("looking at the unit: it has no name")?;
                self.installed(unit)
            }
            _ => match self.system.presence(step)? {
                Some(presence) => Ok(presence),
                None => bail!("the step {} is of another tool", step.id),
            },
        }
    }

    fn act(&mut self, step: &Step) -> anyhow::Result<()> {
        match &step.action {
            Action::WriteFile {
                path,
                content,
                mode,
            } => {
                let content = self.content(path, content).to_vec();
                self.write(path, &mut content.as_slice(), *mode)
            }
            Action::CopyTree { from, to } => {
                let mut file =
                    std::fs::File::open(from).with_context(|| format!("reading {from}"))?;
                self.write(to, &mut file, self.modes.get(to).copied().unwrap_or(0o644))
            }
            _ => match self.system.act(step)? {
                true => Ok(()),
                false => bail!("the step {} is of another tool", step.id),
            },
        }
    }
}

/// SHA-256 of all that a reader gives, in lower-case hexadecimal digits.
///
/// # Errors
/// What the reader reports.
pub fn sha256_of(mut content: impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(cluster::plan::Hex(digest.finalize().to_vec()).to_string()),
            length => digest.update(&buffer[..length]),
        }
    }
}
