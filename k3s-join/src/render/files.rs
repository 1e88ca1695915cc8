//! The files themselves: a tree for each node, or its configuration file alone.

use super::chosen;
use crate::answer::Answer;
use crate::secrets;
use cluster::edge::Artefact;
use cluster::name::Label;
use cluster::secret::Secrets;
use std::path::{Path, PathBuf};

/// Every file of every node below a folder of the node's name, secrets and all; of a single chosen node without that folder.
///
/// # Errors
/// A secret file is not there, or cannot be read.
pub fn trees(
    answer: &Answer,
    node: Option<&Label>,
    from: &Secrets,
) -> anyhow::Result<Vec<Artefact>> {
    let mut artefacts = Vec::new();
    for (name, planned) in chosen(answer, node) {
        let folder = if node.is_some() { "" } else { name };
        for file in &planned.files {
            artefacts.push(Artefact {
                path: Path::new(folder).join(file.path.trim_start_matches('/')),
                content: secrets::content(from, file)?,
                mode: secrets::mode(file)?,
            });
        }
    }
    Ok(artefacts)
}

/// Each node's configuration file, which holds no secret.
pub fn configs(answer: &Answer, node: Option<&Label>) -> Vec<Artefact> {
    let nodes = chosen(answer, node).into_iter();
    let config = nodes.filter_map(|(name, node)| {
        let file = node.files.first()?;
        Some(Artefact {
            path: PathBuf::from(format!("{name}.yaml")),
            content: file.content.clone().into_bytes(),
            mode: 0o644,
        })
    });
    config.collect()
}
