//! What a file system can hold, found without changing anything on it.

use super::scratch::Scratch;
use super::settle::NO_COMPRESSION;
use super::{Tree, sys, walk};
use anyhow::{Context, Result};
use rustix::fs::{IFlags, RawDir, fgetxattr, fstatfs, fstatvfs};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::AsFd;

/// What a file system can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// Its name.
    pub filesystem: String,
    /// The `chattr` flags that it keeps.
    pub flags: u32,
    /// Whether it has owners, modes, links and device nodes.
    pub unix: bool,
    /// Whether it keeps `user.*` and `security.*` attributes.
    pub xattrs: bool,
    /// Whether it keeps access lists.
    pub acls: bool,
    /// Whether its folders say the types of their entries, which overlay2 needs.
    pub types: bool,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// The most names that a file can have.
    pub most_links: u64,
    /// Free bytes for this user.
    pub free_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Inodes in use.
    pub used_inodes: u64,
    /// Free inodes; `None` where they do not run out before the space.
    pub free_inodes: Option<u64>,
    /// The size of its blocks in bytes.
    pub block_bytes: u64,
}

const COMMON: u32 = IFlags::IMMUTABLE.bits()
    | IFlags::APPEND.bits()
    | IFlags::NODUMP.bits()
    | IFlags::NOATIME.bits();
/// ext4.h, EXT4_FL_USER_MODIFIABLE, without extents and what takes a mount option.
const EXT4: u32 = COMMON
    | IFlags::SECURE_REMOVAL.bits()
    | IFlags::UNRM.bits()
    | IFlags::COMPRESSED.bits()
    | IFlags::SYNC.bits()
    | IFlags::JOURNALING.bits()
    | IFlags::NOTAIL.bits()
    | IFlags::DIRSYNC.bits()
    | IFlags::TOPDIR.bits()
    | IFlags::PROJECT_INHERIT.bits();
/// linux/fileattr.h, FS_COMMON_FL, without DAX.
const XFS: u32 = COMMON | IFlags::SYNC.bits() | IFlags::PROJECT_INHERIT.bits();
/// btrfs/ioctl.c, check_fsflags.
const BTRFS: u32 = COMMON
    | IFlags::SYNC.bits()
    | IFlags::DIRSYNC.bits()
    | IFlags::COMPRESSED.bits()
    | IFlags::NOCOW.bits()
    | NO_COMPRESSION;

/// Flags whose loss changes how a file behaves; the others are wishes about its storage.
pub const BINDING: u32 =
    COMMON | IFlags::SYNC.bits() | IFlags::DIRSYNC.bits() | IFlags::PROJECT_INHERIT.bits();

/// Magic number (linux/magic.h and the file systems' own sources), name, flags, whether it is a Unix file system, most
/// links (EXT4_LINK_MAX, XFS_MAXLINK, BTRFS_LINK_MAX in one folder's worst case is per folder: the inode's is 32 bits).
const KNOWN: [(u64, &str, u32, bool, u64); 10] = [
    (0xEF53, "ext4", EXT4, true, 65_000),
    (0x5846_5342, "xfs", XFS, true, i32::MAX as u64),
    (0x9123_683E, "btrfs", BTRFS, true, u32::MAX as u64),
    (0x0102_1994, "tmpfs", COMMON, true, u32::MAX as u64),
    (
        0xF2F5_2010,
        "f2fs",
        COMMON | IFlags::SYNC.bits() | IFlags::DIRSYNC.bits(),
        true,
        u32::MAX as u64,
    ),
    (0x4D44, "vfat", 0, false, 1),
    (0x2011_BAB0, "exfat", 0, false, 1),
    (0x7366_746E, "ntfs3", 0, false, 1),
    (0x5346_544E, "ntfs", 0, false, 1),
    (0x794C_7630, "overlay", 0, true, 65_000),
];

impl Abilities {
    /// Whether every change of a file, and of its name, is known to renew its change time. XFS does not do that for two files
    /// that change places.
    pub fn renews_change_times(&self) -> bool {
        matches!(self.filesystem.as_str(), "ext4" | "btrfs")
    }

