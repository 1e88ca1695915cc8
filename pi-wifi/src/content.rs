//! Files with secrets in them, made so that a secret is put in only when the file itself is.

use crate::request::Network;
use crate::ssid::hex;
use cluster::plan::sha256;
use cluster::secret::REDACTED;

/// How a secret stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The derived key as hexadecimal digits.
    KeyHex,
    /// The passphrase as hexadecimal digits.
    PhraseHex,
    /// The passphrase inside a YAML text between double quotes.
    PhraseYaml,
    /// The passphrase as a value of a GLib key file.
    PhraseKeyfile,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// A network's secret, by the network's number.
    Secret(usize, Form),
}

impl Piece {
    /// Its bytes; `None` for a secret that is not known.
    pub fn reveal(&self, networks: &[Network]) -> Option<Vec<u8>> {
        Some(match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Secret(number, form) => secret(networks.get(*number)?, *form)?.into_bytes(),
        })
    }
}

/// A file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content(Vec<Piece>);

impl Content {
    /// From text alone.
    pub fn plain(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// Appends a line of text.
    pub fn line(&mut self, text: &str) {
        self.text(text);
        self.text("\n");
    }

    /// Appends a line that ends in a secret between `before` and `after`.
    pub fn secret(&mut self, before: &str, network: usize, form: Form, after: &str) {
        self.text(before);
        self.0.push(Piece::Secret(network, form));
        self.text(after);
        self.text("\n");
    }

    /// Its parts.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// From text in which `mark(network, form)` stands for a secret.
    pub fn unmark(text: &str, networks: usize) -> Self {
        let mut content = Self::default();
        let mut rest = text;
        loop {
            let marks = (0..networks)
                .flat_map(|n| [Form::KeyHex, Form::PhraseHex].map(|form| (n, form, mark(n, form))));
            let first = marks
                .filter_map(|(n, form, mark)| Some((rest.find(&mark)?, n, form, mark.len())))
                .min_by_key(|found| found.0);
            let Some((at, network, form, length)) = first else {
                content.text(rest);
                return content;
            };
            content.text(&rest[..at]);
            content.0.push(Piece::Secret(network, form));
            rest = &rest[at + length..];
        }
    }

    /// Whether there is a secret in it.
    pub fn is_secret(&self) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Secret(..)))
    }

    /// With `<redacted>` for each secret.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Secret(..) => text.push_str(REDACTED),
            }
        }
        text
    }

    /// With its secrets; `None` where one of them is not known.
    pub fn reveal(&self, networks: &[Network]) -> Option<Vec<u8>> {
        let parts: Option<Vec<Vec<u8>>> =
            self.0.iter().map(|piece| piece.reveal(networks)).collect();
        Some(parts?.concat())
    }

    /// A hash of what is shown: of no secret.
    pub fn shown_sha256(&self) -> String {
        sha256(self.shown().as_bytes())
    }
}

/// What stands for a secret in text that goes through a writer of another crate. Nothing that a person writes gets into
/// such text but hexadecimal digits, addresses and checked interface names.
pub fn mark(network: usize, form: Form) -> String {
    format!("<{form:?}:{network}>")
}

fn secret(network: &Network, form: Form) -> Option<String> {
    Some(match form {
        Form::KeyHex => hex(network.key.psk(&network.ssid)?),
        Form::PhraseHex => hex(network.key.phrase()?),
        Form::PhraseYaml => yaml_inner(std::str::from_utf8(network.key.phrase()?).ok()?),
        Form::PhraseKeyfile => keyfile(std::str::from_utf8(network.key.phrase()?).ok()?),
    })
}

/// Text between YAML's double quotes: what is not printable ASCII as an escape that every YAML reader knows.
pub fn yaml(text: &str) -> String {
    format!("\"{}\"", yaml_inner(text))
}

fn yaml_inner(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out
}

/// A value of a GLib key file (g_key_file_set_string): leading spaces and backslashes as escapes.
pub fn keyfile(text: &str) -> String {
    let body = text.trim_start_matches(' ');
    let lead = "\\s".repeat(text.len() - body.len());
    format!("{lead}{}", body.replace('\\', "\\\\"))
}

/// A file on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its place.
    pub path: String,
    /// Its permissions: 0600 with a secret in it.
    pub mode: u32,
    /// Its content.
    pub content: Content,
}

impl File {
    /// A file that only root may read where a secret is in it.
    pub fn new(path: impl Into<String>, content: Content) -> Self {
        let mode = if content.is_secret() { 0o600 } else { 0o644 };
        Self {
            path: path.into(),
            mode,
            content,
        }
    }

    /// The same for root alone.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.mode = 0o600;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_its_readers_read_it() {
        assert_eq!(
            yaml("a\"\\é\u{7f}\u{1f980}"),
            r#""a\"\\\xe9\x7f\U0001f980""#
        );
        assert_eq!(keyfile("  a \\ "), r"\s\sa \\ ");
    }

    #[test]
    fn marks_become_secrets_and_secrets_are_not_shown() {
        let text = format!("a{}b{}c", mark(1, Form::KeyHex), mark(0, Form::PhraseHex));
        let content = Content::unmark(&text, 2);
        assert_eq!(content.shown(), "a<redacted>b<redacted>c");
        assert_eq!(content.pieces()[1], Piece::Secret(1, Form::KeyHex));
        assert!(content.is_secret() && !Content::plain("x").is_secret());
    }
}
