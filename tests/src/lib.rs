//! Test harness: programs seen from outside, and tests that need a real part.

pub mod program;
pub mod tools;
