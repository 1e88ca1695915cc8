//! Whether one folder lies in another, by whatever mounts.

use super::meta;
use anyhow::{Context, Result};
use cluster::root::by_descriptor;
use cluster::run::mounts;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Whether the folder at `inner` is `outer` or lies below it: by its path, or inside one file system that is mounted in
/// several places.
///
/// # Errors
/// One of them cannot be opened, or the mounts cannot be read.
pub fn lies_in(inner: &Path, outer: &Path) -> Result<bool> {
    let (inner, outer) = (Location::of(inner)?, Location::of(outer)?);
    let same_file_system = inner.device == outer.device;
    Ok(inner.path.starts_with(&outer.path)
        || same_file_system && inner.inside.starts_with(&outer.inside))
}

/// Where a folder is.
struct Location {
    /// Its path without symbolic links.
    path: PathBuf,
    /// Its file system.
    device: u64,
    /// Its path inside that.
    inside: PathBuf,
}

impl Location {
    fn of(path: &Path) -> Result<Self> {
        let finding = || format!("finding where {} is", path.display());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, path, flags, Mode::empty()).with_context(finding)?;
        let path = fs::read_link(by_descriptor(&folder)).with_context(finding)?;
        let device = meta::identity(&meta::stat(&folder).with_context(finding)?).0;
        let mounts = fs::read("/proc/self/mountinfo").with_context(finding)?;
        let mount = mount_of(&folder).with_context(finding)?;
        let inside = mounts
            .split(|byte| *byte == b'\n')
            .find_map(|line| inside(line, &mount, &path));
        Ok(Self {
            inside: inside.with_context(finding)?,
            path,
            device,
        })
    }
}

/// The number of the mount that an open folder is on.
fn mount_of(folder: &OwnedFd) -> Result<String> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", folder.as_raw_fd()))?;
    let number = info.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    Ok(number
        .context("the kernel does not say the mount")?
        .trim()
        .to_owned())
}

/// The path inside its file system of `path` on the mount with this number, by a line of mountinfo
/// (proc_pid_mountinfo(5): number, parent, device, root, mount point).
fn inside(line: &[u8], mount: &str, path: &Path) -> Option<PathBuf> {
    if line.split(|byte| *byte == b' ').next()? != mount.as_bytes() {
        return None;
    }
    let mount = mounts::parse(line).pop()?;
    let (root, point) = (mount.root, mount.target);
    let below = path.strip_prefix(point).ok()?;
    Some(if below.as_os_str().is_empty() {
        root
    } else {
        root.join(below)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_leads_inside_its_file_system() {
        let line = br"7 1 8:1 /a\040b /mnt/x\134y rw - ext4 /dev/sda1 rw".as_slice();
        let found = |mount, path: &str| inside(line, mount, Path::new(path));
        assert_eq!(found("7", r"/mnt/x\y/z"), Some(PathBuf::from("/a b/z")));
        assert_eq!(found("7", r"/mnt/x\y"), Some(PathBuf::from("/a b")));
        assert_eq!(found("8", r"/mnt/x\y/z"), None);
    }
}
