//! What a router was seen to have: the saved answers of RouterOS's REST API, and what in a rule of ours is not ours.

use crate::firewall::Hook;
use crate::routeros::Property;
use cluster::invalid::Invalid;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A rule of the router, as its API prints it: all values are text.
pub type Item = BTreeMap<String, String>;

/// What the router was seen to have. A menu that was not saved is left alone.
#[derive(Debug, Clone, Default)]
pub struct State {
    nat: Vec<Item>,
    filter: Option<Vec<Item>>,
    filter6: Option<Vec<Item>>,
}

impl State {
    /// From the saved answers to `GET /rest/ip/firewall/nat`, `…/ip/firewall/filter` and `…/ipv6/firewall/filter`.
    ///
    /// # Errors
    /// An answer that is no list of objects with `.id` and `chain`.
    pub fn read(
        nat: &[u8],
        filter: Option<&[u8]>,
        filter6: Option<&[u8]>,
    ) -> Result<Self, Invalid> {
        Ok(Self {
            nat: items(nat)?,
            filter: filter.map(items).transpose()?,
            filter6: filter6.map(items).transpose()?,
        })
    }

    /// The rules of a hook's menu.
    pub fn items(&self, hook: Hook) -> Option<&[Item]> {
        match hook {
            Hook::Dstnat | Hook::Srcnat => Some(&self.nat),
            Hook::Forward => self.filter.as_deref(),
            Hook::Forward6 => self.filter6.as_deref(),
        }
    }
}

fn items(bytes: &[u8]) -> Result<Vec<Item>, Invalid> {
    let list: Vec<Map<String, Value>> = serde_json::from_slice(bytes).map_err(|error| {
        let problem = format!("expected a list of rules as the REST API prints it: {error}");
        Invalid::new("", problem)
    })?;
    let mut items = Vec::with_capacity(list.len());
    for (index, object) in list.into_iter().enumerate() {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let item: Item = object
            .into_iter()
            .map(|(key, value)| (key, text(value)))
            .collect();
        for key in [".id", "chain"] {
            if !item.contains_key(key) {
                return Err(Invalid::new(
                    format!("[{index}]"),
                    format!("expected a rule with {key:?}"),
                ));
            }
        }
        items.push(item);
    }
    Ok(items)
}

/// The first property of a rule that is another than it shall be, also one that was added to it.
pub fn changed<'a>(item: &'a Item, wanted: &'a [Property]) -> Option<&'a str> {
    if value(item, "disabled") == "true" {
        return Some("disabled");
    }
    let other = wanted
        .iter()
        .find(|(name, wanted)| value(item, name) != wanted);
    if let Some((name, _)) = other {
        return Some(name);
    }
    let added = item.iter().find(|(name, value)| {
        !wanted.iter().any(|(wanted, _)| wanted == name) && !is_neutral(name, value)
    });
    added.map(|(name, _)| name.as_str())
}

/// Whether a property that we do not set leaves open what a rule takes and does: counters, flags and logging, what belongs
/// to actions that none of our rules has, and whatever stands at its default. A property that is not known here counts.
fn is_neutral(name: &str, value: &str) -> bool {
    const OPEN: [&str; 12] = [
        "about",
        "address-list",
        "address-list-timeout",
        "bytes",
        "chain",
        "disabled",
        "dynamic",
        "invalid",
        "log",
        "log-prefix",
        "packets",
        "reject-with",
    ];
    name.starts_with('.') || OPEN.contains(&name) || matches!(value, "" | "false" | "no")
}

/// A property; empty where the rule has none of that name.
pub fn value<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).map_or("", String::as_str)
}
