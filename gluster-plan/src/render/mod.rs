//! The answer in each format that is not JSON.

pub mod heketi;
pub mod k8s;
pub mod sh;
pub mod svg;
pub mod text;
