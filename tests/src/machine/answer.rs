//! What a boot brought.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Output;

/// How a boot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The script ended with this status, and the machine shut down.
    Exited(i32),
    /// The power was cut as asked.
    Killed,
    /// The time limit ended it.
    TimedOut,
}

/// What a boot brought. Everything stands in [`Answer::folder`], which stays after the test.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it ended.
    pub outcome: Outcome,
    /// What the script wrote, standard output and standard error together; as far as it came.
    pub output: Vec<u8>,
    folder: PathBuf,
}

/// What one check brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name and where its answer is, for messages.
    pub name: String,
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Answer {
    pub(super) fn read(folder: PathBuf, boot: &Output) -> Result<Self> {
        let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
        let outcome = match status.trim_end() {
            "killed" => Outcome::Killed,
            "limit" => Outcome::TimedOut,
            other => {
                let code = other.strip_prefix("exited ").and_then(|c| c.parse().ok());
                Outcome::Exited(code.with_context(|| {
                    format!(
                        "getting an answer from a machine (log: {}): {}",
                        folder.display(),
                        String::from_utf8_lossy(&boot.stderr).trim_end()
                    )
                })?)
            }
        };
        let output = std::fs::read(folder.join("output")).context("reading a machine's output")?;
        let answer = Self {
            outcome,
            output,
            folder,
        };
        answer.note();
        Ok(answer)
    }

    /// The folder with `console.log`, `output`, `status` and `files`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.output).into_owned()
    }

    /// The script's output, where it ended with 0.
    ///
    /// # Errors
    /// It did not; the error has the output and says where the log is.
    pub fn success(&self) -> Result<String> {
        if self.outcome != Outcome::Exited(0) {
            let (outcome, log) = (self.outcome, self.folder.display());
            bail!(
                "a machine's script: {outcome:?} (log: {log}):\n{}",
                self.text()
            );
        }
        Ok(self.text())
    }

    /// A file that the script left in `$OUT`.
    ///
    /// # Errors
    /// It left none of that name.
    pub fn file(&self, name: impl AsRef<Path>) -> Result<Vec<u8>> {
        let path = self.folder.join("files").join(name);
        std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// What a check brought.
    ///
    /// # Errors
    /// It did not come to its turn; the error says where the log is.
    pub fn check(&self, name: &str) -> Result<Check> {
        let folder = Path::new("checks").join(name);
        let Ok(status) = self.file(folder.join("status")) else {
            let (outcome, log) = (self.outcome, self.folder.display());
            bail!(
                "check {name} of a machine has no answer: {outcome:?} (log: {log}):\n{}",
                self.text()
            );
        };
        let status = String::from_utf8_lossy(&status);
        Ok(Check {
            name: format!("{name} (log: {})", self.folder.display()),
            status: status
                .trim_end()
                .parse()
                .context("reading a check's status")?,
            stdout: self.file(folder.join("stdout"))?,
            stderr: self.file(folder.join("stderr"))?,
        })
    }

    /// Where the log is, in what the test runner shows of a test that fails.
    #[expect(
        clippy::print_stderr,
        reason = "the test runner captures this macro's output and shows it with a failure only"
    )]
    fn note(&self) {
        eprintln!(
            "machine: {:?}, log: {}",
            self.outcome,
            self.folder.display()
        );
    }
}

impl Check {
    /// Its standard output as text, where it ended with 0.
    ///
    /// # Errors
    /// It did not; the error has what it wrote.
    pub fn success(&self) -> Result<String> {
        let text = String::from_utf8_lossy(&self.stdout).into_owned();
        if self.status != 0 {
            let error = String::from_utf8_lossy(&self.stderr);
            bail!(
                "check {}: exit status {}:\n{text}{error}",
                self.name,
                self.status
            );
        }
        Ok(text)
    }
}
