//! Where the journal of a node's run is: on the node's own disk, also when that is a card in another computer.

use super::system_path;
use crate::root::{Root, by_descriptor};
use anyhow::Context;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The place of a journal below a root.
#[derive(Debug)]
pub struct JournalPlace {
    /// A card's folder stays open: a link on the card must not lead the journal out of it.
    _folder: Option<File>,
    /// The journal.
    pub path: PathBuf,
}

impl JournalPlace {
    /// Of a tool's run for what is called `name`. `None`: there is no such folder on the card, and `make` does not say to make it.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(root: &Root, tool: &str, name: &str, make: bool) -> anyhow::Result<Option<Self>> {
        let path = system_path(tool, name);
        if root.is_system() {
            return Ok(Some(Self {
                _folder: None,
                path,
            }));
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        if make {
            let making = || format!("making {}", root.shown(folder).display());
            root.make_folder(folder, 0o700).with_context(making)?;
        }
        let Ok(folder) = root.file(folder) else {
            return Ok(None);
        };
        Ok(Some(Self {
            path: Path::new(&by_descriptor(&folder)).join(name),
            _folder: Some(folder),
        }))
    }

    /// The same, made where it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn made(root: &Root, tool: &str, name: &str) -> anyhow::Result<Self> {
        Self::new(root, tool, name, true)?.context("opening the journal: there is no folder for it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_on_a_card_does_not_lead_out_of_it() {
        let outside = tempfile::tempdir().unwrap();
        let card = tempfile::tempdir().unwrap();
        let root = Root::open(card.path()).unwrap();
        assert!(
            JournalPlace::new(&root, "tool", "a", false)
                .unwrap()
                .is_none()
        );
        std::fs::create_dir(card.path().join("var")).unwrap();
        symlink(outside.path(), card.path().join("var/lib")).unwrap();
        if let Ok(place) = JournalPlace::made(&root, "tool", "a") {
            std::fs::write(&place.path, "").unwrap();
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
