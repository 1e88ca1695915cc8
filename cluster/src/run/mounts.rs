//! What is mounted: `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use crate::root::Root;
use anyhow::Context;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Larger than any such list.
const LIMIT: u64 = 16 << 20;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Major and minor number of the device.
    pub device: (u64, u64),
    /// The folder of the file system that is seen there.
    pub root: PathBuf,
    /// The mount point.
    pub target: PathBuf,
    /// Mount options.
    pub options: String,
    /// The file system's type.
    pub filesystem: String,
    /// What was named as its source.
    pub source: PathBuf,
}

/// All mounts of this process's name space, in the order in which they were made.
///
/// # Errors
/// `/proc` is not there.
pub fn read(root: &Root) -> anyhow::Result<Vec<Mount>> {
    let content = root
        .read(Path::new("/proc/self/mountinfo"), LIMIT)
        .context("reading /proc/self/mountinfo")?;
    Ok(parse(&content))
}

/// What is on top at `target`: the last mount there.
pub fn at<'a>(mounts: &'a [Mount], target: &Path) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.target == target)
}

/// The mounts in such a list, in its order. A line that is none is passed over.
pub fn parse(content: &[u8]) -> Vec<Mount> {
    content
        .split(|byte| *byte == b'\n')
        .filter_map(line)
        .collect()
}

/// A line such as `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
fn line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let device = text(fields.get(2)?);
    let (major, minor) = device.split_once(':')?;
    Some(Mount {
        device: (major.parse().ok()?, minor.parse().ok()?),
        root: unescape(fields.get(3)?),
        target: unescape(fields.get(4)?),
        options: text(fields.get(5)?),
        filesystem: text(fields.get(dash + 1)?),
        source: unescape(fields.get(dash + 2)?),
    })
}

/// The kernel writes space, tab, line end and backslash as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = (*first == b'\\').then(|| tail.get(..3)).flatten();
        let value =
            octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_escapes() {
        let text =
            b"36 35 98:0 / /mnt/a\\040b\\134 rw,noatime master:1 shared:2 - ext4 /dev/x rw\nbad\n\
            37 35 0:5 / /mnt/a\\040b\\134 rw - tmpfs none rw\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0].device, (98, 0));
        assert_eq!(mounts[0].target, Path::new("/mnt/a b\\"));
        assert_eq!(mounts[0].filesystem, "ext4");
        assert_eq!(mounts[0].source, Path::new("/dev/x"));
        assert_eq!(at(&mounts, Path::new("/mnt/a b\\")), Some(&mounts[1]));
        assert_eq!(at(&mounts, Path::new("/mnt")), None);
    }

    #[test]
    fn what_the_list_is_read_from_is_in_it() {
        let mounts = read(&Root::open(Path::new("/")).unwrap()).unwrap();
        assert_eq!(at(&mounts, Path::new("/proc")).unwrap().filesystem, "proc");
    }
}
