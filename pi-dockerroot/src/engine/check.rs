//! `--check`: which root is in use, and what the next start of the machine would make of it.

use super::guard::{self, Guard};
use super::observe::Seen;
use super::record::{Record, Stage};
use super::roots;
use super::switch::Switch;
use super::target::Target;
use crate::copy::{self, Counters};
use anyhow::Result;
use cluster::finding::Finding;
use cluster::root::Root;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;

/// What `--check` saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checked {
    /// Whether the engine runs.
    pub running: bool,
    /// The root that is in use; `null` where the engine does not run or does not tell.
    pub in_use: Option<String>,
    /// The root that the configuration names.
    pub configured: String,
    /// Whether a file system is mounted at the new root.
    pub mounted: bool,
    /// What mounts it when the machine starts; `null` where nothing does.
    pub mounted_by: Option<String>,
    /// Whether the bare folder beneath the mount is guarded; `null` where nothing is mounted.
    pub guarded: Option<bool>,
    /// Bytes that lie in the old root, put away; `null` where there is no move or it is finished.
    pub left_bytes: Option<u64>,
    /// Inodes of those.
    pub left_inodes: Option<u64>,
    /// Whether the next start of the machine comes up as it is now.
    pub lasts: bool,
}

/// Looks; changes nothing.
///
/// # Errors
/// What cannot be read.
pub fn check(
    root: &Root,
    seen: &Seen,
    new: Option<&str>,
    target: Option<&Target>,
    record: Option<&Record>,
) -> Result<(Checked, Vec<Finding>)> {
    let in_use = seen.running.as_ref().and_then(|running| {
        let info = running.info.as_ref()?;
        Some(info.docker_root_dir.clone())
    });
    let mounted = target.is_some_and(|target| target.mount.is_some());
    let guarded = match new.filter(|_| mounted) {
        Some(new) => Some(guard::guarded(guard::beneath(Path::new(new))?.folder())? == Guard::Set),
        None => None,
    };
    // Of another machine's disk the paths lead elsewhere here.
    let left = match record.filter(|_| root.is_system()) {
        Some(record) => left(record)?,
        None => None,
    };
    let real = |path: &str| Path::new(path).canonicalize().ok();
    let same = in_use
        .as_deref()
        .is_none_or(|used| real(used) == real(&seen.root));
    let on_new = new.is_some_and(|new| {
        seen.root == new
            || record.is_some_and(|record| {
                record.switch == Switch::Bind && record.stage == Stage::Moved && record.new == new
            })
    });
    let mounted_by = target.and_then(|target| target.lasting.clone());
    let lasts = same && (!on_new || (mounted && mounted_by.is_some()));
    let checked = Checked {
        running: seen.running.is_some(),
        in_use,
        configured: seen.root.clone(),
        mounted,
        mounted_by,
        guarded,
        left_bytes: left.map(|left| left.0),
        left_inodes: left.map(|left| left.1),
        lasts,
    };
    let findings = judge(&checked, same, on_new, new.unwrap_or_default());
    Ok((checked, findings))
}

/// What lies in the root that was put away.
fn left(record: &Record) -> Result<Option<(u64, u64)>> {
    let path = match record.stage {
        Stage::Begun => return Ok(None),
        Stage::Moved => &record.old,
        Stage::RolledBack => &record.new,
    };
    let root = roots::of(&record.switch, &record.old, path)?;
    if !guard::is_retired(root.folder())? {
        return Ok(None);
    }
    let held = copy::scan(&root, &Counters::default())?;
    Ok(Some((held.bytes, held.inodes)))
}

fn judge(checked: &Checked, same: bool, on_new: bool, new: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut error =
        |id, message: String, fix: &str| findings.push(Finding::error(id, new, message).fix(fix));
    if on_new && !checked.mounted {
        error(
            "dockerroot-target-not-mounted",
            "the engine's root is configured there, and nothing is mounted".to_owned(),
            "mount its file system and start the engine again",
        );
    }
    if on_new && checked.mounted_by.is_none() {
        error(
            "dockerroot-mount-not-lasting",
            "nothing mounts it when the machine starts".to_owned(),
            "pi-partition --persist, or a line in /etc/fstab",
        );
    }
    if let Some(used) = checked.in_use.as_deref().filter(|_| !same) {
        error(
            "dockerroot-root-ambiguous",
            format!(
                "the engine runs on {used}, and its configuration names {}",
                checked.configured
            ),
            "start the engine again when that is meant",
        );
    }
    if !checked.running {
        findings.push(Finding::warning(
            "dockerroot-not-running",
            new,
            "the engine does not run",
        ));
    }
    if on_new && checked.guarded == Some(false) {
        let message = "the bare folder beneath the mount is not guarded: without its file system the engine would fill this disk";
        findings.push(Finding::warning("dockerroot-guard-none", new, message));
    }
    findings
}
