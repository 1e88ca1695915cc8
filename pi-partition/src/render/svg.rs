//! The picture: each disk before and after, drawn to scale, with a legend.

use super::text::{size, stretches};
use crate::answer::{Answer, DiskAnswer, NodeAnswer, PlannedPartition};
use cluster::edge::Verdict;
use cluster::edge::nodes::Entry;
use cluster::picture::{Anchor, Area, Face, Picture, Tone, fit};

/// The width of everything, and of what stands within the margins.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 16.0;
const INNER: f64 = WIDTH - 2.0 * LEFT;
/// Where a disk's bar begins, its width and its height.
const BAR_LEFT: f64 = LEFT + 72.0;
const BAR_WIDTH: f64 = INNER - 80.0;
const BAR_HEIGHT: f64 = 30.0;
/// However small, a partition is seen.
const LEAST: f64 = 3.0;
const ROW: f64 = 20.0;

/// The whole answer.
pub fn svg(verdict: &Verdict<Answer>) -> String {
    let answer = &verdict.answer;
    let title = match (answer.changed, answer.pending) {
        (true, _) => "Disks, now that they were changed",
        (false, true) => "Disks before and after",
        (false, false) => "Disks as they are",
    };
    let described: Vec<String> = answer.nodes.iter().map(describe).collect();
    let mut picture = Picture::new("pi-partition", title, &described.join(" "), WIDTH);
    let mut y = 36.0;
    picture.text((LEFT, y), Face::Heading, Tone::Ink, Anchor::Start, title);
    y += 14.0;
    for (name, entry) in &answer.nodes {
        y = match entry {
            Entry::New(node) => node_panel(&mut picture, y, name, node),
            Entry::Kept(_) => {
                let words = format!("{name}: as in the document");
                picture.paragraph((LEFT, y), INNER, Tone::Faint, &words)
            }
        };
    }
    picture.findings((LEFT, y), INNER, &verdict.findings);
    picture.finish()
}

/// A node's disk in a sentence, for who cannot see it.
fn describe((name, entry): (&String, &Entry<NodeAnswer>)) -> String {
    let Entry::New(node) = entry else {
        return format!("{name}: as in the document.");
    };
    let Some(disk) = &node.disk else {
        return format!("{name}: {}, not known.", node.request.disk);
    };
    let rows = legend(disk, &node.new_partitions(disk));
    let rows: Vec<String> = rows.into_iter().map(|row| row.words).collect();
    format!("{}: {}.", heading(name, disk), rows.join("; "))
}

fn heading(name: &str, disk: &DiskAnswer) -> String {
    format!(
        "{name}: {}, {}, {} {}",
        disk.path,
        size(disk.size_bytes),
        disk.table.to_uppercase(),
        disk.disk_id
    )
}

fn node_panel(picture: &mut Picture, y: f64, name: &str, node: &NodeAnswer) -> f64 {
    let Some(disk) = &node.disk else {
        let words = format!("{name}: {}, not known", node.request.disk);
        return picture.paragraph((LEFT, y), INNER, Tone::Faint, &words);
    };
    let new = node.new_partitions(disk);
    let after = !new.is_empty() && node.plan_sha256.is_some();
    let rows = legend(disk, if after { &new } else { &[] });
    let bars = if after { 2.0 } else { 1.0 };
    let height = 44.0 + bars * (BAR_HEIGHT + 12.0) + rows.len() as f64 * ROW + 10.0;
    let panel = Area {
        x: LEFT,
        y,
        width: INNER,
        height,
    };
    picture.fill(panel, Tone::Panel, "");
    let title = heading(name, disk);
    let title = fit(&title, INNER - 16.0, Face::Strong.size());
    let place = (LEFT + 8.0, y + 24.0);
    picture.text(place, Face::Strong, Tone::Ink, Anchor::Start, &title);
    let mut at = y + 38.0;
    bar(
        picture,
        at,
        if node.changed { "Now" } else { "Before" },
        disk,
        &[],
    );
    at += BAR_HEIGHT + 12.0;
    if after {
        bar(picture, at, "After", disk, &new);
        at += BAR_HEIGHT + 12.0;
    }
    for row in rows {
        let swatch = Area {
            x: LEFT + 8.0,
            y: at + 4.0,
            width: 12.0,
            height: 12.0,
        };
        picture.fill(swatch, row.tone, "");
        picture.edge(swatch, Tone::Line, "");
        let words = fit(&row.words, INNER - 44.0, Face::Body.size());
        let place = (LEFT + 28.0, at + 14.0);
        picture.text(place, Face::Body, Tone::Ink, Anchor::Start, &words);
        at += ROW;
    }
    y + height + 14.0
}

