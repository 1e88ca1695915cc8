//! A volume: its bricks, its quorum, what it survives.

use super::{usable, wrap};
use crate::answer::{MinimalCuts, Survival, VolumeAnswer};
use crate::remarks::{bytes, list, losses};
use crate::split::SplitBrain;

/// A volume.
pub(super) fn volume(volume: &VolumeAnswer) -> String {
    let copies = match (volume.arbiter, volume.replica) {
        (true, _) => "2 copies and an arbiter".to_owned(),
        (false, 1) => "1 copy".to_owned(),
        (false, copies) => format!("{copies} copies"),
    };
    let usable = usable(volume.usable_bytes);
    let found = if volume.adopted {
        ", found as it is"
    } else {
        ""
    };
    let mut out = format!(
        "\n{}: {}, {copies}, {usable}, at {}{found}\n",
        volume.name, volume.kind, volume.mount
    );
    if let (Some(usable), Some(bound)) = (volume.usable_bytes, volume.usable_bound_bytes) {
        let words = if usable >= bound {
            "no placement of these sticks holds more".to_owned()
        } else {
            format!("no placement holds more than {}", bytes(bound))
        };
        out.push_str(&format!("  {words}\n"));
    }
    out.push_str(&bricks(volume));
    let server = volume
        .quorum
        .server
        .as_ref()
        .map_or(String::new(), |server| {
            format!("; servers: {} of {} peers", server.required, server.peers)
        });
    out.push_str(&format!("  quorum {}{server}\n", volume.quorum.client));
    out.push_str(&survival(&volume.survival));
    out.push_str(&split_brain(&volume.split_brain));
    out
}

fn split_brain(split: &SplitBrain) -> String {
    let mut out = String::new();
    if let Some(proof) = &split.proof {
        wrap(&mut out, "  split-brain cannot happen: ", proof);
    }
    if let Some(example) = &split.example {
        out.push_str("  split-brain is possible:\n");
        for (index, event) in example.iter().enumerate() {
            wrap(&mut out, &format!("    {}. ", index + 1), event);
        }
    }
    out
}

/// The bricks in their order; of many the first ones.
fn bricks(volume: &VolumeAnswer) -> String {
    const MOST: usize = 24;
    let mut out = String::new();
    for (index, brick) in volume.bricks.iter().take(MOST).enumerate() {
        let set = if index % volume.replica.max(1) == 0 {
            format!("set {}", index / volume.replica.max(1) + 1)
        } else {
            String::new()
        };
        let mark = if brick.arbiter { " (arbiter)" } else { "" };
        out.push_str(&format!(
            "  {set:6} brick {}: {}:{}{mark}\n",
            index % volume.replica.max(1) + 1,
            brick.node,
            brick.path
        ));
    }
    if volume.bricks.len() > MOST {
        out.push_str(&format!(
            "         and {} bricks more\n",
            volume.bricks.len() - MOST
        ));
    }
    out
}

fn survival(survival: &Survival) -> String {
    let mut out = String::from("\n  nodes lost  cases  available  unavailable, safe  files gone\n");
    for (lost, [available, safe, gone]) in survival.by_losses.iter().enumerate() {
        let all = available + safe + gone;
        out.push_str(&format!(
            "  {lost:10}  {all:5}  {available:9}  {safe:17}  {gone:10}\n"
        ));
    }
    if let Some(most) = survival.node_sets.up_to_losses {
        out.push_str(&format!("  (more than {most} at once were not tried one by one; the guarantee holds all the same)\n"));
    }
    out.push('\n');
    let guaranteed = &survival.guaranteed_losses;
    wrap(
        &mut out,
        "  guaranteed: ",
        &format!(
            "{} of a node, {} of a stick, {} of a power domain",
            losses(guaranteed.nodes),
            losses(guaranteed.sticks),
            losses(guaranteed.domains)
        ),
    );
    if let Some(also) = survival.also.as_ref().filter(|also| also.survived > 0) {
        let sets: Vec<String> = also.sets.iter().map(|set| set.join("+")).collect();
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        wrap(
            &mut out,
            "  by luck also: ",
            &format!("{} ({} of {})", list(&sets), also.survived, also.of),
        );
    }
    out.push_str(&minimal_cuts(&survival.minimal_cuts));
    out
}

/// What the volume cannot be used without.
fn minimal_cuts(cuts: &MinimalCuts) -> String {
    let mut out = String::new();
    for (what, cuts) in [("nodes", &cuts.nodes), ("power of", &cuts.domains)] {
        if !cuts.is_empty() {
            let cuts: Vec<String> = cuts.iter().map(|cut| cut.join("+")).collect();
            let cuts: Vec<&str> = cuts.iter().map(String::as_str).collect();
            wrap(
                &mut out,
                &format!("  unavailable without the {what}: "),
                &list(&cuts),
            );
        }
    }
    out
}
