//! What a tool noticed, as data.

use crate::document::Document;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a finding matters. An error makes the answer "no".
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The answer is no, or cannot be yes.
    Error,
    /// It works, with a risk that is named.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word in a document and in text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// One thing that a tool noticed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// Stable and documented, such as `poe-over-budget`.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The node, port, disk or service that it is about.
    pub subject: String,
    /// What was found, in a sentence.
    pub message: String,
    /// What to do about it: a command or a change; `null` where there is nothing to do.
    pub fix: Option<String>,
    /// The facts behind it; `null` where the message says all.
    pub evidence: Option<serde_json::Value>,
}

impl Finding {
    /// A finding of any severity.
    pub fn new(
        severity: Severity,
        id: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            id,
            severity,
            subject: subject.into(),
            message: message.into(),
            fix: None,
            evidence: None,
        }
    }

    /// A finding that makes the answer "no".
    pub fn error(id: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, id, subject, message)
    }

    /// A finding that names a risk.
    pub fn warning(
        id: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, id, subject, message)
    }

    /// A finding worth knowing.
    pub fn info(id: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Info, id, subject, message)
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The same with the facts behind it.
    #[must_use]
    pub fn evidence(mut self, evidence: serde_json::Value) -> Self {
        self.evidence = Some(evidence);
        self
    }
}

/// The warning that the answer of this key is used, where that answer is a "no".
pub fn used_and_no(document: &Document, key: &'static str, id: &'static str) -> Option<Finding> {
    let no = document.answers_not_ok().contains(&key);
    no.then(|| {
        let message = format!("{key} is used here, and its own answer is no");
        Finding::warning(id, key, message)
            .fix(format!("read .{key}.findings and mend what they name"))
    })
}

/// Whether nothing in `findings` is an error.
pub fn ok(findings: &[Finding]) -> bool {
    findings.iter().all(|f| f.severity != Severity::Error)
}
