//! The cluster document and what every tool shares. Nothing of one tool's job is in here.
//!
//! The pure half ([`document`], [`inventory`], [`name`], [`quantity`], [`finding`], [`invalid`], [`plan`],
//! [`cloud_config`], [`fstab`], [`unit`], [`picture`], [`pool`], [`yaml`]) reads and writes nothing but its arguments. The acting half
//! ([`edge`], [`root`], [`command`], [`process`], [`secret`], [`run`]) touches the system and may use the pure half, never the other way
//! round.

mod checked;
pub mod cloud_config;
pub mod document;
pub mod finding;
pub mod fstab;
pub mod invalid;
pub mod inventory;
pub mod name;
pub mod picture;
pub mod plan;
pub mod pool;
pub mod quantity;
pub mod unit;
pub mod yaml;

pub mod command;
pub mod edge;
pub mod process;
pub mod root;
pub mod run;
pub mod secret;

/// The reference cluster: what `--example` prints and `scripts/plan-cluster` takes without a file.
pub const EXAMPLE: &str = include_str!("../example/cluster.json");

/// The document keys of the seven tools, in the order in which a pipeline runs them.
pub const TOOL_KEYS: [&str; 7] = [
    "poe_budget",
    "pi_partition",
    "pi_dockerroot",
    "pi_wifi",
    "gluster_plan",
    "k3s_join",
    "nat_gen",
];
