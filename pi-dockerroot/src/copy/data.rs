//! A file's content: copied with its holes, or compared.

use super::meta;
use super::scratch::{PIECE, Scratch};
use anyhow::{Context, Result};
use rustix::fs::{Advice, SeekFrom, Statx, fadvise, ftruncate, seek};
use rustix::io::{Errno, pread, pwrite};
use std::num::NonZeroU64;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

/// Copies `stat.stx_size` bytes into an empty file, holes as holes. A source that got shorter meanwhile is copied as far
/// as it goes: its new time of modification tells the next pass.
pub(super) fn copy(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    stat: &Statx,
    scratch: &mut Scratch,
    copied: &AtomicU64,
) -> Result<()> {
    let size = stat.stx_size;
    if !meta::may_have_holes(stat) {
        return copy_range(from, to, 0, size, scratch, copied);
    }
    let mut end = 0;
    while let Some((start, stop)) = next_data(from, end, size).context("looking for holes")? {
        copy_range(from, to, start, stop, scratch, copied)?;
        end = stop;
    }
    if end < size {
        // A hole at the end.
        ftruncate(to, size).context("setting the size")?;
    }
    Ok(())
}

/// The next range that holds data, from `position` on.
pub(super) fn next_data(
    file: BorrowedFd<'_>,
    position: u64,
    size: u64,
) -> rustix::io::Result<Option<(u64, u64)>> {
    if position >= size {
        return Ok(None);
    }
    let start = match seek(file, SeekFrom::Data(position)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        Err(error) => return Err(error),
    };
    if start >= size {
        return Ok(None);
    }
    match seek(file, SeekFrom::Hole(start)) {
        Ok(stop) => Ok(Some((start, stop.min(size)))),
        // It got shorter meanwhile.
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is a hole in so many bytes of a file.
pub(super) fn has_hole(file: BorrowedFd<'_>, size: u64) -> rustix::io::Result<bool> {
    match seek(file, SeekFrom::Hole(0)) {
        Ok(start) => Ok(start < size),
        Err(Errno::NXIO) => Ok(false),
        Err(error) => Err(error),
    }
}

fn copy_range(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    mut position: u64,
    end: u64,
    scratch: &mut Scratch,
    copied: &AtomicU64,
) -> Result<()> {
    while position < end {
        let piece = piece(&mut scratch.piece, end - position);
        let length = pread(from, &mut *piece, position).context("reading")?;
        if length == 0 {
            break;
        }
        let mut rest = &piece[..length];
        while !rest.is_empty() {
            let written = pwrite(to, rest, position).context("writing the copy")?;
            rest = &rest[written..];
            position += written as u64;
        }
        copied.fetch_add(length as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Room for at most `wanted` bytes.
fn piece(buffer: &mut [u8], wanted: u64) -> &mut [u8] {
    let length = usize::try_from(wanted).map_or(PIECE, |wanted| wanted.min(PIECE));
    &mut buffer[..length]
}

/// Whether two files of the same size hold the same.
pub(super) fn equal(
    a: BorrowedFd<'_>,
    b: BorrowedFd<'_>,
    size: u64,
    scratch: &mut Scratch,
    compared: &AtomicU64,
) -> Result<bool> {
    let mut position = 0;
    while position < size {
        let one = fill(a, piece(&mut scratch.piece, size - position), position)
            .context("reading the source")?;
        let other = fill(b, piece(&mut scratch.other, size - position), position)
            .context("reading the copy")?;
        if scratch.piece[..one] != scratch.other[..other] {
            return Ok(false);
        }
        if one == 0 {
            break;
        }
        position += one as u64;
        compared.fetch_add(one as u64, Ordering::Relaxed);
    }
    Ok(true)
}

/// Reads until the buffer is full or the file ends.
fn fill(file: BorrowedFd<'_>, buffer: &mut [u8], position: u64) -> rustix::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match pread(file, &mut buffer[length..], position + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

/// Makes the next read of a file come from its disk, and starts it. What is dirty stays: flush before.
pub(super) fn read_from_disk(file: BorrowedFd<'_>) -> rustix::io::Result<()> {
    fadvise(file, 0, None, Advice::DontNeed)?;
    // Beyond a first piece the kernel's own read-ahead keeps up.
    fadvise(file, 0, NonZeroU64::new(PIECE as u64), Advice::WillNeed)
}
