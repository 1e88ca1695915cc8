//! Nodes as boxes, in them their sticks and bricks.

use crate::answer::Answer;
use crate::remarks::bytes;
use cluster::name::escape_controls;

/// Boxes in a row of the drawing, so that it fits 80 columns.
const ROW: usize = 5;
/// A box's inner width.
const INNER: usize = 12;
/// A drawing of more nodes would be no drawing.
const MOST_NODES: usize = 40;

/// Nodes as boxes, in them their sticks, below each its bricks: `gv0 #1` is brick 1 of gv0's first set.
pub(super) fn drawing(answer: &Answer) -> String {
    let site = &answer.site;
    let nodes: Vec<usize> = (0..site.nodes.len())
        .filter(|node| site.sticks.iter().any(|stick| stick.node == *node))
        .collect();
    if nodes.is_empty() || nodes.len() > MOST_NODES {
        return String::new();
    }
    let boxes: Vec<Vec<String>> = nodes.iter().map(|node| node_box(answer, *node)).collect();
    boxes.chunks(ROW).map(row).collect()
}

/// Boxes side by side, closed at the same height.
fn row(boxes: &[Vec<String>]) -> String {
    let height = boxes.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = String::from("\n");
    for line in 0..height {
        let cells = boxes.iter().map(|lines| {
            // The last two lines are the bottom and the domain.
            let body = lines.len() - 2;
            let text = match line {
                line if line < body => lines[line].clone(),
                line if line + 2 < height => format!("|{:INNER$}|", ""),
                line => lines[body + line + 2 - height].clone(),
            };
            format!("{text:<width$}", width = INNER + 2)
        });
        let cells: Vec<String> = cells.collect();
        out.push_str(format!("  {}", cells.join(" ")).trim_end());
        out.push('\n');
    }
    out
}

fn node_box(answer: &Answer, node: usize) -> Vec<String> {
    let site = &answer.site;
    let name = cut(&site.nodes[node].name, INNER - 4);
    let mut lines = vec![format!(
        "+- {name} {}+",
        "-".repeat(INNER - 3 - name.chars().count())
    )];
    let inside = |text: &str| format!("|{:INNER$}|", cut(text, INNER));
    let sticks = site.sticks.iter().enumerate();
    for (index, stick) in sticks.filter(|(_, stick)| stick.node == node) {
        let size = stick
            .size
            .map_or(String::new(), |size| format!(" {}", bytes(size)));
        lines.push(inside(&format!(" {}{size}", stick.name)));
        lines.extend(bricks(answer, index).iter().map(|brick| inside(brick)));
    }
    lines.push(format!("+{}+", "-".repeat(INNER)));
    let domain = site.nodes[node]
        .domain
        .map_or(String::new(), |domain| site.domains[domain].clone());
    lines.push(cut(&format!("  {domain}"), INNER + 2));
    lines
}

/// The bricks on a stick, a line each.
fn bricks(answer: &Answer, stick: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for volume in &answer.plain {
        for set in &volume.sets {
            for (place, brick) in set.iter().enumerate() {
                if brick.stick == stick {
                    let mark = if brick.arbiter { "arb" } else { "" };
                    lines.push(format!("  {} #{}{mark}", volume.name, place + 1));
                }
            }
        }
    }
    lines
}

fn cut(text: &str, width: usize) -> String {
    escape_controls(text).chars().take(width).collect()
}
