//! What is worth a word about a volume that has its bricks.

use crate::oracle::State;
use crate::place;
use crate::site::Site;
use crate::split::SplitBrain;
use crate::survival::names;
use crate::volume::{Quorum, Volume, set_usable};
use cluster::finding::Finding;
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

/// What is worth a word about a volume that has its bricks.
pub fn volume(site: &Site, volume: &Volume, guaranteed: usize, split: &SplitBrain) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = volume.name.as_str();
    if split.possible {
        let example = split.example.clone().unwrap_or_default();
        let message = format!(
            "two quorums ({}) need not have a brick in common, so two halves can change the same file: {}",
            volume.quorum,
            example.join("; ")
        );
        let finding = if volume.adopted {
            Finding::warning("gluster-split-brain", name, message)
        } else {
            Finding::error("gluster-split-brain", name, message)
        };
        findings.push(
            finding
                .fix("say quorum auto; where that is too little, take an arbiter or a third copy")
                .evidence(json!({"example": example})),
        );
    }
    if !volume.arbiter
        && volume.replica >= 4
        && guaranteed < volume.replica - 1
        && volume.quorum == Quorum::Auto
    {
        let more = (volume.replica - 1) / 2;
        findings.push(
            Finding::info(
                "gluster-guarantee",
                name,
                format!(
                    "{} copies guarantee {}, {}; the rest is luck, and what the further copies do keep is the data",
                    volume.replica,
                    losses(guaranteed),
                    if volume.replica.is_multiple_of(2) { format!("as {} copies do", 2 * more + 1) } else { "no more".to_owned() },
                ),
            )
            .fix("--compare shows what else these sticks could be"),
        );
    }
    if volume.replica == 2 && volume.quorum == Quorum::Auto && !volume.arbiter {
        findings.push(
            Finding::warning("gluster-two-copies", name, "with two copies the loss of brick 1's node stops the volume: nothing is guaranteed")
                .fix("an arbiter on a third node guarantees one loss and takes next to no space"),
        );
    }
    if volume.replica == 1 {
        findings.push(
            Finding::warning(
                "gluster-one-copy",
                name,
                "there is one copy of each file: a dead stick takes its files along",
            )
            .fix("say replica 3"),
        );
    }
    findings.extend(domains(site, volume));
    findings.extend(uneven(site, volume));
    findings
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
