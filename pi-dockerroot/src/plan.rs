//! What a copy needs, and what speaks against it: from what was seen alone.

use crate::answer::Figures;
use crate::copy::abilities::{self, letters};
use crate::copy::{Differences, Holdings, Marker};
use crate::observe::{Held, Observed, State};
use crate::request::Request;
use cluster::finding::Finding;
use humansize::{DECIMAL, format_size};
use serde_json::json;

/// Space beyond the content, for the file system's own records: 2 % and 4 MiB.
const MARGIN_PERCENT: u64 = 2;
const MARGIN_BYTES: u64 = 4 << 20;
/// Inodes beyond those of the source, for what an engine makes while it is copied.
const MARGIN_INODES: u64 = 16;

/// The numbers of the plan.
pub fn figures(observed: &Observed) -> Option<Figures> {
    let held = held(observed);
    let (holdings, abilities) = (observed.holdings.as_ref()?, &observed.abilities);
    let needed_bytes = needed_bytes(holdings, held);
    Some(Figures {
        bytes: holdings.bytes,
        inodes: holdings.inodes,
        folders: holdings.folders,
        files: holdings.files,
        symlinks: holdings.symlinks,
        whiteouts: holdings.whiteouts,
        special: holdings.special,
        hard_links: holdings.links,
        sparse_files: holdings.sparse_files,
        sparse_extents: holdings.sparse_extents,
        needed_bytes,
        free_bytes: abilities.free_bytes,
        needed_inodes: needed_inodes(holdings, held),
        free_inodes: abilities.free_inodes,
        filesystem: abilities.filesystem.clone(),
        features: features(holdings),
        differences: match &observed.state {
            State::Full { differences, .. } => Some(differences.count),
            State::Empty | State::Unfinished { .. } | State::Earlier { .. } => None,
        },
    })
}

fn held(observed: &Observed) -> Held {
    match observed.state {
        State::Empty => Held::default(),
        State::Unfinished { held, .. } | State::Earlier { held } | State::Full { held, .. } => held,
    }
}

fn needed_bytes(holdings: &Holdings, held: Held) -> u64 {
    let bytes = holdings.allocated_bytes;
    (bytes + bytes / 100 * MARGIN_PERCENT + MARGIN_BYTES).saturating_sub(held.bytes)
}

fn needed_inodes(holdings: &Holdings, held: Held) -> u64 {
    (holdings.inodes + holdings.inodes / 100 * MARGIN_PERCENT + MARGIN_INODES)
        .saturating_sub(held.inodes)
}

/// What the source holds that not every file system can hold.
fn features(holdings: &Holdings) -> Vec<String> {
    let named = [
        ("extended attributes", holdings.with_xattrs > 0),
        ("access lists", holdings.with_acls > 0),
        ("hard links", holdings.links > 0),
        ("symbolic links", holdings.symlinks > 0),
        ("whiteouts", holdings.whiteouts > 0),
        ("device nodes, FIFOs or sockets", holdings.special > 0),
        ("holes", holdings.sparse_files > 0),
        ("project ids", holdings.with_project > 0),
    ];
    let mut features: Vec<String> = named
        .iter()
        .filter(|(_, there)| *there)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    if holdings.flags != 0 {
        features.push(format!("flags {}", letters(holdings.flags)));
    }
    features
}

/// What speaks against the copy, and what is worth knowing.
pub fn judge(request: &Request, observed: &Observed) -> Vec<Finding> {
    let mut findings = Vec::new();
    state(request, observed, &mut findings);
    let none = Holdings::default();
    let holdings = observed.holdings.as_ref().unwrap_or(&none);
    if request.apply || !request.verify {
        filesystem(request, observed, holdings, &mut findings);
        room(request, observed, holdings, &mut findings);
    }
    source(request, observed, holdings, &mut findings);
    findings
}

fn target(request: &Request) -> String {
    request.to.display().to_string()
}

/// What is in the target.
fn state(request: &Request, observed: &Observed, findings: &mut Vec<Finding>) {
    if observed.busy {
        let message = "another copy into this target is running";
        findings.push(Finding::error(
            "dockerroot-tree-target-busy",
            target(request),
            message,
        ));
    }
    let only_verified = request.verify && !request.apply;
    match &observed.state {
        State::Empty if only_verified => findings.extend(nothing_there(request, observed)),
        State::Empty | State::Earlier { .. } => {}
        State::Unfinished { same_boot, .. } => findings.push(unfinished(request, *same_boot)),
        State::Full { differences, .. } => {
            if differences.count > 0 && !request.update && !only_verified {
                findings.push(not_empty(request, differences));
            }
        }
    }
}

/// The target is empty and the source is not.
fn nothing_there(request: &Request, observed: &Observed) -> Option<Finding> {
    let more_than_the_top = |held: &Holdings| held.inodes > 1;
    if !observed.holdings.as_ref().is_some_and(more_than_the_top) {
        return None;
    }
    let message = "the target is empty: nothing was copied yet";
    Some(Finding::error(
        "dockerroot-tree-target-empty",
        target(request),
        message,
    ))
}

