//! Looks at both trees, without changing either.

use crate::copy::abilities::{self, Abilities};
use crate::copy::{self, Content, Counters, Differences, Holdings, Marker, Tree, nesting};
use crate::progress::{Phase, Show, Total};
use crate::request::Request;
use anyhow::{Context, Result};
use cluster::finding::Finding;
use std::path::Path;

/// What was seen of both trees.
#[derive(Debug)]
pub struct Observed {
    /// The source.
    pub source: Tree,
    /// The target, locked where it is to be changed.
    pub target: Tree,
    /// What the source holds; `None` where an earlier copy is made equal and there is room for a whole one beside it.
    pub holdings: Option<Holdings>,
    /// What the target's file system can hold.
    pub abilities: Abilities,
    /// Whether projects can be kept; looked at only where there are any and it is to be copied.
    pub keeps_projects: bool,
    /// What is in the target.
    pub state: State,
    /// Whether somebody else copies into the target now.
    pub busy: bool,
    /// Whether the source is itself an unfinished copy.
    pub source_unfinished: bool,
    /// Whether root looks.
    pub root: bool,
}

/// What is in the target.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Empty,
    /// An unfinished copy of this source.
    Unfinished {
        /// Whether the machine has not been started anew since.
        same_boot: bool,
        /// What it holds.
        held: Held,
    },
    /// An earlier copy that is to be made equal. How it differs the copying itself will find.
    Earlier {
        /// What it holds.
        held: Held,
    },
    /// Something else.
    Full {
        /// How it differs from the source.
        differences: Differences,
        /// What it holds.
        held: Held,
    },
}

/// What the target holds already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Inodes.
    pub inodes: u64,
}

impl Observed {
    /// Whether there is something to copy; `None` where only a copy can tell.
    pub fn pending(&self) -> Option<bool> {
        match &self.state {
            State::Full { differences, .. } => Some(differences.count > 0),
            State::Empty | State::Unfinished { .. } => Some(true),
            State::Earlier { .. } => None,
        }
    }
}

/// What speaks against the two paths, before anything is read.
///
/// # Errors
/// The source is not there or cannot be looked at.
pub fn refusals(request: &Request) -> Result<Vec<Finding>> {
    let (from, to) = (request.from.as_path(), request.to.as_path());
    let subject = |path: &Path| path.display().to_string();
    let reading = || format!("reading {}", from.display());
    if !request.follow_source && from.symlink_metadata().with_context(reading)?.is_symlink() {
        let message =
            "the source is a symbolic link: the link itself and not what it leads to may be meant";
        let fix = "give the path that it leads to, or --follow-source";
        return Ok(vec![
            Finding::error("dockerroot-tree-source-is-link", subject(from), message).fix(fix),
        ]);
    }
    if !from.metadata().with_context(reading)?.is_dir() {
        let message = "the source is not a folder";
        return Ok(vec![Finding::error(
            "dockerroot-tree-source-no-folder",
            subject(from),
            message,
        )]);
    }
    if !to.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        let message = "the target is not there, or is not a folder of its own (a symbolic link is not followed)";
        let fix = "make it with mkdir, or mount its file system there";
        return Ok(vec![
            Finding::error("dockerroot-tree-target-missing", subject(to), message).fix(fix),
        ]);
    }
    let mut findings = Vec::new();
    for (inner, outer, words) in [
        (to, from, "the target lies in the source"),
        (from, to, "the source lies in the target"),
    ] {
        if findings.is_empty() && nesting::lies_in(inner, outer)? {
            let fix = "choose two folders of which none lies in the other";
            findings.push(Finding::error("dockerroot-tree-nested", subject(to), words).fix(fix));
        }
    }
    Ok(findings)
}

/// Looks at both trees.
///
/// # Errors
/// What cannot be read.
pub fn observe(request: &Request, show: Show) -> Result<Observed> {
    let source = Tree::open(&request.from, request.follow_source)?;
    let target = Tree::open(&request.to, false)?;
    let busy = request.apply && !target.lock()?;
    let mark = Marker::of(&source)?;
    let abilities = Abilities::of(&target)?;
    let quick =
        request.apply && request.update && has_ample_room(&Abilities::of(&source)?, &abilities);
    let holdings = if quick {
        None
    } else {
        Some(count(&source, show)?)
    };
    let projects = holdings
        .as_ref()
        .is_some_and(|holdings| holdings.with_project > 0);
    Ok(Observed {
        state: state(request, &source, &target, &mark, show, quick)?,
        abilities,
        keeps_projects: !projects || !request.apply || abilities::keeps_projects(&target),
        source_unfinished: Marker::read(&source)?.is_some(),
        root: rustix::process::geteuid().is_root(),
        source,
        target,
        holdings,
        busy,
    })
}

/// Whether the target could take all that is on the source's file system once more, and is of the same kind: then a second
/// pass, for which an engine may be standing still, need not count first.
fn has_ample_room(source: &Abilities, target: &Abilities) -> bool {
    let inodes = target
        .free_inodes
        .is_none_or(|free| source.used_inodes < free);
    source.filesystem == target.filesystem
        && !target.read_only
        && source.used_bytes + source.used_bytes / 50 + (4 << 20) < target.free_bytes
        && inodes
}

fn count(tree: &Tree, show: Show) -> Result<Holdings> {
    let counters = Counters::default();
    show.while_running(Phase::Count, Total::default(), &counters, || {
        copy::scan(tree, &counters)
    })
    .with_context(|| format!("counting {}", tree.shown().display()))
}

fn state(
    request: &Request,
    source: &Tree,
    target: &Tree,
    mark: &Marker,
    show: Show,
    quick: bool,
) -> Result<State> {
    if target.is_empty()? {
        return Ok(State::Empty);
    }
    let held = || -> Result<Held> {
        if quick {
            return Ok(Held::default());
        }
        let held = count(target, show)?;
        Ok(Held {
            bytes: held.allocated_bytes,
            inodes: held.inodes,
        })
    };
    let found = Marker::read(target)?;
    if let Some(found) = found.filter(|found| found.same_source(mark)) {
        return Ok(State::Unfinished {
            same_boot: found.same_boot(mark),
            held: held()?,
        });
    }
    if request.apply && request.update {
        return Ok(State::Earlier { held: held()? });
    }
    let counters = Counters::default();
    let total = Total::default();
    let differences = show.while_running(Phase::Compare, total, &counters, || {
        copy::verify(source, target, Content::Metadata, &counters)
    });
    let differences = differences.with_context(|| format!("comparing {}", request.to.display()))?;
    Ok(State::Full {
        differences,
        held: held()?,
    })
}
