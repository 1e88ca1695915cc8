//! A manual page: for a tool, and for the document.

use crate::fields::Schema;
use anyhow::Result;
use clap_mangen::Man;
use cluster::edge::{self, Tool, Verdict};
use cluster::inventory::{Inventory, Section};
use roff::{Inline, Roff, bold, roman};

const MANUAL: &str = "cloud-at-home";

/// `TOOL(1)`.
pub fn tool<T: Tool>() -> Result<Vec<u8>> {
    let command = edge::command::<T>();
    let version = command.get_version().unwrap_or_default().to_owned();
    let after = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command)
        .title(T::NAME.to_uppercase())
        .source(format!("{MANUAL} {version}"))
        .manual(MANUAL);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    for (heading, text) in sections(&after.unwrap_or_default()) {
        let heading = match heading {
            "Exit codes" => "EXIT STATUS".to_owned(),
            other => other.to_uppercase(),
        };
        roff.control("SH", [heading.as_str()]);
        verbatim(&mut roff, text);
    }
    answer::<T>(&mut roff);
    see_also(&mut roff, &[("cluster.json".to_owned(), "5")]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// `cluster.json(5)`.
pub fn document() -> Result<Vec<u8>> {
    let schema = Schema::of::<Inventory>();
    let mut roff = Roff::new();
    let source = format!("{MANUAL} {}", env!("CARGO_PKG_VERSION"));
    roff.control("TH", ["CLUSTER.JSON", "5", "", &source, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("cluster.json - what a cluster is made of")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "One JSON object. A person writes the sections below; each tool adds one key of its own, named after it with _ for -, \
         and leaves every other byte alone. An unknown field is an error; a field of one's own begins with x_. \
         Sizes are whole bytes or text such as \"64GB\" or \"58GiB\".",
    )]);
    roff.control("PP", []);
    roff.text([
        roman("Every tool prints a whole one with "),
        bold("--example"),
        roman(", and a JSON Schema with "),
        bold("--schema"),
        roman("."),
    ]);
    roff.control("SH", ["SECTIONS"]);
    let keys = Section::ALL.map(Section::key);
    for key in std::iter::once("format_version").chain(keys) {
        roff.control("SS", [key]);
        schema.describe(&mut roff, key);
    }
    roff.control("SH", ["NOTES"]);
    roff.text([roman(
        "Files that hold secrets (psk_file, psk_hex_file, token_file, agent_token_file) are named in the document and \
         never part of it.",
    )]);
    let tools = cluster::TOOL_KEYS.map(|key| (key.replace('_', "-"), "1"));
    see_also(&mut roff, &tools);
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// The tool's own key.
fn answer<T: Tool>(roff: &mut Roff) {
    roff.control("SH", ["ANSWER"]);
    roff.text([
        roman("What stands under "),
        bold(edge::key::<T>()),
        roman(" in the document:"),
    ]);
    Schema::of::<Verdict<T::Answer>>().describe(roff, "");
}

/// The text below the options of `--help`, by its headings: lines at the margin that end with a colon.
fn sections(text: &str) -> Vec<(&str, String)> {
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        let heading = line
            .strip_suffix(':')
            .filter(|heading| !heading.starts_with(' '));
        match (heading, sections.last_mut()) {
            (Some(heading), _) => sections.push((heading, String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => sections.push(("Notes", format!("{line}\n"))),
        }
    }
    sections
}

/// Lines as they are.
fn verbatim(roff: &mut Roff, text: String) {
    roff.control("nf", []);
    for line in text.trim_end().lines() {
        let line = line.strip_prefix("  ").unwrap_or(line);
        match line {
            "" => roff.control("sp", []),
            line => roff.text([roman(line)]),
        };
    }
    roff.control("fi", []);
}

fn see_also(roff: &mut Roff, pages: &[(String, &str)]) {
    roff.control("SH", ["SEE ALSO"]);
    let mut line: Vec<Inline> = Vec::new();
    for (name, section) in pages {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(name.as_str()), roman(format!("({section})"))]);
    }
    roff.text(line);
}
