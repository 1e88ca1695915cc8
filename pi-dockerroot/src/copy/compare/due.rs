//! Of which files the content is compared.
//!
//! Size and time of modification do not tell a file from another: whoever unpacks, restores or builds sets them. A change of
//! content, or of the name, renews the change time; a folder that is moved takes what is in it along without that.

use super::{Compare, Content, Pair};
use rustix::fs::Statx;

impl Compare<'_> {
    /// Whether something of the source was changed since the time that counts.
    pub(super) fn changed(&self, stat: &Statx) -> bool {
        matches!(self.content, Content::Since { modified, .. } if changed_since(stat, modified))
    }

    /// Whether a folder of the source may have been another one before the time that counts. One that was moved has a new
    /// change time, and so has the folder that it was moved to.
    pub(super) fn moved(&self, parent: &Pair, stat: &Statx) -> bool {
        parent.moved || self.changed(&parent.stat) && self.changed(stat)
    }

    /// Whether the content of a file is compared, by what its copy and its folder say.
    pub(super) fn due_by_copy(&self, pair: &Pair, found: &Statx) -> bool {
        match self.content {
            Content::Metadata => false,
            Content::Bytes | Content::Settled(_) | Content::View => true,
            Content::Since { modified, copied } => {
                pair.moved
                    || !self.renews && self.changed(&pair.stat)
                    || found.stx_ctime.tv_sec >= copied
                    // The copy has its original's time of modification.
                    || found.stx_mtime.tv_sec >= modified
            }
        }
    }
}

/// Whether a file was changed since then (seconds since 1970).
pub(super) fn changed_since(stat: &Statx, time: i64) -> bool {
    stat.stx_mtime.tv_sec >= time || stat.stx_ctime.tv_sec >= time
}
