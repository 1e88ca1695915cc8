//! What a disk and its node were seen to be. Reading it is `observe`'s job; planning uses nothing else.

use crate::signature::Signature;
use crate::table::{Damage, Table};
use cluster::inventory::Os;
use std::collections::BTreeMap;

/// What kind of thing the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A block device on this machine.
    Device,
    /// An image file.
    Image,
    /// A disk elsewhere that is known from a report.
    Report,
}

/// A disk.
#[derive(Debug, Clone)]
pub struct DiskState {
    /// Its path: a device's own name, not that of a link to it.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// Its logical sector in bytes.
    pub sector_bytes: u64,
    /// What it erases at once in bytes; 0 where it does not say.
    pub erase_bytes: u64,
    /// Whether it may not be written to.
    pub read_only: bool,
    /// Who holds the whole disk, in words.
    pub held_by: Vec<String>,
    /// Its table.
    pub table: Result<Table, Damage>,
    /// What is in each partition, by its number.
    pub contents: BTreeMap<u32, Signature>,
    /// Where each partition is mounted, by its number.
    pub mounted: BTreeMap<u32, Vec<String>>,
    /// The partitions that the kernel knows: number, start and size in bytes. `None` for anything but a device.
    pub kernel: Option<Vec<(u32, u64, u64)>>,
    /// What stands where new partitions would be: offset from the disk's start.
    pub found: Vec<(u64, Signature)>,
    /// Whether the chosen extent of an image is one hole: giving it back later leaves the file as it was.
    pub hole: bool,
}

/// The node's configuration.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    /// What `/etc/os-release` says.
    pub os: Option<Os>,
    /// The lines of `/etc/fstab`; `None` where there is none or none to be read.
    pub fstab: Option<Vec<String>>,
    /// Whether systemd runs the node.
    pub systemd: bool,
    /// What `ros config get mounts` says; `None` where it was not asked.
    pub ros_mounts: Option<Vec<[String; 4]>>,
    /// Each wished mount point.
    pub targets: BTreeMap<String, Target>,
    /// Where a file system of another disk is mounted, for the saved table.
    pub other_disk: Option<String>,
    /// The content of unit files that are there, by path.
    pub units: BTreeMap<String, String>,
}

/// What a mount point is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing, or an empty folder.
    Free,
    /// A folder with something in it, or no folder.
    Used(String),
    /// A path that leads to another place by a symbolic link; which.
    Link(String),
    /// Something is mounted there: its device's path.
    Mounted(String),
}
