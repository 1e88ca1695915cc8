//! The tool seen from outside, and the reference cluster changed.

use cluster_tests::program::{Outcome, Program};
use serde_json::{Value, json};

/// The tool with these arguments and this document.
pub fn run(arguments: &[&str], input: &Value) -> Outcome {
    let program = Program::new(env!("CARGO_BIN_EXE_gluster-plan"));
    program
        .args(arguments)
        .input(input.to_string())
        .run()
        .unwrap()
}

/// The reference cluster with values set; `null` takes one away.
pub fn with(changes: &[(&str, Value)]) -> Value {
    let mut document: Value = serde_json::from_str(cluster::EXAMPLE).unwrap();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = document
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        match value {
            Value::Null => drop(parent.remove(field)),
            value => drop(parent.insert(field.to_owned(), value.clone())),
        }
    }
    document
}

/// One volume with these fields.
pub fn volume(fields: Value) -> Value {
    let mut all = json!({"name": "gv0"});
    all.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    with(&[
        ("/storage/volumes", json!([all])),
        ("/storage/heketi", Value::Null),
    ])
}
