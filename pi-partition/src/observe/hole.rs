//! Whether a range of an image is a hole, so that it can be given back.

use crate::extent::Extent;
use crate::table::{Raw, Table, gpt};
use nix::unistd::Whence;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// More data than this is not an old backup of a table.
const MOST_LEFT: u64 = 256 << 10;

/// Whether a range of a file holds nothing but an old backup of the table: giving it back, and that backup's bytes with it,
/// leaves the file as it is now.
pub(super) fn is_hole(file: &File, extent: Extent, table: &Table) -> bool {
    let old = match &table.raw {
        Raw::Gpt(raw) => gpt::left_behind(raw, table.sector_bytes, table.sectors),
        _ => Vec::new(),
    };
    let mut at = extent.start_bytes;
    while at < extent.end() {
        let Ok(place) = i64::try_from(at) else {
            return false;
        };
        let data = match nix::unistd::lseek(file, place, Whence::SeekData) {
            Ok(data) => u64::try_from(data).unwrap_or(0),
            Err(nix::Error::ENXIO) => return true,
            Err(_) => return false,
        };
        if data >= extent.end() {
            return true;
        }
        let hole = nix::unistd::lseek(file, i64::try_from(data).unwrap_or(0), Whence::SeekHole);
        let end = hole.map_or(data, |hole| u64::try_from(hole).unwrap_or(data));
        let end = end.min(extent.end());
        if end <= data || end - data > MOST_LEFT || !only(file, data, end, &old) {
            return false;
        }
        at = end;
    }
    true
}

/// Whether the bytes of a range are zeros but for those of `known`.
fn only(file: &File, start: u64, end: u64, known: &[(u64, Vec<u8>)]) -> bool {
    // At most `MOST_LEFT`.
    let mut bytes = vec![0; (end - start) as usize];
    if file.read_exact_at(&mut bytes, start).is_err() {
        return false;
    }
    let mut places = start..end;
    bytes.iter().all(|byte| {
        let place = places.next().unwrap_or(end);
        let inside =
            |(from, old): &(u64, Vec<u8>)| (*from..from + old.len() as u64).contains(&place);
        *byte == 0 || known.iter().any(inside)
    })
}
