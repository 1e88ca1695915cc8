//! Starting a machine from a card.

use super::{Answer, Card, run, script};
use crate::tools;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How the card is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// In the SD controller: `/dev/mmcblk0`. It has no write cache, so nothing ever flushes it.
    Sd,
    /// Behind a write cache, `/dev/vda`, on the PC only. Flushes arrive and are recorded.
    Virtio,
}

/// A boot about to be made: what the machine gets, and when it ends.
#[derive(Debug)]
pub struct Boot<'card> {
    card: &'card Card,
    name: String,
    given: Vec<Given>,
    checks: usize,
    limit: Duration,
    options: Vec<OsString>,
}

/// A file for the machine's `/run/test`.
#[derive(Debug)]
enum Given {
    Copy(PathBuf),
    Made {
        name: String,
        content: Vec<u8>,
        mode: u32,
    },
}

impl<'card> Boot<'card> {
    pub(super) fn new(card: &'card Card, name: &str) -> Self {
        Self {
            card,
            name: format!("{name}-{}", card.kind().name()),
            given: Vec::new(),
            checks: 0,
            limit: Duration::from_secs(120),
            options: Vec::new(),
        }
    }

    /// With this file of the host beside the script, under its own name and with its mode.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.given.push(Given::Copy(path.as_ref().to_owned()));
        self
    }

    /// With a file of this content beside the script. The name may have folders in it.
    #[must_use]
    pub fn data(self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.made(name, content.into(), 0o644)
    }

    /// With a check: a script of its own, run after those before it, its answer under [`Answer::check`].
    /// A first line with `#!` chooses the interpreter; without one it is `/bin/sh`.
    #[must_use]
    pub fn check(mut self, name: &str, script: &str) -> Self {
        self.checks += 1;
        let path = format!("checks/{:03}-{name}", self.checks);
        self.made(&path, shebang(script), 0o755)
    }

    /// Ended after this long, from power on; two minutes unless told. Waiting for another machine to end
    /// does not count.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Power cut this long after the script began.
    #[must_use]
    pub fn kill_after(self, delay: Duration) -> Self {
        self.option("--kill-after", delay.as_millis().to_string())
    }

    /// Power cut this long after the script wrote this line; it is seen within 0.2 seconds.
    #[must_use]
    pub fn kill_after_line(self, line: &str, delay: Duration) -> Self {
        self.option("--kill-on", line).kill_after(delay)
    }

    /// Each write to the card recorded in this file, for [`super::WriteLog`].
    #[must_use]
    pub fn record(self, log: &Path) -> Self {
        self.option("--record", log)
    }

    /// With the card attached like this.
    #[must_use]
    pub fn disk(self, disk: Disk) -> Self {
        match disk {
            Disk::Sd => self,
            Disk::Virtio => self.option("--disk", "virtio"),
        }
    }

    /// With these words after the card's own kernel command line.
    #[must_use]
    pub fn append(self, words: &str) -> Self {
        self.option("--append", words)
    }

    /// Boots and runs the checks.
    ///
    /// # Errors
    /// The machine gave no whole answer; the error says where its log is. A check that failed is no error.
    pub fn run(self) -> Result<Answer> {
        if self.checks == 0 {
            bail!("booting {}: there is no check", self.name);
        }
        let runner = std::fs::read(script("guest/checks")).context("reading guest/checks")?;
        self.start(&runner)
    }

    /// Boots and runs one script, with the files beside it in the current folder. What it leaves in `$OUT`
    /// comes back ([`Answer::file`]); `mark WORD` leaves a word in the recorded writes.
    ///
    /// # Errors
    /// The machine gave no whole answer; the error says where its log is. An exit status is no error.
    pub fn script(self, script: &str) -> Result<Answer> {
        self.start(&shebang(script))
    }

    fn made(mut self, name: &str, content: Vec<u8>, mode: u32) -> Self {
        let name = name.to_owned();
        self.given.push(Given::Made {
            name,
            content,
            mode,
        });
        self
    }

    fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.options.extend([name.into(), value.into()]);
        self
    }

    fn start(&self, script_text: &[u8]) -> Result<Answer> {
        let result = log_folder(&self.name)?;
        let stage = TempDir::new().context("making a folder for a machine's files")?;
        let script_file = stage.path().join("script");
        std::fs::write(&script_file, script_text).context("writing a machine's script")?;
        let files = self.stage(&stage.path().join("files"))?;
        let mut boot = Command::new("setpriv");
        boot.args(["--pdeathsig", "TERM"])
            .arg(script("boot"))
            .args(["--limit", &self.limit.as_secs().to_string(), "--result"])
            .arg(&result)
            .args(&self.options)
            .arg(self.card.kind().name())
            .arg(self.card.path())
            .arg(&script_file)
            .args(files);
        let output = boot
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("starting the machine of {}", self.name))?;
        Answer::read(result, &output)
    }

    /// Lays the files out in `folder` and names what is at its top.
    fn stage(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir(folder).context("making a folder for a machine's files")?;
        for given in &self.given {
            match given {
                Given::Copy(path) => {
                    run(Command::new("cp").arg("-aL").arg(path).arg(folder))?;
                }
                Given::Made {
                    name,
                    content,
                    mode,
                } => {
                    write_with_mode(&folder.join(name), content, *mode)
                        .with_context(|| format!("writing {name} for a machine"))?;
                }
            }
        }
        let entries = std::fs::read_dir(folder).context("reading a machine's files")?;
        entries
            .map(|entry| Ok(entry.context("reading a machine's files")?.path()))
            .collect()
    }
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

fn shebang(script: &str) -> Vec<u8> {
    if script.starts_with("#!") {
        script.into()
    } else {
        format!("#!/bin/sh\n{script}\n").into()
    }
}

/// An empty `target/machine/NAME`: kept after the test, and emptied by the next of that name.
fn log_folder(name: &str) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| tools::top().join("target"), PathBuf::from);
    let folder = target.join("machine").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("clearing {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}