/// A disk to scale: what no partition covers stays empty.
fn bar(picture: &mut Picture, y: f64, label: &str, disk: &DiskAnswer, new: &[&PlannedPartition]) {
    let place = (LEFT + 8.0, y + 20.0);
    picture.text(place, Face::Body, Tone::Ink, Anchor::Start, label);
    let whole = Area {
        x: BAR_LEFT,
        y,
        width: BAR_WIDTH,
        height: BAR_HEIGHT,
    };
    picture.fill(whole, Tone::Page, "");
    let unit = BAR_WIDTH / disk.size_bytes.max(1) as f64;
    let mut at = BAR_LEFT;
    let end = BAR_LEFT + BAR_WIDTH;
    for stretch in stretches(disk, new) {
        let from = (BAR_LEFT + stretch.start as f64 * unit)
            .max(at)
            .min(end - LEAST);
        let to = BAR_LEFT + (stretch.start + stretch.size) as f64 * unit;
        let width = (to.min(end) - from).max(LEAST);
        let area = Area {
            x: from,
            width,
            ..whole
        };
        let tip = format!("{}: {}", stretch.label, size(stretch.size));
        picture.fill(area, tone(&stretch.label), &tip);
        picture.edge(area, Tone::Page, "");
        let label = fit(&stretch.label, width - 6.0, Face::Body.size());
        if !label.starts_with('…') {
            let middle = (from + width / 2.0, y + 20.0);
            picture.text(middle, Face::Strong, Tone::Page, Anchor::Middle, &label);
        }
        at = from + width;
    }
    picture.edge(whole, Tone::Line, "");
}

/// A partition's colour: what is new has one of its own.
fn tone(label: &str) -> Tone {
    match label.parse::<usize>() {
        Ok(number) => Tone::Group(number.wrapping_sub(1)),
        Err(_) => Tone::New,
    }
}

/// A line of the legend.
struct Row {
    start: u64,
    tone: Tone,
    words: String,
}

fn legend(disk: &DiskAnswer, new: &[&PlannedPartition]) -> Vec<Row> {
    let words = |label: &str, bytes: u64, what: &[&str]| {
        let what: Vec<&str> = what
            .iter()
            .copied()
            .filter(|word| !word.is_empty())
            .collect();
        format!("{label}  {}  {}", size(bytes), what.join(" "))
            .trim_end()
            .to_owned()
    };
    let present = disk.partitions.iter().map(|partition| {
        let label = partition.number.to_string();
        let mounted = partition.mounted.join(" ");
        let what = [
            partition.filesystem.as_deref().unwrap_or_default(),
            partition.label.as_deref().unwrap_or_default(),
            &mounted,
        ];
        Row {
            start: partition.start_bytes,
            tone: tone(&label),
            words: words(&label, partition.size_bytes, &what),
        }
    });
    let planned = new.iter().filter_map(|planned| {
        let label = format!("{} new", planned.number?);
        let what = [
            planned.filesystem.as_str(),
            planned.label.as_deref().unwrap_or_default(),
            planned.mount.as_deref().unwrap_or_default(),
        ];
        Some(Row {
            start: planned.start_bytes?,
            tone: Tone::New,
            words: words(&label, planned.size_bytes?, &what),
        })
    });
    let mut rows: Vec<Row> = present.chain(planned).collect();
    rows.sort_by_key(|row| row.start);
    rows
}
