//! One Wi-Fi description for every network stack, and a link that stays up.
//!
//! [`wish`] reads the document, [`plan`] and [`render`] turn it into files (pure), [`check`] looks at a radio, `apply` tries a
//! network and makes it last, `watch` keeps it. What the kernel is asked goes through [`nl80211`].

pub mod answer;
mod apply;
pub mod check;
pub mod cli;
pub mod content;
pub mod control;
pub mod country;
pub mod guard;
mod job;
pub mod kernel_log;
pub mod key;
pub mod ladder;
pub mod nl80211;
pub mod owner;
pub mod plan;
pub mod processes;
pub mod render;
pub mod request;
pub mod ssh;
pub mod ssid;
pub mod stack;
mod trial;
mod watch;
pub mod wish;
