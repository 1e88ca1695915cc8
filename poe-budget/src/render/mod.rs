//! The forms of the answer beside the document, one file for each.

mod svg;
mod text;

pub use svg::svg;
pub use text::text;
