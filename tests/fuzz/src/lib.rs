//! One module for each fuzz target: `run` takes the bytes that libFuzzer made and panics where an invariant is broken.
//!
//! Nothing in here needs libFuzzer, so that `tests/tests/corpora.rs` can replay the corpora with any compiler.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a target tells of a finding"
)]

pub mod bytes;
pub mod cloud_config;
pub mod daemon_json;
pub mod document;
pub mod files;
pub mod gluster;
pub mod journal;
pub mod json;
pub mod kernel_line;
pub mod kubectl;
pub mod node;
pub mod server;
pub mod side_files;
pub mod table;
pub mod tool;
pub mod tools;
pub mod wireless;
