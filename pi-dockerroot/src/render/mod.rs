//! The forms of the output.

pub mod cloud_config;
mod text;

pub use cloud_config::cloud_configs;
pub use text::text;
