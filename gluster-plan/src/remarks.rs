//! What is worth a word about a volume that has its bricks.

use crate::oracle::State;
use crate::place;
use crate::site::Site;
use crate::split::{self, SplitBrain};
use crate::survival::names;
use crate::volume::{Quorum, Volume, set_usable};
use cluster::finding::{Finding, Severity};
use humansize::{DECIMAL, format_size};
use serde_json::json;

/// Bytes for people.
pub fn bytes(bytes: u64) -> String {
    format_size(bytes, DECIMAL.decimal_places(1))
}

/// The first few of a list, and how many more.
pub fn list(names: &[&str]) -> String {
    match names.len() {
        0..=6 => names.join(", "),
        all => format!("{} and {} more", names[..5].join(", "), all - 5),
    }
}

/// What is worth a word about a volume that has its bricks, beside what the document asks for of it; `None` where that
/// is nothing.
pub fn volume(
    site: &Site,
    (volume, asked): (&Volume, Option<&Volume>),
    guaranteed: usize,
    split: &SplitBrain,
) -> Vec<Finding> {
    let wish = asked.map(|asked| (asked, split::of(asked, site)));
    let wish = wish.as_ref().filter(|(_, split)| split.possible);
    // What is asked for is refused; what was found is there anyway.
    let split = match wish {
        Some((asked, split)) => split_brain(asked, split, Severity::Error),
        None => split_brain(volume, split, Severity::Warning),
    };
    let findings = split
        .into_iter()
        .chain(guarantee(volume, guaranteed))
        .chain(few_copies(volume))
        .chain(domains(site, volume))
        .chain(uneven(site, volume));
    findings.collect()
}

/// Two quorums that need not have a brick in common.
fn split_brain(volume: &Volume, split: &SplitBrain, severity: Severity) -> Option<Finding> {
    if !split.possible {
        return None;
    }
    let example = split.example.clone().unwrap_or_default();
    let message = format!(
        "two quorums ({}) need not have a brick in common, so two halves can change the same file: {}",
        volume.quorum,
        example.join("; ")
    );
    let finding = match severity {
        Severity::Error => Finding::error("gluster-split-brain", &volume.name, message),
        _ => Finding::warning("gluster-split-brain", &volume.name, message),
    };
    Some(
        finding
            .fix("say quorum auto; where that is too little, take an arbiter or a third copy")
            .evidence(json!({"example": example})),
    )
}

/// Copies that guarantee less than one would think.
fn guarantee(volume: &Volume, guaranteed: usize) -> Option<Finding> {
    let copies = volume.replica;
    if volume.arbiter || copies < 4 || guaranteed >= copies - 1 || volume.quorum != Quorum::Auto {
        return None;
    }
    let compared = if copies.is_multiple_of(2) {
        format!("as {} copies do", copies - 1)
    } else {
        "no more".to_owned()
    };
    let message = format!(
        "{copies} copies guarantee {}, {compared}; the rest is luck, and what the further copies do keep is the data",
        losses(guaranteed)
    );
    Some(
        Finding::info("gluster-guarantee", &volume.name, message)
            .fix("--compare shows what else these sticks could be"),
    )
}

/// One copy, or two.
fn few_copies(volume: &Volume) -> Option<Finding> {
    let name = &volume.name;
    match volume.replica {
        2 if volume.quorum == Quorum::Auto && !volume.arbiter => {
            let message = "with two copies the loss of brick 1's node stops the volume: nothing is guaranteed";
            Some(
                Finding::warning("gluster-two-copies", name, message).fix(
                    "an arbiter on a third node guarantees one loss and takes next to no space",
                ),
            )
        }
        1 => {
            let message = "there is one copy of each file: a dead stick takes its files along";
            Some(Finding::warning("gluster-one-copy", name, message).fix("say replica 3"))
        }
        _ => None,
    }
}

/// `one loss`, `2 losses`
pub fn losses(count: usize) -> String {
    match count {
        0 => "no loss".to_owned(),
        1 => "one loss".to_owned(),
        more => format!("{more} losses"),
    }
}

/// Bricks of a set that lose power together.
fn domains(site: &Site, volume: &Volume) -> Option<Finding> {
    let oracle = crate::oracle::Oracle::new(volume, site, &[]);
    let worst = volume.sets.iter().map(|set| {
        let sticks: Vec<usize> = set.iter().map(|brick| brick.stick).collect();
        place::together(site, &sticks)
    });
    let worst = worst.max().filter(|worst| *worst > 1)?;
    let fatal: Vec<_> = oracle
        .units(crate::oracle::Kind::Domains)
        .into_iter()
        .filter(|domain| oracle.state(&[*domain]) != State::Available)
        .collect();
    if fatal.is_empty() {
        return None;
    }
    let names = names(&fatal, site);
    let shown: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!(
        "{worst} bricks of a set lose power with {}: when it goes dark the volume cannot be used until it is back; nothing is lost",
        list(&shown)
    );
    Some(
        Finding::warning("gluster-one-domain", &volume.name, message)
            .fix("power some of the nodes from elsewhere, and say so in nodes[].power_domain"),
    )
}

/// Bytes that larger bricks of a set have for nothing.
fn uneven(site: &Site, volume: &Volume) -> Option<Finding> {
    let mut wasted = 0;
    for set in &volume.sets {
        let usable = set_usable(set, site)?;
        for brick in set.iter().filter(|brick| !brick.arbiter) {
            wasted += site.sticks[brick.stick].xfs()?.usable() - usable;
        }
    }
    (wasted > 0).then(|| {
        Finding::warning(
            "gluster-uneven-bricks",
            &volume.name,
            format!(
                "the bricks of a set differ in size: {} of the larger ones stay unused",
                bytes(wasted)
            ),
        )
        .fix("put sticks of one size into a set")
        .evidence(json!({"unused_bytes": wasted}))
    })
}
