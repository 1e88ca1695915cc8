//! The drawing as SVG: power domains, nodes, sticks, bricks, and the losses that a volume cannot take. Text stays text.

use crate::answer::Answer;
use crate::refuse::{bytes, losses};
use cluster::svg::{Svg, palette};

/// Sizes in pixels.
const BOX: u32 = 150;
const GAP: u32 = 16;
const LINE: u32 = 20;
const MARGIN: u32 = 24;
/// Nodes in a row.
const ROW: usize = 6;

/// The picture.
pub fn picture(answer: &Answer) -> String {
    let site = &answer.site;
    let nodes: Vec<usize> = (0..site.nodes.len())
        .filter(|node| site.sticks.iter().any(|stick| stick.node == *node))
        .collect();
    let columns = nodes.len().clamp(1, ROW);
    let width = (2 * MARGIN + u32::try_from(columns).unwrap_or(1) * (BOX + GAP)).max(640);
    let title = format!("Gluster volumes of {}", site.cluster);
    let mut svg = Svg::new(
        &title,
        "Nodes with their sticks and bricks, and what each volume survives.",
    );
    let mut y = MARGIN + LINE;
    svg.text(MARGIN, y, 18, palette::INK, &title);
    y += GAP;
    for row in nodes.chunks(ROW) {
        let height = row
            .iter()
            .map(|node| node_height(answer, *node))
            .max()
            .unwrap_or(LINE);
        for (column, node) in row.iter().enumerate() {
            let x = MARGIN + u32::try_from(column).unwrap_or(0) * (BOX + GAP);
            node_box(&mut svg, answer, *node, x, y, height);
        }
        y += height + GAP;
    }
    for (index, volume) in answer.volumes.iter().enumerate() {
        y += LINE + 4;
        svg.block(MARGIN, y - 12, 12, 12, palette::series(index));
        let usable = volume
            .usable_bytes
            .map_or("size not known".to_owned(), bytes);
        svg.text(
            MARGIN + 20,
            y,
            14,
            palette::INK,
            &format!(
                "{}: {}, {usable}, {}",
                volume.name, volume.kind, volume.mount
            ),
        );
        for line in lines(volume) {
            y += LINE;
            svg.text(MARGIN + 20, y, 12, palette::MUTED, &line);
        }
    }
    svg.finish(width, y + MARGIN)
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

fn node_height(answer: &Answer, node: usize) -> u32 {
    let rows = u32::try_from(rows(answer, node).len()).unwrap_or(0);
    (rows + 2) * LINE + 12
}

fn node_box(svg: &mut Svg, answer: &Answer, node: usize, x: u32, y: u32, height: u32) {
    let site = &answer.site;
    svg.frame(x, y, BOX, height, palette::LINE, palette::PAPER);
    svg.text(x + 10, y + LINE, 14, palette::INK, &site.nodes[node].name);
    if let Some(domain) = site.nodes[node].domain {
        svg.text(
            x + 10,
            y + 2 * LINE,
            11,
            palette::MUTED,
            &format!("power: {}", site.domains[domain]),
        );
    }
    for (index, (text, volume)) in rows(answer, node).iter().enumerate() {
        let y = y + (u32::try_from(index).unwrap_or(0) + 3) * LINE;
        match volume {
            None => svg.text(x + 10, y, 12, palette::INK, text),
            Some(volume) => {
                svg.block(x + 10, y - 14, BOX - 20, 18, palette::series(*volume));
                svg.text(x + 16, y, 12, palette::ON_SERIES, text);
            }
        }
    }
}
