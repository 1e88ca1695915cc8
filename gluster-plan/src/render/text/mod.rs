//! The answer for people: a drawing, the volumes, what is survived, the steps.

mod drawing;
mod volume;

use crate::answer::{Answer, Lose, Part};
use crate::change::Stage;
use crate::compare::Candidate;
use crate::oracle::State;
use crate::plan;
use crate::remarks::{bytes, list, losses};
use cluster::edge::{Verdict, findings_text};
use cluster::plan::steps_text;

/// The whole answer.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let answer = &verdict.answer;
    let mut out = head(answer);
    out.push_str(&drawing::drawing(answer));
    for volume in &answer.volumes {
        out.push_str(&volume::volume(volume));
    }
    if let Some(lose) = &answer.lose {
        out.push_str(&lose_text(lose));
    }
    if let Some(stages) = &answer.stages {
        out.push_str(&stages_text(stages));
    }
    if let Some(candidates) = &answer.compare {
        out.push_str(&compare_text(candidates));
    }
    out.push_str(&steps(answer));
    if !verdict.findings.is_empty() {
        out.push('\n');
        out.push_str(&findings_text(&verdict.findings));
    }
    out
}

fn head(answer: &Answer) -> String {
    let usable = usable(answer.pool.usable_bytes);
    let count = |n: usize, word: &str| {
        if n == 1 {
            format!("1 {word}")
        } else {
            format!("{n} {word}s")
        }
    };
    format!(
        "Cluster {}: {} on {}, {usable}\n",
        answer.site.cluster,
        count(answer.volumes.len(), "volume"),
        count(answer.pool.sticks, "stick")
    )
}

fn usable(usable: Option<u64>) -> String {
    usable.map_or("size not known".to_owned(), |usable| {
        format!("{} usable", bytes(usable))
    })
}

fn lose_text(lose: &Lose) -> String {
    let mut out = format!("\nWithout {}:\n", lose.units.join(", "));
    for volume in &lose.volumes {
        let words = match volume.state {
            State::Available => "available",
            State::Safe => "unavailable, nothing lost",
            State::Lost => "files are gone",
        };
        out.push_str(&format!("  {}: {words}\n", volume.name));
    }
    out
}

fn stages_text(stages: &[Stage]) -> String {
    let mut out = String::from("\nOn the way:\n");
    for stage in stages {
        let state = if stage.available {
            "available"
        } else {
            "NOT available"
        };
        let line = format!(
            "{}: {}: {state}, survives {} of a node more, keeps its files through {}",
            stage.volume,
            stage.what,
            losses(stage.guaranteed_nodes),
            losses(stage.kept_nodes)
        );
        wrap(&mut out, "  - ", &line);
    }
    out
}

fn compare_text(candidates: &[Candidate]) -> String {
    let mut out = String::from(
        "\nChoices for these sticks (nodes lost that it survives, through which data is kept,\n\
         pairs of nodes that it survives, split-brain, spare sticks):\n\n  \
         choice                      usable  survives  keeps  pairs  split  spare\n",
    );
    for candidate in candidates {
        out.push_str(&format!(
            "  {:25} {:>8}  {:>8}  {:>5}  {:>5}  {:>5}  {:>5}\n",
            candidate.name,
            candidate.usable_bytes.map_or("?".to_owned(), bytes),
            candidate.guaranteed_nodes,
            candidate.kept_nodes,
            format!("{}/{}", candidate.pairs.survived, candidate.pairs.of),
            if candidate.split_brain { "yes" } else { "no" },
            candidate.spares
        ));
    }
    for candidate in candidates
        .iter()
        .filter(|candidate| !candidate.dominated_by.is_empty())
    {
        let better: Vec<&str> = candidate.dominated_by.iter().map(String::as_str).collect();
        wrap(
            &mut out,
            "  ",
            &format!(
                "{}: {} is better or equal in everything",
                candidate.name,
                better.join(" and ")
            ),
        );
    }
    out
}

fn steps(answer: &Answer) -> String {
    let cluster = plan::part(answer, Part::Cluster, None);
    if !answer.pending {
        return "\nNothing to do.\n".to_owned();
    }
    let mut nodes: Vec<&str> = answer
        .steps
        .iter()
        .filter(|step| step.part == Part::Node)
        .map(|step| step.node.as_str())
        .collect();
    nodes.dedup();
    let mut out = String::new();
    let one = answer
        .script
        .map(|node| answer.site.nodes[node].name.as_str());
    if let Some(node) = one {
        out.push_str(&format!("\nOn {node} (-f sh --node {node}):\n\n"));
        out.push_str(&steps_text(&plan::part(answer, Part::Node, Some(node))));
    } else if !nodes.is_empty() {
        wrap(
            &mut out,
            "\nFirst on each node: ",
            &format!(
                "packages, disks, mounts, daemon: -f sh --node NAME for {}",
                list(&nodes)
            ),
        );
    }
    let home = answer
        .home
        .map(|home| answer.site.nodes[home].name.as_str());
    if let Some(home) = home.filter(|_| one.is_none() && !cluster.is_empty()) {
        out.push_str(&format!(
            "\n{} on {home} (-f sh):\n\n",
            if nodes.is_empty() { "To do" } else { "Then" }
        ));
        out.push_str(&steps_text(&cluster));
    }
    out
}

/// Appends `text` behind `lead`, broken at 80 columns.
fn wrap(out: &mut String, lead: &str, text: &str) {
    let lead = match lead.strip_prefix('\n') {
        Some(rest) => {
            out.push('\n');
            rest
        }
        None => lead,
    };
    cluster::name::wrap(out, lead, text);
}
