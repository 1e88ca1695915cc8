//! A router for tests: its rule tables, and what can be done to them. Not RouterOS: only as much of it as the scripts use,
//! and strict about all of that.

mod language;
mod values;

pub use language::{Fault, When};

use regex::Regex;
use std::collections::BTreeMap;

pub const NAT: &str = "/ip firewall nat";
pub const FILTER: &str = "/ip firewall filter";
pub const FILTER6: &str = "/ipv6 firewall filter";
pub const CONNECTIONS: &str = "/ip firewall connection";
pub const SCHEDULER: &str = "/system scheduler";

/// The hooks of our jumps: menu and chain.
pub const HOOKS: [(&str, &str); 4] = [
    (NAT, "dstnat"),
    (NAT, "srcnat"),
    (FILTER, "forward"),
    (FILTER6, "forward"),
];

/// A rule, a connection or a scheduler's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub id: usize,
    pub properties: BTreeMap<String, String>,
}

impl Item {
    pub fn get(&self, name: &str) -> &str {
        let default = match name {
            "dynamic" | "disabled" | "dstnat" => "no",
            _ => "",
        };
        self.properties.get(name).map_or(default, String::as_str)
    }
}

/// A router.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Router {
    pub menus: BTreeMap<String, Vec<Item>>,
    next: usize,
}

impl Router {
    pub fn items(&self, menu: &str) -> &[Item] {
        self.menus.get(menu).map_or(&[], Vec::as_slice)
    }

    /// Adds an item as it is, without looking at it: the router's own and other people's.
    pub fn put(&mut self, menu: &str, properties: &[(&str, &str)]) -> usize {
        let owned = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.insert(menu, owned.collect(), None)
    }

    fn insert(
        &mut self,
        menu: &str,
        properties: BTreeMap<String, String>,
        before: Option<usize>,
    ) -> usize {
        self.next += 1;
        let id = self.next;
        let items = self.menus.entry(menu.to_owned()).or_default();
        let at = before.and_then(|before| items.iter().position(|item| item.id == before));
        items.insert(at.unwrap_or(items.len()), Item { id, properties });
        id
    }

    /// What `add` does: only properties and values that RouterOS has.
    pub fn add(
        &mut self,
        menu: &str,
        mut properties: BTreeMap<String, String>,
    ) -> Result<usize, String> {
        let before = match properties.remove("place-before") {
            None => None,
            Some(id) => Some(self.static_item(menu, &id)?),
        };
        values::check(menu, &properties)?;
        Ok(self.insert(menu, properties, before))
    }

    fn static_item(&self, menu: &str, id: &str) -> Result<usize, String> {
        let id: usize = id
            .trim_start_matches('*')
            .parse()
            .map_err(|_| format!("no such item {id:?}"))?;
        let item = self.items(menu).iter().find(|item| item.id == id);
        match item {
            Some(item) if item.get("dynamic") == "no" => Ok(id),
            Some(_) => Err("can not place before a dynamic item".to_owned()),
            None => Err("no such item".to_owned()),
        }
    }

    /// What `set` does.
    pub fn set(
        &mut self,
        menu: &str,
        ids: &[usize],
        changes: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        for id in ids {
            let items = self.menus.entry(menu.to_owned()).or_default();
            let item = items.iter_mut().find(|item| item.id == *id);
            let item = item.ok_or("no such item")?;
            let mut properties = item.properties.clone();
            properties.extend(changes.clone());
            values::check(menu, &properties)?;
            item.properties = properties;
        }
        Ok(())
    }

    /// What `remove` does.
    pub fn remove(&mut self, menu: &str, ids: &[usize]) -> Result<(), String> {
        for id in ids {
            let items = self.menus.entry(menu.to_owned()).or_default();
            let at = items.iter().position(|item| item.id == *id);
            items.remove(at.ok_or("no such item")?);
        }
        Ok(())
    }

    /// What connections meet at a hook: its rules in order, with those of the chains that jumps lead to in their place, and
    /// without the names of chains.
    pub fn effect(&self, menu: &str, chain: &str) -> Vec<String> {
        let mut met = Vec::new();
        self.walk(menu, chain, 0, &mut met);
        met
    }

    fn walk(&self, menu: &str, chain: &str, depth: usize, met: &mut Vec<String>) {
        assert!(depth < 8, "jumps go round");
        for item in self
            .items(menu)
            .iter()
            .filter(|item| item.get("chain") == chain)
        {
            if item.get("disabled") == "yes" {
                continue;
            }
            let shown: Vec<String> = item
                .properties
                .iter()
                .filter(|(name, _)| *name != "chain" && *name != "jump-target")
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let mut inside = Vec::new();
            if item.get("action") == "jump" {
                self.walk(menu, item.get("jump-target"), depth + 1, &mut inside);
                if inside.is_empty() {
                    // A jump to nothing does nothing.
                    continue;
                }
            }
            met.push(format!("{}{}", "  ".repeat(depth), shown.join(" ")));
            met.extend(inside);
        }
    }

    /// The effect of every hook.
    pub fn effects(&self) -> Vec<Vec<String>> {
        HOOKS
            .iter()
            .map(|(menu, chain)| self.effect(menu, chain))
            .collect()
    }

    /// Everything that is not `cluster`'s: neither in its chains, nor a jump into them, nor its scheduler's entry.
    pub fn foreign(&self, cluster: &str) -> BTreeMap<String, Vec<Item>> {
        let own = Regex::new(&format!("^ng-{cluster}-[0-9a-f]{{12}}-[dpsf6]$")).unwrap();
        let undo = format!("ng-{cluster}-undo");
        let foreign = |item: &&Item| {
            let jump = item.get("action") == "jump" && own.is_match(item.get("jump-target"));
            !own.is_match(item.get("chain")) && !jump && item.get("name") != undo
        };
        let menus = self.menus.iter();
        menus
            .map(|(menu, items)| {
                (
                    menu.clone(),
                    items.iter().filter(foreign).cloned().collect(),
                )
            })
            .filter(|(menu, items): &(String, Vec<Item>)| menu != CONNECTIONS && !items.is_empty())
            .collect()
    }

    /// The rules of every chain in order, without their identifiers: what two routers have in common that behave the same and
    /// are as tidy.
    pub fn chains(&self) -> BTreeMap<(String, String), Vec<BTreeMap<String, String>>> {
        let mut chains: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (menu, items) in &self.menus {
            for item in items {
                let key = (menu.clone(), item.get("chain").to_owned());
                chains.entry(key).or_default().push(item.properties.clone());
            }
        }
        chains
    }
}
