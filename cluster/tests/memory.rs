//! Reading a document never takes memory beyond a small multiple of its bytes, whatever they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster::document::Document;
use cluster::inventory::Section;
/// The most bytes for each byte of input. The widest value beside its shortest text is a node, some 340 bytes for 13, and
/// a list that grows may hold its old and its new place at once.
const MULTIPLE: usize = 64;
/// What errors and tables need, however short the input is.
const FIXED: usize = 4 << 20;

/// A line of this process's status, in bytes.
fn status(name: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        << 10
}

/// Bytes resident at the peak while `input` is read, beyond those before (proc(5): 5 resets the peak).
fn peak(input: Vec<u8>) -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    if let Ok(document) = Document::parse(input) {
        let _ = document.inventory(&Section::ALL);
    }
    status("VmHWM:").saturating_sub(before)
}

fn repeated(head: &str, item: impl Fn(usize) -> String, tail: &str, bytes: usize) -> Vec<u8> {
    let mut text = head.to_owned();
    let mut index = 0;
    while text.len() < bytes {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&item(index));
        index += 1;
    }
    text.push_str(tail);
    text.into_bytes()
}

// One test: the peak is the whole process's.
#[test]
fn hostile_documents_take_no_more_than_their_share() {
    const BYTES: usize = 400_000;
    let port = |_| "{\"port\":1,\"device\":\"a\"}".to_owned();
    let inputs = [
        repeated("{", |i| format!("\"{i}\":1"), "}", BYTES),
        repeated("{", |i| format!("\"\\u00e9{i}\":1"), "}", BYTES),
        repeated(
            "{\"switches\":[{\"name\":\"a\",\"ports\":[",
            port,
            "]}]}",
            BYTES,
        ),
        repeated(
            "{\"nodes\":[",
            |i| format!("{{\"name\":\"n{i}\"}}"),
            "]}",
            BYTES,
        ),
        repeated(
            "{\"nodes\":[",
            |_| "{\"name\":\"n\"}".to_owned(),
            "]}",
            BYTES,
        ),
        repeated(
            "{\"nodes\":[{\"name\":\"a\",",
            |i| format!("\"f{i}\":1"),
            "}]}",
            BYTES,
        ),
        repeated(
            "{\"nodes\":[{\"name\":\"a\",\"observed\":[",
            |_| "[]".to_owned(),
            "]}]}",
            BYTES,
        ),
        repeated(
            "{\"network\":{\"dns\":[",
            |_| "\"1.1.1.1\"".to_owned(),
            "]}}",
            BYTES,
        ),
        format!("{{\"nodes\":{}", "[".repeat(BYTES)).into_bytes(),
        format!(
            "{{\"nodes\":{}{}}}",
            "[".repeat(BYTES / 2),
            "]".repeat(BYTES / 2)
        )
        .into_bytes(),
        format!("{{\"name\":\"{}\"}}", "\\u0000".repeat(BYTES / 6)).into_bytes(),
        vec![0xff; BYTES],
        vec![b'{'; BYTES],
    ];
    for input in inputs {
        let length = input.len();
        let start = String::from_utf8_lossy(&input[..40]).into_owned();
        let taken = peak(input);
        assert!(
            taken <= MULTIPLE * length + FIXED,
            "{start}…: {taken} bytes for {length}: {:.1} times",
            taken as f64 / length as f64
        );
    }
}
