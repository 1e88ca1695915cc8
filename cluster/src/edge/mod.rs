//! The process edge, the same for every tool: arguments, standard input and output, errors and exit codes.
//!
//! A tool implements [`Tool`]; its `main` is one call of [`main`].

mod arguments;
mod failure;
mod help;
pub mod node;
pub mod nodes;
mod output;
mod schema;
mod text;

pub use arguments::{Common, ErrorFormat, Form, Format, word};
pub use failure::Usage;
pub use help::command;
pub use output::{Artefact, write_file};
pub use text::{findings_text, shown};

use crate::document::Document;
use crate::finding::{self, Finding};
use crate::inventory::{Inventory, Section};
use anyhow::Context;
use clap::{CommandFactory, FromArgMatches};
use failure::Failure;
use schemars::JsonSchema;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;

/// Exit code: it failed.
const FAILED: u8 = 1;
/// Exit code: usage.
const USAGE: u8 = 2;
/// Exit code: the input is valid and the answer is no.
const NO: u8 = 3;
/// Exit code: the input is not valid (sysexits' EX_DATAERR).
const INVALID: u8 = 65;

/// One of the seven programs.
pub trait Tool: CommandFactory + FromArgMatches {
    /// The program's name. Its key in the document is the same with `_` for `-`.
    const NAME: &'static str;
    /// The examples at the end of `--help`: what each is for, indented by two spaces, its commands by four, and an empty
    /// line between two.
    const EXAMPLES: &'static str;
    /// What each operating system gets, where that is not the same: `nodes[].os`, and what there is for it.
    const SYSTEMS: &'static [(&'static str, &'static str)] = &[];
    /// The sections of the document that it reads.
    const SECTIONS: &'static [Section];
    /// The formats of its output.
    type Format: Format;
    /// The value of its key, without `ok` and `findings`.
    type Answer: Serialize + JsonSchema;

    /// The arguments that all tools share.
    fn common(&self) -> &Common<Self::Format>;

    /// What form the output has.
    fn form(&self) -> Form {
        self.common().format.form()
    }

    /// Turns the natural input of its field (`sfdisk --json` and the like) into a document. Default: the input is one.
    ///
    /// # Errors
    /// The input is of that kind, and not valid.
    fn adopt(&self, input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        Ok(input)
    }

    /// The tool's job.
    ///
    /// # Errors
    /// What keeps it from an answer; an answer "no" is an error finding instead.
    fn answer(&self, input: Input<'_>) -> anyhow::Result<(Self::Answer, Vec<Finding>)>;

    /// The answer for people.
    ///
    /// # Errors
    /// What keeps it from being shown.
    fn text(&self, verdict: &Verdict<Self::Answer>) -> anyhow::Result<String>;

    /// The files of the chosen artefact format. Asked for only where the answer is yes.
    ///
    /// # Errors
    /// What keeps them from being made.
    fn artefacts(&self, _: &Verdict<Self::Answer>) -> anyhow::Result<Vec<Artefact>> {
        Ok(Vec::new())
    }
}

/// What a tool works on.
#[derive(Debug)]
pub struct Input<'a> {
    /// The document, for other tools' answers.
    pub document: &'a Document,
    /// The sections that the tool reads.
    pub inventory: Inventory,
}

/// A tool's value in the document.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verdict<A> {
    /// Whether the answer is yes: no finding is an error.
    pub ok: bool,
    /// The answer itself.
    #[serde(flatten)]
    pub answer: A,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

/// A tool's `main`: runs it on the process's own arguments and streams.
pub fn main<T: Tool>() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let format = failure::wanted_format(&arguments);
    match run::<T>(arguments, format) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(failure.report(T::NAME, format)),
    }
}

/// The tool's key in the document.
pub fn key<T: Tool>() -> String {
    T::NAME.replace('-', "_")
}

