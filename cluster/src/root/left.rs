//! What a killed write left beside its file.

use super::by_descriptor;
use nix::sys::statfs::{MSDOS_SUPER_MAGIC, fstatfs};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What stands between a file's name and the writer's process id in the name of a file that is not whole yet.
const MARK: &str = ".new-";

/// The name of a file that is to take `name` when it is whole. The process's id and a count make it one that no other running
/// process takes.
pub fn unused_name(name: &OsStr, count: u32) -> OsString {
    let mut new = OsString::from(".");
    new.push(name);
    new.push(format!("{MARK}{}-{count}", std::process::id()));
    new
}

/// Removes what killed writes of this name left: such a file may hold half of a secret, and nobody else would. That of a process that
/// runs stays.
///
/// On FAT nothing is removed: after a power cut in a rename both names may lead to the same clusters, and freeing them by the one
/// would destroy the other.
///
/// # Errors
/// What the file system reports.
pub fn clear(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    // Without /proc every process would seem to have ended.
    let known = Path::new("/proc/self").exists();
    if !known || fstatfs(folder)?.filesystem_type() == MSDOS_SUPER_MAGIC {
        return Ok(());
    }
    for entry in std::fs::read_dir(by_descriptor(folder))? {
        let found = entry?.file_name();
        let ended = writer(&found, name).is_some_and(|id| !Path::new("/proc").join(id).exists());
        if ended {
            unlinkat(folder, found.as_os_str(), UnlinkatFlags::NoRemoveDir)?;
        }
    }
    Ok(())
}

/// The id of the process that made a file to take `name`, if it is such a file.
fn writer<'a>(found: &'a OsStr, name: &OsStr) -> Option<&'a str> {
    let rest = found.as_bytes().strip_prefix(b".")?;
    let rest = rest.strip_prefix(name.as_bytes())?;
    let rest = std::str::from_utf8(rest.strip_prefix(MARK.as_bytes())?).ok()?;
    let (id, count) = rest.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (is_number(id) && is_number(count)).then_some(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

    use super::*;

    #[test]
    fn clears_what_ended_processes_left_of_this_name_only() {
        let folder = tempfile::tempdir().unwrap();
        // Above the highest id that Linux gives out (PID_MAX_LIMIT, 2^22).
        let gone = "99999999";
        let stays = [
            ".fstab.new-1-0".to_owned(),
            format!(".fstab.new-{}-7", std::process::id()),
            format!(".fstab.new-{gone}"),
            format!(".fstab.new-{gone}-"),
            format!(".fstab.new-{gone}-x"),
            format!(".fstab2.new-{gone}-0"),
            format!("fstab.new-{gone}-0"),
        ];
        for name in &stays {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for name in [
            format!(".fstab.new-{gone}-0"),
            format!(".fstab.new-{gone}-12"),
        ] {
            std::fs::write(folder.path().join(name), "half").unwrap();
        }
        let opened = std::fs::File::open(folder.path()).unwrap().into();
        clear(&opened, OsStr::new("fstab")).unwrap();
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut seen: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        seen.sort();
        let mut stays = stays;
        stays.sort();
        assert_eq!(seen, stays);
    }
}
