//! A program seen from outside: arguments and standard input in; standard output, standard error and exit code out.

use anyhow::{Context, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program about to be run.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    folder: Option<PathBuf>,
    input: Vec<u8>,
}

/// What a run of a program left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
}

impl Program {
    /// The program at `path`: `env!("CARGO_BIN_EXE_…")` in a tool's own tests.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            arguments: Vec::new(),
            folder: None,
            input: Vec::new(),
        }
    }

    /// The same with more arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let more = arguments.into_iter().map(|a| a.as_ref().to_owned());
        self.arguments.extend(more);
        self
    }

    /// The same with this standard input. Without it standard input is empty.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// The same in this folder.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(&self) -> Result<Outcome> {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let running = || format!("running {}", self.path.display());
        let mut child = command.spawn().with_context(running)?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // A program that does not read its input to the end closes the pipe: no concern of the test's.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(&self.input)));
            child.wait_with_output()
        })
        .with_context(running)?;
        Ok(Outcome {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

impl Outcome {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as text, of a program that ended well.
    ///
    /// # Errors
    /// Its exit code is not 0; the error holds both streams.
    pub fn success(&self) -> Result<String> {
        if self.code != Some(0) {
            bail!("exit code {:?}: {}{}", self.code, self.text(), self.stderr);
        }
        Ok(self.text())
    }

    /// Standard output as JSON.
    ///
    /// # Errors
    /// It is not one JSON value; the error holds standard error.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.stdout).with_context(|| {
            format!(
                "reading standard output as JSON; standard error: {}",
                self.stderr
            )
        })
    }
}
