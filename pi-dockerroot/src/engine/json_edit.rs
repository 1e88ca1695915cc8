//! Changes single values in JSON text; every other byte stays as it is.

use anyhow::{Context, Result, bail};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::Range;

/// An object's members in their order, each value as it stands in the text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

/// The string at a key of the top object; `None` where the key is not there.
///
/// # Errors
/// The text is no object, the key stands twice, or its value is no string.
pub fn get(text: &str, key: &str) -> Result<Option<String>> {
    let members = members(text)?;
    let mut found = members.0.iter().filter(|(name, _)| name == key);
    let Some((_, value)) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        bail!("the key {key:?} stands in it twice");
    }
    serde_json::from_str(value.get())
        .map(Some)
        .with_context(|| format!("reading the value of {key:?}"))
}

/// The text with a string at a key of the top object. An empty text is an empty object.
///
/// # Errors
/// As [`get`].
pub fn set(text: &str, key: &str, value: &str) -> Result<String> {
    let value = serde_json::Value::from(value).to_string();
    if text.trim().is_empty() {
        return Ok(format!("{{\n  \"{key}\": {value}\n}}\n"));
    }
    get(text, key)?;
    let members = members(text)?;
    if let Some((_, old)) = members.0.iter().find(|(name, _)| name == key) {
        let place = place(text, old);
        return Ok(format!(
            "{}{value}{}",
            &text[..place.start],
            &text[place.end..]
        ));
    }
    let open = text.find('{').context("looking for the object")?;
    let Some((_, last)) = members.0.last() else {
        let close = text.rfind('}').context("looking for the object's end")?;
        return Ok(format!(
            "{}\n  \"{key}\": {value}\n{}",
            &text[..=open],
            &text[close..]
        ));
    };
    let inside = &text[open + 1..];
    let space = &inside[..inside.len() - inside.trim_start().len()];
    let end = place(text, last).end;
    Ok(format!(
        "{},{space}\"{key}\": {value}{}",
        &text[..end],
        &text[end..]
    ))
}

/// The text without a key of the top object.
///
/// # Errors
/// As [`get`].
pub fn remove(text: &str, key: &str) -> Result<String> {
    get(text, key)?;
    let members = members(text)?;
    let Some(index) = members.0.iter().position(|(name, _)| name == key) else {
        return Ok(text.to_owned());
    };
    let range = |index: usize| place(text, members.0[index].1);
    let open = text.find('{').context("looking for the object")?;
    let (start, end) = if index > 0 {
        (range(index - 1).end, range(index).end)
    } else if members.0.len() > 1 {
        let end = range(0).end;
        let comma = text[end..].find(',').context("looking for the next key")?;
        (open + 1, end + comma + 1)
    } else {
        let close = text.rfind('}').context("looking for the object's end")?;
        (open + 1, close)
    };
    Ok(format!("{}{}", &text[..start], &text[end..]))
}

/// The text with every string at `path` as `change` wants it, and how many were changed. `*` in the path is every member or
/// element. What is not there is passed over.
///
/// # Errors
/// The text is not JSON.
pub fn map_strings(
    text: &str,
    path: &[&str],
    change: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, usize)> {
    let top: &RawValue = serde_json::from_str(text).context("reading JSON")?;
    let mut found = Vec::new();
    walk(text, top, path, change, &mut found)?;
    found.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    let mut changed = text.to_owned();
    for (place, new) in &found {
        changed.replace_range(place.clone(), new);
    }
    Ok((changed, found.len()))
}

