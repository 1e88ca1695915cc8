//! What an engine has, as it says itself: compared before and after a move.

use super::http::Api;
use super::process::{self, Process};
use anyhow::{Context, Result};
use cluster::command::Command;
use cluster::root::Root;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long containers that start by themselves are waited for before they are started.
const PATIENCE: Duration = Duration::from_secs(3);

/// What an engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Containers by id.
    pub containers: BTreeMap<String, Container>,
    /// Images: id and names.
    pub images: BTreeSet<String>,
    /// Volumes by name; snapshots where it is containerd.
    pub volumes: BTreeSet<String>,
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    name: String,
    state: State,
    host_config: HostConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    pid: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    auto_remove: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    id: String,
    repo_tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volumes {
    volumes: Option<Vec<Volume>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Volume {
    name: String,
}

impl Live {
    /// Whether the engine answers.
    pub fn answers(&self) -> bool {
        match self {
            Self::Docker(api) => api.get::<serde::de::IgnoredAny>("/info").is_ok(),
            Self::Ctr(words) => ctr(words, &["namespaces", "ls", "-q"]).is_ok(),
        }
    }

    /// What the engine has now.
    ///
    /// # Errors
    /// It does not answer.
    pub fn inventory(&self, root: &Root) -> Result<Inventory> {
        match self {
            Self::Docker(api) => docker(api, root),
            Self::Ctr(words) => containerd(words, root),
        }
    }

    /// Starts what ran before and does not run now; what does not run in the end is the answer.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn revive(&self, before: &Inventory, root: &Root) -> Result<Vec<String>> {
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
        let mut left = asleep(&self.inventory(root)?);
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
    /// What is missing or new in `now`, each in words. Containers that vanish when they end may be missing.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (id, container) in &self.containers {
            if !container.vanishes && !now.containers.contains_key(id) {
                found.push(format!("the container {} is missing", container.name));
            }
        }
        for (id, container) in &now.containers {
            if !self.containers.contains_key(id) {
                found.push(format!("the container {} is new", container.name));
            }
        }
        for (what, before, now) in [
            ("image", &self.images, &now.images),
            ("volume or snapshot", &self.volumes, &now.volumes),
        ] {
            found.extend(
                before
                    .difference(now)
                    .map(|name| format!("the {what} {name} is missing")),
            );
            found.extend(
                now.difference(before)
                    .map(|name| format!("the {what} {name} is new")),
            );
        }
        found
    }

    /// The processes of all containers and their shims.
    pub fn processes(&self) -> impl Iterator<Item = Process> + '_ {
        self.containers
            .values()
            .flat_map(|container| container.processes.iter().copied())
    }
}

fn docker(api: &Api, root: &Root) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    let listed: Vec<Listed> = api.get("/containers/json?all=1")?;
    for Listed { id } in listed {
        // One that ended with --rm in between is gone.
        let Ok(found) = api.get::<Inspected>(&format!("/containers/{id}/json")) else {
            continue;
        };
        let container = Container {
            name: found.name.trim_start_matches('/').to_owned(),
            runs: found.state.running,
            vanishes: found.host_config.auto_remove,
            processes: with_shim(root, found.state.pid),
        };
        inventory.containers.insert(found.id, container);
    }
    let images: Vec<Image> = api.get("/images/json?all=1")?;
    inventory.images = images
        .into_iter()
        .map(|image| {
            let mut names = image.repo_tags.unwrap_or_default();
            names.sort();
            format!("{} {}", image.id, names.join(" "))
                .trim_end()
                .to_owned()
        })
        .collect();
    let volumes: Volumes = api.get("/volumes")?;
    inventory.volumes = volumes
        .volumes
        .unwrap_or_default()
        .into_iter()
        .map(|volume| volume.name)
        .collect();
    Ok(inventory)
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

fn ctr(words: &[String], more: &[&str]) -> Result<String> {
    let (program, first) = words.split_first().context("running ctr: no words")?;
    let out = Command::new(program).args(first).args(more).run()?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn containerd(words: &[String], root: &Root) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    for space in ctr(words, &["namespaces", "ls", "-q"])?.lines() {
        let ask = |more: &[&str]| ctr(words, &[&["-n", space][..], more].concat());
        let tasks = ask(&["tasks", "ls"])?;
        let task = |id: &str| {
            tasks.lines().skip(1).find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                (fields.first() == Some(&id)).then(|| {
                    (
                        fields.get(1).and_then(|pid| pid.parse().ok()),
                        fields.get(2) == Some(&"RUNNING"),
                    )
                })
            })
        };
        for id in ask(&["containers", "ls", "-q"])?.lines() {
            let (pid, runs) = task(id).unwrap_or((None, false));
            let container = Container {
                name: id.to_owned(),
                runs,
                vanishes: false,
                processes: pid.map(|pid| with_shim(root, pid)).unwrap_or_default(),
            };
            inventory
                .containers
                .insert(format!("{space}/{id}"), container);
        }
        // Name, type and digest of each image; the rest of the line is for people.
        for line in ask(&["images", "ls"])?.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().take(3).collect();
            inventory
                .images
                .insert(format!("{space}/{}", fields.join(" ")));
        }
        for line in ask(&["snapshots", "ls"])?.lines().skip(1) {
            if let Some(key) = line.split_whitespace().next() {
                inventory.volumes.insert(format!("{space}/{key}"));
            }
        }
    }
    Ok(inventory)
}

/// The words to ask a containerd with.
pub fn ctr_words(k3s: bool, socket: &str) -> Vec<String> {
    let k3s_program = ["/usr/local/bin/k3s", "/usr/bin/k3s"]
        .iter()
        .find(|path| Path::new(path).exists());
    let mut words = match k3s_program.filter(|_| k3s) {
        Some(program) => vec![(*program).to_owned(), "ctr".to_owned()],
        None => vec!["ctr".to_owned()],
    };
    words.extend(["--address".to_owned(), socket.to_owned()]);
    words
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
            volumes: ["v".to_owned()].into(),
        };
        assert!(before.differences(&before).is_empty());
        let now = Inventory {
            containers: [("3".to_owned(), container("c", false))].into(),
            images: BTreeSet::new(),
            volumes: ["v".to_owned(), "w".to_owned()].into(),
        };
        assert_eq!(
            before.differences(&now),
            [
                "the container a is missing",
                "the container c is new",
                "the image i is missing",
                "the volume or snapshot w is new"
            ]
        );
    }
}
