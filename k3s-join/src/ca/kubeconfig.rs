//! The administrator's kubeconfig.

use base64ct::{Base64, Encoding};
use cluster::yaml;
use serde_json::json;

/// What it is made of.
pub struct Parts {
    cluster: String,
    server: String,
    /// The servers' certificate authorities, as PEM.
    pub authorities: String,
    /// The administrator's certificate with those above it, as PEM.
    pub certificate: String,
    /// Its key, as PEM.
    pub key: String,
}

impl Parts {
    /// For a cluster of this name at this URL.
    pub fn new(cluster: &str, server: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            server: server.to_owned(),
            authorities: String::new(),
            certificate: String::new(),
            key: String::new(),
        }
    }

    /// The file.
    pub fn text(&self) -> String {
        let data = |pem: &str| Base64::encode_string(pem.as_bytes());
        let (name, user) = (&self.cluster, format!("{}-admin", self.cluster));
        yaml::document(&json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": name,
                "cluster": {
                    "server": self.server,
                    "certificate-authority-data": data(&self.authorities),
                },
            }],
            "users": [{
                "name": user,
                "user": {
                    "client-certificate-data": data(&self.certificate),
                    "client-key-data": data(&self.key),
                },
            }],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
            "current-context": name,
        }))
    }
}