fn unfinished(request: &Request, same_boot: bool) -> Finding {
    let message = if same_boot {
        "an unfinished copy of this source is continued"
    } else {
        "an unfinished copy of this source is continued; the machine was started anew since, so what is there is read and compared"
    };
    Finding::info("dockerroot-tree-unfinished", target(request), message)
}

fn not_empty(request: &Request, differences: &Differences) -> Finding {
    let message = "the target is neither empty nor an unfinished copy of this source";
    Finding::error("dockerroot-tree-target-not-empty", target(request), message)
        .fix("empty it, or make it equal with --update: what is only in the target is then removed")
        .evidence(json!({"differences": differences.count, "first": differences.named.first()}))
}

/// What the target's file system cannot hold.
fn filesystem(
    request: &Request,
    observed: &Observed,
    holdings: &Holdings,
    findings: &mut Vec<Finding>,
) {
    let filesystem = &observed.abilities.filesystem;
    let lost = holdings.flags & !observed.abilities.flags;
    let lacks = lacks(observed, holdings);
    if !lacks.is_empty() {
        let message = format!(
            "its file system {filesystem} cannot hold what the source holds: {}",
            lacks.join("; ")
        );
        findings.push(
            Finding::error("dockerroot-tree-filesystem", target(request), message)
                .fix("make an ext4 file system there, as pi-partition does")
                .evidence(json!({"filesystem": filesystem, "lacks": lacks})),
        );
    } else if lost != 0 {
        let message = format!(
            "its file system {filesystem} has no place for the flags {} (chattr): wishes about storage that are left behind",
            letters(lost)
        );
        findings.push(Finding::warning(
            "dockerroot-tree-flags-left",
            target(request),
            message,
        ));
    }
}

/// What the source holds and the target's file system has no place for.
fn lacks(observed: &Observed, holdings: &Holdings) -> Vec<String> {
    let abilities = &observed.abilities;
    let mut lacks: Vec<String> = [
        ("writing: it is mounted read-only", abilities.read_only),
        ("owners, modes, links and device nodes", !abilities.unix),
        ("extended attributes", !abilities.xattrs),
        (
            "the types of files in folders (d_type), which overlay2 needs",
            !abilities.types,
        ),
        ("access lists", holdings.with_acls > 0 && !abilities.acls),
        ("project ids", !observed.keeps_projects),
    ]
    .iter()
    .filter(|(_, lack)| *lack)
    .map(|(what, _)| (*what).to_owned())
    .collect();
    let lost = holdings.flags & !abilities.flags & abilities::BINDING;
    if lost != 0 {
        lacks.push(format!("flags {} (chattr)", letters(lost)));
    }
    if holdings.most_links > abilities.most_links {
        lacks.push(format!("a file with {} names", holdings.most_links));
    }
    lacks
}

/// Whether there is room.
fn room(request: &Request, observed: &Observed, holdings: &Holdings, findings: &mut Vec<Finding>) {
    let (abilities, held) = (&observed.abilities, held(observed));
    let needed = needed_bytes(holdings, held);
    if needed > abilities.free_bytes {
        let message = format!(
            "{} are needed and {} are free",
            format_size(needed, DECIMAL),
            format_size(abilities.free_bytes, DECIMAL)
        );
        findings.push(
            Finding::error("dockerroot-tree-space", target(request), message)
                .evidence(json!({"needed_bytes": needed, "free_bytes": abilities.free_bytes})),
        );
    }
    let needed = needed_inodes(holdings, held);
    if let Some(free) = abilities.free_inodes.filter(|free| needed > *free) {
        let message = format!("{needed} inodes are needed and {free} are free");
        findings.push(
            Finding::error("dockerroot-tree-inodes", target(request), message)
                .fix("make the file system with more inodes: mkfs.ext4 -i 8192")
                .evidence(json!({"needed_inodes": needed, "free_inodes": free})),
        );
    }
}

/// What there is to say of the source.
fn source(
    request: &Request,
    observed: &Observed,
    holdings: &Holdings,
    findings: &mut Vec<Finding>,
) {
    let source = request.from.display().to_string();
    if observed.source_unfinished {
        let message = format!("the source is itself an unfinished copy ({})", Marker::NAME);
        findings.push(Finding::error(
            "dockerroot-tree-source-unfinished",
            &source,
            message,
        ));
    }
    if holdings.mounts > 0 {
        let message = format!(
            "{} other file systems are mounted in it; they are not entered, and their folders stay empty",
            holdings.mounts
        );
        findings.push(Finding::info("dockerroot-tree-mounts", &source, message));
    }
    if !observed.root && (holdings.foreign > 0 || holdings.whiteouts > 0) {
        let message = "it holds files of other owners or devices, which only root can copy whole";
        let finding =
            Finding::error("dockerroot-tree-not-root", &source, message).fix("run as root");
        findings.push(finding);
    } else if !observed.root {
        let message =
            "trusted.* attributes and access lists of others are only seen and copied by root";
        findings.push(Finding::info("dockerroot-tree-not-root", &source, message));
    }
}
