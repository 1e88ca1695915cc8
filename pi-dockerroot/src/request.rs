//! What is asked for a tree.

use std::path::PathBuf;

/// What is asked for a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose answer it is: the node's name.
    pub node: String,
    /// The source.
    pub from: PathBuf,
    /// The target.
    pub to: PathBuf,
    /// Whether to copy, or only to say what would be copied.
    pub apply: bool,
    /// Whether to compare the two trees.
    pub verify: bool,
    /// Whether to compare the image chains of an overlay2 root as a container sees them.
    pub overlay: bool,
    /// Whether the target may hold an earlier copy, which is made equal.
    pub update: bool,
    /// Whether the source may be a symbolic link.
    pub follow_source: bool,
}
