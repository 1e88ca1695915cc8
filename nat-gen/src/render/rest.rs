//! Requests to RouterOS's REST API, planned against a saved state of the router: one JSON object for each, to be sent in order.

use crate::firewall::{Firewall, Hook, Role};
use crate::render::rest_state::{Item, changed, value};
use crate::routeros::{self, Names, Property};
use cluster::finding::Finding;
use serde::Serialize;
use std::collections::BTreeMap;

pub use crate::render::rest_state::State;

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Request {
    /// `PUT` adds, `PATCH` changes, `DELETE` removes.
    pub method: &'static str,
    /// Behind the router's address.
    pub path: String,
    /// What to send; absent for `DELETE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<BTreeMap<&'static str, String>>,
}

/// The requests that lead from `state` to `firewall`.
///
/// # Errors
/// A finding: rules in our chains were changed by hand, or a menu that is needed was not saved.
pub fn plan(
    state: &State,
    firewall: &Firewall,
    names: &Names,
    hooks: &[Hook],
) -> Result<Vec<Request>, Box<Finding>> {
    let mut requests = Vec::new();
    let mut parts = Vec::new();
    for hook in hooks {
        match state.items(*hook) {
            Some(items) => parts.push(Part {
                hook: *hook,
                items,
                firewall,
                names,
            }),
            None if firewall.uses(*hook) => return Err(Box::new(not_saved(*hook))),
            None => {}
        }
    }
    for part in &parts {
        requests.extend(part.build()?);
    }
    for part in &parts {
        requests.extend(part.swap());
    }
    for part in &parts {
        requests.extend(part.clear());
    }
    Ok(requests)
}

fn not_saved(hook: Hook) -> Finding {
    let (flag, path) = match hook {
        Hook::Forward6 => ("--rest-filter6", path(hook)),
        _ => ("--rest-filter", path(hook)),
    };
    let message =
        format!("a filter rule is needed, and what the router answers to GET {path} was not given");
    Finding::error("nat-rest-state", "router", message)
        .fix(format!("save it and name the file with {flag}"))
}

fn path(hook: Hook) -> String {
    format!("/rest{}", hook.menu().replace(' ', "/"))
}

/// One hook on the router and in the plan.
struct Part<'a> {
    hook: Hook,
    items: &'a [Item],
    firewall: &'a Firewall,
    names: &'a Names,
}

impl Part<'_> {
    fn build(&self) -> Result<Vec<Request>, Box<Finding>> {
        let roles = self.hook.roles();
        let Some(difference) = roles.iter().find_map(|role| self.difference(*role)) else {
            return Ok(Vec::new());
        };
        let new = self.names.chain(self.hook.entry());
        if self.jumps().any(|jump| value(jump, "jump-target") == new) {
            let message = format!(
                "rules in the chains {}-* were changed by hand: {difference}",
                self.names.base()
            );
            return Err(Box::new(
                Finding::error("nat-rest-changed", "router", message)
                    .fix("import the script that `nat-gen -f rsc-remove` prints, save the state again and plan again"),
            ));
        }
        let mut requests = Vec::new();
        for role in roles {
            let name = self.names.chain(*role);
            requests.extend(self.in_chain(&name).map(|item| self.delete(item)));
        }
        for role in roles {
            for rule in self.firewall.rules(*role) {
                let mut properties = vec![("chain", self.names.chain(*role))];
                properties.extend(routeros::rule(rule, &|role| self.names.chain(role)));
                requests.push(self.put(properties));
            }
        }
        Ok(requests)
    }

    /// Where a chain on the router is not, rule by rule, what it shall be.
    fn difference(&self, role: Role) -> Option<String> {
        let chain = self.names.chain(role);
        let there: Vec<&Item> = self.in_chain(&chain).collect();
        let rules = self.firewall.rules(role);
        if there.len() != rules.len() {
            return Some(format!(
                "{chain} has {} rules instead of {}",
                there.len(),
                rules.len()
            ));
        }
        there.iter().zip(rules).find_map(|(item, rule)| {
            let wanted = routeros::rule(rule, &|role| self.names.chain(role));
            let changed = changed(item, &wanted)?;
            Some(format!("{changed} of the rule {}", value(item, ".id")))
        })
    }

    fn swap(&self) -> Vec<Request> {
        let used = self.firewall.uses(self.hook);
        let new = self.names.chain(self.hook.entry());
        if !used {
            return self.jumps().map(|jump| self.delete(jump)).collect();
        }
        if self.jumps().next().is_none() {
            let mut properties = routeros::jump(self.hook, self.names);
            if let Some(first) = self.first_static() {
                properties.push(("place-before", first));
            }
            return vec![self.put(properties)];
        }
        let stale = self
            .jumps()
            .filter(|jump| value(jump, "jump-target") != new);
        stale
            .map(|jump| Request {
                method: "PATCH",
                path: self.item_path(jump),
                body: Some(BTreeMap::from([("jump-target", new.clone())])),
            })
            .collect()
    }

    fn clear(&self) -> Vec<Request> {
        let roles = self.hook.roles();
        let current: Vec<String> = roles.iter().map(|role| self.names.chain(*role)).collect();
        let old = self.items.iter().filter(|item| {
            let chain = value(item, "chain");
            self.names.owns(chain, roles) && !current.iter().any(|current| current == chain)
        });
        old.map(|item| self.delete(item)).collect()
    }

    /// Where the jump has to stand before what drops: the first rule of the chain that is not the router's own.
    fn first_static(&self) -> Option<String> {
        let mut chain = self.in_chain(self.hook.chain());
        let first = chain.find(|item| value(item, "dynamic") != "true")?;
        self.hook.first().then(|| value(first, ".id").to_owned())
    }

    fn jumps(&self) -> impl Iterator<Item = &Item> {
        self.in_chain(self.hook.chain()).filter(|item| {
            value(item, "action") == "jump"
                && self
                    .names
                    .owns(value(item, "jump-target"), &[self.hook.entry()])
        })
    }

    fn in_chain(&self, chain: &str) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(move |item| value(item, "chain") == chain)
    }

    fn put(&self, properties: Vec<Property>) -> Request {
        Request {
            method: "PUT",
            path: path(self.hook),
            body: Some(properties.into_iter().collect()),
        }
    }

    fn delete(&self, item: &Item) -> Request {
        Request {
            method: "DELETE",
            path: self.item_path(item),
            body: None,
        }
    }

    fn item_path(&self, item: &Item) -> String {
        format!("{}/{}", path(self.hook), value(item, ".id"))
    }
}

/// The requests as lines.
///
/// # Errors
/// Never in practice: plain text always is JSON.
pub fn lines(requests: &[Request]) -> serde_json::Result<String> {
    let mut out = String::new();
    for request in requests {
        out.push_str(&serde_json::to_string(request)?);
        out.push('\n');
    }
    Ok(out)
}
