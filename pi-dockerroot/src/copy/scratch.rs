//! What each worker reuses for every file.

use super::walk::Names;
use std::mem::MaybeUninit;

/// How much of a file is read at a time: what fits a Pi's second-level cache and most files whole.
pub(super) const PIECE: usize = 256 * 1024;

/// The kernel's limit of a list of attribute names, and of one value (XATTR_LIST_MAX, XATTR_SIZE_MAX).
pub(super) const XATTR_MAX: usize = 64 * 1024;

/// A worker's buffers.
pub(super) struct Scratch {
    /// A folder's listing.
    pub names: Names,
    /// A piece of a file.
    pub piece: Vec<u8>,
    /// The same piece of the other file, where two are compared.
    pub other: Vec<u8>,
    /// A list of attribute names.
    pub list: Vec<u8>,
    /// An attribute's value.
    pub value: Vec<u8>,
}

impl Scratch {
    pub fn new() -> Self {
        Self {
            names: vec![MaybeUninit::uninit(); 32 * 1024].into_boxed_slice(),
            piece: vec![0; PIECE],
            other: vec![0; PIECE],
            list: vec![0; XATTR_MAX],
            value: vec![0; XATTR_MAX],
        }
    }
}
