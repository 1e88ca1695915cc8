//! Kernel calls that rustix does not have in this form.

use super::meta::Place;
use rustix::fs;
use rustix::io::{Errno, Result};
use rustix::ioctl::{self, Getter, Setter, opcode};
use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd};

/// `struct fsxattr` (linux/fs.h).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Fsxattr {
    xflags: u32,
    extsize: u32,
    nextents: u32,
    projid: u32,
    cowextsize: u32,
    pad: [u8; 8],
}

/// FS_IOC_FSGETXATTR (linux/fs.h).
const GET_FSXATTR: ioctl::Opcode = opcode::read::<Fsxattr>(b'X', 31);
/// FS_IOC_FSSETXATTR (linux/fs.h).
const SET_FSXATTR: ioctl::Opcode = opcode::write::<Fsxattr>(b'X', 32);

/// The `chattr` flags of an open file; none where the file system has none.
pub(super) fn flags(file: BorrowedFd<'_>) -> Result<u32> {
    match fs::ioctl_getflags(file) {
        Ok(flags) => Ok(flags.bits()),
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Sets the `chattr` flags of an open file.
pub(super) fn set_flags(file: BorrowedFd<'_>, flags: u32) -> Result<()> {
    fs::ioctl_setflags(file, fs::IFlags::from_bits_retain(flags))
}

fn fsxattr(file: BorrowedFd<'_>) -> Result<Fsxattr> {
    // SAFETY: the kernel fills exactly one struct fsxattr for this opcode, and every bit pattern of one is valid.
    unsafe { ioctl::ioctl(file, Getter::<GET_FSXATTR, Fsxattr>::new()) }
}

/// The project of an open file; 0 where the file system has none.
pub(super) fn project(file: BorrowedFd<'_>) -> Result<u32> {
    match fsxattr(file) {
        Ok(found) => Ok(found.projid),
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Sets the project of an open file.
pub(super) fn set_project(file: BorrowedFd<'_>, project: u32) -> Result<()> {
    let mut wanted = fsxattr(file)?;
    wanted.projid = project;
    // SAFETY: the kernel reads exactly one struct fsxattr for this opcode.
    unsafe { ioctl::ioctl(file, Setter::<SET_FSXATTR, Fsxattr>::new(wanted)) }
}

/// The path of a name in an open folder. Only the last part can be a symbolic link, and the calls that take it do not
/// follow it.
fn path(folder: BorrowedFd<'_>, name: &CStr) -> CString {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    // Neither half holds a zero byte.
    CString::new(path).unwrap_or_default()
}

pub(super) fn list_xattrs(place: Place<'_>, list: &mut [u8]) -> Result<usize> {
    match place {
        Place::Open(file) => fs::flistxattr(file, list),
        Place::Named(folder, name) => fs::llistxattr(path(folder, name), list),
    }
}

pub(super) fn get_xattr(place: Place<'_>, name: &CStr, value: &mut [u8]) -> Result<usize> {
    match place {
        Place::Open(file) => fs::fgetxattr(file, name, value),
        Place::Named(folder, file) => fs::lgetxattr(path(folder, file), name, value),
    }
}

pub(super) fn set_xattr(place: Place<'_>, name: &CStr, value: &[u8]) -> Result<()> {
    let flags = fs::XattrFlags::empty();
    match place {
        Place::Open(file) => fs::fsetxattr(file, name, value, flags),
        Place::Named(folder, file) => fs::lsetxattr(path(folder, file), name, value, flags),
    }
}

pub(super) fn remove_xattr(place: Place<'_>, name: &CStr) -> Result<()> {
    match place {
        Place::Open(file) => fs::fremovexattr(file, name),
        Place::Named(folder, file) => fs::lremovexattr(path(folder, file), name),
    }
}
