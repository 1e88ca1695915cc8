//! Errors at the process edge: one line on standard error and the exit code.

use super::{ErrorFormat, FAILED, INVALID, USAGE};
use crate::finding::{Finding, Severity};
use crate::invalid::Invalid;
use crate::name::escape_controls;
use serde_json::json;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;

/// The program was called wrongly (exit code 2), found after the arguments were read one by one.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// With what is wrong and what would be right.
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// What ends a run without an answer.
pub(super) struct Failure {
    code: u8,
    message: String,
    path: Option<String>,
}

impl Failure {
    /// From clap's error: its first paragraph and its tips, in one line.
    pub fn usage(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let before_usage = text.split("\n\nUsage:").next().unwrap_or_default();
        let before_help = before_usage
            .split("\n\nFor more information")
            .next()
            .unwrap_or_default();
        let words: Vec<&str> = before_help.split_whitespace().collect();
        let line = words.join(" ");
        let line = line.strip_prefix("error: ").unwrap_or(&line);
        Self {
            code: USAGE,
            message: format!("reading the arguments: {line} (see --help)"),
            path: None,
        }
    }

    /// Writes the line to standard error; the exit code.
    pub fn report(&self, tool: &str, format: ErrorFormat) -> u8 {
        let line = match format {
            ErrorFormat::Text => format!("{tool}: {}", escape_controls(&self.message)),
            ErrorFormat::Json => json!({
                "tool": tool,
                "exit_code": self.code,
                "message": self.message,
                "path": self.path,
            })
            .to_string(),
        };
        complain(&line);
        self.code
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let invalid = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Invalid>());
        let usage = error.chain().any(|cause| cause.is::<Usage>());
        let code = match (invalid, usage) {
            (Some(_), _) => INVALID,
            (None, true) => USAGE,
            (None, false) => FAILED,
        };
        Self {
            code,
            message: format!("{error:#}"),
            path: invalid.map(|invalid| invalid.path.clone()),
        }
    }
}

/// The format that errors are wanted in, found before the arguments are read, because reading them may be what fails.
pub(super) fn wanted_format(arguments: &[OsString]) -> ErrorFormat {
    let json = arguments
        .windows(2)
        .any(|pair| pair[0] == "--error-format" && pair[1] == "json")
        || arguments
            .iter()
            .any(|argument| argument == "--error-format=json");
    if json {
        ErrorFormat::Json
    } else {
        ErrorFormat::Text
    }
}

/// Says why the answer is no, where standard output does not say it to people.
pub(super) fn report_findings(tool: &str, format: ErrorFormat, findings: &[Finding]) {
    for finding in findings.iter().filter(|f| f.severity == Severity::Error) {
        match format {
            ErrorFormat::Text => {
                let line = format!("{tool}: {}: {}", finding.subject, finding.message);
                complain(&escape_controls(&line));
            }
            ErrorFormat::Json => complain(&json!({"tool": tool, "finding": finding}).to_string()),
        }
    }
}

/// A line on standard error. Where that is closed, nobody can be told.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
