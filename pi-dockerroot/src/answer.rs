//! The value of the key `pi_dockerroot`.

use crate::copy::Difference;
use crate::request::Request;
use cluster::edge::nodes::Entry;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer, without `ok` and `findings`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// Whether there is something to do; `null` where that was not looked at.
    pub pending: Option<bool>,
    /// Whether something was done.
    pub changed: bool,
    /// Each node's answer.
    pub nodes: BTreeMap<String, Entry<About>>,
}

/// A node's answer: about an engine, or about a tree.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "NodeAnswer")]
pub enum About {
    /// About an engine's root.
    Engine(Box<crate::engine::answer::Node>),
    /// About a tree (`--tree`).
    Tree(Box<Node>),
}

impl About {
    /// Whether there is something to do; `None` where that is not known.
    pub fn pending(&self) -> Option<bool> {
        match self {
            Self::Engine(node) => node.pending,
            Self::Tree(_) => None,
        }
    }

    /// Whether this run did something to an engine.
    pub fn changed(&self) -> bool {
        matches!(self, Self::Engine(node) if node.changed)
    }
}

/// A node's answer about a tree.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Tree")]
pub struct Node {
    /// The folder that is copied.
    pub from: Option<String>,
    /// The folder that becomes its copy.
    pub to: Option<String>,
    /// What is to be copied and what that needs.
    #[serde(flatten)]
    pub plan: Option<Figures>,
    /// What was copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Copied>,
    /// What was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
}

impl Node {
    /// A node of which only the paths are known.
    pub fn new(request: &Request) -> Self {
        let shown = |path: &std::path::Path| {
            use std::os::unix::ffi::OsStrExt;
            Some(crate::copy::shown(path.as_os_str().as_bytes()))
        };
        Self {
            from: shown(&request.from),
            to: shown(&request.to),
            plan: None,
            result: None,
            verified: None,
        }
    }
}

/// What is to be copied and what that needs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Figures {
    /// Bytes of content, each file once.
    pub bytes: u64,
    /// Inodes, each file once.
    pub inodes: u64,
    /// Folders among the inodes.
    pub folders: u64,
    /// Regular files among the inodes.
    pub files: u64,
    /// Symbolic links among the inodes.
    pub symlinks: u64,
    /// Marks of deleted files (character devices 0:0) among the inodes.
    pub whiteouts: u64,
    /// Other devices, FIFOs and sockets among the inodes.
    pub special: u64,
    /// Names beyond each file's first.
    pub hard_links: u64,
    /// Files with holes.
    pub sparse_files: u64,
    /// Extents of data in files with holes.
    pub sparse_extents: u64,
    /// Free space that the target needs, with a margin, beyond what it holds of the copy already.
    pub needed_bytes: u64,
    /// Free space that the target has.
    pub free_bytes: u64,
    /// Free inodes that the target needs, with a margin.
    pub needed_inodes: u64,
    /// Free inodes that the target has; `null` where they do not run out before the space.
    pub free_inodes: Option<u64>,
    /// The target's file system.
    pub filesystem: String,
    /// What the target's file system must be able to hold.
    pub features: Vec<String>,
    /// How the target differs by names, sizes, times and attributes; `null` where it is empty.
    pub differences: Option<u64>,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Copied {
    /// Bytes of content that were written.
    pub copied_bytes: u64,
    /// Files that were made anew, folders and hard links not among them.
    pub copied_files: u64,
    /// Files and folders whose content was right and of which something else was changed.
    pub mended: u64,
    /// Names that were only in the target and are removed.
    pub removed: u64,
    /// Names that changed their type or went away while they were copied.
    pub changed_meanwhile: u64,
    /// How long it took, with the flush at its end.
    pub seconds: f64,
}

impl Copied {
    /// Whether anything was changed.
    pub fn changed(&self) -> bool {
        self.copied_files + self.mended + self.removed > 0
    }
}

/// What was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verified {
    /// Names that were compared.
    pub names: u64,
    /// Bytes of content that were compared.
    pub bytes: u64,
    /// Image chains that were mounted on both sides and compared; `null` without `--overlay`.
    pub chains: Option<u64>,
    /// How many differences there are.
    pub differences: u64,
    /// The first of them.
    pub first: Vec<Difference>,
}
