//! Folders that an engine must not fill: the bare folder beneath a mount point, and a root that is not used any more.
//!
//! Both are made immutable (`chattr +i`): an engine that is started there fails loudly instead of beginning anew on the wrong
//! file system. Where a file system has no such flag, files stand where the engine wants its folders. Each has a mark of its own,
//! so that neither is ever taken for the other.

use crate::copy::Tree;
use anyhow::{Context, Result};
use rustix::fs::{
    AtFlags, Dir, IFlags, Mode, OFlags, fsync, ioctl_getflags, ioctl_setflags, openat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

mod away;

pub use away::{
    finish, is_put_away, is_retired, is_wholly_retired, restore, retire, retired_folder,
};

/// Says to people why a bare folder is as it is.
const BARE_MARK: &CStr = c"pi-dockerroot.not-mounted.txt";
/// The same of an old root; earlier versions wrote it into bare folders too, with [`BARE`] in it.
const OLD_MARK: &CStr = c"pi-dockerroot.txt";
const BARE: &str = "Nothing may be stored here: this is a mount point, and its file system is not mounted.\n\
    pi-dockerroot made it immutable, so that a container engine does not fill the wrong disk. `chattr -i` undoes that.\n";

/// The folder at `path` as its own file system has it, beneath whatever is mounted on it.
///
/// # Errors
/// It cannot be opened.
pub fn beneath(path: &Path) -> Result<Tree> {
    let opening = || format!("opening {} beneath what is mounted there", path.display());
    let (parent, name) = path.parent().zip(path.file_name()).with_context(opening)?;
    let parent = Tree::open(parent, true)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(parent.folder(), name, flags, Mode::empty()).with_context(opening)?;
    Ok(Tree::of(folder, path.to_owned()))
}

/// Whether what is mounted at `path` is the same folder as the one beneath it: a bind mount of itself, as some engines leave
/// one.
pub fn is_bound_to_itself(path: &Path) -> Result<bool> {
    let beneath = File::from(beneath(path)?.reopen()?).metadata()?;
    let above = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    Ok((beneath.dev(), beneath.ino()) == (above.dev(), above.ino()))
}

/// How well a folder is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Not at all.
    None,
    /// It holds something, which would be hidden and stay so.
    Full,
    /// Immutable, or with files where an engine wants folders.
    Set,
}

/// How well the bare folder is guarded.
///
/// # Errors
/// It cannot be read.
pub fn guarded(bare: BorrowedFd<'_>) -> Result<Guard> {
    let names = names(bare)?;
    let ours = |name: &CString| [BARE_MARK, OLD_MARK].contains(&name.as_c_str());
    if names.iter().any(ours) {
        return Ok(Guard::Set);
    }
    Ok(if names.is_empty() {
        Guard::None
    } else {
        Guard::Full
    })
}

/// Guards the bare folder; `wanted` are the names that an engine's folders have.
///
/// # Errors
/// It cannot be written.
pub fn guard(bare: BorrowedFd<'_>, wanted: &[CString]) -> Result<()> {
    mark(bare, BARE_MARK, BARE)?;
    lock(bare, wanted).context("guarding the mount point")
}

/// Whether it is the guarded folder beneath a mount point, and no file system is mounted on it here.
///
/// # Errors
/// It cannot be read.
pub fn is_bare(folder: BorrowedFd<'_>) -> Result<bool> {
    let names = names(folder)?;
    let has = |mark: &CStr| names.iter().any(|name| name.as_c_str() == mark);
    Ok(has(BARE_MARK) || (has(OLD_MARK) && says_bare(folder)?))
}

/// Whether an old root's mark is a bare folder's: an earlier version wrote it.
fn says_bare(folder: BorrowedFd<'_>) -> Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(folder, OLD_MARK, flags, Mode::empty()).context("reading the mark")?;
    let mut text = Vec::new();
    File::from(file)
        .take(BARE.len() as u64)
        .read_to_end(&mut text)
        .context("reading the mark")?;
    Ok(text == BARE.as_bytes())
}

/// Takes the guard away.
///
/// # Errors
/// It cannot be written.
pub fn unguard(bare: BorrowedFd<'_>) -> Result<()> {
    if guarded(bare)? != Guard::Set {
        return Ok(());
    }
    set_immutable(bare, false)?;
    for name in names(bare)? {
        // Files only: whatever else is there somebody else put there.
        match unlinkat(bare, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::ISDIR) => {}
            Err(error) => return Err(error).context("taking the guard away"),
        }
    }
    fsync(bare).context("taking the guard away")
}