    /// What the file system of `tree` can hold.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn of(tree: &Tree) -> Result<Self> {
        let asking = || format!("asking the file system of {}", tree.shown().display());
        let statfs = fstatfs(tree.folder()).with_context(asking)?;
        let statvfs = fstatvfs(tree.folder()).with_context(asking)?;
        let magic =
            u64::from(u32::try_from(statfs.f_type as u64 & 0xFFFF_FFFF).with_context(asking)?);
        let known = KNOWN.iter().find(|known| known.0 == magic);
        let (name, flags, unix, most_links) = known.map_or_else(
            || (format!("0x{magic:x}"), COMMON, true, u32::MAX.into()),
            |(_, name, flags, unix, links)| ((*name).to_owned(), *flags, *unix, *links),
        );
        let block_bytes = statvfs.f_frsize.max(1);
        Ok(Self {
            filesystem: name,
            flags: if has_flags(tree)? { flags } else { 0 },
            unix,
            xattrs: answers(tree, c"user.pi_dockerroot.probe")?,
            acls: answers(tree, c"system.posix_acl_access")?,
            types: has_types(tree).with_context(asking)?,
            read_only: statvfs
                .f_flag
                .contains(rustix::fs::StatVfsMountFlags::RDONLY),
            most_links,
            free_bytes: statvfs.f_bavail.saturating_mul(block_bytes),
            used_bytes: (statvfs.f_blocks.saturating_sub(statvfs.f_bfree))
                .saturating_mul(block_bytes),
            used_inodes: statvfs.f_files.saturating_sub(statvfs.f_ffree),
            free_inodes: (statvfs.f_files > 0).then_some(statvfs.f_favail),
            block_bytes,
        })
    }
}

/// The `chattr` letters of flags.
pub fn letters(flags: u32) -> String {
    const LETTERS: [(u32, char); 17] = [
        (IFlags::SECURE_REMOVAL.bits(), 's'),
        (IFlags::UNRM.bits(), 'u'),
        (IFlags::SYNC.bits(), 'S'),
        (IFlags::DIRSYNC.bits(), 'D'),
        (IFlags::IMMUTABLE.bits(), 'i'),
        (IFlags::APPEND.bits(), 'a'),
        (IFlags::NODUMP.bits(), 'd'),
        (IFlags::NOATIME.bits(), 'A'),
        (IFlags::COMPRESSED.bits(), 'c'),
        (NO_COMPRESSION, 'm'),
        (IFlags::JOURNALING.bits(), 'j'),
        (IFlags::NOTAIL.bits(), 't'),
        (IFlags::TOPDIR.bits(), 'T'),
        (IFlags::NOCOW.bits(), 'C'),
        (IFlags::PROJECT_INHERIT.bits(), 'P'),
        (0x0200_0000, 'x'),
        (0x4000_0000, 'F'),
    ];
    let set = LETTERS.iter().filter(|(bit, _)| flags & bit != 0);
    set.map(|(_, letter)| letter).collect()
}

/// Flags that a person can set; the others are the file system's own view of a file.
pub const SETTABLE: u32 = EXT4 | BTRFS | 0x0200_0000 | 0x4000_0000;

fn has_flags(tree: &Tree) -> Result<bool> {
    match rustix::fs::ioctl_getflags(tree.folder()) {
        Ok(_) => Ok(true),
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error).context("reading the flags of the target"),
    }
}

/// Whether the file system knows attributes of this kind, asked by reading one that is hardly there.
fn answers(tree: &Tree, name: &CStr) -> Result<bool> {
    match fgetxattr(tree.folder(), name, &mut [0u8; 1][..]) {
        Ok(_) | Err(Errno::NODATA | Errno::RANGE) => Ok(true),
        Err(Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error).context("asking for extended attributes"),
    }
}

/// Whether a listing says types: every folder has an entry for itself.
fn has_types(tree: &Tree) -> Result<bool> {
    let folder = walk::reopen(tree.folder())?;
    let mut scratch = Scratch::new();
    let mut listing = RawDir::new(folder.as_fd(), &mut scratch.names[..]);
    match listing.next() {
        Some(entry) => Ok(entry?.file_type() != rustix::fs::FileType::Unknown),
        None => Ok(false),
    }
}

/// A project that a folder has is kept by ext4, XFS and f2fs only where they were made for it: tried on a file without
/// a name, which is gone at once.
pub(crate) fn keeps_projects(tree: &Tree) -> bool {
    use rustix::fs::{Mode, OFlags, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    openat(tree.folder(), c".", flags, Mode::RUSR | Mode::WUSR)
        .is_ok_and(|file| sys::set_project(file.as_fd(), 1).is_ok())
}
