//! What is asked for, after arguments and files were read.

use crate::change::Change;
use crate::observed::Observed;
use crate::oracle::Unit;

/// What is asked of a site.
#[derive(Debug, Default)]
pub struct Request {
    /// What is there already.
    pub observed: Observed,
    /// What may be lost.
    pub lose: Vec<Unit>,
    /// Whether the choices are compared.
    pub compare: bool,
    /// A change.
    pub change: Option<Change>,
    /// The node whose own part is wanted.
    pub node: Option<usize>,
    /// Whether Heketi's topology is wanted.
    pub heketi: bool,
}
