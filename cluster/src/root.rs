//! Files below a root: `/`, or a mounted card under `--sysroot`. A symbolic link on the card never leads out of it.

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

mod left;
mod write;

pub use write::Attributes;
pub(crate) use write::{held, settle};

/// How often a path is resolved again that a rename elsewhere came between.
const MOST_TRIES: u32 = 1000;

/// A folder that stands for `/`. Every path given to its methods is absolute and is resolved inside it.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    shown: PathBuf,
}

impl Root {
    /// The folder at `path` as a root.
    ///
    /// # Errors
    /// It is no folder, or may not be entered.
    pub fn open(path: &Path) -> io::Result<Self> {
        let folder = File::open(path)?;
        if !folder.metadata()?.is_dir() {
            return Err(io::Error::from(ErrorKind::NotADirectory));
        }
        Ok(Self {
            folder: folder.into(),
            shown: path.to_owned(),
        })
    }

    /// Whether this is the system's own root, not a card's.
    pub fn is_system(&self) -> bool {
        self.shown == Path::new("/")
    }

    /// A path as a person on this machine would type it, for messages.
    pub fn shown(&self, path: &Path) -> PathBuf {
        self.shown.join(relative(path))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// As `open(2)`.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        self.open_at(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK)
            .map(File::from)
    }

