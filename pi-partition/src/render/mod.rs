//! The forms of the answer, one file for each.

pub mod sh;
pub mod svg;
pub mod text;
