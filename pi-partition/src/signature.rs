//! Signatures of file systems and of what else claims a place on a disk. Offsets and magic bytes from libblkid's
//! `superblocks/*.c` (util-linux 2.41).
//!
//! A table of our own rather than `blkid -p`: an image is planned without root, without that program, and by reading a few
//! kilobytes.

use crate::source::Source;
use std::io;

/// Something that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What it is: `ext4`, `xfs`, `LVM2_member` …, as `blkid` names it.
    pub kind: &'static str,
    /// Where its magic bytes stand, in bytes from the start of what was looked at.
    pub offset: u64,
    /// The magic bytes.
    pub magic: Vec<u8>,
    /// Its label.
    pub label: Option<String>,
    /// Its UUID in lower case.
    pub uuid: Option<String>,
}

/// Kind, offset from the start, magic bytes. Where two fit, the first counts.
const AT_START: [(&str, usize, &[u8]); 29] = [
    ("crypto_LUKS", 0, b"LUKS\xba\xbe"),
    ("xfs", 0, b"XFSB"),
    ("squashfs", 0, b"hsqs"),
    ("ceph_bluestore", 0, b"bluestore block device"),
    ("linux_raid_member", 0, &[0xfc, 0x4e, 0x2b, 0xa9]),
    ("linux_raid_member", 4096, &[0xfc, 0x4e, 0x2b, 0xa9]),
    ("LVM2_member", 0x018, b"LVM2 001"),
    ("LVM2_member", 0x218, b"LVM2 001"),
    ("LVM2_member", 0x418, b"LVM2 001"),
    ("LVM2_member", 0x618, b"LVM2 001"),
    ("ntfs", 3, b"NTFS    "),
    ("exfat", 3, b"EXFAT   "),
    ("vfat", 0x52, b"FAT32   "),
    ("vfat", 0x36, b"FAT16   "),
    ("vfat", 0x36, b"FAT12   "),
    ("vfat", 0x36, b"FAT     "),
    ("gpt", 0x200, b"EFI PART"),
    ("f2fs", 0x400, &[0x10, 0x20, 0xf5, 0xf2]),
    ("erofs", 0x400, &[0xe2, 0xe1, 0xf5, 0xe0]),
    ("nilfs2", 0x406, &[0x34, 0x34]),
    ("ext4", 0x438, &[0x53, 0xef]),
    ("swap", 0xff6, b"SWAPSPACE2"),
    ("swap", 0xff6, b"SWAP-SPACE"),
    (
        "bcache",
        0x1018,
        &[0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca],
    ),
    ("iso9660", 0x8001, b"CD001"),
    ("jfs", 0x8000, b"JFS1"),
    ("reiserfs", 0x10034, b"ReIsEr"),
    ("btrfs", 0x10040, b"_BHRfS_M"),
    ("swap", 0xfff6, b"SWAPSPACE2"),
];

/// The pieces that hold all places of [`AT_START`], so that little is read.
const PIECES: [(usize, usize); 4] = [(0, 8192), (0x8000, 512), (0xfe00, 512), (0x10000, 512)];

/// A Linux RAID superblock near the end: version 0.90 in the last whole 64 KiB before the last, version 1.0 at 8 KiB before the
/// end, rounded down to 4 KiB.
const RAID: [u8; 4] = [0xfc, 0x4e, 0x2b, 0xa9];

/// What begins at `offset` of a disk, in a place of `size` bytes.
///
/// # Errors
/// The disk cannot be read.
pub fn read(source: &dyn Source, offset: u64, size: u64) -> io::Result<Option<Signature>> {
    let mut start = Vec::new();
    for (at, length) in PIECES {
        let end = (at + length) as u64;
        if end > size || offset + end > source.size_bytes() {
            break;
        }
        start.resize(at + length, 0);
        source.read_at(offset + at as u64, &mut start[at..])?;
    }
    if let Some(found) = recognise(&start) {
        return Ok(Some(found));
    }
    at_end(source, offset, size)
}

/// What claims a whole disk, also from its end: behind a table at its start, a RAID's superblock may still stand there.
///
/// # Errors
/// The disk cannot be read.
pub fn members(source: &dyn Source) -> io::Result<Vec<Signature>> {
    let size = source.size_bytes();
    let start = read(source, 0, size)?;
    let both = start.into_iter().chain(at_end(source, 0, size)?);
    let mut members: Vec<Signature> = both
        .filter(|found| found.kind.ends_with("_member"))
        .collect();
    members.dedup();
    Ok(members)
}

fn at_end(source: &dyn Source, offset: u64, size: u64) -> io::Result<Option<Signature>> {
    let version_1 = ((size / 512) & !7)
        .checked_sub(16)
        .map(|sector| sector * 512);
    let version_0 = (size & !0xffff).checked_sub(0x10000);
    for place in [version_1, version_0].into_iter().flatten() {
        if place == 0 || offset + place + 4 > source.size_bytes() {
            continue;
        }
        if source.bytes(offset + place, 4)? == RAID {
            return Ok(Some(plain("linux_raid_member", place, &RAID)));
        }
    }
    Ok(None)
}

/// What the first bytes of a disk are the start of.
pub fn at_start(start: &[u8]) -> Option<&'static str> {
    recognise(start).map(|found| found.kind)
}

