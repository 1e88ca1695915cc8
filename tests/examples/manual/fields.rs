//! The fields of a type as a manual page lists them: path, kind, and what its doc comment says.

use roff::{Inline, Roff, bold, italic, roman};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// A JSON Schema made from a type.
pub struct Schema(Value);

/// A place in the schema, with what its references lead to.
#[derive(Default)]
struct Place<'a> {
    /// The names of the definitions that lead here: one that leads to itself is not followed again.
    within: Vec<&'a str>,
    properties: Vec<(&'a str, &'a Value)>,
    kinds: Vec<String>,
    choices: Vec<(String, &'a str)>,
    /// What stands in a list or under a name of the writer's choice, with what joins its path: `[]` or `.NAME`.
    inner: Option<(&'a Value, &'static str)>,
}

impl Schema {
    /// The schema of a type.
    pub fn of<T: JsonSchema>() -> Self {
        let generator = SchemaSettings::draft2020_12().into_generator();
        Self(generator.into_root_schema_for::<T>().to_value())
    }

    /// Writes the fields below a path of the top object; an empty path is the top itself.
    pub fn describe(&self, roff: &mut Roff, path: &str) {
        let (node, path) = match self.0["properties"].get(path) {
            Some(node) => (node, path),
            None => (&self.0, ""),
        };
        if !path.is_empty() {
            let mut place = Place::default();
            self.enter(node, &mut place);
            roff.text([roman(sentence(node))]);
            self.choices(roff, &place);
        }
        self.fields(roff, node, path, &[]);
    }

    fn fields<'a>(&'a self, roff: &mut Roff, node: &'a Value, path: &str, within: &[&'a str]) {
        let mut place = Place {
            within: within.to_vec(),
            ..Place::default()
        };
        self.enter(node, &mut place);
        if let Some((inner, joint)) = place.inner {
            return self.fields(roff, inner, &format!("{path}{joint}"), &place.within);
        }
        for (name, field) in &place.properties {
            let path = match path {
                "" => (*name).to_owned(),
                path => format!("{path}.{name}"),
            };
            self.field(roff, field, &path, &place.within);
        }
    }

    fn field<'a>(&'a self, roff: &mut Roff, node: &'a Value, path: &str, within: &[&'a str]) {
        let mut place = Place {
            within: within.to_vec(),
            ..Place::default()
        };
        self.enter(node, &mut place);
        roff.control("TP", []);
        let mut head: Vec<Inline> = vec![bold(path)];
        if !place.kinds.is_empty() {
            head.extend([roman(" "), italic(place.kinds.join(" or "))]);
        }
        roff.text(head);
        roff.text([roman(sentence(node))]);
        self.choices(roff, &place);
        self.fields(roff, node, path, within);
    }

    fn choices(&self, roff: &mut Roff, place: &Place<'_>) {
        if place.choices.is_empty() {
            return;
        }
        roff.control("RS", []);
        for (value, meaning) in &place.choices {
            roff.control("TP", []);
            roff.text([bold(value.as_str())]);
            roff.text([roman(*meaning)]);
        }
        roff.control("RE", []);
    }

    /// Collects what a node is, through references and alternatives.
    fn enter<'a>(&'a self, node: &'a Value, place: &mut Place<'a>) {
        if let Some(name) = node["$ref"].as_str().and_then(|r| r.rsplit('/').next())
            && !place.within.contains(&name)
        {
            place.within.push(name);
            self.enter(&self.0["$defs"][name], place);
        }
        for word in ["anyOf", "oneOf", "allOf"] {
            for other in node[word].as_array().into_iter().flatten() {
                self.enter(other, place);
            }
        }
        if let Some(value) = node.get("const") {
            let meaning = node["description"].as_str().unwrap_or_default();
            place.choices.push((plain(value), meaning));
            return;
        }
        for value in node["enum"].as_array().into_iter().flatten() {
            place.choices.push((plain(value), ""));
        }
        if let Some(properties) = node["properties"].as_object() {
            place.properties.extend(sorted(node, properties));
        }
        if let Some(items) = node.get("items") {
            place.inner = Some((items, "[]"));
        } else if let Some(values) = node.get("additionalProperties").filter(|v| v.is_object()) {
            place.inner = Some((values, ".NAME"));
        }
        for kind in kinds(node) {
            if !place.kinds.contains(&kind) {
                place.kinds.push(kind);
            }
        }
    }
}

/// Fields that must be there first, in the order of the type's own list.
fn sorted<'a>(node: &'a Value, properties: &'a Map<String, Value>) -> Vec<(&'a str, &'a Value)> {
    let required: Vec<&str> = node["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut fields: Vec<(&str, &Value)> = properties.iter().map(|(n, v)| (n.as_str(), v)).collect();
    fields.sort_by_key(|(name, _)| {
        let place = required.iter().position(|r| r == name);
        (place.unwrap_or(usize::MAX), *name)
    });
    fields
}

/// A JSON type in words; `null` is the absence of a field and not said.
fn kinds(node: &Value) -> Vec<String> {
    let types: Vec<&str> = match &node["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let word = |kind: &str| match kind {
        "array" => "list".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => match (node["minimum"].as_i64(), node["maximum"].as_i64()) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => "whole number".to_owned(),
        },
        other => other.to_owned(),
    };
    types
        .iter()
        .filter(|kind| **kind != "null")
        .map(|kind| word(kind))
        .collect()
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The description without Rust's own marks.
fn sentence(node: &Value) -> String {
    let text = node["description"].as_str().unwrap_or_default();
    text.replace("[`", "").replace("`]", "").replace('`', "")
}
