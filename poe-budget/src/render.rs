//! The answer for people.

mod text;

pub use text::text;
