//! The renderings: one file for each format.

pub mod metallb;
pub mod nft;
pub mod rest;
pub mod rest_state;
pub mod rsc;
pub mod rsc_remove;
pub mod rsc_udp;
mod rsc_words;
pub mod text;
