//! The JSON Schema of every tool, checked by a validator that we did not write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::{program::Program, require, tools};

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// Reads `{schema, documents}`; prints for each document whether it is valid.
const VALIDATE: &str = "
import json, sys
from jsonschema import Draft202012Validator
given = json.load(sys.stdin)
Draft202012Validator.check_schema(given['schema'])
validator = Draft202012Validator(given['schema'])
print(json.dumps([not list(validator.iter_errors(d)) for d in given['documents']]))
";

#[test]
#[ignore = "real part: run by scripts/test"]
fn the_schema_takes_what_the_tools_take_and_refuses_what_they_refuse() {
    if !require(&["python3"]).unwrap() {
        return;
    }
    let changed = |from: &str, to: &str| {
        let text = EXAMPLE.replacen(from, to, 1);
        assert_ne!(text, EXAMPLE, "{from} is not in the example");
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    for name in tools::names().unwrap() {
        let tool = tools::tool(&name).unwrap();
        let schema = tool
            .clone()
            .args(["--schema"])
            .run()
            .unwrap()
            .json()
            .unwrap();
        let planned = tool.clone().input(EXAMPLE).run().unwrap().json().unwrap();
        let documents = [
            (true, serde_json::from_str(EXAMPLE).unwrap()),
            (true, planned),
            (true, changed("\"budget_w\"", "\"x_mine\": 1, \"budget_w\"")),
            (true, changed("{", "{\"theirs\": 1,")),
            (false, changed("\"budget_w\"", "\"budgt_w\"")),
            (false, changed("\"budget_w\": 56", "\"budget_w\": 0")),
            (false, changed("\"awg\": 26", "\"awg\": 12")),
            (false, changed("\"pi1\"", "\"Pi_1\"")),
            (false, changed("\"/mnt/docker\"", "\"mnt/docker\"")),
            (false, changed("\"rancheros\"", "\"windows\"")),
        ];
        let (expected, documents): (Vec<bool>, Vec<_>) = documents.into_iter().unzip();
        let given = serde_json::json!({"schema": schema, "documents": documents});
        let outcome = Program::new("/usr/bin/python3")
            .args(["-c", VALIDATE])
            .input(given.to_string())
            .run()
            .unwrap();
        assert_eq!(
            outcome.json().unwrap(),
            serde_json::json!(expected),
            "{name}: {}",
            outcome.stderr
        );
    }
}
