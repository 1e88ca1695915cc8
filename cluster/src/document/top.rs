//! The first pass over a document's text: one object, each key once, and where the known ones stand.

use super::{VERSION_KEY, WHITE, shorten, strict};
use crate::TOOL_KEYS;
use crate::invalid::{Invalid, nearest};
use crate::inventory::Section;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// What the first pass over the text finds.
pub(super) struct Top {
    pub(super) known: Vec<(&'static str, Range<usize>)>,
    pub(super) last_end: Option<usize>,
}

fn known_keys() -> impl Iterator<Item = &'static str> + Clone {
    std::iter::once(VERSION_KEY)
        .chain(Section::ALL.into_iter().map(Section::key))
        .chain(TOOL_KEYS)
}

pub(super) fn read_top(text: &str) -> Result<Top, Invalid> {
    let body = text.trim_start_matches(WHITE);
    if body.is_empty() {
        return Err(Invalid::new("", "expected a JSON object, found nothing"));
    }
    if body.starts_with('\u{feff}') {
        return Err(Invalid::new(
            "",
            "expected a JSON object, found a byte order mark; save the file without it",
        ));
    }
    if !body.starts_with('{') {
        return Err(Invalid::new(
            "",
            format!("expected a JSON object, found {}", shorten(body.trim_end())),
        ));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let top = reader
        .deserialize_map(TopVisitor { text })
        .map_err(|error| Invalid::new("", strict::with_place(&error)))?;
    reader.end().map_err(|error| {
        Invalid::new(
            "",
            format!(
                "expected one document, found more after it (line {}, column {})",
                error.line(),
                error.column()
            ),
        )
    })?;
    top
}

struct TopVisitor<'a> {
    text: &'a str,
}

impl<'de> Visitor<'de> for TopVisitor<'de> {
    type Value = Result<Top, Invalid>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut top = Top {
            known: Vec::new(),
            last_end: None,
        };
        let mut foreign: Vec<Cow<'de, str>> = Vec::new();
        let mut wrong = None;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let raw = map.next_value::<&RawValue>()?.get();
            let start = raw.as_ptr().addr() - self.text.as_ptr().addr();
            let place = start..start + raw.len();
            top.last_end = Some(place.end);
            match known_keys().find(|known| *known == key) {
                Some(known) if top.known.iter().any(|(seen, _)| *seen == known) => {
                    wrong = wrong.or_else(|| Some(twice(&key)));
                }
                Some(known) => top.known.push((known, place)),
                None => {
                    wrong = wrong.or_else(|| nearly_known(&key));
                    foreign.push(key);
                }
            }
        }
        foreign.sort_unstable();
        let repeated = foreign.windows(2).find(|pair| pair[0] == pair[1]);
        wrong = wrong.or_else(|| repeated.map(|pair| twice(&pair[0])));
        Ok(wrong.map_or(Ok(top), Err))
    }
}

fn twice(key: &str) -> Invalid {
    Invalid::new(key, "expected each key once, found it again")
}

/// A key that is nearly a known one was probably meant to be it; left alone, its content would silently have no effect.
fn nearly_known(key: &str) -> Option<Invalid> {
    if key.starts_with("x_") {
        return None;
    }
    let known = nearest(key, known_keys())?;
    Some(Invalid::new(
        key,
        format!("unknown key; did you mean {known:?}? (a key of your own may begin with \"x_\")"),
    ))
}

/// A key, borrowed from the text where it holds no escape.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
