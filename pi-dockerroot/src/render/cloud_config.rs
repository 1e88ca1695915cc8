//! What RancherOS and BurmillaOS need on a card that is made anew: the engine's root, before anything is in it.

use crate::answer::{About, Answer};
use crate::engine::answer::Node;
use crate::engine::kind::Engine;
use cluster::cloud_config::CloudConfig;
use cluster::edge::Artefact;
use cluster::edge::nodes::Entry;
use cluster::inventory::Os;
use std::path::PathBuf;

/// A file for each node of the document that has such a system; the mount itself is pi-partition's.
///
/// # Errors
/// The root's path cannot stand in such a file.
pub fn cloud_configs(answer: &Answer) -> anyhow::Result<Vec<Artefact>> {
    let mut files = Vec::new();
    for (name, entry) in &answer.nodes {
        let Entry::New(about) = entry else { continue };
        let About::Engine(node) = about.as_ref() else {
            continue;
        };
        if let Some(text) = of_node(node).map_err(anyhow::Error::msg)? {
            let path = PathBuf::from(name).join("pi-dockerroot.yaml");
            files.push(Artefact {
                path,
                content: text.into_bytes(),
                mode: 0o644,
            });
        }
    }
    Ok(files)
}

/// Why a node that has such a system gets no such file.
pub fn fault(node: &Node) -> Option<String> {
    of_node(node).err()
}

fn of_node(node: &Node) -> Result<Option<String>, String> {
    let os = node.os.filter(|_| node.request.engine == Engine::Docker);
    match (&node.to, os) {
        (Some(to), Some(os)) => one(os, to),
        _ => Ok(None),
    }
}

fn one(os: Os, to: &str) -> Result<Option<String>, String> {
    let Some(mut config) = CloudConfig::new(os) else {
        return Ok(None);
    };
    config.set(&["docker", "graph"], to.into())?;
    Ok(Some(config.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_named_below_the_systems_own_key() {
        assert_eq!(
            one(Os::RancherOs, "/mnt/docker").unwrap().unwrap(),
            "#cloud-config\n\"rancher\": {\"docker\":{\"graph\":\"/mnt/docker\"}}\n"
        );
        assert!(
            one(Os::BurmillaOs, "/mnt/docker")
                .unwrap()
                .unwrap()
                .contains("burmilla")
        );
        assert_eq!(one(Os::Debian, "/mnt/docker").unwrap(), None);
        assert!(one(Os::RancherOs, "/mnt/é").is_err());
    }
}
