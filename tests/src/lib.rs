//! Test harness: programs seen from outside, and tests that need a real part.

mod golden;
pub mod machine;
pub mod program;
mod require;
pub mod said;
pub mod sources;
pub mod tools;

pub use golden::golden;
pub use require::{host, long, require, require_root};
