//! What is at the target, and whether a start of the machine brings it back.

use super::switch;
use anyhow::Result;
use cluster::fstab;
use cluster::root::Root;
use cluster::run::mounts::{self, Mount};
use std::path::Path;

/// What is at the target's path.
#[derive(Debug, Clone)]
pub struct Target {
    /// What is mounted there.
    pub mount: Option<Mount>,
    /// Where its mount is configured to come back after a restart.
    pub lasting: Option<String>,
}

/// Looks at the target.
///
/// # Errors
/// The mounts cannot be read.
pub fn look(root: &Root, to: &str) -> Result<Target> {
    let mount = if root.is_system() {
        mounts::at(&mounts::read(root)?, Path::new(to)).cloned()
    } else {
        None
    };
    Ok(Target {
        mount,
        lasting: lasting(root, to)?,
    })
}

/// The file that mounts something at `to` when the machine starts.
fn lasting(root: &Root, to: &str) -> Result<Option<String>> {
    let text = switch::read(root, "/etc/fstab")?.unwrap_or_default();
    if fstab::line_of(text.lines(), to).is_some() {
        return Ok(Some("/etc/fstab".to_owned()));
    }
    let folder = Path::new("/etc/systemd/system");
    for name in root.names(folder).unwrap_or_default() {
        if Path::new(&name)
            .extension()
            .is_some_and(|end| end == "mount")
        {
            let path = folder.join(&name).display().to_string();
            let text = switch::read(root, &path)?.unwrap_or_default();
            if text
                .lines()
                .any(|line| line.trim() == format!("Where={to}"))
            {
                return Ok(Some(path));
            }
        }
    }
    if root.is_system() && root.exists(Path::new("/usr/bin/ros")).unwrap_or(false) {
        let out = cluster::command::Command::new("ros")
            .args(["config", "get", "mounts"])
            .run();
        let text = out
            .map(|out| String::from_utf8_lossy(&out).into_owned())
            .unwrap_or_default();
        let listed = cluster::cloud_config::read_mounts(&text).unwrap_or_default();
        if listed.iter().any(|entry| entry[1] == to) {
            return Ok(Some("the configuration of RancherOS".to_owned()));
        }
    }
    Ok(None)
}

/// Where the file system with this label is mounted on this machine.
///
/// # Errors
/// The mounts cannot be read.
pub fn labelled(root: &Root, label: &str) -> Result<Option<String>> {
    if !root.is_system() {
        return Ok(None);
    }
    let mounts = mounts::read(root)?;
    let found = mounts.iter().find(|mount| {
        mount.root == Path::new("/")
            && label_of(&mount.source).is_some_and(|found| found == label.as_bytes())
    });
    Ok(found.map(|mount| mount.target.display().to_string()))
}

/// A file system's label as its superblock has it: ext4's at byte 120 (16 bytes), XFS's at 108 (12 bytes). udev's links are not
/// there on every system.
fn label_of(device: &Path) -> Option<Vec<u8>> {
    use std::os::unix::fs::{FileExt, FileTypeExt};
    if !std::fs::metadata(device)
        .ok()?
        .file_type()
        .is_block_device()
    {
        return None;
    }
    let mut block = [0; 2048];
    std::fs::File::open(device)
        .ok()?
        .read_exact_at(&mut block, 0)
        .ok()?;
    let label = if block.starts_with(b"XFSB") {
        &block[108..120]
    } else if block[1024 + 56..1024 + 58] == [0x53, 0xef] {
        &block[1024 + 120..1024 + 136]
    } else {
        return None;
    };
    Some(label.split(|byte| *byte == 0).next()?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_lasts_as_fstab_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        let text = "#/dev/a /mnt/b\nUUID=c /mnt/my\\040data ext4 defaults 0 2\n";
        std::fs::write(folder.path().join("etc/fstab"), text).unwrap();
        let root = Root::open(folder.path()).unwrap();
        let of = |to| lasting(&root, to).unwrap();
        assert_eq!(of("/mnt/my data").as_deref(), Some("/etc/fstab"));
        assert_eq!(of("/mnt/b"), None);
    }
}
