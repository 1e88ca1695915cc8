//! What decides which root an engine uses, and how that is changed.

use super::{flags, json_edit};
use anyhow::{Context, Result, bail};
use cluster::command::Command;
use cluster::fstab;
use cluster::root::Root;
use cluster::run::{System, mounts};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Larger than any configuration file.
const LIMIT: u64 = 4 << 20;
const FSTAB: &str = "/etc/fstab";

/// What decides which root an engine uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Switch {
    /// A key of `daemon.json`.
    Json {
        /// The file.
        path: String,
        /// `data-root`, or `graph` where that stands there.
        key: String,
    },
    /// A flag in a file with the daemon's options.
    Flag {
        /// The file.
        path: String,
    },
    /// The configuration of RancherOS or BurmillaOS.
    Ros {
        /// The key, such as `rancher.docker.graph`.
        key: String,
    },
    /// The new root is mounted on the old one's path.
    Bind,
}

impl Switch {
    /// The file that is changed.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Json { path, .. } | Self::Flag { path } => Some(path),
            Self::Bind => Some(FSTAB),
            Self::Ros { .. } => None,
        }
    }

    /// What the command is that shows RancherOS' setting.
    pub fn ros_get(key: &str) -> Command {
        Command::new("ros").args(["config", "get", key])
    }

    /// Whether the engine would use `new` and not `old` when it is started now.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn is_at(&self, root: &Root, old: &str, new: &str) -> Result<bool> {
        match self {
            Self::Json { path, key } => {
                let text = read(root, path)?.unwrap_or_default();
                if text.trim().is_empty() {
                    return Ok(false);
                }
                Ok(json_edit::get(&text, key)?.as_deref() == Some(new))
            }
            Self::Flag { path } => {
                let text = read(root, path)?.unwrap_or_default();
                Ok(!flags::find(&text, new).is_empty() && flags::find(&text, old).is_empty())
            }
            Self::Ros { key } => {
                let text = Self::ros_get(key).run()?;
                Ok(String::from_utf8_lossy(&text).trim() == new)
            }
            Self::Bind => is_bound(old, new),
        }
    }

    /// Lets the engine use `new` instead of `old` from its next start on.
    ///
    /// # Errors
    /// What cannot be read or written; the former setting is then still whole.
    pub fn set(&self, root: &Root, old: &str, new: &str) -> Result<()> {
        match self {
            Self::Json { path, key } => {
                let text = read(root, path)?.unwrap_or_default();
                write(root, path, &json_edit::set(&text, key, new)?)
            }
            Self::Flag { path } => {
                let mut text = read(root, path)?.unwrap_or_default();
                let [place] = &flags::find(&text, old)[..] else {
                    bail!("{path} does not name {old} exactly once any more");
                };
                text.replace_range(place.clone(), new);
                write(root, path, &text)
            }
            Self::Ros { key } => {
                Command::new("ros")
                    .args(["config", "set", key, new])
                    .run()?;
                Ok(())
            }
            Self::Bind => {
                let line = fstab_line(old, new);
                let text = read(root, FSTAB)?.unwrap_or_default();
                if !text.lines().any(|found| found == line) {
                    let end = if text.is_empty() || text.ends_with('\n') {
                        ""
                    } else {
                        "\n"
                    };
                    write(root, FSTAB, &format!("{text}{end}{line}\n"))?;
                }
                if !is_bound(old, new)? {
                    mount(new, old, "", MountFlags::BIND, None)
                        .with_context(|| format!("mounting {new} on {old}"))?;
                }
                Ok(())
            }
        }
    }

    /// Takes [`Switch::set`] back. `before` is the file as it was; where nobody changed it since it is the same again to the byte.
    ///
    /// # Errors
    /// As [`Switch::set`].
    pub fn unset(&self, root: &Root, old: &str, new: &str, before: Option<&str>) -> Result<()> {
        match self {
            Self::Json { path, key } => {
                let now = read(root, path)?.unwrap_or_default();
                let was = before.unwrap_or_default();
                if now == json_edit::set(was, key, new)? {
                    return match before {
                        Some(before) => write(root, path, before),
                        None => root
                            .remove(Path::new(path))
                            .map(drop)
                            .with_context(|| format!("removing {path}")),
                    };
                }
                let had_key = !was.trim().is_empty() && json_edit::get(was, key)?.is_some();
                let text = if had_key {
                    json_edit::set(&now, key, old)?
                } else {
                    json_edit::remove(&now, key)?
                };
                write(root, path, &text)
            }
            Self::Flag { .. } => self.set(root, new, old),
            Self::Ros { key } => {
                Command::new("ros")
                    .args(["config", "set", key, old])
                    .run()?;
                Ok(())
            }
            Self::Bind => {
                while is_bound(old, new)? {
                    unmount(old, UnmountFlags::empty())
                        .with_context(|| format!("unmounting {old}"))?;
                }
                let line = fstab_line(old, new);
                let text = read(root, FSTAB)?.unwrap_or_default();
                let kept: String = text
                    .split_inclusive('\n')
                    .filter(|found| found.trim_end_matches('\n') != line)
                    .collect();
                if kept != text {
                    write(root, FSTAB, &kept)?;
                }
                Ok(())
            }
        }
    }
}

