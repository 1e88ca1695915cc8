//! The answer for people: each disk before and after, drawn to scale, the steps, and what was noticed.

use crate::answer::{Answer, DiskAnswer, NodeAnswer, PlannedPartition};
use cluster::edge::nodes::Entry;
use cluster::edge::{Verdict, findings_text};
use cluster::name::escape_controls;
use cluster::plan::steps_text;

/// How wide a disk is drawn.
const WIDTH: usize = 78;
/// Below this many columns no text is put into a partition.
const LEAST: usize = 3;

/// The text of a verdict.
pub fn text(verdict: &Verdict<Answer>) -> String {
    let mut text = String::new();
    for (name, entry) in &verdict.answer.nodes {
        match entry {
            Entry::New(node) => node_text(&mut text, name, node),
            Entry::Kept(_) => text.push_str(&format!("{name}: as in the document\n\n")),
        }
    }
    text.push_str(&findings_text(&verdict.findings));
    text
}

fn node_text(text: &mut String, name: &str, node: &NodeAnswer) {
    let path = escape_controls(&node.request.disk).into_owned();
    let Some(disk) = &node.disk else {
        text.push_str(&format!("{name}: {path}, not known\n\n"));
        return;
    };
    text.push_str(&format!(
        "{name}: {path}, {}, {} {}, sectors of {} bytes\n\n",
        size(disk.size_bytes),
        disk.table.to_uppercase(),
        disk.disk_id,
        disk.logical_sector_bytes
    ));
    let new = node.new_partitions(disk);
    let title = if node.changed { "Now" } else { "Before" };
    draw(text, title, disk, &[]);
    if !new.is_empty() && node.plan_sha256.is_some() {
        draw(text, "After", disk, &new);
    }
    list(text, disk, &new);
    if node.plan_sha256.is_none() {
        return;
    }
    if node.steps.is_empty() {
        text.push_str("Nothing to do.\n\n");
        return;
    }
    text.push_str(if node.changed {
        "Done:\n"
    } else {
        "Steps, with --apply:\n"
    });
    text.push_str(&steps_text(&node.steps));
    text.push('\n');
}

/// A stretch of the disk.
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) label: String,
    fill: char,
}

/// What the partitions cover, by place.
pub(super) fn stretches(disk: &DiskAnswer, new: &[&PlannedPartition]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = disk
        .partitions
        .iter()
        // Logical partitions lie inside the extended one, which is drawn.
        .filter(|partition| disk.table != "mbr" || partition.number <= 4)
        .map(|partition| Stretch {
            start: partition.start_bytes,
            size: partition.size_bytes,
            label: partition.number.to_string(),
            fill: '=',
        })
        .collect();
    stretches.extend(new.iter().filter_map(|planned| {
        Some(Stretch {
            start: planned.start_bytes?,
            size: planned.size_bytes?,
            label: format!("{} new", planned.number?),
            fill: '#',
        })
    }));
    stretches.sort_by_key(|stretch| stretch.start);
    stretches
}

/// One line of a disk: `|1|===2===|....free....|`, each stretch as wide as its part of the disk, at least one column.
fn draw(text: &mut String, title: &str, disk: &DiskAnswer, new: &[&PlannedPartition]) {
    let stretches = stretches(disk, new);
    let mut columns = vec!['.'; WIDTH];
    let place = |byte: u64| {
        let column = u128::from(byte) * WIDTH as u128 / u128::from(disk.size_bytes.max(1));
        (column as usize).min(WIDTH)
    };
    let mut at = 0;
    for stretch in &stretches {
        let from = place(stretch.start).max(at).min(WIDTH - 1);
        let to = place(stretch.start + stretch.size).max(from + 1);
        fill(&mut columns[from..to], stretch);
        at = to;
    }
    let line: String = columns.into_iter().collect();
    text.push_str(&format!("{title}\n|{line}|\n\n"));
}

fn fill(columns: &mut [char], stretch: &Stretch) {
    columns.fill(stretch.fill);
    let width = columns.len();
    let label: Vec<char> = stretch.label.chars().collect();
    // A one-column stretch shows its number, a wider one its label in the middle with its edges left visible.
    let shown = match width {
        1 | 2 => &label[..1.min(label.len())],
        _ if label.len() + 2 <= width => &label[..],
        _ => &label[..1.min(label.len())],
    };
    let from = (width - shown.len()) / 2;
    columns[from..from + shown.len()].copy_from_slice(shown);
    if width > LEAST {
        columns[0] = '[';
        columns[width - 1] = ']';
    }
}

fn list(text: &mut String, disk: &DiskAnswer, new: &[&PlannedPartition]) {
    let mut rows: Vec<(u64, String)> = disk
        .partitions
        .iter()
        .map(|partition| {
            let content = partition.filesystem.as_deref().unwrap_or("-");
            let label = partition.label.as_deref().unwrap_or("");
            let mounted = partition.mounted.join(" ");
            (
                partition.start_bytes,
                row(
                    &partition.number.to_string(),
                    partition.start_bytes,
                    partition.size_bytes,
                    content,
                    label,
                    &mounted,
                ),
            )
        })
        .collect();
    rows.extend(disk.free.iter().map(|free| {
        (
            free.start_bytes,
            row("free", free.start_bytes, free.size_bytes, "", "", ""),
        )
    }));
    rows.sort();
    text.push_str(&row_of_titles());
    for (_, row) in rows {
        text.push_str(&row);
    }
    for planned in new {
        let (Some(number), Some(start), Some(bytes)) =
            (planned.number, planned.start_bytes, planned.size_bytes)
        else {
            continue;
        };
        let label = planned.label.as_deref().unwrap_or("");
        let mount = planned.mount.as_deref().unwrap_or("");
        text.push_str(&row(
            &format!("{number} new"),
            start,
            bytes,
            planned.filesystem.as_str(),
            label,
            mount,
        ));
    }
    text.push('\n');
}

fn row_of_titles() -> String {
    format!(
        "{:<6} {:>14} {:>14} {:>9}  content\n",
        "", "start", "bytes", "size"
    )
}

fn row(number: &str, start: u64, bytes: u64, content: &str, label: &str, mount: &str) -> String {
    let what = [content, label, mount].join(" ");
    let what = what.trim().replace("  ", " ");
    let line = format!(
        "{number:<6} {start:>14} {bytes:>14} {:>9}  {}",
        size(bytes),
        escape_controls(&what)
    );
    let line = line.trim_end();
    let short: String = line.chars().take(80).collect();
    short + "\n"
}

/// A size as it stands on a card: decimal, three digits.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = match value {
        v if unit == 0 || v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}
