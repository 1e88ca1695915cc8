//! Names, checked once on reading: they end up in paths, in commands and on other people's terminals.

use crate::checked::inline_schema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Component, Path};

mod network;
mod text;

pub use network::{HostAddress, Network};
pub use text::{escape_controls, wrap};

/// Defines a string type that holds only what `$check` lets through.
macro_rules! checked_name {
    ($(#[$meta:meta])* $name:ident, $schema:tt, $check:path) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                match $check(&text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(expected) => Err(format!("expected {expected}, found {text:?}")),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::try_from(text.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        inline_schema!($name, $schema);
    };
}

checked_name!(
    /// A node, a device, a switch or a model: an RFC 1123 label (lower case letters, digits, `-`; at most 63).
    Label,
    {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"},
    check_label
);

fn check_label(text: &str) -> Result<(), &'static str> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let outer = |b: Option<&u8>| b.is_some_and(|b| *b != b'-');
    let bytes = text.as_bytes();
    if bytes.len() <= 63
        && bytes.iter().all(|b| inner(*b))
        && outer(bytes.first())
        && outer(bytes.last())
    {
        return Ok(());
    }
    Err(
        "a name of at most 63 lower case letters, digits and '-', which begins and ends with a letter or digit (RFC 1123)",
    )
}

checked_name!(
    /// A network interface as the Linux kernel allows it: 1 to 15 bytes, no `/`, no `:`, no white space.
    InterfaceName,
    {"type": "string", "pattern": "^[^-/:\\s][^/:\\s]{0,14}$"},
    check_interface
);

/// The rule of `dev_valid_name` in the kernel's net/core/dev.c, and no leading `-`: a command would take it for an option.
fn check_interface(text: &str) -> Result<(), &'static str> {
    let bad = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
    if text.is_empty()
        || text.len() > 15
        || matches!(text, "." | "..")
        || text.starts_with('-')
        || text.contains(bad)
    {
        return Err("a network interface name of 1 to 15 bytes without '/', ':' and white space");
    }
    Ok(())
}

checked_name!(
    /// A mount point: an absolute path without `..`, `.`, doubled slashes or control characters, other than `/`.
    MountPoint,
    {"type": "string", "pattern": "^(/[^/]+)+$"},
    check_mount_point
);

fn check_mount_point(text: &str) -> Result<(), &'static str> {
    if text.len() > 1 && is_plain_absolute(text) {
        return Ok(());
    }
    Err("an absolute path without '..' such as \"/mnt/docker\"")
}

checked_name!(
    /// A block device by path: absolute, below `/dev`.
    DevicePath,
    {"type": "string", "pattern": "^/dev(/[^/]+)+$"},
    check_device_path
);

fn check_device_path(text: &str) -> Result<(), &'static str> {
    if text.starts_with("/dev/") && text.len() > 5 && is_plain_absolute(text) {
        return Ok(());
    }
    Err("a device path without '..' such as \"/dev/mmcblk0\"")
}

/// Whether a path is absolute and already in its shortest form.
fn is_plain_absolute(text: &str) -> bool {
    let plain = Path::new(text)
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    text.starts_with('/')
        && plain
        && !text[1..].contains("//")
        && !text.starts_with("//")
        && !text.contains("/./")
        && !text.ends_with("/.")
        && (text.len() == 1 || !text.ends_with('/'))
        && !text.contains(char::is_control)
}

checked_name!(
    /// A file-system label of 1 to 16 printable bytes. What a file system holds less of is checked with it
    /// ([`crate::inventory::Partition`]).
    FilesystemLabel,
    {"type": "string", "pattern": "^[A-Za-z0-9_.][-A-Za-z0-9_.]{0,15}$"},
    check_filesystem_label
);

fn check_filesystem_label(text: &str) -> Result<(), &'static str> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if (1..=16).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(good) {
        return Ok(());
    }
    Err(
        "a file-system label of 1 to 16 letters, digits, '_', '.' and '-', which does not begin with '-'",
    )
}

checked_name!(
    /// A Gluster volume: letters, digits, `_`, `-`; no leading `-`.
    VolumeName,
    {"type": "string", "pattern": "^[A-Za-z0-9_][-A-Za-z0-9_]{0,62}$"},
    check_volume_name
);

fn check_volume_name(text: &str) -> Result<(), &'static str> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (1..=63).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(good) {
        return Ok(());
    }
    Err("a volume name of 1 to 63 letters, digits, '_' and '-', which does not begin with '-'")
}

checked_name!(
    /// Text of one line for people: no control characters.
    Line,
    {"type": "string"},
    check_line
);

fn check_line(text: &str) -> Result<(), &'static str> {
    if text.contains(char::is_control) {
        return Err("text without control characters");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T: std::str::FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text:?} was refused");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn labels_are_rfc_1123() {
        let long = "a".repeat(63);
        accepts::<Label>(
            &["pi1", "a", "0", "raspberry-pi-4b-8gb", &long],
            &[
                "",
                "-a",
                "a-",
                "Pi1",
                "pi_1",
                "pi.1",
                "é",
                "a b",
                "a\n",
                &format!("{long}a"),
            ],
        );
    }

    #[test]
    fn interfaces_are_the_kernels() {
        accepts::<InterfaceName>(
            &["eth0", "wlan0", "enx001122334455", "br-lan", "é"],
            &[
                "",
                ".",
                "..",
                "-eth0",
                "a/b",
                "a:1",
                "a b",
                "a\t",
                "0123456789abcdef",
            ],
        );
    }

    #[test]
    fn mount_points_are_plain_and_absolute() {
        accepts::<MountPoint>(
            &["/mnt/docker", "/mnt", "/mnt/é", "/a..b"],
            &[
                "", "/", "mnt", "/mnt/", "/mnt/..", "/../mnt", "/a//b", "//a", "/a/./b", "/.",
                "/a\nb",
            ],
        );
    }

    #[test]
    fn devices_are_below_dev() {
        accepts::<DevicePath>(
            &["/dev/sda", "/dev/disk/by-id/usb-1"],
            &[
                "/dev",
                "/dev/",
                "/etc/passwd",
                "/dev/../etc",
                "sda",
                "-/dev/sda",
            ],
        );
    }

    #[test]
    fn labels_of_file_systems_fit() {
        accepts::<FilesystemLabel>(
            &["docker", "0123456789abcdef", "a.b_c-d"],
            &["", "-a", "0123456789abcdefg", "a/b", "a b", "a\u{0}"],
        );
    }
}
