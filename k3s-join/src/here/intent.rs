//! What shall be so on the node: its command line, its files, K3s's program and installer.

use super::act::Job;
use crate::apply::release::{self, Given};
use crate::apply::steps::{BACKUP, Installer, Intent, KernelLine};
use crate::check::state::State;
use crate::check::wants_words;
use crate::kernel_line::with_memory;
use crate::platform::DATA_DIR;
use anyhow::Context;
use cluster::finding::Finding;
use cluster::inventory::Role;
use cluster::root::Root;
use cluster::run::Refusal;
use std::collections::BTreeMap;
use std::path::Path;

/// A command line is far shorter.
const LIMIT: u64 = 64 << 10;

/// The command line's file as it was before this program came. On FAT a power cut may leave the name of the copy without its content,
/// and a command line is never empty: then there is none yet.
pub(super) fn kept(root: &Root, path: &str) -> std::io::Result<Option<Vec<u8>>> {
    let kept = root.read_if_there(Path::new(&format!("{path}{BACKUP}")), LIMIT)?;
    Ok(kept.filter(|content| !content.is_empty()))
}

impl Job<'_> {
    /// What shall be so.
    pub(super) fn intent(&self, state: &State) -> anyhow::Result<(Intent, Vec<Finding>)> {
        let own = self.own();
        let data = self.planned.wish.data.as_deref().unwrap_or(DATA_DIR);
        let here = &self.cli.here;
        let (copies, findings) = release::copies(&Given {
            binary: here.binary.as_deref(),
            images: &here.images,
            sums: here.sums.as_deref(),
            data,
            machine: state.machine.as_deref(),
            version: self.planned.wish.version.as_deref(),
            may_run: state.live,
        })?;
        let intent = Intent {
            node: self.planned.name.clone(),
            kernel_line: self.kernel_line(state)?,
            files: own.map(|own| own.files.clone()).unwrap_or_default(),
            installer: self.installer(!copies.is_empty())?,
            copies,
        };
        Ok((intent, findings))
    }

    /// The command line before this program came, and with its words. The copy that is kept says what was before, so
    /// that a run that continues a killed one sees the same.
    fn kernel_line(&self, state: &State) -> anyhow::Result<Option<KernelLine>> {
        let Some(path) = &state.boot.read else {
            return Ok(None);
        };
        let reading = || format!("reading {path}");
        let now = self
            .root
            .read(Path::new(path), LIMIT)
            .with_context(reading)?;
        let kept = kept(self.root, path).with_context(reading)?;
        if kept.is_none() && !wants_words(state, &self.planned.wish) {
            return Ok(None);
        }
        let after = match with_memory(&now) {
            Ok(after) => after,
            // It works as it is: what is untidy in it is said, and left.
            Err(_) if !wants_words(state, &self.planned.wish) => return Ok(None),
            Err(unfit) => {
                let finding = Finding::error(
                    "k3s-kernel-line-unfit",
                    &self.planned.name,
                    format!("{path} is not edited: {unfit}"),
                )
                .fix(format!(
                    "mend {path} by hand: one line, with all words that shall be in effect"
                ));
                return Err(Refusal(finding).into());
            }
        };
        if kept.is_none() && after == now {
            return Ok(None);
        }
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).with_context(reading);
        Ok(Some(KernelLine {
            path: path.clone(),
            before: text(kept.unwrap_or(now))?,
            after: text(after)?,
        }))
    }

    /// The official installer, where it may be run.
    fn installer(&self, copied: bool) -> anyhow::Result<Option<Installer>> {
        let script = self.cli.here.run_installer.as_ref();
        let (Some(script), Some(unit), true) = (script, self.unit(), self.root.is_system()) else {
            return Ok(None);
        };
        let reading = || format!("reading {}", script.display());
        let script = script.canonicalize().with_context(reading)?;
        let script = script
            .to_str()
            .context("the path is not UTF-8")
            .with_context(reading)?;
        let mut variables = self.variables();
        if copied {
            variables.insert("INSTALL_K3S_SKIP_DOWNLOAD".to_owned(), "true".to_owned());
            variables.remove("INSTALL_K3S_VERSION");
        }
        Ok(Some(Installer {
            script: script.to_owned(),
            variables,
            unit,
        }))
    }

    /// The installer's variables: the plan's, or those for the part that a flag names.
    fn variables(&self) -> BTreeMap<String, String> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        if let Some(own) = self.own() {
            let planned = own.install.variables.iter();
            return planned.map(|(name, value)| owned((name, value))).collect();
        }
        let server = self.planned.wish.server_role();
        let word = if server { "server" } else { "agent" };
        let own = [
            ("INSTALL_K3S_EXEC", word),
            ("INSTALL_K3S_SKIP_START", "true"),
        ];
        own.map(owned).into()
    }

    /// The unit that runs K3s here; `None` where no role is known, or the system has none.
    pub(super) fn unit(&self) -> Option<String> {
        match (self.own(), self.planned.wish.role) {
            (Some(own), _) => own.unit.map(str::to_owned),
            (None, Some(Role::Server)) => Some("k3s.service".to_owned()),
            (None, Some(Role::Agent)) => Some("k3s-agent.service".to_owned()),
            (None, None) => None,
        }
    }
}
