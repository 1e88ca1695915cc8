//! YAML: block style, every scalar as JSON writes it. JSON's scalars are YAML 1.2's, and quoted text is never taken for
//! something else (`no`, `0644`, `1e3`).

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

/// A value on lines of its own, each behind `indent` spaces.
fn block(out: &mut String, value: &Value, indent: usize) {
    let lead = " ".repeat(indent);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                out.push_str(&format!("{lead}{}:", Value::from(name.as_str())));
                inner(out, field, indent + 2);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{lead}-"));
                inner(out, item, indent + 2);
            }
        }
        scalar => out.push_str(&format!("{lead}{scalar}\n")),
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
        out.push_str(&format!(" {value}\n"));
    }
}
