//! The cluster document: read it, add one key, pass the rest through as the same bytes.

use crate::TOOL_KEYS;
use crate::finding::Finding;
use crate::invalid::Invalid;
use crate::inventory::{Inventory, Section};
use serde::Serialize;
use std::io::{self, Write};
use std::ops::Range;

mod layout;
mod strict;
mod top;

pub use layout::Layout;

/// The format's major version. Another one is refused.
const MAJOR: u32 = 1;
/// The newest minor version of the format that these programs know. Unknown fields of a newer one are warnings.
const MINOR: u32 = 0;
/// The key of the format's version.
const VERSION_KEY: &str = "format_version";

/// A cluster document as it was read: its text, and where the known keys stand in it.
///
/// Only keys that a tool may ask for are remembered; what belongs to somebody else costs no memory beyond its text.
#[derive(Debug)]
pub struct Document {
    text: String,
    /// Known keys and the places of their values, in the order of the text.
    known: Vec<(&'static str, Range<usize>)>,
    /// Where the last member's value ends, `None` in an empty object.
    last_end: Option<usize>,
    /// Whether the document is of a newer minor version than these programs know.
    newer_minor: bool,
}

impl Document {
    /// Reads a document from its bytes.
    ///
    /// # Errors
    /// Not UTF-8, not one JSON object, a key twice, a key that is nearly a known one, an unknown major version.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, Invalid> {
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Invalid::new(
                "",
                format!("expected UTF-8 text, found another byte at offset {at}"),
            )
        })?;
        let top = top::read_top(&text)?;
        let mut document = Self {
            known: top.known,
            last_end: top.last_end,
            newer_minor: false,
            text,
        };
        document.newer_minor = document.version()? > MINOR;
        Ok(document)
    }

    /// The document without any key.
    pub fn empty() -> Self {
        Self {
            text: "{}\n".to_owned(),
            known: Vec::new(),
            last_end: None,
            newer_minor: false,
        }
    }

    /// The text of a known key's value: a section, or a tool's answer.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.place(key).map(|place| &self.text[place.clone()])
    }

    /// The sections named, read strictly; all others stay empty. Warnings say what a newer version brought.
    ///
    /// # Errors
    /// The first value that is not valid, by its path.
    pub fn inventory(&self, sections: &[Section]) -> Result<(Inventory, Vec<Finding>), Invalid> {
        let mut inventory = Inventory::default();
        let mut warnings = Vec::new();
        for section in sections {
            let Some(place) = self.place(section.key()) else {
                continue;
            };
            let value = strict::Value {
                key: section.key(),
                text: &self.text,
                place: place.clone(),
                unknown_is_warning: self.newer_minor,
            };
            match section {
                Section::Name => inventory.name = value.read(&mut warnings)?,
                Section::Network => inventory.network = value.read(&mut warnings)?,
                Section::Switches => inventory.switches = value.read(&mut warnings)?,
                Section::Router => inventory.router = value.read(&mut warnings)?,
                Section::Nodes => inventory.nodes = value.read(&mut warnings)?,
                Section::Wifi => inventory.wifi = value.read(&mut warnings)?,
                Section::Storage => inventory.storage = value.read(&mut warnings)?,
                Section::K3s => inventory.k3s = value.read(&mut warnings)?,
                Section::Expose => inventory.expose = value.read(&mut warnings)?,
                Section::Parts => inventory.parts = value.read(&mut warnings)?,
            }
        }
        crate::inventory::check(&inventory)?;
        Ok((inventory, warnings))
    }

    /// Another tool's answer, read leniently: fields that `T` does not name are passed over.
    ///
    /// # Errors
    /// The value is there and is not of this form.
    pub fn answer<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Invalid> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        serde_json::from_str(text)
            .map(Some)
            .map_err(|error| Invalid::new(key, strict::plain(&error)))
    }

    /// Keys of the tools' answers in this document whose `ok` is not true.
    pub fn answers_not_ok(&self) -> Vec<&'static str> {
        #[derive(serde::Deserialize)]
        struct Ok {
            ok: bool,
        }
        TOOL_KEYS
            .into_iter()
            .filter(|key| match self.answer::<Ok>(key) {
                Ok(None) => false,
                Ok(Some(answer)) => !answer.ok,
                Err(_) => true,
            })
            .collect()
    }

    /// Writes the document with `key` set to `value`: replaced where it stands, else appended. All else keeps its bytes,
    /// or with [`Layout::Compact`] loses its white space.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn write<T: Serialize>(
        &self,
        out: &mut dyn Write,
        key: &str,
        value: &T,
        layout: Layout,
    ) -> io::Result<()> {
        match self.place(key) {
            Some(place) => {
                layout.text(out, &self.text[..place.start])?;
                layout.value(out, value, 1)?;
                layout.text(out, &self.text[place.end..])?;
            }
            None => self.append(out, key, value, layout)?,
        }
        if layout == Layout::Compact || !self.text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn append<T: Serialize>(
        &self,
        out: &mut dyn Write,
        key: &str,
        value: &T,
        layout: Layout,
    ) -> io::Result<()> {
        let (head, tail) = match self.last_end {
            Some(end) => self.text.split_at(end),
            // The object is empty: its closing brace is the last one of the text.
            None => self
                .text
                .split_at(self.text.rfind('}').unwrap_or(self.text.len())),
        };
        layout.text(out, head.trim_end_matches(WHITE))?;
        layout.key(out, key, self.last_end.is_some())?;
        layout.value(out, value, 1)?;
        // A document of one line closes on a line of its own, now that it has several.
        if layout == Layout::Indented && !tail.starts_with(['\n', '\r']) {
            out.write_all(b"\n")?;
        }
        layout.text(out, tail)
    }

    fn place(&self, key: &str) -> Option<&Range<usize>> {
        self.known
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, place)| place)
    }

    /// The minor version; 0 where none is given.
    fn version(&self) -> Result<u32, Invalid> {
        let Some(text) = self.get(VERSION_KEY) else {
            return Ok(0);
        };
        let expected = |found: &str| {
            Invalid::new(
                VERSION_KEY,
                format!("expected text such as \"{MAJOR}.{MINOR}\", found {found}"),
            )
        };
        let version: String = serde_json::from_str(text).map_err(|_| expected(&shorten(text)))?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (major, minor) = version
            .split_once('.')
            .filter(|(major, minor)| digits(major) && digits(minor))
            .ok_or_else(|| expected(&shorten(text)))?;
        if major.parse() != Ok(MAJOR) {
            return Err(Invalid::new(
                VERSION_KEY,
                format!(
                    "expected major version {MAJOR}, found {version:?}; a newer release of these programs may read it"
                ),
            ));
        }
        Ok(minor.parse().unwrap_or(u32::MAX))
    }
}

/// White space between JSON tokens (RFC 8259).
const WHITE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The start of a value's text, for an error.
fn shorten(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}
