//! The resolved wish: what flags and document together ask for.

use crate::extent::Place;
use cluster::inventory::{Filesystem, Os, Persist};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Less than this is no use to anybody, and most often a rest that alignment left.
pub const LEAST_BYTES: u64 = 64 << 20;

/// What is wished of one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The whole disk's device, or an image file.
    pub disk: String,
    /// The operating system; `null` where it is read from the node.
    pub os: Option<Os>,
    /// Where new partitions go.
    pub place: Place,
    /// The least size of a new partition in bytes.
    pub minimum_bytes: u64,
    /// Whether signatures of file systems in the extent may be erased.
    pub wipe: bool,
    /// The partitions, in their order on the disk.
    pub partitions: Vec<Wish>,
}

/// A partition that shall be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Its size in bytes; `null` for the rest.
    pub size_bytes: Option<u64>,
    /// Its file system.
    pub filesystem: Filesystem,
    /// The file system's label.
    pub label: Option<String>,
    /// Where it is mounted.
    pub mount: Option<String>,
    /// What makes the mount last.
    pub persist: Persist,
}
