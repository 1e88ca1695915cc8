//! An input taken apart: choices from its head, pieces between markers.

/// What separates pieces of text in an input.
const MARK: &[u8] = b"\n====\n";

/// The first byte and the rest; 0 where there is none.
pub fn choice(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (usize::from(*first), rest),
        None => (0, data),
    }
}

/// The pieces between lines of `====`.
pub fn pieces(mut data: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = data.windows(MARK.len()).position(|part| part == MARK) {
        pieces.push(&data[..at]);
        data = &data[at + MARK.len()..];
    }
    pieces.push(data);
    pieces
}

/// The input as text, where it is text.
pub fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// A little-endian number of up to eight bytes.
pub fn number(data: &[u8]) -> u64 {
    data.iter()
        .take(8)
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
