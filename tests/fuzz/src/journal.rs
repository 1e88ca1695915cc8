//! The journal of a run: torn anywhere it holds what was recorded before, damaged it is refused.

use super::{bytes, files};
use cluster::plan::{Plan, sha256, steps_text};
use cluster::run::{Journal, Unfinished};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// With the first bit set, each line gets the checksum that it needs, and a plan its hash: what is then refused or accepted
/// is refused or accepted for what it says.
pub fn run(data: &[u8]) {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| files::folder().join("journal"));
    let (choice, rest) = bytes::choice(data);
    let (cut, rest) = rest.split_at(rest.len().min(2));
    let content = match choice % 2 {
        0 => rest.to_vec(),
        _ => with_sums(rest),
    };
    let Some(whole) = peek(path, &content) else {
        return;
    };
    let cut = usize::try_from(bytes::number(cut)).unwrap_or(0) % (content.len() + 1);
    torn(path, &content[..cut], whole.as_ref());
    let mut zeros = content.clone();
    zeros.resize(content.len() + 512, 0);
    assert_eq!(peek(path, &zeros), Some(whole.clone()), "a tail of zeros");
    if let Some(left) = &whole {
        let _ = (steps_text(&left.plan.steps), left.plan.plan_sha256());
        let _ = cluster::plan::script(&left.plan, "x", None, &[]);
    }
    opened(path, &content, whole.as_ref());
}

/// What the file holds; `None` where it is refused.
fn peek(path: &Path, content: &[u8]) -> Option<Option<Unfinished>> {
    std::fs::write(path, content).expect("writing a file");
    Journal::peek(path).ok()
}

fn torn(path: &Path, content: &[u8], whole: Option<&Unfinished>) {
    let before = peek(path, content).expect("a torn journal is read");
    let Some(before) = before else { return };
    let whole = whole.expect("the whole holds at least what its head holds");
    assert_eq!(before.plan, whole.plan);
    assert!(
        before
            .progress
            .keys()
            .all(|step| whole.progress.contains_key(step))
    );
}

/// Opening it takes what was torn away, and nothing else.
fn opened(path: &Path, content: &[u8], whole: Option<&Unfinished>) {
    std::fs::write(path, content).expect("writing a file");
    let journal = Journal::open(path, "fuzz").expect("opening what could be read");
    assert_eq!(journal.unfinished(), whole);
    let records = content
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let now = std::fs::read(path).expect("reading a file");
    assert!(
        now.starts_with(&content[..records]),
        "a whole record is gone"
    );
    drop(journal);
    assert_eq!(path.exists(), whole.is_some());
}

fn with_sums(lines: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let (text, end) = match line.strip_suffix(b"\n") {
            Some(text) => (text, &b"\n"[..]),
            None => (line, &b""[..]),
        };
        let text = match serde_json::from_slice::<Value>(text) {
            Ok(value) => with_hash(value).into_bytes(),
            Err(_) => text.to_vec(),
        };
        content.extend(&sha256(&text).as_bytes()[..16]);
        content.push(b' ');
        content.extend(&text);
        content.extend(end);
    }
    content
}

fn with_hash(mut record: Value) -> String {
    if let Ok(plan) = serde_json::from_value::<Plan>(record["plan"].clone()) {
        record["sha256"] = plan.plan_sha256().into();
    }
    record.to_string()
}
