//! Writing the files with their secrets, which the steps do not hold.

use crate::content::File;
use crate::request::Site;
use anyhow::{Context, bail};
use cluster::plan::{Action, Check, Step};
use cluster::root::{Attributes, Root};
use cluster::run::{Executor, Presence, System};
use std::path::Path;

/// Larger than any configuration file.
const LIMIT: u64 = 4 << 20;

/// Whether a file is there with the content, secrets and all, and the permissions that it shall have.
pub(super) fn present(root: &Root, file: &File, site: Site<'_>) -> anyhow::Result<bool> {
    let path = Path::new(&file.path);
    let reading = || format!("reading {}", file.path);
    let Some(found) = root.read_if_there(path, LIMIT).with_context(reading)? else {
        return Ok(false);
    };
    let mode = root
        .file(path)
        .and_then(|file| file.metadata())
        .with_context(reading)?;
    let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o7777;
    Ok(file.content.reveal(site.networks) == Some(found) && mode == file.mode)
}

/// Writes the files with their secrets, which the steps do not hold.
pub(super) struct Writer<'a> {
    pub(super) files: &'a [File],
    pub(super) site: Site<'a>,
    pub(super) root: &'a Root,
}

impl Writer<'_> {
    fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl Executor for Writer<'_> {
    fn presence(&mut self, step: &Step) -> anyhow::Result<Presence> {
        if let Check::File { path, .. } = &step.check
            && let Some(file) = self.file(path)
        {
            return Ok(match present(self.root, file, self.site)? {
                true => Presence::Present,
                false => Presence::Absent,
            });
        }
        let seen = System::new(self.root).presence(step)?;
        seen.with_context(|| format!("the step {} has no check that is known here", step.id))
    }

    fn act(&mut self, step: &Step) -> anyhow::Result<()> {
        let Action::WriteFile { path, mode, .. } = &step.action else {
            if System::new(self.root).act(step)? {
                return Ok(());
            }
            bail!("the step {} is not known here", step.id);
        };
        let file = self
            .file(path)
            .with_context(|| format!("{path} is not of this plan"))?;
        let content = file
            .content
            .reveal(self.site.networks)
            .context("a key is not known")?;
        let writing = || format!("writing {path}");
        let place = Path::new(path);
        let folder = place.parent().unwrap_or(Path::new("/"));
        self.root.make_folder(folder, 0o755).with_context(writing)?;
        let attributes = Attributes {
            mode: *mode,
            owner: None,
        };
        self.root
            .write(place, &content, attributes)
            .with_context(writing)
    }
}
