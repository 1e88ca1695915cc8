//! Changing what is below a root: folders, files that are there whole or not at all.

use super::{Root, by_descriptor, left, name_of, relative};
use nix::fcntl::{AtFlags, OFlag, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, fchmod, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// How many symbolic links one path may lead through (the kernel's own limit, MAXSYMLINKS).
const MOST_LINKS: usize = 40;

/// How a new file looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Its permissions.
    pub mode: u32,
    /// Its owner and group; `None` for the caller's own.
    pub owner: Option<(u32, u32)>,
}

impl Root {
    /// Makes a folder and those above it, where they are missing.
    ///
    /// # Errors
    /// As `mkdir(2)`.
    pub fn make_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        let mut so_far = PathBuf::from("/");
        for part in relative(path).components() {
            let parent = self.open_at(&so_far, OFlag::O_PATH | OFlag::O_DIRECTORY)?;
            match mkdirat(&parent, part.as_os_str(), Mode::from_bits_truncate(mode)) {
                Ok(()) | Err(nix::Error::EEXIST) => so_far.push(part),
                Err(error) => return Err(error.into()),
            }
        }
        self.open_at(&so_far, OFlag::O_PATH | OFlag::O_DIRECTORY)
            .map(drop)
    }

    /// Writes a file that is there whole or not at all: made beside its place, flushed to the disk, renamed, the folder
    /// flushed. What writes of it left that were killed goes. A symbolic link at its place is followed inside the root. On FAT, which
    /// has no journal, a former file is whole until the new one is; a new name may for a moment be there without content.
    ///
    /// # Errors
    /// What the file system reports; `InvalidInput` where something other than a regular file is in the place.
    /// The former file is then still whole.
    pub fn write(&self, path: &Path, content: &[u8], attributes: Attributes) -> io::Result<()> {
        self.write_from(path, &mut &content[..], attributes)
    }

    /// The same with the content of a reader, for files larger than memory should hold.
    ///
    /// # Errors
    /// As [`Root::write`], and what the reader reports.
    pub fn write_from(
        &self,
        path: &Path,
        content: &mut dyn Read,
        attributes: Attributes,
    ) -> io::Result<()> {
        let (folder, name) = self.final_place(path)?;
        let former = held(&folder, &name)?;
        let (new, file) = new_beside(&folder, &name)?;
        let result = fill(file, content, attributes).and_then(|file| {
            renameat(&folder, new.as_os_str(), &folder, name.as_os_str())?;
            Ok(file)
        });
        let file = match result {
            Ok(file) => file,
            Err(error) => {
                // The error that counts is the first one.
                let _ = unlinkat(&folder, new.as_os_str(), UnlinkatFlags::NoRemoveDir);
                return Err(error);
            }
        };
        settle(&File::open(by_descriptor(&folder))?, &file, former)?;
        // The file is in its place: what could not be tidied up is no error of this write.
        let _ = left::clear(&folder, &name);
        Ok(())
    }

    /// Removes a file; one that is not there is no error. Whether it was there.
    ///
    /// # Errors
    /// As `unlink(2)`.
    pub fn remove(&self, path: &Path) -> io::Result<bool> {
        let folder = match self.parent(path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match unlinkat(&folder, name_of(path)?, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => File::open(by_descriptor(&folder))?
                .sync_all()
                .map(|()| true),
            Err(nix::Error::ENOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The folder and the name where a path ends once its last links are followed.
    fn final_place(&self, path: &Path) -> io::Result<(OwnedFd, OsString)> {
        let mut path = Path::new("/").join(relative(path));
        for _ in 0..MOST_LINKS {
            let folder = self.parent(&path)?;
            let name = name_of(&path)?.to_owned();
            match kind_of(&folder, &name)? {
                Kind::Nothing | Kind::Regular => return Ok((folder, name)),
                Kind::Link => {
                    let target = readlinkat(&folder, name.as_os_str())?;
                    // Joining an absolute target replaces the path: it is resolved inside the root again.
                    path = path.parent().unwrap_or(Path::new("/")).join(target);
                }
                Kind::Other => {
                    return Err(io::Error::new(
                        ErrorKind::InvalidInput,
                        "not a regular file",
                    ));
                }
            }
        }
        Err(nix::Error::ELOOP.into())
    }
}

/// What stands at a name, links not followed.
enum Kind {
    Nothing,
    Regular,
    Link,
    Other,
}

fn kind_of(folder: &OwnedFd, name: &OsStr) -> io::Result<Kind> {
    let stat: FileStat = match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(nix::Error::ENOENT) => return Ok(Kind::Nothing),
        Err(error) => return Err(error.into()),
    };
    use nix::sys::stat::SFlag;
    Ok(
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => Kind::Regular,
            SFlag::S_IFLNK => Kind::Link,
            _ => Kind::Other,
        },
    )
}

/// Flushes a file that was just renamed to its place.
///
/// On FAT a flush of the folder takes the file's temporary name away and leaves the former file at its place: where a file begins
/// is written with the file itself. What the former one occupied is free when nobody has it open any more, so it is let go
/// of last. Were it free earlier, its name would lead to nothing, and a check at the next start would empty it.
///
/// # Errors
/// What the file system reports.
pub(crate) fn settle(folder: &File, file: &File, former: Option<OwnedFd>) -> io::Result<()> {
    folder.sync_all()?;
    file.sync_all()?;
    drop(former);
    Ok(())
}

/// What stands at a name, for [`settle`]; nothing is read through it.
///
/// # Errors
/// As `open(2)`.
pub(crate) fn held(folder: impl AsFd, name: &OsStr) -> io::Result<Option<OwnedFd>> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    match nix::fcntl::openat(folder, name, flags, Mode::empty()) {
        Ok(former) => Ok(Some(former)),
        Err(nix::Error::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn fill(file: OwnedFd, content: &mut dyn Read, attributes: Attributes) -> io::Result<File> {
    let mut file = File::from(file);
    io::copy(content, &mut file)?;
    if let Some((user, group)) = attributes.owner {
        fchown(&file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?;
    }
    // After the owner: a change of owner takes suid bits away.
    fchmod(&file, Mode::from_bits_truncate(attributes.mode))?;
    file.sync_all()?;
    Ok(file)
}

/// A new file beside the one of this name. What a run that was killed left is passed over: after a start of the machine, process
/// ids are given out again.
fn new_beside(folder: &OwnedFd, name: &OsStr) -> io::Result<(OsString, OwnedFd)> {
    let flags =
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    // Closed to all others until it has its own permissions: what is written may be a secret.
    let mode = Mode::from_bits_truncate(0o600);
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let new = left::unused_name(name, COUNT.fetch_add(1, Ordering::Relaxed));
        match nix::fcntl::openat(folder, new.as_os_str(), flags, mode) {
            Err(nix::Error::EEXIST) => {}
            file => return Ok((new, file?)),
        }
    }
}
