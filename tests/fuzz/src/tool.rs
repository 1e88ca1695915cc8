//! A tool's whole way from bytes to output, in this process: what `cluster::edge` does around it without its streams.

use cluster::document::{Document, Layout};
use cluster::edge::{Artefact, Form, Input, Tool, Usage, Verdict, command, key, shown};
use cluster::finding;
use cluster::invalid::Invalid;
use serde_json::value::RawValue;
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// What came of a run.
pub struct Outcome {
    /// The document with the tool's key.
    pub document: Vec<u8>,
    /// Whether the answer is yes.
    pub ok: bool,
    /// Text for people, where that was asked for.
    pub text: Option<String>,
    /// The files, where they were asked for and the answer is yes.
    pub artefacts: Vec<Artefact>,
}

type Known = HashMap<(TypeId, Vec<String>), clap::ArgMatches>;

/// The tool with these arguments. Reading them is slow, and there are few.
fn parsed<T: Tool + 'static>(arguments: &[&str]) -> T {
    thread_local! {
        static KNOWN: RefCell<Known> = RefCell::new(HashMap::new());
    }
    let words: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    KNOWN.with_borrow_mut(|known| {
        let matches = known
            .entry((TypeId::of::<T>(), words))
            .or_insert_with_key(|(_, words)| {
                let all = [T::NAME]
                    .into_iter()
                    .chain(words.iter().map(String::as_str));
                command::<T>()
                    .try_get_matches_from(all)
                    .unwrap_or_else(|error| panic!("{words:?}: {error}"))
            });
        T::from_arg_matches(matches).expect("reading arguments")
    })
}

/// Runs a tool on `input`.
///
/// # Errors
/// What the tool says: its exit code would be 65, 2 or 1.
pub fn run<T: Tool + 'static>(arguments: &[&str], input: &[u8]) -> anyhow::Result<Outcome> {
    let tool: T = parsed(arguments);
    let bytes = match tool.common().null_input {
        true => b"{}\n".to_vec(),
        false => tool.adopt(input.to_vec())?,
    };
    let document = Document::parse(bytes)?;
    let (inventory, mut findings) = document.inventory(T::SECTIONS)?;
    let (answer, more) = tool.answer(Input {
        document: &document,
        inventory,
    })?;
    findings.extend(more);
    findings.sort_by_key(|finding| finding.severity);
    let verdict = Verdict {
        ok: finding::ok(&findings),
        answer,
        findings,
    };
    let mut written = Vec::new();
    document.write(&mut written, &key::<T>(), &verdict, Layout::Indented)?;
    Ok(Outcome {
        document: written,
        ok: verdict.ok,
        text: (tool.form() == Form::Text)
            .then(|| tool.text(&verdict).map(|text| shown(&text)))
            .transpose()?,
        artefacts: match tool.form() == Form::Artefact && verdict.ok {
            true => tool.artefacts(&verdict)?,
            false => Vec::new(),
        },
    })
}

/// Holds for every run on a document: an error says that the input is not valid or was asked for wrongly; the output is a
/// document, holds everything else as the same bytes, and planning it again changes nothing; nothing that people read has
/// a control character in it.
pub fn check<T: Tool + 'static>(arguments: &[&str], input: &[u8]) {
    let outcome = match run::<T>(arguments, input) {
        Ok(outcome) => outcome,
        Err(error) => return foreseen(&error),
    };
    // kubectl's list, k3sup's and sfdisk's become a document first.
    let adopted = parsed::<T>(arguments).adopt(input.to_vec());
    passed_through::<T>(&adopted.expect("it was read"), &outcome.document);
    let again = run::<T>(arguments, &outcome.document)
        .unwrap_or_else(|error| panic!("the output is no input: {error:#}"));
    assert!(
        again.document == outcome.document,
        "planned again it is another:\n{}\n{}",
        String::from_utf8_lossy(&outcome.document),
        String::from_utf8_lossy(&again.document)
    );
    readable(&outcome);
}

/// An error tells that the input is not valid (65), that the tool was called wrongly (2), or that a secret file which the
/// document names is none (1).
pub fn foreseen(error: &anyhow::Error) {
    let known = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<Invalid>()
            || cause.is::<Usage>()
            || cause.is::<std::io::Error>()
            || cause.to_string().starts_with("reading the secret file")
    };
    assert!(
        error.chain().any(known),
        "neither invalid nor usage: {error:#}"
    );
}

/// What people read holds no control character, and what shells and routers read none that a writer should have escaped.
pub fn readable(outcome: &Outcome) {
    let hostile = |c: char| c.is_control() && c != '\n';
    if let Some(shown) = &outcome.text {
        assert!(!shown.contains(hostile), "a control character: {shown:?}");
    }
    for artefact in &outcome.artefacts {
        let shown = std::str::from_utf8(&artefact.content).expect("artefacts are text");
        // JSON lets DEL and the second set of control characters stand.
        let hostile = |c: char| hostile(c) && c < ' ' && c != '\t';
        assert!(!shown.contains(hostile), "a control character: {shown:?}");
    }
}

/// Every member but the tool's own has the same bytes and the same place in the order.
fn passed_through<T: Tool>(input: &[u8], output: &[u8]) {
    let own = key::<T>();
    let members = |bytes: &[u8]| -> Option<BTreeMap<String, String>> {
        let all: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(bytes).ok()?;
        Some(
            all.into_iter()
                .filter(|(name, _)| *name != own)
                .map(|(name, value)| (name, value.get().to_owned()))
                .collect(),
        )
    };
    assert_eq!(members(input), members(output));
    let document = Document::parse(output.to_vec()).expect("the output is a document");
    // What another run left in it of other nodes is kept as it is, numbers beyond all doubles too.
    let answer: Option<BTreeMap<String, Box<RawValue>>> = document.answer(&own).expect("an answer");
    assert!(answer.is_some_and(|answer| matches!(answer["ok"].get(), "true" | "false")));
}
