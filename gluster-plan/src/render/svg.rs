//! The drawing as SVG: power domains, nodes, sticks, bricks, and the losses that a volume cannot take. Text stays text.

use crate::answer::Answer;
use crate::remarks::{bytes, losses};
use cluster::edge::Verdict;
use cluster::picture::{Anchor, Area, Face, Picture, Tone, fit};

/// Sizes in units of the picture.
const BOX: f64 = 168.0;
const GAP: f64 = 16.0;
const LINE: f64 = 20.0;
const LEFT: f64 = 16.0;
const SWATCH: f64 = 12.0;
/// Nodes in a row.
const ROW: usize = 4;

/// The whole answer.
pub fn svg(verdict: &Verdict<Answer>) -> String {
    let answer = &verdict.answer;
    let site = &answer.site;
    let nodes: Vec<usize> = (0..site.nodes.len())
        .filter(|node| site.sticks.iter().any(|stick| stick.node == *node))
        .collect();
    let width = 2.0 * LEFT + ROW as f64 * (BOX + GAP) - GAP;
    let title = format!("Gluster volumes of {}", site.cluster);
    let mut picture = Picture::new("gluster-plan", &title, &description(answer), width);
    let mut y = 36.0;
    let heading = fit(&title, width - 2.0 * LEFT, Face::Heading.size());
    picture.text((LEFT, y), Face::Heading, Tone::Ink, Anchor::Start, &heading);
    y += GAP;
    for row in nodes.chunks(ROW) {
        let heights = row.iter().map(|node| node_height(answer, *node));
        let height = heights.fold(LINE, f64::max);
        for (column, node) in row.iter().enumerate() {
            let area = Area {
                x: LEFT + column as f64 * (BOX + GAP),
                y,
                width: BOX,
                height,
            };
            node_box(&mut picture, answer, *node, area);
        }
        y += height + GAP;
    }
    for (index, volume) in answer.volumes.iter().enumerate() {
        swatch(&mut picture, (LEFT, y + 8.0), index);
        let inner = width - 3.0 * LEFT - SWATCH;
        let place = |y| (LEFT + SWATCH + 8.0, y);
        y = picture.paragraph(place(y), inner, Tone::Ink, &headline(volume));
        for line in lines(volume) {
            y = picture.paragraph(place(y), inner, Tone::Faint, &line);
        }
        y += GAP / 2.0;
    }
    picture.findings((LEFT, y), width - 2.0 * LEFT, &verdict.findings);
    picture.finish()
}

/// What the picture says of the volumes, for who cannot see it.
fn description(answer: &Answer) -> String {
    let volumes = answer.volumes.iter().map(|volume| {
        let bricks = volume
            .bricks
            .iter()
            .map(|brick| format!("{} on {}", brick.path, brick.node));
        format!(
            "{}; bricks {}; {}.",
            headline(volume),
            bricks.collect::<Vec<_>>().join(", "),
            lines(volume).join("; ")
        )
    });
    volumes.collect::<Vec<_>>().join(" ")
}

fn headline(volume: &crate::answer::VolumeAnswer) -> String {
    let usable = volume
        .usable_bytes
        .map_or("size not known".to_owned(), bytes);
    format!(
        "{}: {}, {usable}, {}",
        volume.name, volume.kind, volume.mount
    )
}

fn lines(volume: &crate::answer::VolumeAnswer) -> Vec<String> {
    let survival = &volume.survival;
    let mut lines = vec![format!(
        "survives {} of a node, whichever it is",
        losses(survival.guaranteed_losses.nodes)
    )];
    if let Some(also) = survival.also.as_ref().filter(|also| also.survived > 0) {
        lines.push(format!(
            "and by luck {} of {} cases of {} lost nodes",
            also.survived, also.of, also.losses
        ));
    }
    lines.push(if volume.split_brain.possible {
        "split-brain is possible".to_owned()
    } else {
        "split-brain cannot happen".to_owned()
    });
    lines
}

fn rows(answer: &Answer, node: usize) -> Vec<(String, Option<usize>)> {
    let mut rows = Vec::new();
    for (index, stick) in answer
        .site
        .sticks
        .iter()
        .enumerate()
        .filter(|(_, stick)| stick.node == node)
    {
        let size = stick
            .size
            .map_or(String::new(), |size| format!(", {}", bytes(size)));
        rows.push((format!("{}{size}", stick.name), None));
        for (number, volume) in answer.plain.iter().enumerate() {
            for (set, bricks) in volume.sets.iter().enumerate() {
                for (place, brick) in bricks
                    .iter()
                    .enumerate()
                    .filter(|(_, brick)| brick.stick == index)
                {
                    let set = if volume.sets.len() > 1 {
                        format!(" set {}", set + 1)
                    } else {
                        String::new()
                    };
                    let what = if brick.arbiter {
                        "arbiter".to_owned()
                    } else {
                        format!("brick {}", place + 1)
                    };
                    rows.push((format!("{}{set} {what}", volume.name), Some(number)));
                }
            }
        }
    }
    rows
}

fn node_height(answer: &Answer, node: usize) -> f64 {
    (rows(answer, node).len() + 2) as f64 * LINE + 12.0
}

fn node_box(picture: &mut Picture, answer: &Answer, node: usize, area: Area) {
    let site = &answer.site;
    picture.fill(area, Tone::Panel, "");
    let mut y = area.y;
    let mut line = |indent: f64, face: Face, tone: Tone, text: &str| {
        y += LINE;
        let text = fit(text, BOX - 20.0 - indent, face.size());
        let place = (area.x + 10.0 + indent, y);
        picture.text(place, face, tone, Anchor::Start, &text);
        y
    };
    line(0.0, Face::Strong, Tone::Ink, &site.nodes[node].name);
    let power = site.nodes[node]
        .domain
        .map(|domain| format!("power: {}", site.domains[domain]));
    line(
        0.0,
        Face::Small,
        Tone::Faint,
        power.as_deref().unwrap_or_default(),
    );
    let mut swatches = Vec::new();
    for (text, volume) in rows(answer, node) {
        let indent = volume.map_or(0.0, |_| SWATCH + 8.0);
        let base = line(indent, Face::Body, Tone::Ink, &text);
        swatches.extend(volume.map(|volume| (base, volume)));
    }
    for (base, volume) in swatches {
        swatch(picture, (area.x + 10.0, base - SWATCH + 1.0), volume);
    }
}

/// A volume's colour.
fn swatch(picture: &mut Picture, (x, y): (f64, f64), volume: usize) {
    let area = Area {
        x,
        y,
        width: SWATCH,
        height: SWATCH,
    };
    picture.fill(area, Tone::Group(volume), "");
}
