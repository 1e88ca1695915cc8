//! Of which files the content is compared.
//!
//! Size and time of modification do not tell a file from another: whoever unpacks, restores or builds sets them. A change of
//! content, or of the name, renews the change time; a folder that is moved takes what is in it along without that.

use super::{Compare, Content, Pair};
use rustix::fs::Statx;

impl Compare<'_> {
    /// Whether a folder of the source may have been another one before the time that counts. One that was moved has a new
    /// change time, and so has the folder that it was moved to.
    pub(super) fn moved(&self, parent: &Pair, stat: &Statx) -> bool {
        parent.moved || self.changed(&parent.stat) && self.changed(stat)
    }

    /// Whether the content of a file is compared.
    pub(super) fn due(&self, pair: &Pair, stat: &Statx, found: &Statx) -> bool {
        match self.content {
            Content::Metadata => false,
            Content::Bytes | Content::View => true,
            // The rest is left to the comparison since that time.
            Content::Settled(_) => !self.changed(stat) && !self.came(pair),
            Content::Since { .. } => self.changed(stat) || self.due_by_copy(pair, found),
        }
    }

    /// Whether the content of a file is compared, by what its copy and its folder say.
    pub(super) fn due_by_copy(&self, pair: &Pair, found: &Statx) -> bool {
        match self.content {
            Content::Metadata => false,
            Content::Bytes | Content::View | Content::Settled(_) => true,
            Content::Since { modified, copied } => {
                // The copy has its original's time of modification.
                let made = found.stx_ctime.tv_sec >= copied || found.stx_mtime.tv_sec >= modified;
                made || self.came(pair)
            }
        }
    }

    /// Whether a file in this folder may have come there without a change of its own since the time that counts.
    fn came(&self, pair: &Pair) -> bool {
        pair.moved || !self.renews && self.changed(&pair.stat)
    }

    /// Whether something of the source was changed since the time that counts.
    fn changed(&self, stat: &Statx) -> bool {
        let (Content::Settled(time) | Content::Since { modified: time, .. }) = self.content else {
            return false;
        };
        stat.stx_mtime.tv_sec >= time || stat.stx_ctime.tv_sec >= time
    }
}
