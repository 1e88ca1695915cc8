//! Reading a section strictly: an unknown field is an error that names its place and the nearest known name.

use crate::finding::Finding;
use crate::invalid::{Invalid, suggestion};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_ignored::Path;
use std::ops::Range;

/// How many unknown fields of a newer version are warned of; a document made of nothing else would fill the memory.
const MOST_UNKNOWN: usize = 100;

/// A section's value in the document's text.
pub(super) struct Value<'a> {
    /// The section's key.
    pub key: &'static str,
    /// The whole document's text, for lines and columns.
    pub text: &'a str,
    /// Where the value stands in it.
    pub place: Range<usize>,
    /// Whether the document is newer than these programs, so that unknown fields are to be expected.
    pub unknown_is_warning: bool,
}

impl Value<'_> {
    /// The value as a `T`.
    pub fn read<T: DeserializeOwned + JsonSchema>(
        &self,
        warnings: &mut Vec<Finding>,
    ) -> Result<T, Invalid> {
        let mut unknown = Vec::new();
        let mut reader = serde_json::Deserializer::from_str(&self.text[self.place.clone()]);
        let value = serde_ignored::deserialize(&mut reader, |path| {
            if unknown.len() < MOST_UNKNOWN && !is_free(&path) {
                unknown.push(Unknown::at(&path, self.key));
            }
        })
        .map_err(|_| self.locate::<T>())?;
        for field in unknown {
            let problem = field.problem::<T>();
            if !self.unknown_is_warning {
                return Err(Invalid::new(field.path, problem));
            }
            warnings.push(Finding::warning(
                "document-newer-field",
                field.path,
                problem,
            ));
        }
        Ok(value)
    }

    /// Reads again with the path kept, which takes longer: only once something is known to be wrong.
    fn locate<T: DeserializeOwned>(&self) -> Invalid {
        let mut reader = serde_json::Deserializer::from_str(&self.text[self.place.clone()]);
        let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
            return Invalid::new(self.key, "not valid");
        };
        let mut path = self.key.to_owned();
        for segment in error.path() {
            use serde_path_to_error::Segment;
            match segment {
                Segment::Seq { index } => path.push_str(&format!("[{index}]")),
                Segment::Map { key } => path.push_str(&member(key)),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let (line, column) = self.absolute(error.inner());
        let problem = plain(error.inner());
        Invalid::new(path, format!("{problem} (line {line}, column {column})"))
    }

    /// An error's place in the whole text instead of in the section's.
    fn absolute(&self, error: &serde_json::Error) -> (usize, usize) {
        let before = &self.text[..self.place.start];
        let lines = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        match error.line() {
            1 => (lines + 1, column + error.column()),
            line => (lines + line, error.column()),
        }
    }
}

/// `.key`, or `["key"]` where the key is no plain name.
fn member(key: &str) -> String {
    let plain = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if plain {
        format!(".{key}")
    } else {
        format!("[{key:?}]")
    }
}

/// Whether a field is one of the user's own, `x_…`.
fn is_free(path: &Path<'_>) -> bool {
    matches!(path, Path::Map { key, .. } if key.starts_with("x_"))
}

/// A field that no type names.
struct Unknown {
    /// Its path from the top of the document.
    path: String,
    /// Its own name.
    name: String,
    /// The names on the way to the object that it stands in; list positions are left out.
    parents: Vec<String>,
}

impl Unknown {
    fn at(path: &Path<'_>, section: &str) -> Self {
        let mut field = Self {
            path: section.to_owned(),
            name: String::new(),
            parents: Vec::new(),
        };
        field.walk(path);
        field.name = field.parents.pop().unwrap_or_default();
        field
    }

    fn walk(&mut self, path: &Path<'_>) {
        match path {
            Path::Root => {}
            Path::Seq { parent, index } => {
                self.walk(parent);
                self.path.push_str(&format!("[{index}]"));
            }
            Path::Map { parent, key } => {
                self.walk(parent);
                self.path.push_str(&member(key));
                self.parents.push((*key).clone());
            }
            Path::Some { parent }
            | Path::NewtypeStruct { parent }
            | Path::NewtypeVariant { parent } => self.walk(parent),
        }
    }

    fn problem<T: JsonSchema>(&self) -> String {
        let schema = schemars::schema_for!(T);
        let names = field_names(schema.as_value(), &self.parents);
        let hint = suggestion(&self.name, names.iter().map(String::as_str));
        format!("unknown field{hint} (a field of your own may begin with \"x_\")")
    }
}

/// The fields of the object that `parents` lead to in a JSON Schema.
fn field_names(schema: &serde_json::Value, parents: &[String]) -> Vec<String> {
    let mut objects = vec![schema];
    for name in parents {
        objects = reach(schema, objects)
            .into_iter()
            .filter_map(|object| object.get("properties")?.get(name))
            .collect();
    }
    let objects = reach(schema, objects).into_iter();
    let properties = objects.filter_map(|object| object.get("properties")?.as_object());
    properties
        .flat_map(|fields| fields.keys().cloned())
        .collect()
}

/// The objects behind references, lists and alternatives.
fn reach<'a>(
    root: &'a serde_json::Value,
    from: Vec<&'a serde_json::Value>,
) -> Vec<&'a serde_json::Value> {
    let mut found = Vec::new();
    let mut open = from;
    // A schema that refers to itself would go round for ever; ours are a few steps deep.
    for _ in 0..256 {
        let Some(schema) = open.pop() else { break };
        if schema.get("properties").is_some() {
            found.push(schema);
        }
        if let Some(reference) = schema.get("$ref").and_then(|r| r.as_str()) {
            open.extend(root.pointer(reference.trim_start_matches('#')));
        }
        open.extend(schema.get("items"));
        for word in ["anyOf", "oneOf", "allOf"] {
            open.extend(
                schema
                    .get(word)
                    .and_then(|list| list.as_array())
                    .into_iter()
                    .flatten(),
            );
        }
    }
    found
}

/// An error of the JSON reader without its place, in words that need no knowledge of Rust.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = match text.rfind(" at line ") {
        Some(at) => &text[..at],
        None => &text,
    };
    let Some((before, expected)) = text.rsplit_once("expected ") else {
        return text.to_owned();
    };
    let expected = match expected {
        "f64" => "a number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i32" | "i64" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "a string" | "path string" => "text",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("{before}expected {expected}")
}

/// The same with its place.
pub(super) fn with_place(error: &serde_json::Error) -> String {
    format!(
        "{} (line {}, column {})",
        plain(error),
        error.line(),
        error.column()
    )
}
