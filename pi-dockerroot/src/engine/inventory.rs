//! What an engine has, as it says itself: compared before and after a move.

use super::http::Api;
use super::process::{self, Process};
use crate::copy::boot;
use anyhow::Result;
use cluster::root::Root;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

mod containerd;
mod docker;

pub use containerd::ctr_words;
use containerd::{containerd, ctr};
use docker::docker;

/// How long containers that start by themselves are waited for before they are started.
const PATIENCE: Duration = Duration::from_secs(3);

/// What an engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Containers by id.
    pub containers: BTreeMap<String, Container>,
    /// Images: id and names.
    pub images: BTreeSet<String>,
    /// Volumes by name; where it is containerd the snapshots that images are made of.
    pub volumes: BTreeSet<String>,
    /// Volumes without a name of containers that vanish: they go with them.
    #[serde(default)]
    pub passing: BTreeSet<String>,
    /// Which start of the machine the processes are of; empty where that was not noted.
    #[serde(default)]
    pub boot: String,
}

/// What of two inventories has to be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strict {
    /// All: the engine alone decides what there is.
    All,
    /// Nothing may be missing.
    Missing,
    /// Of images nothing may be missing. Containers come and go by themselves, with their snapshots.
    Images,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its name for people.
    pub name: String,
    /// Whether it runs.
    pub runs: bool,
    /// Whether it goes away when it ends (`--rm`).
    pub vanishes: bool,
    /// Its first process and that one's parent, the shim; empty where it does not run.
    pub processes: Vec<Process>,
}

/// How an engine is asked.
#[derive(Debug, Clone)]
pub enum Live {
    /// Through Docker's API.
    Docker(Api),
    /// Through `ctr` with these first words.
    Ctr(Vec<String>),
}

/// What `docker info` tells.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Info {
    /// The data root.
    pub docker_root_dir: String,
    /// The storage driver.
    pub driver: String,
    /// Facts about it.
    pub driver_status: Option<Vec<Vec<String>>>,
    /// The cluster of engines.
    pub swarm: Swarm,
    /// Whether containers outlive the engine.
    pub live_restore_enabled: bool,
}

/// Docker's own cluster.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Swarm {
    /// `inactive` where there is none.
    pub local_node_state: String,
}

impl Live {
    /// Whether the engine answers.
    pub fn answers(&self) -> bool {
        match self {
            Self::Docker(api) => api.ping().is_ok(),
            Self::Ctr(words) => ctr(words, &["namespaces", "ls", "-q"]).is_ok(),
        }
    }

    /// What the engine has now.
    ///
    /// # Errors
    /// It does not answer.
    pub fn inventory(&self, root: &Root) -> Result<Inventory> {
        let inventory = match self {
            Self::Docker(api) => docker(api, root),
            Self::Ctr(words) => containerd(words, root),
        }?;
        Ok(Inventory {
            boot: boot().unwrap_or_default(),
            ..inventory
        })
    }

