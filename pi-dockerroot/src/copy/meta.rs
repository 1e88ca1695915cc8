//! What a file is beside its content: status, extended attributes, flags and project.

use super::scratch::Scratch;
use super::sys;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Statx, StatxFlags, StatxTimestamp, Timespec, Timestamps,
    makedev, openat, statx,
};
use rustix::io::{Errno, Result};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

/// How coarse the kernel's time stamps are at worst (a tick at 100 Hz), doubled.
const TICK: Duration = Duration::from_millis(20);

/// Reading shall not change the source's access times; only root and a file's owner may ask for that.
static NO_ATIME: LazyLock<OFlags> = LazyLock::new(|| {
    if rustix::process::geteuid().is_root() {
        OFlags::NOATIME
    } else {
        OFlags::empty()
    }
});

/// What is not in a file's status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extra {
    /// Extended attributes with their values, sorted by name.
    pub xattrs: Vec<(CString, Vec<u8>)>,
    /// `chattr` flags (FS_IOC_GETFLAGS).
    pub flags: u32,
    /// The project for quotas (FS_IOC_FSGETXATTR).
    pub project: u32,
}

/// How a file is reached for calls that take a path or a descriptor.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// Open: a regular file or a folder.
    Open(BorrowedFd<'a>),
    /// By its name in an open folder: a symbolic link, device, FIFO or socket, which must not be opened.
    Named(BorrowedFd<'a>, &'a CStr),
}

/// The type in a status.
pub(super) fn kind(stat: &Statx) -> FileType {
    FileType::from_raw_mode(stat.stx_mode.into())
}

/// The permission bits in a status, with set-user-ID, set-group-ID and sticky.
pub(super) fn permissions(stat: &Statx) -> Mode {
    Mode::from_raw_mode(u32::from(stat.stx_mode) & 0o7777)
}

/// A device node's number.
pub(super) fn device(stat: &Statx) -> u64 {
    makedev(stat.stx_rdev_major, stat.stx_rdev_minor)
}

/// Which file it is, among all file systems.
pub(super) fn identity(stat: &Statx) -> (u64, u64) {
    (
        makedev(stat.stx_dev_major, stat.stx_dev_minor),
        stat.stx_ino,
    )
}

/// Whether two folders are on one file system, and where the kernel says so (5.8), on one mount of it.
pub(super) fn same_mount(a: &Statx, b: &Statx) -> bool {
    let mount = |stat: &Statx| {
        let known = stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        known.then_some(stat.stx_mnt_id)
    };
    identity(a).0 == identity(b).0 && mount(a) == mount(b)
}

/// Whether less is allocated than the size says: there may be holes.
pub(super) fn may_have_holes(stat: &Statx) -> bool {
    stat.stx_blocks.saturating_mul(512) < stat.stx_size
}

/// A file's status, by descriptor.
pub(super) fn stat(file: impl AsFd) -> Result<Statx> {
    let flags = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    statx(file, c"", AtFlags::EMPTY_PATH, flags)
}

/// The status of a name in a folder; a symbolic link is not followed.
pub(super) fn stat_at(folder: BorrowedFd<'_>, name: &CStr) -> Result<Statx> {
    statx(
        folder,
        name,
        AtFlags::SYMLINK_NOFOLLOW,
        StatxFlags::BASIC_STATS,
    )
}

/// The same; `None` where there is no such name.
pub(super) fn stat_if_there(folder: BorrowedFd<'_>, name: &CStr) -> Result<Option<Statx>> {
    match stat_at(folder, name) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a folder; never through a symbolic link.
pub(super) fn open_folder(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags | *NO_ATIME, Mode::empty())
}

/// Opens a file for reading; never through a symbolic link, and never waiting for a FIFO's other end.
pub(super) fn open_file(folder: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(folder, name, flags | *NO_ATIME, Mode::empty())
}

/// Access and modification time as they are set.
pub(super) fn times(stat: &Statx) -> Timestamps {
    let time = |stamp: StatxTimestamp| Timespec {
        tv_sec: stamp.tv_sec,
        tv_nsec: stamp.tv_nsec.into(),
    };
    Timestamps {
        last_access: time(stat.stx_atime),
        last_modification: time(stat.stx_mtime),
    }
}

/// The modification time, for comparing.
pub(super) fn modified(stat: &Statx) -> (i64, u32) {
    (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec)
}

/// Whether a file was modified so lately that its next change may have the same time stamp.
pub(super) fn just_modified(stat: &Statx) -> bool {
    let (seconds, nanoseconds) = modified(stat);
    let Ok(seconds) = u64::try_from(seconds) else {
        return false;
    };
    let modified = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    SystemTime::now()
        .duration_since(modified)
        .is_ok_and(|age| age < TICK)
}

/// A file's status when its next change will have another time: a change in the same tick would keep it, and the next
/// pass would not see that.
pub(super) fn stat_later(file: BorrowedFd<'_>) -> Result<Statx> {
    std::thread::sleep(TICK);
    stat(file)
}

impl Extra {
    /// Reads it all: one call where there are no attributes, and one for flags and project each where the file is open.
    pub fn read(place: Place<'_>, scratch: &mut Scratch) -> Result<Self> {
        let xattrs = read_xattrs(place, scratch)?;
        let Place::Open(file) = place else {
            return Ok(Self {
                xattrs,
                ..Self::default()
            });
        };
        Ok(Self {
            xattrs,
            flags: sys::flags(file)?,
            project: sys::project(file)?,
        })
    }

    /// An attribute's value.
    pub fn xattr(&self, name: &CStr) -> Option<&[u8]> {
        let found = self.xattrs.iter().find(|(n, _)| n.as_c_str() == name);
        found.map(|(_, value)| value.as_slice())
    }
}

fn read_xattrs(place: Place<'_>, scratch: &mut Scratch) -> Result<Vec<(CString, Vec<u8>)>> {
    let length = match sys::list_xattrs(place, &mut scratch.list) {
        Err(Errno::OPNOTSUPP) => 0,
        length => length?,
    };
    let mut xattrs = Vec::new();
    for name in scratch.list[..length].split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        if !portable(name) {
            continue;
        }
        match sys::get_xattr(place, name, &mut scratch.value) {
            Ok(length) => xattrs.push((name.to_owned(), scratch.value[..length].to_vec())),
            // Gone since the list was read.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error),
        }
    }
    xattrs.sort_unstable();
    Ok(xattrs)
}

/// Whether an attribute is a file's own, not a view that one file system gives of its inside (`btrfs.compression`,
/// `system.nfs4_acl`), and not the mark of an unfinished copy.
fn portable(name: &CStr) -> bool {
    let name = name.to_bytes();
    let own = [
        &b"user."[..],
        b"trusted.",
        b"security.",
        b"system.posix_acl_",
    ];
    own.iter().any(|start| name.starts_with(start)) && !super::marker::is_marker(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    #[test]
    fn neither_another_disk_nor_another_mount_of_one_is_the_same() {
        let here = stat(std::fs::File::open("/proc/self").unwrap()).unwrap();
        assert!(same_mount(&here, &here));
        // As sda1 (8:1) and mmcblk0p1 (179:1).
        let (sda, mut card) = (here, here);
        card.stx_dev_major += 171;
        assert!(!same_mount(&sda, &card));
        let mut bound = here;
        bound.stx_mnt_id += 1;
        assert!(!same_mount(&here, &bound));
    }
}
