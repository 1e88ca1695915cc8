//! The forms of the output.

mod text;

pub use text::text;
