//! Any configuration: one key comes and goes, and every other byte stays. serde_json, which does not share that code, reads it back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use pi_dockerroot::engine::{flags, json_edit};
use proptest::prelude::*;
use serde_json::{Map, Value};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::hash_map("[a-z{}\"\\\\, é]{0,6}", inner, 0..5)
        .prop_map(|members| members.into_iter().collect())
}

proptest! {
    #[test]
    fn a_key_comes_and_goes(members in object(value()), pretty: bool, root in "/.{0,20}") {
        let text = if pretty {
            serde_json::to_string_pretty(&members).unwrap()
        } else {
            serde_json::to_string(&members).unwrap()
        };
        let with = json_edit::set(&text, "data-root", &root).unwrap();
        let mut expected = members.clone();
        expected.insert("data-root".to_owned(), Value::from(root.as_str()));
        prop_assert_eq!(serde_json::from_str::<Value>(&with).unwrap(), Value::Object(expected));
        prop_assert_eq!(json_edit::get(&with, "data-root").unwrap().unwrap(), root);
        let without = json_edit::remove(&with, "data-root").unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&without).unwrap(), Value::Object(members.clone()));
        if !members.is_empty() {
            prop_assert_eq!(without, text);
        }
    }

    #[test]
    fn a_flag_that_is_written_is_found(
        flag in prop::sample::select(vec!["-g ", "-g=", "--graph ", "--graph=", "--data-root ", "--data-root="]),
        root in "/[a-zA-Z0-9._/é-]{1,20}",
        before in "[a-z -]{0,10}",
    ) {
        let text = format!("# {flag}{root}\nDOCKER_OPTS=\"{before} {flag}{root} --debug\"\n");
        let found = flags::find(&text, &root);
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&text[found[0].clone()], &root);
        // The daemon reads the same.
        let words: Vec<String> = std::iter::once("dockerd".to_owned())
            .chain(format!("{flag}{root}").split(' ').map(str::to_owned))
            .collect();
        prop_assert_eq!(flags::options(&words).root.unwrap(), root);
    }
}
