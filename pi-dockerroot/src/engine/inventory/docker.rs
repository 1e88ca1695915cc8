//! What Docker has, by its API.

use super::{Container, Inventory, with_shim};
use crate::engine::http::Api;
use anyhow::Result;
use cluster::root::Root;
use serde::Deserialize;

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
    #[serde(default)]
    mounts: Vec<Mount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mount {
    #[serde(default)]
    name: String,
}

/// Whether Docker made up the volume's name, so that it goes with a container that vanishes.
fn is_anonymous(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
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

pub(super) fn docker(api: &Api, root: &Root) -> Result<Inventory> {
    let mut inventory = Inventory::default();
    let listed: Vec<Listed> = api.get("/containers/json?all=1")?;
    for Listed { id } in listed {
        // One that ended with --rm in between is gone.
        let Ok(found) = api.get::<Inspected>(&format!("/containers/{id}/json")) else {
            continue;
        };
        if found.host_config.auto_remove {
            let names = found.mounts.iter().map(|mount| mount.name.clone());
            inventory
                .passing
                .extend(names.filter(|name| is_anonymous(name)));
        }
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
