//! YAML: block style, every scalar as JSON writes it. JSON's scalars are YAML 1.2's, and quoted text is never taken for
//! something else (`no`, `0644`, `1e3`). What a parser of YAML 1.1 does not read in quoted text, or folds (U+2028), is
//! escaped.

use serde_json::Value;

/// Documents, each behind `---`.
pub fn documents(values: &[Value]) -> String {
    let mut out = String::new();
    for value in values {
        out.push_str("---\n");
        block(&mut out, value, 0);
    }
    out
}

/// A document without a line before it: for files that hold one.
pub fn document(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

/// A value on lines of its own, each behind `indent` spaces.
fn block(out: &mut String, value: &Value, indent: usize) {
    let lead = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                out.push_str(&lead);
                out.push_str(&scalar(&Value::from(name.as_str())));
                out.push(':');
                inner(out, field, indent + 2);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&lead);
                out.push('-');
                inner(out, item, indent + 2);
            }
        }
        plain => {
            out.push_str(&lead);
            out.push_str(&scalar(plain));
            out.push('\n');
        }
    }
}

/// A value behind a key or a dash: on the same line where it is a scalar (or empty).
fn inner(out: &mut String, value: &Value, indent: usize) {
    let nested = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        block(out, value, indent);
    } else {
        out.push(' ');
        out.push_str(&scalar(value));
        out.push('\n');
    }
}

/// As JSON, with an escape for each character that is not printable in YAML 1.1 (its section 5.1) or breaks a line there.
fn scalar(value: &Value) -> String {
    let json = value.to_string();
    let plain = |c: char| {
        !matches!(
            c,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    };
    if json.chars().all(plain) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 8);
    for c in json.chars() {
        if plain(c) {
            text.push(c);
        } else {
            text.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_is_quoted_and_what_yaml_folds_is_escaped() {
        let value = json!({"a": ["no", "0644", 1, true, {"b": {}}], "c\u{2028}": "\u{85}\n"});
        assert_eq!(
            document(&value),
            "\"a\":\n  - \"no\"\n  - \"0644\"\n  - 1\n  - true\n  -\n    \"b\": {}\n\"c\\u2028\": \"\\u0085\\n\"\n"
        );
        assert_eq!(documents(&[json!(1)]), "---\n1\n");
    }
}
