//! What containerd has, by `ctr`.

use super::{Container, Inventory, with_shim};
use anyhow::{Context, Result};
use cluster::command::Command;
use cluster::root::Root;
use std::path::Path;

pub(super) fn containerd(words: &[String], root: &Root) -> Result<Inventory> {
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
            // Its key, its parent's where it has one, and its kind; what is active is a container's and goes with it.
            let mut fields = line.split_whitespace();
            if let (Some(key), Some("Committed")) = (fields.next(), fields.last()) {
                inventory.volumes.insert(format!("{space}/{key}"));
            }
        }
    }
    Ok(inventory)
}

pub(super) fn ctr(words: &[String], more: &[&str]) -> Result<String> {
    let (program, first) = words.split_first().context("running ctr: no words")?;
    let out = Command::new(program).args(first).args(more).run()?;
    Ok(String::from_utf8_lossy(&out).into_owned())
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
