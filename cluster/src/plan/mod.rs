//! Plans: what a tool would do to a node, as data for people to read, to render and to compare.
//!
//! A plan is pure: the same request and the same state give the same plan and the same hashes. What a document holds of a
//! plan is never executed ([`Plan::differences`] compares it with a plan that was made anew).

mod action;
mod check;
mod hex;
mod sh;
mod text;

pub use action::{Action, KernelCall, Lasting, Scratch, ServiceVerb};
pub use check::Check;
pub use hex::Hex;
pub use sh::{guarded_script, script};
pub use text::steps_text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its name, unique within the plan: `write-entry-3`.
    pub id: String,
    /// Why it is done, and done this way.
    pub why: String,
    /// What is done.
    pub action: Action,
    /// What holds once it was done.
    pub check: Check,
    /// What takes it back; `null` where nothing does.
    pub undo: Option<Action>,
    /// Whether nothing takes it back.
    pub irreversible: bool,
}

impl Step {
    /// A step that nothing takes back.
    pub fn new(
        id: impl Into<String>,
        why: impl Into<String>,
        action: Action,
        check: Check,
    ) -> Self {
        Self {
            id: id.into(),
            why: why.into(),
            action,
            check,
            undo: None,
            irreversible: true,
        }
    }

    /// A step that has systemd start a unit with the system.
    pub fn enable_unit(id: impl Into<String>, why: impl Into<String>, unit: &str) -> Self {
        let service = |verb| Action::Service {
            name: unit.to_owned(),
            verb,
        };
        let check = Check::Output {
            argv: ["systemctl", "is-enabled", "--", unit]
                .map(str::to_owned)
                .to_vec(),
            text: "enabled".to_owned(),
        };
        Self::new(id, why, service(ServiceVerb::Enable), check).undo(service(ServiceVerb::Disable))
    }

    /// The same with what takes it back.
    #[must_use]
    pub fn undo(mut self, undo: Action) -> Self {
        self.undo = Some(undo);
        self.irreversible = false;
        self
    }

    /// The same, saying that there is nothing to take back: it changes nothing that lasts.
    #[must_use]
    pub fn harmless(mut self) -> Self {
        self.irreversible = false;
        self
    }
}

/// A plan: a request, the state that it was made for, and the steps from one to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The tool that made it.
    pub tool: String,
    /// That tool's version: another version may plan otherwise.
    pub tool_version: String,
    /// The resolved wish.
    pub request: Value,
    /// The canonical state, as the tool documents it: never counts, times or estimates.
    pub state: Value,
    /// The steps, in their order. None: it is already so.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The hash of the state that the plan is for.
    pub fn state_sha256(&self) -> String {
        hash(&self.state)
    }

    /// The hash of the whole plan: tool, version, request, state and steps.
    pub fn plan_sha256(&self) -> String {
        // A plan is made of strings, numbers and lists of them: it always has a JSON form.
        hash(&serde_json::to_value(self).unwrap_or(Value::Null))
    }

    /// How `given`, a plan's fields as a document holds them, differs from this plan: one line for each difference.
    ///
    /// `own` is the same object as the tool would write it now. A field that `given` lacks, has too many or has with
    /// another value is a difference, whatever the hash in it says.
    pub fn differences(own: &Value, given: &Value) -> Vec<String> {
        let mut found = Vec::new();
        compare("", own, given, &mut found);
        found
    }
}

/// The hash of a value in its canonical form: no white space, keys sorted by their bytes.
pub fn hash(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256(text.as_bytes())
}

/// SHA-256 in lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Hex(Sha256::digest(bytes).to_vec()).to_string()
}

/// Bytes that depend on nothing but `parts`, in the form of a UUID of version 8 (RFC 9562, 5.8): the same plan gives a
/// file system the same identity, so that a run that was killed knows its own.
pub fn derived_uuid(parts: &[&str]) -> [u8; 16] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part.as_bytes());
    }
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest.finalize()[..16]);
    uuid[6] = (uuid[6] & 0x0f) | 0x80;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    uuid
}

/// A UUID's bytes in the order of its text.
pub fn uuid_text(uuid: [u8; 16]) -> String {
    let hex = Hex(uuid.to_vec()).to_string();
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}")
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            // Sorted here: whether serde_json keeps the order of keys is a feature that some crate may turn on.
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(&object[key], out);
            }
            out.push('}');
        }
        Value::Array(list) => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn compare(path: &str, own: &Value, given: &Value, found: &mut Vec<String>) {
    match (own, given) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let path = format!("{path}.{key}");
                match b.get(key) {
                    Some(other) => compare(&path, value, other, found),
                    None => found.push(format!("{path} is missing in the document")),
                }
            }
            for key in b.keys().filter(|key| !a.contains_key(*key)) {
                found.push(format!("{path}.{key} stands in the document only"));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (own, given)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{index}]"), own, given, found);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            found.push(format!(
                "{path} has {} entries in the document and {} now",
                b.len(),
                a.len()
            ));
        }
        (own, given) if own != given => {
            found.push(format!("{path} is {given} in the document and {own} now"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_hash_does_not_depend_on_the_order_of_keys() {
        let a: Value = serde_json::from_str(r#"{"b": [1, {"y": 1, "x": 2}], "a": "é\n"}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a":"é\n","b":[1,{"x":2,"y":1}]}"#).unwrap();
        assert_eq!(hash(&a), hash(&b));
        assert_ne!(hash(&a), hash(&json!({"a": "é\n"})));
        assert_eq!(
            hash(&json!({"b": [], "a": 1})),
            sha256(b"{\"a\":1,\"b\":[]}")
        );
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn every_difference_is_named() {
        let own = json!({"a": 1, "b": [1, 2], "c": {"d": "x"}});
        let differences = |given: Value| Plan::differences(&own, &given);
        assert!(differences(own.clone()).is_empty());
        assert_eq!(
            differences(json!({"a": 2, "b": [1], "c": {"d": "y", "e": 0}})),
            [
                ".a is 2 in the document and 1 now",
                ".b has 1 entries in the document and 2 now",
                ".c.d is \"y\" in the document and \"x\" now",
                ".c.e stands in the document only"
            ]
        );
        assert_eq!(
            differences(json!({"b": [1, 2], "c": {"d": "x"}})),
            [".a is missing in the document"]
        );
    }

    #[test]
    fn derived_uuids_differ_by_every_part_and_say_their_version() {
        let uuid = uuid_text(derived_uuid(&["a", "bc"]));
        assert_ne!(uuid, uuid_text(derived_uuid(&["ab", "c"])));
        assert_eq!(uuid, uuid_text(derived_uuid(&["a", "bc"])));
        assert_eq!(&uuid[14..15], "8");
        assert_eq!(uuid.len(), 36);
    }
}
