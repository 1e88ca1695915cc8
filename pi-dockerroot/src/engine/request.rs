//! What is asked for an engine.

use super::kind::Engine;
use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the engine is led to its new root.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Docker by its configuration, containerd and K3s by a mount
    #[default]
    Auto,
    /// Mount the new root on the old one's path
    Bind,
}

/// What is asked for an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Which engine.
    pub engine: Engine,
    /// Its root, where it was named; else what is found.
    pub from: Option<String>,
    /// The new root.
    pub to: Option<String>,
    /// How the engine is led there.
    pub how: How,
    /// The command that stops the engine, where it was named.
    pub stop_command: Option<String>,
    /// The command that starts the engine, where it was named.
    pub start_command: Option<String>,
    /// Whether the new root may be a folder that is no mount point.
    pub any_folder: bool,
}

impl Request {
    /// The two commands, where they were named.
    pub fn commands(&self) -> Option<(&str, &str)> {
        self.stop_command
            .as_deref()
            .zip(self.start_command.as_deref())
    }
}
