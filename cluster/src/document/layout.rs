//! How a document is written: its own bytes with an indented answer, or without any white space.

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};
use std::io::{self, Write};

/// How a document is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The text as it was read; the tool's own value indented by two spaces.
    Indented,
    /// No white space outside strings.
    Compact,
}

impl Layout {
    /// Writes a piece of JSON text that begins and ends outside of strings.
    pub(super) fn text(self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        match self {
            Self::Indented => out.write_all(text.as_bytes()),
            Self::Compact => without_white(out, text.as_bytes()),
        }
    }

    /// Writes the key of an appended member, after a comma where it is not the first.
    pub(super) fn key(self, out: &mut dyn Write, key: &str, comma: bool) -> io::Result<()> {
        let comma = if comma { "," } else { "" };
        match self {
            Self::Indented => write!(out, "{comma}\n  \"{key}\": "),
            Self::Compact => write!(out, "{comma}\"{key}\":"),
        }
    }

    /// Writes a value that stands `depth` levels below the top.
    ///
    /// # Errors
    /// What `out` reports.
    pub fn value<T: Serialize>(
        self,
        out: &mut dyn Write,
        value: &T,
        depth: usize,
    ) -> io::Result<()> {
        match self {
            Self::Indented => {
                let mut writer = Serializer::with_formatter(out, Indented::at(depth));
                value.serialize(&mut writer)?;
            }
            Self::Compact => {
                let mut writer = Serializer::with_formatter(out, CompactFormatter);
                value.serialize(&mut writer)?;
            }
        }
        Ok(())
    }
}

fn without_white(out: &mut dyn Write, text: &[u8]) -> io::Result<()> {
    let mut in_string = false;
    let mut start = 0;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => in_string = !in_string,
            // The escaped character may be a quote.
            b'\\' if in_string => at += 1,
            b' ' | b'\t' | b'\n' | b'\r' if !in_string => {
                out.write_all(&text[start..at])?;
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    out.write_all(&text[start..])
}

/// serde_json's pretty layout, starting at a depth of its own.
struct Indented {
    depth: usize,
    filled: bool,
}

impl Indented {
    fn at(depth: usize) -> Self {
        Self {
            depth,
            filled: false,
        }
    }

    fn line<W: ?Sized + Write>(&self, out: &mut W) -> io::Result<()> {
        const SPACES: [u8; 64] = [b' '; 64];
        out.write_all(b"\n")?;
        let mut rest = self.depth * 2;
        while rest > 0 {
            let now = rest.min(SPACES.len());
            out.write_all(&SPACES[..now])?;
            rest -= now;
        }
        Ok(())
    }

    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line(out)?;
        }
        self.filled = true;
        out.write_all(bracket)
    }

    fn member<W: ?Sized + Write>(&self, out: &mut W, first: bool) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.line(out)
    }
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.member(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.member(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}
