//! A disk that is open: an image file, or a block device with what the kernel says of it.

use crate::state::Kind;
use anyhow::{Context, bail};
use cluster::finding::Finding;
use cluster::run::Refusal;
use nix::fcntl::{Flock, FlockArg};
use nix::{libc, request_code_none};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

mod blkpg;

/// How long the lock is waited for: udev holds it while it looks at a disk that was just closed.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

// linux/fs.h.
nix::ioctl_read!(blk_get_size, 0x12, 114, u64);
nix::ioctl_read_bad!(blk_sector_size, request_code_none!(0x12, 104), libc::c_int);
nix::ioctl_read_bad!(blk_read_only, request_code_none!(0x12, 94), libc::c_int);

/// An open disk.
#[derive(Debug)]
pub struct OpenDisk {
    /// Its descriptor, open from the first check to the last act.
    pub file: File,
    /// A device's own name, or the image's path as it was given.
    pub path: PathBuf,
    /// Device or image.
    pub kind: Kind,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The device's logical sector in bytes; 0 for an image.
    pub sector_bytes: u64,
    /// Whether the kernel or the file's permissions keep it from being written to.
    pub read_only: bool,
    /// Major and minor number of a device.
    pub numbers: (u64, u64),
}

impl OpenDisk {
    /// Opens a disk, for writing where that may be.
    ///
    /// # Errors
    /// [`Refusal`] for a partition in a disk's place; what the system reports.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let opening = || format!("opening {}", path.display());
        let meta = std::fs::metadata(path).with_context(opening)?;
        let kind = if meta.file_type().is_block_device() {
            Kind::Device
        } else if meta.is_file() {
            Kind::Image
        } else {
            bail!(
                "opening {}: neither a block device nor an image file",
                path.display()
            );
        };
        let (file, writable) = open_file(path).with_context(opening)?;
        // The path may have changed its meaning between the two calls; what counts is what is open.
        let opened = file.metadata().with_context(opening)?;
        if (opened.dev(), opened.ino(), opened.rdev()) != (meta.dev(), meta.ino(), meta.rdev()) {
            bail!("opening {}: it was replaced meanwhile", path.display());
        }
        let numbers = (
            nix::sys::stat::major(opened.rdev()),
            nix::sys::stat::minor(opened.rdev()),
        );
        let mut disk = Self {
            size_bytes: opened.len(),
            file,
            path: path.to_owned(),
            kind,
            sector_bytes: 0,
            read_only: !writable,
            numbers,
        };
        if kind == Kind::Device {
            disk.ask_kernel().with_context(opening)?;
        }
        Ok(disk)
    }

    fn ask_kernel(&mut self) -> anyhow::Result<()> {
        self.path = self.path.canonicalize()?;
        if self.sysfs().join("partition").exists() {
            return Err(not_a_disk(&self.path).into());
        }
        let (mut size, mut sector, mut read_only) = (0, 0, 0);
        let fd = self.file.as_raw_fd();
        // SAFETY: the descriptor is open, and each call writes one value of the type that linux/fs.h names.
        unsafe {
            blk_get_size(fd, &mut size)?;
            blk_sector_size(fd, &mut sector)?;
            blk_read_only(fd, &mut read_only)?;
        }
        self.size_bytes = size;
        self.sector_bytes = u64::try_from(sector)?;
        self.read_only |= read_only != 0;
        Ok(())
    }

    /// The device's folder below `/sys`.
    pub fn sysfs(&self) -> PathBuf {
        PathBuf::from(format!(
            "/sys/dev/block/{}:{}",
            self.numbers.0, self.numbers.1
        ))
    }

    /// A number from a file below the device's folder in `/sys`; `None` where there is none.
    pub fn sysfs_number(&self, name: &str) -> Option<u64> {
        let text = std::fs::read_to_string(self.sysfs().join(name)).ok()?;
        text.trim().parse().ok()
    }

    /// The names in a folder below the device's folder in `/sys`.
    pub fn sysfs_names(&self, name: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.sysfs().join(name)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    /// What tells a device from another one that gets its name later: the number that its maker gave it. `None` for an image
    /// and for a disk without one. All cards in one USB reader have the reader's.
    pub fn hardware(&self) -> Option<String> {
        if self.kind != Kind::Device {
            return None;
        }
        let names = [
            "device/cid",
            "wwid",
            "device/wwid",
            "device/serial",
            "serial",
        ];
        let own = names.iter().find_map(|name| word(&self.sysfs().join(name)));
        own.or_else(|| {
            let path = self.sysfs().canonicalize().ok()?;
            let usb = path.ancestors().find(|part| part.join("idVendor").exists());
            word(&usb?.join("serial"))
        })
    }

    /// Locks the disk as udev expects it of whoever changes one: `LOCK_EX` on the whole disk's node
    /// (systemd's "Locking Block Device Access"). The lock ends with the last descriptor, a child's included.
    ///
    /// # Errors
    /// [`Refusal`] where another program keeps it.
    pub fn lock(&self) -> anyhow::Result<Flock<File>> {
        let locking = || format!("locking {}", self.path.display());
        let mut file = self.file.try_clone().with_context(locking)?;
        let deadline = Instant::now() + LOCK_LIMIT;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(lock),
                Err((_, nix::Error::EAGAIN)) if Instant::now() >= deadline => {
                    let path = self.path.display().to_string();
                    let message = format!("another program has {path} locked");
                    let finding = Finding::error("partition-disk-locked", path, message);
                    return Err(Refusal(
                        finding.fix(
                            "wait until it has ended (`lslocks` names it), and run this again",
                        ),
                    )
                    .into());
                }
                Err((same, nix::Error::EAGAIN)) => {
                    file = same;
                    thread::sleep(Duration::from_millis(100));
                }
                Err((_, error)) => return Err(error).with_context(locking),
            }
        }
    }

    /// The partitions that the kernel knows: number, start and size in bytes, device numbers.
    pub fn kernel_partitions(&self) -> Vec<KernelPartition> {
        let mut found: Vec<KernelPartition> = self
            .sysfs_names("")
            .into_iter()
            .filter_map(|name| self.kernel_partition(&name))
            .collect();
        found.sort_unstable_by_key(|partition| partition.number);
        found
    }

    fn kernel_partition(&self, name: &str) -> Option<KernelPartition> {
        let number = self.sysfs_number(&format!("{name}/partition"))?;
        let text = std::fs::read_to_string(self.sysfs().join(name).join("dev")).ok()?;
        let (major, minor) = text.trim().split_once(':')?;
        Some(KernelPartition {
            number: u32::try_from(number).ok()?,
            // sysfs counts in units of 512 bytes, whatever the sectors are.
            start_bytes: self.sysfs_number(&format!("{name}/start"))? * 512,
            size_bytes: self.sysfs_number(&format!("{name}/size"))? * 512,
            numbers: (major.parse().ok()?, minor.parse().ok()?),
            holders: self.sysfs_names(&format!("{name}/holders")),
        })
    }
}

/// A partition that the kernel knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelPartition {
    /// Its number.
    pub number: u32,
    /// Its start in bytes.
    pub start_bytes: u64,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Major and minor number.
    pub numbers: (u64, u64),
    /// What is stacked on it: `dm-0`, `md0`.
    pub holders: Vec<String>,
}

/// The content of a small file below `/sys`, where it has any.
fn word(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Opened for writing where that may be, else for reading; and which of the two.
fn open_file(path: &Path) -> std::io::Result<(File, bool)> {
    let open = |write: bool| {
        OpenOptions::new()
            .read(true)
            .write(write)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(path)
    };
    match open(true) {
        Ok(file) => Ok((file, true)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            open(false).map(|file| (file, false))
        }
        Err(error) => Err(error),
    }
}

fn not_a_disk(path: &Path) -> Refusal {
    let shown = path.display().to_string();
    let digits = shown.trim_end_matches(|c: char| c.is_ascii_digit());
    let disk = digits
        .strip_suffix('p')
        .filter(|disk| disk.ends_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(digits);
    let finding = Finding::error(
        "partition-not-a-disk",
        shown.clone(),
        format!("{shown} is a partition, not a whole disk"),
    );
    Refusal(finding.fix(format!("name the whole disk: {disk}")))
}
