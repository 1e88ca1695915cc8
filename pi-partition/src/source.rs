//! What a table is read from: a disk, an image, or one of them as it would be after some writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any place.
pub trait Source {
    /// How many there are.
    fn size_bytes(&self) -> u64;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// What the device reports; `UnexpectedEof` beyond the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// `length` bytes from `offset` on. `length` is never one that a disk claims.
    ///
    /// # Errors
    /// As [`Source::read_at`].
    fn bytes(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }
}

/// A device or an image file.
#[derive(Debug)]
pub struct Disk<'a> {
    file: &'a File,
    size_bytes: u64,
}

impl<'a> Disk<'a> {
    /// An open file of this size.
    pub fn new(file: &'a File, size_bytes: u64) -> Self {
        Self { file, size_bytes }
    }
}

impl Source for Disk<'_> {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl Source for &[u8] {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len());
        let part = end.and_then(|end| self.get(start..end));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Another source as it is after some writes, none of which reaches it.
pub struct Overlay<'a> {
    base: &'a dyn Source,
    writes: Vec<(u64, Vec<u8>)>,
}

impl<'a> Overlay<'a> {
    /// With these writes, offset and bytes; a later one wins.
    pub fn new(base: &'a dyn Source, writes: Vec<(u64, Vec<u8>)>) -> Self {
        Self { base, writes }
    }
}

impl Source for Overlay<'_> {
    fn size_bytes(&self) -> u64 {
        self.base.size_bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.base.read_at(offset, buffer)?;
        let end = offset + buffer.len() as u64;
        for (place, bytes) in &self.writes {
            let from = offset.max(*place);
            let to = end.min(place.saturating_add(bytes.len() as u64));
            if from < to {
                // Both differences are within a buffer, so they fit.
                let target = (from - offset) as usize..(to - offset) as usize;
                let source = (from - place) as usize..(to - place) as usize;
                buffer[target].copy_from_slice(&bytes[source]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_lie_over_what_is_there() {
        let base: &[u8] = &[0; 10];
        let overlay = Overlay::new(&base, vec![(2, vec![1; 4]), (4, vec![2; 9])]);
        assert_eq!(
            overlay.bytes(0, 10).unwrap(),
            [0, 0, 1, 1, 2, 2, 2, 2, 2, 2]
        );
        assert_eq!(overlay.bytes(3, 2).unwrap(), [1, 2]);
        assert!(overlay.bytes(3, 8).is_err());
    }
}
