//! The cluster's certificate authorities, made before the cluster.
//!
//! K3s takes the certificate authorities that it finds at its first start, so their root, which a full token pins, can be
//! known before any card is written. The set and its topology are those of K3s's own script
//! (`contrib/util/generate-custom-ca-certs.sh`): a root, an intermediate below it, and below that one authority each for
//! servers, clients, aggregated APIs and etcd's two sides, every file with its whole chain; and the key that signs service
//! accounts' tokens.

mod kubeconfig;
mod make;
mod store;

pub use make::{Made, make};
pub use store::{pin, store};

use schemars::JsonSchema;
use serde::Serialize;

/// The certificate authorities that were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CaAnswer {
    /// The folder.
    pub folder: String,
    /// SHA-256 of the root certificate.
    pub sha256: String,
    /// What a server's full token begins with; its password follows.
    pub server_token_prefix: String,
    /// What an agent's full token begins with; its password follows.
    pub agent_token_prefix: String,
    /// The certificates.
    pub certificates: Vec<Certificate>,
    /// The files.
    pub files: Vec<String>,
    /// Where the administrator's kubeconfig finds the cluster.
    pub server: String,
}

/// A certificate that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Certificate {
    /// Its file.
    pub file: String,
    /// Its subject.
    pub subject: String,
    /// The first day on which it is valid.
    pub not_before: String,
    /// The last one.
    pub not_after: String,
}
