//! The answer for people: a drawing, the survival table, the steps.

use crate::answer::{Answer, Part, Survival, VolumeAnswer};
use crate::change::Stage;
use crate::compare::Candidate;
use crate::oracle::State;
use crate::plan;
use crate::remarks::{bytes, list, losses};
use cluster::edge::{Verdict, findings_text};
use cluster::name::escape_controls;
use cluster::plan::steps_text;

/// Boxes in a row of the drawing, so that it fits 80 columns.
const ROW: usize = 5;
/// A box's inner width.
const INNER: usize = 12;
/// A drawing of more nodes would be no drawing.
const MOST_NODES: usize = 40;

/// The whole answer.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let answer = &verdict.answer;
    let mut out = head(answer);
    out.push_str(&drawing(answer));
    for volume in &answer.volumes {
        out.push_str(&volume_text(volume));
    }
    if let Some(lose) = &answer.lose {
        out.push_str(&format!("\nWithout {}:\n", lose.units.join(", ")));
        for volume in &lose.volumes {
            let words = match volume.state {
                State::Available => "available",
                State::Safe => "unavailable, nothing lost",
                State::Lost => "files are gone",
            };
            out.push_str(&format!("  {}: {words}\n", volume.name));
        }
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
    let usable = answer
        .pool
        .usable_bytes
        .map_or("size not known".to_owned(), |usable| {
            format!("{} usable", bytes(usable))
        });
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

/// Nodes as boxes, in them their sticks, below each its bricks: `gv0 #1` is brick 1 of gv0's first set.
fn drawing(answer: &Answer) -> String {
    let site = &answer.site;
    let nodes: Vec<usize> = (0..site.nodes.len())
        .filter(|node| site.sticks.iter().any(|stick| stick.node == *node))
        .collect();
    if nodes.is_empty() || nodes.len() > MOST_NODES {
        return String::new();
    }
    let boxes: Vec<Vec<String>> = nodes.iter().map(|node| node_box(answer, *node)).collect();
    let mut out = String::new();
    for row in boxes.chunks(ROW) {
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        out.push('\n');
        for line in 0..height {
            let cells: Vec<String> = row
                .iter()
                .map(|lines| {
                    // Boxes of a row are closed at the same height; the last two lines are the bottom and the domain.
                    let body = lines.len() - 2;
                    let text = match line {
                        line if line < body => lines[line].clone(),
                        line if line + 2 < height => format!("|{:INNER$}|", ""),
                        line => lines[body + line + 2 - height].clone(),
                    };
                    format!("{text:<width$}", width = INNER + 2)
                })
                .collect();
            out.push_str(format!("  {}", cells.join(" ")).trim_end());
            out.push('\n');
        }
    }
    out
}

fn node_box(answer: &Answer, node: usize) -> Vec<String> {
    let site = &answer.site;
    let cut = |text: &str, width: usize| -> String {
        escape_controls(text).chars().take(width).collect()
    };
    let name = cut(&site.nodes[node].name, INNER - 4);
    let mut lines = vec![format!(
        "+- {name} {}+",
        "-".repeat(INNER - 3 - name.chars().count())
    )];
    for (index, stick) in site
        .sticks
        .iter()
        .enumerate()
        .filter(|(_, stick)| stick.node == node)
    {
        let size = stick
            .size
            .map_or(String::new(), |size| format!(" {}", bytes(size)));
        lines.push(format!(
            "|{:INNER$}|",
            cut(&format!(" {}{size}", stick.name), INNER)
        ));
        for volume in &answer.plain {
            for set in &volume.sets {
                for (place, brick) in set
                    .iter()
                    .enumerate()
                    .filter(|(_, brick)| brick.stick == index)
                {
                    let mark = if brick.arbiter { "arb" } else { "" };
                    lines.push(format!(
                        "|{:INNER$}|",
                        cut(&format!("  {} #{}{mark}", volume.name, place + 1), INNER)
                    ));
                }
            }
        }
    }
    lines.push(format!("+{}+", "-".repeat(INNER)));
    let domain = site.nodes[node]
        .domain
        .map_or(String::new(), |domain| site.domains[domain].clone());
    lines.push(cut(&format!("  {domain}"), INNER + 2));
    lines
}

fn volume_text(volume: &VolumeAnswer) -> String {
    let copies = match (volume.arbiter, volume.replica) {
        (true, _) => "2 copies and an arbiter".to_owned(),
        (false, 1) => "1 copy".to_owned(),
        (false, copies) => format!("{copies} copies"),
    };
    let usable = volume
        .usable_bytes
        .map_or("size not known".to_owned(), |usable| {
            format!("{} usable", bytes(usable))
        });
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
    let split = &volume.split_brain;
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
    for (what, cuts) in [
        ("nodes", &survival.minimal_cuts.nodes),
        ("power of", &survival.minimal_cuts.domains),
    ] {
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
