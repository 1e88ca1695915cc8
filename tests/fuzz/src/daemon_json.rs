//! daemon.json and the daemon's flags: one value changed, every other byte kept.

use super::bytes;
use pi_dockerroot::engine::{flags, json_edit};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// What is set is there, and all else has the same bytes; what is removed again leaves the text as it was; strings are
/// changed where the path leads and nowhere else.
pub fn run(data: &[u8]) {
    let (choice, data) = bytes::choice(data);
    let Some(text) = bytes::text(data) else {
        return;
    };
    match choice % 3 {
        0 => key(text, ["data-root", "graph"][choice / 3 % 2]),
        1 => strings(text),
        _ => words(text),
    }
}

fn key(text: &str, key: &str) {
    let value = "/mnt/docker \"x\"\\";
    let there = json_edit::get(text, key);
    let Ok(set) = json_edit::set(text, key, value) else {
        assert!(there.is_err(), "it can be read and not set");
        return;
    };
    assert_eq!(json_edit::get(&set, key).unwrap().as_deref(), Some(value));
    if text.trim().is_empty() {
        return;
    }
    assert_eq!(others(text, key), others(&set, key));
    assert_eq!(json_edit::set(&set, key, value).unwrap(), set);
    let removed = json_edit::remove(&set, key).unwrap();
    assert_eq!(json_edit::get(&removed, key).unwrap(), None);
    assert_eq!(others(text, key), others(&removed, key));
    if there.is_ok_and(|there| there.is_none()) && !others(text, key).is_empty() {
        assert_eq!(removed, text, "a trace is left");
    }
}

/// All other members as they stand there.
fn others(text: &str, key: &str) -> Vec<(String, String)> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
    members
        .into_iter()
        .filter(|(name, _)| name != key)
        .map(|(name, value)| (name, value.get().to_owned()))
        .collect()
}

fn strings(text: &str) {
    let change = |old: &str| old.strip_prefix("/var").map(|rest| format!("/mnt{rest}"));
    for path in [&["MountPoints", "*", "Source"][..], &["Binds", "*"], &["*"]] {
        let Ok((new, count)) = json_edit::map_strings(text, path, &change) else {
            continue;
        };
        if count == 0 {
            assert_eq!(new, text);
        }
        let (again, left) = json_edit::map_strings(&new, path, &change).unwrap();
        assert_eq!((again.as_str(), left), (new.as_str(), 0));
    }
}

fn words(text: &str) {
    for root in ["/x", "/var/lib/docker"] {
        let found = flags::find(text, root);
        for range in &found {
            assert_eq!(&text[range.clone()], root);
        }
        assert!(
            found.windows(2).all(|pair| pair[0].end <= pair[1].start),
            "one place twice"
        );
    }
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let options = flags::options(&words);
    for said in options
        .root
        .iter()
        .chain(&options.config)
        .chain(&options.hosts)
    {
        assert!(text.contains(said.as_str()));
    }
}
