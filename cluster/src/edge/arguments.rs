//! Arguments that all tools share, and the forms of their output.

use crate::document::Layout;
use clap::{Args, ValueEnum};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::path::PathBuf;

/// Arguments that all tools share.
#[derive(Debug, Clone, Default, Args)]
pub struct Common<F: Format> {
    /// The cluster document; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Read nothing: work from the other arguments alone
    #[arg(short = 'n', long)]
    pub null_input: bool,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: F,
    /// Write to this file (or folder, where there are several) instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print the tool's own value only, without the rest of the document
    #[arg(long)]
    pub only: bool,
    /// Leave out white space
    #[arg(long)]
    pub compact: bool,
    /// Print the reference document and nothing more
    #[arg(long)]
    pub example: bool,
    /// Print the JSON Schema of the document with the tool's own key and nothing more
    #[arg(long)]
    pub schema: bool,
    /// Check the whole document, not only what this tool reads
    #[arg(long)]
    pub validate: bool,
    /// Answer no when any tool's answer in the document is no
    #[arg(long)]
    pub require_ok: bool,
    /// How errors are written to standard error
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub error_format: ErrorFormat,
}

impl<F: Format> Common<F> {
    pub(super) fn layout(&self) -> Layout {
        if self.compact {
            Layout::Compact
        } else {
            Layout::Indented
        }
    }
}

/// The formats of a tool's output. Every tool has `json`, which is the default, and `text`.
pub trait Format: ValueEnum + Debug + Default + Copy + Send + Sync + 'static {
    /// What form it has.
    fn form(self) -> Form {
        let value = self.to_possible_value();
        match value.as_ref().map_or("json", |value| value.get_name()) {
            "json" => Form::Json,
            // A picture is for people too: also a "no" is worth seeing.
            "text" | "svg" => Form::Text,
            _ => Form::Artefact,
        }
    }
}

/// The form of a tool's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The document with the tool's key.
    Json,
    /// Text or a picture for people.
    Text,
    /// Files; nothing where the answer is no.
    Artefact,
}

/// How errors are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ErrorFormat {
    /// One line: `tool: doing this: cause`
    #[default]
    Text,
    /// One line that is a JSON object
    Json,
}

/// An argument that is one of the document's words, such as `raspios`: what serde reads as a `T`.
///
/// # Errors
/// No such word, and those that there are.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| {
        let text = error.to_string();
        text.replace("unknown variant", "unknown").replace('`', "'")
    })
}