/// A kind by its name.
pub fn known_kind(name: &str) -> Option<&'static str> {
    let known = AT_START.iter().map(|(kind, ..)| *kind);
    known.chain(["ext2", "ext3"]).find(|kind| *kind == name)
}

/// Whether a boot sector is that of a FAT file system.
pub fn is_fat(sector: &[u8]) -> bool {
    matches!(at_start(sector), Some("vfat" | "exfat" | "ntfs"))
}

fn plain(kind: &'static str, offset: u64, magic: &[u8]) -> Signature {
    Signature {
        kind,
        offset,
        magic: magic.to_vec(),
        label: None,
        uuid: None,
    }
}

fn recognise(start: &[u8]) -> Option<Signature> {
    let (kind, offset, magic) = AT_START
        .iter()
        .find(|(_, offset, magic)| start.get(*offset..*offset + magic.len()) == Some(*magic))?;
    let mut found = plain(kind, *offset as u64, magic);
    match *kind {
        "ext4" => {
            found.kind = ext_kind(start);
            found.uuid = uuid(start, 1024 + 104);
            found.label = label(start, 1024 + 120, 16);
        }
        "xfs" => {
            // mkfs.xfs clears this byte (sb_inprogress) last: until then there is no file system.
            found.uuid = uuid(start, 32).filter(|_| start.get(126) == Some(&0));
            found.label = label(start, 108, 12);
        }
        "btrfs" => {
            found.uuid = uuid(start, 0x10020);
            found.label = label(start, 0x1012b, 64);
        }
        "swap" => {
            found.uuid = uuid(start, 1036);
            found.label = label(start, 1052, 16);
        }
        "vfat" => {
            let fat32 = *offset == 0x52;
            found.uuid = serial(start, if fat32 { 67 } else { 39 });
            found.label = label(start, if fat32 { 71 } else { 43 }, 11)
                .map(|label| label.trim_end().to_owned())
                .filter(|label| !label.is_empty() && label != "NO NAME");
        }
        _ => {}
    }
    Some(found)
}

/// ext2, ext3 and ext4 differ in their features alone (libblkid's ext.c).
fn ext_kind(start: &[u8]) -> &'static str {
    let feature = |at: usize| start.get(at..at + 4).map_or(0, crate::table::le32_of);
    let (compat, incompat, ro_compat) =
        (feature(1024 + 92), feature(1024 + 96), feature(1024 + 100));
    // Beyond what ext3 knows: filetype 2, recover 4, meta_bg 0x10; sparse_super 1, large_file 2, btree_dir 4.
    if incompat & !0x16 != 0 || ro_compat & !0x7 != 0 {
        "ext4"
    } else if compat & 0x4 != 0 {
        "ext3"
    } else {
        "ext2"
    }
}

fn uuid(start: &[u8], at: usize) -> Option<String> {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(start.get(at..at + 16)?);
    (bytes != [0; 16]).then(|| cluster::plan::uuid_text(bytes))
}

/// FAT's volume serial number as `blkid` prints it: `1234-ABCD`.
fn serial(start: &[u8], at: usize) -> Option<String> {
    let number = crate::table::le32_of(start.get(at..at + 4)?);
    Some(format!("{:04X}-{:04X}", number >> 16, number & 0xffff))
}

fn label(start: &[u8], at: usize, length: usize) -> Option<String> {
    let bytes = start.get(at..at + length)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(length);
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magic_bytes_are_found_in_their_places_only() {
        let mut disk = vec![0; 1 << 20];
        let looked = |disk: &[u8]| read(&disk, 4096, 512 << 10).unwrap().map(|s| s.kind);
        assert_eq!(looked(&disk), None);
        for (kind, at, magic) in AT_START {
            let place = 4096 + at;
            disk[place..place + magic.len()].copy_from_slice(magic);
            let found = looked(&disk).unwrap();
            assert!(
                found == kind || (kind, found) == ("ext4", "ext2"),
                "{kind}: {found}"
            );
            disk[place..place + magic.len()].fill(0);
        }
        // Version 1.0: 8 KiB before the end.
        disk[4096 + (504 << 10)..][..4].copy_from_slice(&RAID);
        assert_eq!(looked(&disk), Some("linux_raid_member"));
    }

    #[test]
    fn a_raid_is_seen_at_the_end_of_a_disk_that_begins_with_a_table() {
        let mut disk = vec![0; 1 << 20];
        let kinds =
            |disk: &[u8]| -> Vec<&str> { members(&disk).unwrap().iter().map(|m| m.kind).collect() };
        disk[512..520].copy_from_slice(b"EFI PART");
        assert_eq!(kinds(&disk), [""; 0]);
        for place in [(1 << 20) - 8192, (1 << 20) - 65536] {
            disk[place..place + 4].copy_from_slice(&RAID);
            assert_eq!(kinds(&disk), ["linux_raid_member"], "{place}");
            disk[place..place + 4].fill(0);
        }
        disk[0x218..0x220].copy_from_slice(b"LVM2 001");
        assert_eq!(kinds(&disk), ["LVM2_member"]);
    }

    #[test]
    fn a_place_too_small_for_anything_holds_nothing() {
        let disk: &[u8] = &[0x53; 600];
        assert_eq!(read(&disk, 512, 88).unwrap(), None);
    }
}
