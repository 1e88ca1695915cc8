//! The cluster document and what every tool shares.
