//! The JSON Schema of the document with one tool's key.

use super::{Tool, Verdict, key};
use crate::inventory::Inventory;
use anyhow::Context;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The schema as indented text.
pub(super) fn text<T: Tool>() -> anyhow::Result<String> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut own = generator.subschema_for::<Verdict<T::Answer>>().to_value();
    let mut schema = generator.into_root_schema_for::<Inventory>().to_value();
    if own.get("$ref").is_none() {
        close(&mut own);
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(key::<T>(), own);
    }
    close(&mut schema);
    // At the top, other keys belong to someone else.
    if let Some(top) = schema.as_object_mut() {
        top.remove("additionalProperties");
        top.remove("patternProperties");
        top.insert("title".to_owned(), json!("cloud-at-home cluster document"));
    }
    let mut text = serde_json::to_string_pretty(&schema).context("writing the schema")?;
    text.push('\n');
    Ok(text)
}

/// Allows in each object its own fields and `x_…`, and nothing else.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let fields = object.get("properties").and_then(Value::as_object);
            if fields.is_some_and(|fields| !fields.is_empty())
                && !object.contains_key("additionalProperties")
            {
                object.insert("additionalProperties".to_owned(), json!(false));
                object.insert("patternProperties".to_owned(), json!({"^x_": true}));
            }
            close_all(object);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

fn close_all(object: &mut Map<String, Value>) {
    object.values_mut().for_each(close);
}
