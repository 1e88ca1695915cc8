//! The mark of an unfinished copy: an extended attribute of the target's top folder, there from the first change to the
//! last flush. It names the source, so that only the same copy is continued, and the boot, because what was written
//! before a crash of the machine may not have reached the disk.

use super::{Tree, meta};
use anyhow::{Context, Result};
use rustix::fs::{AtFlags, StatxFlags, XattrFlags, fgetxattr, fremovexattr, fsetxattr, statx};
use rustix::io::Errno;
use std::ffi::CStr;

/// The attribute's name where root copies: nobody else sees or forges it.
const ROOT: &CStr = c"trusted.pi_dockerroot.unfinished";
/// The attribute's name where anybody else copies.
const USER: &CStr = c"user.pi_dockerroot.unfinished";

/// What stands in the mark of an unfinished copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    source: String,
    boot: String,
}

/// Whether an attribute is the mark.
pub(super) fn is_marker(name: &[u8]) -> bool {
    name == ROOT.to_bytes() || name == USER.to_bytes()
}

fn name() -> &'static CStr {
    if rustix::process::geteuid().is_root() {
        ROOT
    } else {
        USER
    }
}

/// Which folder a tree's top is: its file system, inode and birth.
pub(super) fn identity(tree: &Tree) -> Result<String> {
    let stat = meta::stat(tree.folder())?;
    let mask = StatxFlags::BTIME;
    let birth = statx(tree.folder(), c"", AtFlags::EMPTY_PATH, mask)?.stx_btime;
    let fs = rustix::fs::fstatvfs(tree.folder())?.f_fsid;
    Ok(format!(
        "{fs:x}-{}-{}.{}",
        stat.stx_ino, birth.tv_sec, birth.tv_nsec
    ))
}

/// Which start of the machine this is: after another one a process's id and start may be another's.
pub(crate) fn boot() -> Result<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .context("reading the boot's identity")?;
    Ok(boot.trim().to_owned())
}

impl Marker {
    /// The name of the attribute where root copies, for messages.
    pub const NAME: &str = "trusted.pi_dockerroot.unfinished";

    /// The mark of a copy of `source` that is made now.
    ///
    /// # Errors
    /// The source cannot be identified.
    pub fn of(source: &Tree) -> Result<Self> {
        Ok(Self {
            source: identity(source)?,
            boot: boot()?,
        })
    }

    /// Whether `self` marks a copy of the same source as `other`.
    pub fn same_source(&self, other: &Self) -> bool {
        self.source == other.source
    }

    /// Whether it was written since the machine started: what it covers cannot have been lost by a crash.
    pub fn same_boot(&self, other: &Self) -> bool {
        self.boot == other.boot
    }

    /// The mark on a tree.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(tree: &Tree) -> Result<Option<Self>> {
        let mut value = vec![0; 512];
        let length = match fgetxattr(tree.folder(), name(), &mut value[..]) {
            Ok(length) => length,
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error).context("reading the mark of an unfinished copy"),
        };
        let text = String::from_utf8_lossy(&value[..length]).into_owned();
        let (source, boot) = text.split_once(' ').unwrap_or((&text, ""));
        Ok(Some(Self {
            source: source.to_owned(),
            boot: boot.to_owned(),
        }))
    }

    /// Puts it on a tree.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, tree: &Tree) -> Result<()> {
        let text = format!("{} {}", self.source, self.boot);
        fsetxattr(tree.folder(), name(), text.as_bytes(), XattrFlags::empty())
            .context("marking the copy as unfinished")
    }

    /// Takes it from a tree.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(tree: &Tree) -> Result<()> {
        match fremovexattr(tree.folder(), name()) {
            Ok(()) | Err(Errno::NODATA) => Ok(()),
            Err(error) => Err(error).context("taking away the mark of an unfinished copy"),
        }
    }
}
