//! Every file of a card, read on the host by programs that share no code with what wrote it.

use super::{Card, run};
use crate::host;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The files of a partition by name, each with the SHA-256 of its content.
pub type Sums = BTreeMap<PathBuf, String>;

impl Card {
    /// All files of a partition with an ext file system, after its journal was replayed as the next boot does.
    ///
    /// # Errors
    /// The file system is damaged beyond its journal, or cannot be read.
    pub fn ext_files(&self, number: usize) -> Result<Sums> {
        let folder = TempDir::new().context("making a folder for a partition")?;
        let (part, tree) = (folder.path().join("part"), folder.path().join("tree"));
        self.cut(self.partition(number)?, &part)?;
        replayed(&part).with_context(|| format!("checking partition {number}"))?;
        std::fs::create_dir(&tree).context("making a folder for a partition's files")?;
        let request = format!("rdump / {}", tree.display());
        run(host("debugfs").args(["-R", &request]).arg(&part))?;
        sums(&tree)
    }

    /// All files of a partition with a FAT file system.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn fat_files(&self, number: usize) -> Result<Sums> {
        let tree = TempDir::new().context("making a folder for a partition's files")?;
        let image = format!(
            "{}@@{}",
            self.path().display(),
            self.partition(number)?.start
        );
        run(Command::new("mcopy")
            .args(["-s", "-n", "-i", &image, "::"])
            .arg(tree.path()))?;
        sums(tree.path())
    }
}

/// The file system recovers by its journal alone, and is whole then.
fn replayed(part: &Path) -> Result<()> {
    for (option, sound) in [("-p", &[0, 1][..]), ("-fn", &[0])] {
        let fsck = host("e2fsck").arg(option).arg(part).output();
        let fsck = fsck.context("running e2fsck")?;
        let said = String::from_utf8_lossy(&fsck.stdout).into_owned();
        let code = fsck.status.code();
        ensure!(
            code.is_some_and(|code| sound.contains(&code)),
            "e2fsck {option}: {code:?}: {said}"
        );
    }
    Ok(())
}

fn sums(tree: &Path) -> Result<Sums> {
    let list = run(Command::new("bash")
        .args([
            "-c",
            "cd \"$1\" && find . -type f -print0 | xargs -0 -r sha256sum -z",
            "-",
        ])
        .arg(tree))?;
    let list = String::from_utf8(list).context("reading sums of files")?;
    let lines = list.split_terminator('\0');
    lines
        .map(|line| {
            let (sum, name) = line.split_once("  ./").context("reading sums of files")?;
            Ok((PathBuf::from(name), sum.to_owned()))
        })
        .collect()
}
