//! The top of a tree, and how names in it are shown.

use super::meta;
use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, StatxFlags, flock, openat, statx};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use std::fmt::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A folder with all below it on its file system.
///
/// For root it is a mount of its own, seen by nobody else, without what is mounted inside it: the walk sees the folders
/// below those mounts, as the file system holds them, and cannot leave it.
#[derive(Debug)]
pub struct Tree {
    folder: OwnedFd,
    shown: PathBuf,
    mount: Option<u64>,
}

impl Tree {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// It cannot be opened: it is not there, not a folder, or a symbolic link where those are not to be followed.
    pub fn open(path: &Path, follow: bool) -> Result<Self> {
        let opening = || format!("opening {}", path.display());
        let nofollow = if follow {
            OFlags::empty()
        } else {
            OFlags::NOFOLLOW
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | nofollow;
        let plain = openat(CWD, path, flags, Mode::empty()).with_context(opening)?;
        let mount = mount(&plain).with_context(opening)?;
        let clone = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH;
        let folder = match open_tree(&plain, c"", clone) {
            Ok(tree) => openat(&tree, c".", flags, Mode::empty()).with_context(opening)?,
            // Not root, an old kernel, or a namespace that allows no mounts.
            Err(Errno::PERM | Errno::NOSYS | Errno::INVAL | Errno::ACCESS) => plain,
            Err(error) => return Err(error).with_context(opening),
        };
        Ok(Self {
            folder,
            shown: path.to_owned(),
            mount,
        })
    }

    /// A tree that is open already, such as a mount that has no path.
    pub fn of(folder: OwnedFd, shown: PathBuf) -> Self {
        let mount = mount(&folder).ok().flatten();
        Self {
            folder,
            shown,
            mount,
        }
    }

    /// The open folder.
    pub fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Which folder its top is: file system, inode and birth, as one part of a file name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn identity(&self) -> Result<String> {
        super::marker::identity(self)
    }

    /// The number of the mount that it was opened in, which no other mount ever gets while the machine runs; `None` where
    /// the kernel has no such numbers (before 6.8).
    pub(super) fn mount(&self) -> Option<u64> {
        self.mount
    }

    /// Whether it is the same folder of the same file system as another tree.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn is_same(&self, other: &Self) -> Result<bool> {
        Ok(meta::identity(&meta::stat(&self.folder)?)
            == meta::identity(&meta::stat(&other.folder)?))
    }

    /// Its path, for messages.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// Opens the top folder once more, to be listed from its start.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn reopen(&self) -> Result<OwnedFd> {
        meta::open_folder(self.folder(), c".")
            .with_context(|| format!("opening {}", self.shown.display()))
    }

    /// Whether nothing is in it but the `lost+found` that its file system came with.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_empty(&self) -> Result<bool> {
        let listing = self.reopen()?;
        let mut scratch = super::scratch::Scratch::new();
        let (entries, _) = super::walk::read(listing.as_fd(), &mut scratch)?;
        Ok(entries
            .iter()
            .all(|entry| entry.name.as_bytes() == b"lost+found"))
    }

    /// Keeps every other copy into this tree away as long as the tree is open. Returns whether there was none.
    ///
    /// # Errors
    /// The lock cannot be asked for.
    pub fn lock(&self) -> Result<bool> {
        match flock(self.folder(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error).context("locking the target"),
        }
    }

    /// The same folder, opened anew by its path: as the mount namespace of this thread sees it.
    ///
    /// # Errors
    /// It cannot be opened, or something else stands there now.
    pub fn as_mounted(&self) -> Result<Self> {
        let opening = || format!("opening {}", self.shown.display());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, &self.shown, flags, Mode::empty()).with_context(opening)?;
        if meta::identity(&meta::stat(&folder)?) != meta::identity(&meta::stat(&self.folder)?) {
            bail!("{} is another folder than before", self.shown.display());
        }
        Ok(Self::of(folder, self.shown.clone()))
    }
}

/// The number of the mount that a file was opened in.
fn mount(file: &OwnedFd) -> rustix::io::Result<Option<u64>> {
    // STATX_MNT_ID_UNIQUE (linux/stat.h).
    let unique = StatxFlags::from_bits_retain(0x4000);
    let stat = statx(file, c"", AtFlags::EMPTY_PATH, unique)?;
    Ok((stat.stx_mask & unique.bits() != 0).then_some(stat.stx_mnt_id))
}

/// A path of any bytes as text: what is not UTF-8, and control characters, as `\xHH`; empty as `.`.
pub fn shown(path: &[u8]) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn names_of_any_bytes_are_told_apart() {
        assert_eq!(shown(b""), ".");
        assert_eq!(shown("a/ä b".as_bytes()), "a/ä b");
        assert_eq!(shown(b"a\xff\\xff\n"), "a\\xff\\\\xff\\n");
    }
}
