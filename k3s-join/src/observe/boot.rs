//! The kernel command line, and the file that the firmware takes it from.

use super::{LIMIT, text, there};
use crate::check::state::Boot;
use cluster::root::Root;
use cluster::run::mounts::{self, Mount};
use std::path::Path;

/// Where the boot partition is mounted: since bookworm and on Ubuntu, and before.
const FOLDERS: [&str; 2] = ["/boot/firmware", "/boot"];
/// Debian's file for words that its raspi-firmware puts into each new command line.
const DEBIAN: (&str, &str) = (
    "/etc/default/raspi-firmware",
    "/etc/default/raspi-extra-cmdline",
);

pub(super) fn read(root: &Root, mounts: &[Mount]) -> Boot {
    let mut boot = Boot {
        running: root.read(Path::new("/proc/cmdline"), LIMIT).ok(),
        ..Boot::default()
    };
    let folder = folder(root, mounts);
    if let Some(folder) = folder {
        let config = text(root, &format!("{folder}/config.txt")).unwrap_or_default();
        let (name, filtered) = named(&config);
        // The firmware leaves a prefix out that leads to nothing.
        let plain = "cmdline.txt".to_owned();
        let name = [name, plain]
            .into_iter()
            .find(|name| there(root, &format!("{folder}/{name}")));
        boot.read = name.map(|name| format!("{folder}/{name}"));
        boot.filtered = filtered;
    } else if there(root, "/boot/firmware") && on_a_pi(root) {
        boot.unmounted = Some("/boot/firmware".to_owned());
    }
    let mut paths: Vec<String> = FOLDERS.iter().map(|f| format!("{f}/cmdline.txt")).collect();
    paths.extend(boot.read.clone());
    for path in paths {
        if let Ok(content) = root.read(Path::new(&path), LIMIT) {
            boot.files.insert(path, content);
        }
    }
    if there(root, DEBIAN.0) {
        let words = root.read(Path::new(DEBIAN.1), LIMIT).unwrap_or_default();
        boot.regenerated = Some((DEBIAN.1.to_owned(), words));
    }
    boot
}

/// Whether the machine is a Raspberry Pi, or the card one's.
fn on_a_pi(root: &Root) -> bool {
    match root.is_system() {
        true => text(root, "/proc/device-tree/model")
            .is_some_and(|model| model.contains("Raspberry Pi")),
        false => true,
    }
}

/// The folder that is the boot partition: the one that is mounted, or on a card the one with its files in it.
fn folder(root: &Root, mounts: &[Mount]) -> Option<&'static str> {
    let mounted = FOLDERS
        .into_iter()
        .find(|folder| mounts::at(mounts, Path::new(folder)).is_some());
    let filled = || {
        FOLDERS.into_iter().find(|folder| {
            there(root, &format!("{folder}/config.txt"))
                || there(root, &format!("{folder}/cmdline.txt"))
        })
    };
    // What lies there in a running system without the mount is read by nobody.
    match root.is_system() {
        true => mounted,
        false => mounted.or_else(filled),
    }
}

/// The command line's file as config.txt names it, for every board; and the filter under which it names another.
///
/// `os_prefix` stands before the name (Ubuntu since 25.10: `current/`), the last line of each kind counts, and what
/// stands under `[pi4]` or `[tryboot]` is for some boards and some starts only.
fn named(config: &str) -> (String, Option<String>) {
    let (mut name, mut prefix) = ("cmdline.txt".to_owned(), String::new());
    let mut filter = String::new();
    let mut filtered = None;
    for line in config.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section.clone_into(&mut filter);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let target = match key.trim() {
            "cmdline" => &mut name,
            "os_prefix" => &mut prefix,
            _ => continue,
        };
        if filter.is_empty() || filter == "all" {
            value.trim().clone_into(target);
        } else if filter != "tryboot" {
            filtered = Some(filter.clone());
        }
    }
    (format!("{prefix}{name}"), filtered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_txt_names_the_file() {
        let name = |config: &str| named(config).0;
        assert_eq!(name("arm_64bit=1\n"), "cmdline.txt");
        assert_eq!(name("cmdline=a.txt # old\r\ncmdline = b.txt\n"), "b.txt");
        assert_eq!(
            name("[all]\nos_prefix=current/\n[tryboot]\nos_prefix=new/\n"),
            "current/cmdline.txt"
        );
        assert_eq!(
            named("[pi5]\ncmdline=five.txt\n[all]\n"),
            ("cmdline.txt".to_owned(), Some("pi5".to_owned()))
        );
        assert_eq!(name("#cmdline=a.txt\n"), "cmdline.txt");
    }
}
