//! Which engine, and what is the same for all that is known of it.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A container engine.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Docker
    #[default]
    Docker,
    /// containerd, not Docker's nor K3s's own
    Containerd,
    /// The containerd of K3s
    K3s,
}

impl Engine {
    /// The word in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::K3s => "k3s",
        }
    }

    /// Where its data is where nothing else is configured.
    pub fn default_root(self) -> &'static str {
        match self {
            Self::Docker => "/var/lib/docker",
            Self::Containerd => "/var/lib/containerd",
            Self::K3s => "/var/lib/rancher/k3s/agent/containerd",
        }
    }

    /// The units that a service manager knows it by, in the order to start them.
    pub fn units(self) -> &'static [&'static str] {
        match self {
            // The socket would start the service again, so both are named in one command.
            Self::Docker => &["docker.socket", "docker.service"],
            Self::Containerd => &["containerd.service"],
            Self::K3s => &["k3s.service", "k3s-agent.service"],
        }
    }
}
