//! Folders that an engine must not fill: the bare folder beneath a mount point, and a root that is not used any more.
//!
//! Both are made immutable (`chattr +i`): an engine that is started there fails loudly instead of beginning anew on the wrong
//! file system. Where a file system has no such flag, files stand where the engine wants its folders.

use crate::copy::{self, Tree};
use anyhow::{Context, Result, bail};
use rustix::fs::{
    AtFlags, CWD, Dir, IFlags, Mode, OFlags, fsync, ioctl_getflags, ioctl_setflags, mkdirat,
    openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where a root's content is kept until it is finished or rolled back.
pub const RETIRED: &CStr = c"pi-dockerroot.retired";
/// Says to people why the folder is as it is.
const MARK: &CStr = c"pi-dockerroot.txt";
const BARE: &str = "Nothing may be stored here: this is a mount point, and its file system is not mounted.\n\
    pi-dockerroot made it immutable, so that a container engine does not fill the wrong disk. `chattr -i` undoes that.\n";
const OLD: &str = "This was a container engine's data root. Its content lies in pi-dockerroot.retired until\n\
    `pi-dockerroot --finish --apply` removes it or `pi-dockerroot --rollback` takes it into use again.\n";

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
    if names.iter().any(|name| name.as_c_str() == MARK) {
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
    mark(bare, BARE)?;
    if !set_immutable(bare, true)? {
        for name in wanted {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            openat(bare, name, flags, Mode::empty()).context("guarding the mount point")?;
        }
    }
    fsync(bare).context("guarding the mount point")
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

/// Whether the root's content, or a part of it, was put away.
///
/// # Errors
/// It cannot be read.
pub fn is_retired(root: BorrowedFd<'_>) -> Result<bool> {
    Ok(names(root)?.iter().any(|name| name.as_c_str() == RETIRED))
}

/// Whether the root was put away: its content is in a folder of its own, or was removed for good.
///
/// # Errors
/// It cannot be read.
pub fn is_put_away(root: BorrowedFd<'_>) -> Result<bool> {
    let ours = |name: &CString| [RETIRED, MARK].contains(&name.as_c_str());
    Ok(names(root)?.iter().any(ours))
}

/// Whether all of it was.
///
/// # Errors
/// It cannot be read.
pub fn is_wholly_retired(root: BorrowedFd<'_>) -> Result<bool> {
    let names = names(root)?;
    let ours = |name: &CString| [RETIRED, MARK].contains(&name.as_c_str());
    Ok(names.len() == 2 && names.iter().all(ours))
}

/// Puts the content of a root away, below the same folder: no byte moves, and nothing else finds it there.
///
/// # Errors
/// It cannot be written.
pub fn retire(root: BorrowedFd<'_>) -> Result<()> {
    set_immutable(root, false)?;
    match mkdirat(root, RETIRED, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error).context("putting the old root away"),
    }
    let inside = folder(root, RETIRED)?;
    for name in names(root)? {
        if ![RETIRED, MARK].contains(&name.as_c_str()) {
            renameat(root, &name, &inside, &name)
                .with_context(|| format!("putting {} away", name.to_string_lossy()))?;
        }
    }
    fsync(&inside).context("putting the old root away")?;
    mark(root, OLD)?;
    set_immutable(root, true)?;
    fsync(root).context("putting the old root away")
}

/// Takes the content of a root into its place again.
///
/// # Errors
/// It cannot be written, or something else stands there by now.
pub fn restore(root: BorrowedFd<'_>) -> Result<()> {
    if !is_put_away(root)? {
        return Ok(());
    }
    set_immutable(root, false)?;
    if !is_retired(root)? {
        return remove_mark(root);
    }
    let inside = folder(root, RETIRED)?;
    for name in names(&inside)? {
        if statat(root, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            bail!(
                "{} stands in the old root's place by now",
                name.to_string_lossy()
            );
        }
        renameat(&inside, &name, root, &name)
            .with_context(|| format!("taking {} back", name.to_string_lossy()))?;
    }
    fsync(&inside).context("taking the old root back")?;
    remove_mark(root)?;
    unlinkat(root, RETIRED, AtFlags::REMOVEDIR).context("taking the old root back")?;
    fsync(root).context("taking the old root back")
}

fn remove_mark(root: BorrowedFd<'_>) -> Result<()> {
    match unlinkat(root, MARK, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error).context("taking the old root back"),
    }
}

/// Removes what was put away for good. The folder stays empty and immutable.
///
/// # Errors
/// It cannot be removed.
pub fn finish(root: BorrowedFd<'_>) -> Result<()> {
    set_immutable(root, false)?;
    copy::remove_tree(root, RETIRED).context("removing the old root")?;
    mark(root, OLD)?;
    set_immutable(root, true)?;
    fsync(root).context("removing the old root")
}

/// Where a root's content was put.
///
/// # Errors
/// It is not there.
pub fn retired_folder(root: BorrowedFd<'_>) -> Result<OwnedFd> {
    folder(root, RETIRED)
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

fn mark(root: BorrowedFd<'_>, text: &str) -> Result<()> {
    set_immutable(root, false)?;
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(root, MARK, flags, Mode::from_raw_mode(0o444)).context("writing the mark")?;
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
pub fn filesystem_id(path: &Path) -> Result<String> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let file = openat(CWD, path, flags, Mode::empty())
        .with_context(|| format!("opening {}", path.display()))?;
    let found =
        rustix::fs::fstatvfs(&file).with_context(|| format!("reading {}", path.display()))?;
    Ok(format!("{:x}", found.f_fsid))
}
