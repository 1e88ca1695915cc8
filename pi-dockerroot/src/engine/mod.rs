//! Moving an engine's root: found, planned, copied while it runs, switched in seconds, proven, and taken back.

mod act;
pub mod answer;
mod back;
mod check;
pub mod flags;
mod forward;
mod guard;
pub mod http;
mod inventory;
pub mod job;
pub mod json_edit;
pub mod judge;
pub mod kind;
mod leftover;
pub mod observe;
mod passes;
pub mod paths;
pub mod plan;
mod process;
mod record;
pub mod request;
mod resume;
mod roots;
pub mod service;
mod standstill;
pub mod switch;
pub mod target;