    /// The content of a regular file of at most `limit` bytes.
    ///
    /// # Errors
    /// As `open(2)`; `InvalidInput` for anything but a regular file; `FileTooLarge` beyond `limit`.
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.file(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "not a regular file",
            ));
        }
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            let problem = format!("larger than {limit} bytes");
            return Err(io::Error::new(ErrorKind::FileTooLarge, problem));
        }
        Ok(content)
    }

    /// The same; `None` where there is no such file.
    ///
    /// # Errors
    /// As [`Root::read`].
    pub fn read_if_there(&self, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
        match self.read(path, limit) {
            Ok(content) => Ok(Some(content)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is something at `path`, links followed.
    ///
    /// # Errors
    /// What keeps it from being known: no permission, a loop of links.
    pub fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.open_at(path, OFlag::O_PATH) {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The names in a folder, sorted; they need not be UTF-8.
    ///
    /// # Errors
    /// As `open(2)` and `getdents(2)`.
    pub fn names(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let folder = self.open_at(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)?;
        let mut names = Vec::new();
        // Through its own descriptor, so that no part of the path is resolved a second time.
        for entry in std::fs::read_dir(by_descriptor(&folder))? {
            names.push(entry?.file_name());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn parent(&self, path: &Path) -> io::Result<OwnedFd> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        self.open_at(parent, OFlag::O_PATH | OFlag::O_DIRECTORY)
    }

    /// `openat2`, again where a rename or a mount anywhere on the machine came between: the kernel then cannot say that `..`
    /// stayed inside, answers `EAGAIN`, and leaves it to the caller to retry (openat2(2)).
    fn openat2(&self, path: &Path, how: OpenHow) -> nix::Result<OwnedFd> {
        let mut tries = 0;
        loop {
            match openat2(self.folder.as_fd(), path, how) {
                Err(nix::Error::EAGAIN) if tries < MOST_TRIES => tries += 1,
                other => return other,
            }
        }
    }

    fn open_at(&self, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let inside = Path::new("/").join(relative(path));
        match self.openat2(&inside, how) {
            Ok(file) => Ok(file),
            // A kernel before 5.6, RancherOS' among them. The system's own root needs no keeping in.
            Err(nix::Error::ENOSYS) if self.is_system() => {
                let file = nix::fcntl::open(&inside, flags | OFlag::O_CLOEXEC, Mode::empty())?;
                Ok(file)
            }
            Err(nix::Error::ENOSYS) => Err(io::Error::new(
                ErrorKind::Unsupported,
                "this kernel cannot keep links inside a folder; --sysroot needs Linux 5.6 or newer",
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// An open file as the path that opens it again: no part of its own path is resolved a second time.
pub fn by_descriptor(file: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn name_of(path: &Path) -> io::Result<&OsStr> {
    path.file_name()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path ends in no file name"))
}

/// A path without its leading `/` and without `.`; `..` is left to the kernel, which keeps it inside.
fn relative(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| {
            !matches!(
                part,
                Component::RootDir | Component::CurDir | Component::Prefix(_)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const PLAIN: Attributes = Attributes {
        mode: 0o644,
        owner: None,
    };

    /// A card, and beside it a file that nothing on the card may reach.
    fn card() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("outside"), "safe").unwrap();
        let card = folder.path().join("card");
        std::fs::create_dir_all(card.join("etc")).unwrap();
        let root = Root::open(&card).unwrap();
        (folder, root)
    }

    fn outside_is_safe(folder: &tempfile::TempDir) {
        assert_eq!(
            std::fs::read(folder.path().join("outside")).unwrap(),
            b"safe"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn links_and_dots_stay_inside() {
        let (folder, root) = card();
        let etc = folder.path().join("card/etc");
        symlink(folder.path().join("outside"), etc.join("absolute")).unwrap();
        symlink("../../outside", etc.join("relative")).unwrap();
        symlink("../../../../../..", etc.join("up")).unwrap();
        for path in [
            "/etc/absolute",
            "/etc/relative",
            "/../outside",
            "/etc/up/outside",
        ] {
            let path = Path::new(path);
            assert_eq!(
                root.read_if_there(path, 10).unwrap(),
                None,
                "{}",
                path.display()
            );
        }
        for path in ["/etc/relative", "/etc/up/new", "/../new"] {
            root.write(Path::new(path), b"evil", PLAIN).unwrap();
        }
        outside_is_safe(&folder);
        assert_eq!(
            std::fs::read(folder.path().join("card/outside")).unwrap(),
            b"evil"
        );
    }

    #[test]
    fn a_link_is_written_through_and_stays_a_link() {
        let (folder, root) = card();
        let card = folder.path().join("card");
        std::fs::create_dir(card.join("boot")).unwrap();
        std::fs::write(card.join("boot/cmdline.txt"), "old").unwrap();
        symlink("/boot/cmdline.txt", card.join("etc/cmdline")).unwrap();
        root.write(Path::new("/etc/cmdline"), b"new", PLAIN)
            .unwrap();
        assert_eq!(
            std::fs::read(card.join("boot/cmdline.txt")).unwrap(),
            b"new"
        );
        assert!(card.join("etc/cmdline").is_symlink());
        symlink("loop", card.join("loop")).unwrap();
        assert!(root.write(Path::new("/loop"), b"", PLAIN).is_err());
    }

    #[test]
    fn what_a_killed_run_of_the_same_process_id_left_is_passed_over() {
        let (folder, root) = card();
        let etc = folder.path().join("card/etc");
        // More than this process has written yet, in whatever order its tests run.
        let left = (0..1000).map(|n| format!(".fstab.new-{}-{n}", std::process::id()));
        for name in left {
            std::fs::write(etc.join(name), "half").unwrap();
        }
        root.write(Path::new("/etc/fstab"), b"whole", PLAIN)
            .unwrap();
        assert_eq!(std::fs::read(etc.join("fstab")).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(&etc).unwrap().count(), 1001);
    }

    #[test]
    fn a_written_file_has_its_mode_and_leaves_nothing_beside_it() {
        let (folder, root) = card();
        let secret = Attributes {
            mode: 0o600,
            owner: None,
        };
        root.write(Path::new("/etc/secret"), b"1", secret).unwrap();
        root.write(Path::new("/etc/secret"), b"2", secret).unwrap();
        let path = folder.path().join("card/etc/secret");
        assert_eq!(
            path.metadata().unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(root.read(Path::new("/etc/secret"), 1).unwrap(), b"2");
        assert_eq!(root.names(Path::new("/etc")).unwrap(), ["secret"]);
        assert!(root.write(Path::new("/etc"), b"", PLAIN).is_err());
        assert!(root.write(Path::new("/missing/file"), b"", PLAIN).is_err());
        assert_eq!(root.names(Path::new("/")).unwrap(), ["etc"]);
    }

    #[test]
    fn only_regular_files_of_a_sane_size_are_read() {
        let (folder, root) = card();
        let etc = folder.path().join("card/etc");
        nix::unistd::mkfifo(&etc.join("fifo"), Mode::from_bits_truncate(0o600)).unwrap();
        assert!(root.read(Path::new("/etc/fifo"), 10).is_err());
        assert!(root.read(Path::new("/etc"), 10).is_err());
        std::fs::write(etc.join("big"), [0; 11]).unwrap();
        let error = root.read(Path::new("/etc/big"), 10).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge);
    }

    #[test]
    fn folders_are_made_inside_and_files_removed_once() {
        let (folder, root) = card();
        root.make_folder(Path::new("/var/lib/../lib/cluster"), 0o700)
            .unwrap();
        root.make_folder(Path::new("/var/lib/cluster"), 0o700)
            .unwrap();
        assert!(folder.path().join("card/var/lib/cluster").is_dir());
        root.write(Path::new("/etc/a"), b"", PLAIN).unwrap();
        assert!(root.exists(Path::new("/etc/a")).unwrap());
        assert!(root.make_folder(Path::new("/etc/a"), 0o700).is_err());
        assert!(root.remove(Path::new("/etc/a")).unwrap());
        assert!(!root.remove(Path::new("/etc/a")).unwrap());
        assert!(!root.remove(Path::new("/no/a")).unwrap());
        assert!(!root.exists(Path::new("/etc/a")).unwrap());
        outside_is_safe(&folder);
    }
}
