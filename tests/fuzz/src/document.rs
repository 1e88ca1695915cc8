//! The cluster document: all sections read, one key written, the rest passed through.

use super::bytes;
use cluster::document::{Document, Layout};
use cluster::inventory::Section;
use serde_json::Value;

/// The bytes before the document: which key is written.
pub const HEAD: usize = 1;

/// What is accepted is written with a key and read again: that key has the value, every other known one the same bytes, and
/// without white space it is the same document.
pub fn run(data: &[u8]) {
    let (choice, text) = bytes::choice(data);
    let Ok(document) = Document::parse(text.to_vec()) else {
        return;
    };
    if let Err(invalid) = document.inventory(&Section::ALL) {
        let line = invalid.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    let _ = document.answers_not_ok();
    let key = cluster::TOOL_KEYS[choice % cluster::TOOL_KEYS.len()];
    let value = serde_json::json!({"ok": true, "list": [1, {"a b": " x "}]});
    let written = |layout| {
        let mut out = Vec::new();
        document
            .write(&mut out, key, &value, layout)
            .expect("writing to memory");
        out
    };
    let (indented, compact) = (written(Layout::Indented), written(Layout::Compact));
    let again = Document::parse(indented.clone()).expect("reading what was written");
    assert_eq!(again.answer::<Value>(key).unwrap(), Some(value.clone()));
    for known in Section::ALL
        .map(Section::key)
        .iter()
        .chain(&cluster::TOOL_KEYS)
    {
        if *known != key {
            assert_eq!(again.get(known), document.get(known), "{known}");
        }
    }
    let mut twice = Vec::new();
    again
        .write(&mut twice, key, &value, Layout::Indented)
        .expect("writing to memory");
    assert!(twice == indented, "written twice it changes");
    let plain = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
    assert_eq!(plain(&indented), plain(&compact));
    let outside = compact.trim_ascii_end();
    assert!(!outside.contains(&b'\n'), "white space is left");
}
