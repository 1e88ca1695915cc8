//! How long a flushed write takes where K3s's data will lie.

use anyhow::Context;
use cluster::root::{Root, by_descriptor};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// What etcd writes at once, as its own guide to disks measures it (`fio --bs=2300 --fdatasync=1`).
const BYTES: usize = 2300;
/// Enough for one write in a hundred to show.
const WRITES: usize = 300;
/// A card in its worst second takes longer than the rest together.
const LIMIT: Duration = Duration::from_secs(5);

/// The times of flushed writes in the folder, in microseconds, sorted. The file has no name: nothing is left of it, also
/// when the program is killed.
///
/// # Errors
/// The folder cannot be written to.
pub fn latencies(root: &Root, folder: &str) -> anyhow::Result<Vec<u64>> {
    let measuring = || format!("measuring writes in {folder}");
    let opened = root.file(Path::new(folder)).with_context(measuring)?;
    let mut file: File = OpenOptions::new()
        .write(true)
        .custom_flags(nix::libc::O_TMPFILE)
        .mode(0o600)
        .open(by_descriptor(&opened))
        .with_context(measuring)?;
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < WRITES && begun.elapsed() < LIMIT {
        let before = Instant::now();
        file.write_all(&[0x5a; BYTES]).with_context(measuring)?;
        file.sync_data().with_context(measuring)?;
        times.push(u64::try_from(before.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    Ok(times)
}