/// The line that binds at each start: after what the new root is on, and without keeping the machine from starting.
pub fn fstab_line(old: &str, new: &str) -> String {
    format!(
        "{0} {1} none bind,nofail,x-systemd.requires-mounts-for={0} 0 0",
        fstab::word(new),
        fstab::word(old)
    )
}

/// Whether `new` is mounted on `old`.
fn is_bound(old: &str, new: &str) -> Result<bool> {
    let system = Root::open(Path::new("/")).context("opening /")?;
    if mounts::at(&mounts::read(&system)?, Path::new(old)).is_none() {
        return Ok(false);
    }
    let (a, b) = (std::fs::metadata(old), std::fs::metadata(new));
    Ok(matches!((a, b), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino())))
}

/// A file's text; `None` where it is not there.
pub fn read(root: &Root, path: &str) -> Result<Option<String>> {
    let bytes = root
        .read_if_there(Path::new(path), LIMIT)
        .with_context(|| format!("reading {path}"))?;
    bytes
        .map(|bytes| String::from_utf8(bytes).with_context(|| format!("reading {path}")))
        .transpose()
}

/// Writes a file whole, with the permissions and owner that it has.
pub fn write(root: &Root, path: &str, text: &str) -> Result<()> {
    System::new(root).write(path, text.as_bytes(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_its_line() {
        let line = "/mnt/a\\040b\\043c /var/lib/docker none bind,nofail,x-systemd.requires-mounts-for=/mnt/a\\040b\\043c 0 0";
        assert_eq!(fstab_line("/var/lib/docker", "/mnt/a b#c"), line);
    }

    #[test]
    fn a_file_is_as_before_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let (json, options) = ("/etc/docker/daemon.json", "/etc/default/docker");
        let by_key = Switch::Json {
            path: json.to_owned(),
            key: "data-root".to_owned(),
        };
        let by_flag = Switch::Flag {
            path: options.to_owned(),
        };
        for before in [
            None,
            Some("{\n\t\"log-level\": \"warn\"\n}"),
            Some("{\"data-root\":\"/o\"}\n"),
        ] {
            match before {
                Some(text) => write(&root, json, text).unwrap(),
                None => drop(root.remove(Path::new(json))),
            }
            assert!(!by_key.is_at(&root, "/o", "/n").unwrap());
            by_key.set(&root, "/o", "/n").unwrap();
            by_key.set(&root, "/o", "/n").unwrap();
            assert!(by_key.is_at(&root, "/o", "/n").unwrap());
            by_key.unset(&root, "/o", "/n", before).unwrap();
            assert_eq!(read(&root, json).unwrap().as_deref(), before);
        }
        // Somebody changed it in between: only our key goes.
        write(&root, json, "{\"data-root\": \"/n\", \"debug\": true}").unwrap();
        by_key.unset(&root, "/o", "/n", None).unwrap();
        assert_eq!(read(&root, json).unwrap().unwrap(), "{ \"debug\": true}");
        let text = "# -g /o\nDOCKER_OPTS=\"-g /o --bridge=none\"\n";
        write(&root, options, text).unwrap();
        by_flag.set(&root, "/o", "/n").unwrap();
        assert!(by_flag.is_at(&root, "/o", "/n").unwrap());
        assert!(by_flag.set(&root, "/o", "/n").is_err());
        by_flag.unset(&root, "/o", "/n", None).unwrap();
        assert_eq!(read(&root, options).unwrap().unwrap(), text);
    }
}