    /// Starts what ran before and does not run `now`; what does not run in the end is the answer.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn revive(&self, before: &Inventory, now: Inventory, root: &Root) -> Result<Vec<String>> {
        let deadline = Instant::now() + PATIENCE;
        let asleep = |now: &Inventory| -> Vec<(String, String)> {
            let ran = before
                .containers
                .iter()
                .filter(|(_, container)| container.runs);
            ran.filter(|(id, _)| now.containers.get(*id).is_some_and(|found| !found.runs))
                .map(|(id, container)| (id.clone(), container.name.clone()))
                .collect()
        };
        let mut left = asleep(&now);
        // Docker itself starts those whose policy says so; it does before it answers, all but the slow ones.
        while !left.is_empty() && Instant::now() < deadline && matches!(self, Self::Docker(_)) {
            let mut refused = false;
            for (id, _) in &left {
                let Self::Docker(api) = self else { continue };
                refused |= api.post(&format!("/containers/{id}/start")).is_err();
            }
            left = asleep(&self.inventory(root)?);
            if refused {
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        Ok(left.into_iter().map(|(_, name)| name).collect())
    }
}

impl Inventory {
    /// What is missing or new in `now`, each in words. Containers that vanish when they end may be missing, with their volumes.
    pub fn differences(&self, now: &Self, strict: Strict) -> Vec<String> {
        let mut found = Vec::new();
        for (id, container) in &self.containers {
            let may = container.vanishes || strict == Strict::Images;
            if !may && !now.containers.contains_key(id) {
                found.push(format!("the container {} is missing", container.name));
            }
        }
        for (id, container) in &now.containers {
            if strict == Strict::All && !self.containers.contains_key(id) {
                found.push(format!("the container {} is new", container.name));
            }
        }
        let volumes = self
            .volumes
            .difference(&self.passing)
            .cloned()
            .collect::<BTreeSet<_>>();
        for (what, before, now) in [
            ("image", &self.images, &now.images),
            ("volume or snapshot", &volumes, &now.volumes),
        ] {
            found.extend(
                before
                    .difference(now)
                    .map(|name| format!("the {what} {name} is missing")),
            );
            let new = now
                .difference(before)
                .filter(|name| strict == Strict::All && !self.passing.contains(*name));
            found.extend(new.map(|name| format!("the {what} {name} is new")));
        }
        found
    }

    /// The processes of all containers and their shims; none where the machine was started anew since.
    pub fn processes(&self) -> impl Iterator<Item = Process> + '_ {
        let of_now = self.boot.is_empty() || boot().is_ok_and(|boot| boot == self.boot);
        self.containers
            .values()
            .filter(move |_| of_now)
            .flat_map(|container| container.processes.iter().copied())
    }
}

/// A container's first process and its shim.
fn with_shim(root: &Root, id: i32) -> Vec<Process> {
    let Some(first) = process::look(root, id) else {
        return Vec::new();
    };
    let shim = process::look(root, first.parent)
        .filter(|parent| parent.name.starts_with("containerd-shim"));
    std::iter::once(first.process)
        .chain(shim.map(|shim| shim.process))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_new_is_named() {
        let container = |name: &str, vanishes| Container {
            name: name.to_owned(),
            runs: true,
            vanishes,
            processes: Vec::new(),
        };
        let before = Inventory {
            containers: [
                ("1".to_owned(), container("a", false)),
                ("2".to_owned(), container("b", true)),
            ]
            .into(),
            images: ["i".to_owned()].into(),
            volumes: ["v".to_owned(), "anonymous".to_owned()].into(),
            passing: ["anonymous".to_owned()].into(),
            boot: String::new(),
        };
        assert!(before.differences(&before, Strict::All).is_empty());
        let now = Inventory {
            containers: [("3".to_owned(), container("c", false))].into(),
            volumes: ["v".to_owned(), "w".to_owned()].into(),
            ..Inventory::default()
        };
        let all = [
            "the container a is missing",
            "the container c is new",
            "the image i is missing",
            "the volume or snapshot w is new",
        ];
        assert_eq!(before.differences(&now, Strict::All), all);
        assert_eq!(before.differences(&now, Strict::Missing), [all[0], all[2]]);
        assert_eq!(before.differences(&now, Strict::Images), [all[2]]);
    }

    #[test]
    fn processes_are_those_of_this_start_of_the_machine() {
        let container = Container {
            name: "a".to_owned(),
            runs: true,
            vanishes: false,
            processes: vec![Process { id: 7, start: 1 }],
        };
        let mut inventory = Inventory {
            containers: [("1".to_owned(), container)].into(),
            boot: boot().unwrap(),
            ..Inventory::default()
        };
        assert_eq!(inventory.processes().count(), 1);
        inventory.boot = "another".to_owned();
        assert_eq!(inventory.processes().count(), 0);
    }
}
