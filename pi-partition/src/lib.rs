//! The rest of a disk becomes a partition, without a reboot and without losing a byte.
//!
//! [`observe`] reads the disk and its node, [`plan`] turns request and state into steps, [`apply`] does them; all that is
//! shared with other tools (steps, journal, resuming) is in `cluster`.

pub mod answer;
mod apply;
pub mod cli;
mod device;
pub mod extent;
mod job;
pub mod layout;
mod observe;
mod persist;
pub mod plan;
mod refuse;
mod render;
mod report;
pub mod request;
pub mod signature;
pub mod source;
pub mod state;
mod steps;
pub mod table;
mod undo;
mod unwind;