fn walk(
    text: &str,
    value: &RawValue,
    path: &[&str],
    change: &dyn Fn(&str) -> Option<String>,
    found: &mut Vec<(Range<usize>, String)>,
) -> Result<()> {
    let raw = value.get();
    let Some((step, rest)) = path.split_first() else {
        if raw.starts_with('"') {
            let old: String = serde_json::from_str(raw).context("reading a string")?;
            if let Some(new) = change(&old) {
                let new = serde_json::Value::from(new).to_string();
                found.push((place(text, value), new));
            }
        }
        return Ok(());
    };
    if raw.starts_with('{') {
        for (name, value) in members(raw)?.0 {
            if *step == "*" || *step == name {
                walk(text, value, rest, change, found)?;
            }
        }
    } else if raw.starts_with('[') && *step == "*" {
        let list: Vec<&RawValue> = serde_json::from_str(raw).context("reading a list")?;
        for value in list {
            walk(text, value, rest, change, found)?;
        }
    }
    Ok(())
}

fn members(text: &str) -> Result<Members<'_>> {
    serde_json::from_str(text).context("reading it as a JSON object")
}

/// Where a value that was read from `text` without copying stands in it.
fn place(text: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + value.get().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_changes_and_goes_and_all_else_stays() {
        for (before, after) in [
            ("", "{\n  \"data-root\": \"/n\"\n}\n"),
            ("{}\n", "{\n  \"data-root\": \"/n\"\n}\n"),
            (
                "{\"z\": 1e2,\n \"a\":[ ]}",
                "{\"z\": 1e2,\n \"a\":[ ],\"data-root\": \"/n\"}",
            ),
            (
                "{\n    \"z\": 12345678901234567890,\n    \"b\": \"}\"\n}\n",
                "{\n    \"z\": 12345678901234567890,\n    \"b\": \"}\",\n    \"data-root\": \"/n\"\n}\n",
            ),
            (
                "{\"data-root\" : \"/o\", \"x\":null}",
                "{\"data-root\" : \"/n\", \"x\":null}",
            ),
        ] {
            let set = set(before, "data-root", "/n").unwrap();
            assert_eq!(set, after);
            assert_eq!(get(&set, "data-root").unwrap().unwrap(), "/n");
        }
    }

    #[test]
    fn what_was_set_is_removed_without_a_trace() {
        for text in ["{\n    \"z\": 1,\n    \"b\": \"}\"\n}\n", "{\"a\":[ ]}"] {
            let set = set(text, "data-root", "/a \"b\"\\").unwrap();
            assert_eq!(remove(&set, "data-root").unwrap(), text);
        }
        assert_eq!(
            remove("{\"k\": \"v\" , \"b\": 2}", "k").unwrap(),
            "{ \"b\": 2}"
        );
        assert_eq!(remove("{ \"k\": \"v\" }", "k").unwrap(), "{}");
    }

    #[test]
    fn what_cannot_be_understood_is_not_changed() {
        for bad in [
            "[]",
            "{",
            "{\"data-root\": 5}",
            "{\"data-root\":\"a\",\"data-root\":\"b\"}",
            "# {}",
        ] {
            assert!(set(bad, "data-root", "/n").is_err(), "{bad}");
        }
    }

    #[test]
    fn strings_are_changed_where_the_path_leads_only() {
        let text = r#"{"MountPoints":{"/a":{"Source":"/o/x","Name":"/o/x"},"/é":{"Source":"/\u006f"}},"Cmd":["/o/x"],"L":[{"S":"/o/1"},{"S":2}]}"#;
        let change = |old: &str| Some(old.replacen("/o", "/new", 1));
        let (new, count) = map_strings(text, &["MountPoints", "*", "Source"], &change).unwrap();
        assert_eq!(count, 2);
        assert_eq!(
            new,
            r#"{"MountPoints":{"/a":{"Source":"/new/x","Name":"/o/x"},"/é":{"Source":"/new"}},"Cmd":["/o/x"],"L":[{"S":"/o/1"},{"S":2}]}"#
        );
        let (new, count) = map_strings(text, &["L", "*", "S"], &change).unwrap();
        assert_eq!((count, new.contains("/new/1")), (1, true));
        assert_eq!(
            map_strings(text, &["None", "*"], &change).unwrap(),
            (text.to_owned(), 0)
        );
    }
}