fn run<T: Tool>(arguments: Vec<OsString>, format: ErrorFormat) -> Result<u8, Failure> {
    let matches = match command::<T>().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) if !error.use_stderr() => {
            // Help and version: the reader may close the pipe early.
            output::print(error.render().to_string().as_bytes())?;
            return Ok(0);
        }
        Err(error) => return Err(Failure::usage(&error)),
    };
    let tool = T::from_arg_matches(&matches).map_err(|error| Failure::usage(&error))?;
    let common = tool.common();
    if common.example {
        output::print(crate::EXAMPLE.as_bytes())?;
        return Ok(0);
    }
    if common.schema {
        output::print(schema::text::<T>()?.as_bytes())?;
        return Ok(0);
    }
    let document = read(&tool)?;
    if tool.form() != Form::Artefact {
        output::try_target(common.output.as_deref())?;
    }
    let verdict = judge(&tool, &document)?;
    deliver(&tool, &document, &verdict)?;
    if verdict.ok {
        return Ok(0);
    }
    if tool.form() != Form::Text {
        failure::report_findings(T::NAME, format, &verdict.findings);
    }
    Ok(NO)
}

/// Reads the document, to its end, before anything else happens.
fn read<T: Tool>(tool: &T) -> anyhow::Result<Document> {
    let common = tool.common();
    if common.null_input {
        if let Some(file) = &common.file {
            let problem = format!("-n reads nothing, and {} was given", file.display());
            return Err(Usage::new(problem)).context("reading the arguments");
        }
        return Ok(Document::empty());
    }
    let (bytes, source) = match &common.file {
        Some(file) if file.as_os_str() != "-" => {
            let source = file.display().to_string();
            let bytes = std::fs::read(file).with_context(|| format!("reading {source}"))?;
            (bytes, source)
        }
        _ => (read_standard_input::<T>()?, "standard input".to_owned()),
    };
    let reading = || format!("reading {source}");
    let bytes = tool.adopt(bytes).with_context(reading)?;
    Document::parse(bytes).with_context(reading)
}

fn read_standard_input<T: Tool>() -> anyhow::Result<Vec<u8>> {
    let mut input = io::stdin().lock();
    if input.is_terminal() {
        let problem = format!(
            "a cluster document is needed and standard input is a terminal; name a file, pipe one in, or see one with `{} --example`",
            T::NAME
        );
        return Err(Usage::new(problem)).context("reading standard input");
    }
    let mut bytes = Vec::new();
    input
        .read_to_end(&mut bytes)
        .context("reading standard input")?;
    Ok(bytes)
}

/// The tool's answer, with what the document's version and `--require-ok` add to it.
fn judge<T: Tool>(tool: &T, document: &Document) -> anyhow::Result<Verdict<T::Answer>> {
    let common = tool.common();
    let sections = if common.validate {
        &Section::ALL[..]
    } else {
        T::SECTIONS
    };
    let (inventory, mut findings) = document
        .inventory(sections)
        .context("reading the document")?;
    if common.require_ok {
        findings.extend(refused_answers(document, &key::<T>()));
    }
    let input = Input {
        document,
        inventory,
    };
    let (answer, more) = tool.answer(input)?;
    findings.extend(more);
    // A person reads the worst first; within a severity the tool's own order stands.
    findings.sort_by_key(|finding| finding.severity);
    Ok(Verdict {
        ok: finding::ok(&findings),
        answer,
        findings,
    })
}

/// An error for each other tool's answer that is not ok.
fn refused_answers(document: &Document, own: &str) -> Vec<Finding> {
    let others = document
        .answers_not_ok()
        .into_iter()
        .filter(|key| *key != own);
    others
        .map(|key| {
            Finding::error(
                "document-answer-not-ok",
                key,
                format!("{key} in the document is not ok, and --require-ok was given"),
            )
            .fix(format!(
                "read .{key}.findings, mend what it names and run {} again",
                key.replace('_', "-")
            ))
        })
        .collect()
}

fn deliver<T: Tool>(
    tool: &T,
    document: &Document,
    verdict: &Verdict<T::Answer>,
) -> anyhow::Result<()> {
    let common = tool.common();
    let target = common.output.as_deref();
    let layout = common.layout();
    match tool.form() {
        Form::Json => output::write(target, false, |out| {
            if common.only {
                layout.value(out, verdict, 0)?;
                return out.write_all(b"\n");
            }
            document.write(out, &key::<T>(), verdict, layout)
        }),
        Form::Text => {
            let text = shown(&tool.text(verdict)?);
            output::write(target, false, |out| out.write_all(text.as_bytes()))
        }
        Form::Artefact if !verdict.ok => Ok(()),
        Form::Artefact => output::write_artefacts(target, &tool.artefacts(verdict)?),
    }
}