/// The names in a folder but for its file system's own.
///
/// # Errors
/// It cannot be read.
pub fn names(folder: impl AsFd) -> Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).context("reading a folder")? {
        let entry = entry.context("reading a folder")?;
        let name = entry.file_name();
        if ![c".", c"..", c"lost+found"].contains(&name) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn folder(root: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(root, name, flags, Mode::empty())
        .with_context(|| format!("opening {}", name.to_string_lossy()))
}

/// Makes a folder immutable; where its file system cannot, files of these names keep an engine from making folders there.
fn lock(folder: BorrowedFd<'_>, names: &[CString]) -> Result<()> {
    if !set_immutable(folder, true)? {
        for name in names {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            openat(folder, name, flags, Mode::empty())
                .with_context(|| format!("making {}", name.to_string_lossy()))?;
        }
    }
    Ok(fsync(folder)?)
}

fn mark(root: BorrowedFd<'_>, name: &CStr, text: &str) -> Result<()> {
    set_immutable(root, false)?;
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(root, name, flags, Mode::from_raw_mode(0o444)).context("writing the mark")?;
    let mut file = File::from(file);
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .context("writing the mark")
}

/// Sets or clears the flag; `false` where the file system has none.
fn set_immutable(root: BorrowedFd<'_>, wanted: bool) -> Result<bool> {
    let flags = match ioctl_getflags(root) {
        Ok(flags) => flags,
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => return Ok(false),
        Err(error) => return Err(error).context("reading a folder's flags"),
    };
    let mut new = flags;
    new.set(IFlags::IMMUTABLE, wanted);
    if new == flags {
        return Ok(true);
    }
    match ioctl_setflags(root, new) {
        Ok(()) => Ok(true),
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => Ok(false),
        Err(error) => Err(error).context("setting a folder's flags"),
    }
}

/// The file system of a folder, as its own identifier where it has one.
///
/// # Errors
/// It cannot be read.
pub fn filesystem_id(folder: impl AsFd) -> Result<String> {
    let found = rustix::fs::fstatvfs(folder).context("reading a file system's identifier")?;
    Ok(format!("{:x}", found.f_fsid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    /// A folder with these files and folders (those end in `/`).
    fn with(names: &[(&str, &str)]) -> (tempfile::TempDir, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in names {
            let path = folder.path().join(name);
            if name.ends_with('/') {
                std::fs::create_dir(path).unwrap();
            } else {
                std::fs::write(path, text).unwrap();
            }
        }
        let open = File::open(folder.path()).unwrap().into();
        (folder, open)
    }

    #[test]
    fn the_two_marks_are_told_apart_also_those_of_earlier_versions() {
        let old = "This was a container engine's data root.";
        for (names, bare, away) in [
            (&[][..], false, false),
            (&[("pi-dockerroot.not-mounted.txt", BARE)], true, false),
            (&[("pi-dockerroot.txt", BARE)], true, false),
            (&[("pi-dockerroot.txt", old)], false, true),
            (&[("pi-dockerroot.txt", "")], false, true),
            (
                &[("pi-dockerroot.txt", old), ("pi-dockerroot.retired/", "")],
                false,
                true,
            ),
            (
                &[("pi-dockerroot.retired/", ""), ("image/", "")],
                false,
                true,
            ),
        ] {
            let (_folder, open) = with(names);
            let seen = (
                is_bare(open.as_fd()).unwrap(),
                is_put_away(open.as_fd()).unwrap(),
            );
            assert_eq!(seen, (bare, away), "{names:?}");
            let marked = names.iter().any(|(name, _)| name.ends_with(".txt"));
            assert_eq!(guarded(open.as_fd()).unwrap() == Guard::Set, marked);
        }
    }

    #[test]
    fn a_bare_folder_is_not_taken_for_a_root_that_was_put_away() {
        for mark in ["pi-dockerroot.not-mounted.txt", "pi-dockerroot.txt"] {
            let (folder, open) = with(&[(mark, BARE)]);
            restore(open.as_fd()).unwrap();
            assert!(folder.path().join(mark).exists(), "{mark} was taken away");
        }
    }
}
