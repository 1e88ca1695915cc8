//! Whether the cluster is there already: a CA on the disk that is not the planned one, another server that answers. What
//! was born once is not born again beside itself.

use super::act::Job;
use crate::check::state::State;
use crate::plan::files::is_ca;
use crate::rehearse;
use anyhow::Context;
use cluster::finding::Finding;
use cluster::inventory::Role;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Larger than any certificate or key.
const LIMIT: u64 = 1 << 20;
/// A server in the same network answers sooner.
const ANSWER: Duration = Duration::from_secs(2);

impl Job<'_> {
    /// What keeps this server from starting the cluster.
    pub(super) fn born(
        &self,
        state: &State,
        contents: &BTreeMap<String, Vec<u8>>,
    ) -> anyhow::Result<Option<Finding>> {
        match self.other_ca(contents)? {
            Some(found) => Ok(Some(found)),
            None => Ok(self.answered(state)),
        }
    }

    /// A certificate authority's file that is another than the planned one: K3s was started with it.
    fn other_ca(&self, contents: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<Option<Finding>> {
        let files = self.own().map(|own| own.files.as_slice());
        for file in files
            .unwrap_or_default()
            .iter()
            .filter(|file| is_ca(&file.path))
        {
            let there = self.root.read_if_there(Path::new(&file.path), LIMIT);
            let there = there.with_context(|| format!("reading {}", file.path))?;
            if there.is_none() || there.as_ref() == contents.get(&file.path) {
                continue;
            }
            let message = format!(
                "{} is another than the one in k3s.ca_dir: this server was born with it, and writing over it would break the cluster",
                file.path
            );
            return Ok(Some(
                Finding::error("k3s-ca-differs", &self.planned.name, message)
                    .fix("name the folder of that CA in k3s.ca_dir, or leave it out; for a new cluster: k3s-join --leave --apply --discard datastore")
                    .evidence(json!({"path": file.path})),
            ));
        }
        Ok(None)
    }

    /// Another server of the document that answers, where this one would start the cluster and has none of its data.
    fn answered(&self, state: &State) -> Option<Finding> {
        let external = self.answer.ha.as_ref()?.datastore == "external";
        if !state.live || !self.planned.first_server || external || state.k3s.was_server {
            return None;
        }
        let limit = ANSWER.min(Duration::from_secs(self.cli.here.limit));
        let port = self.planned.settings.get("https-listen-port");
        let port = port.and_then(|port| port.parse().ok());
        let servers = self.planned.peers.iter();
        let servers = servers.filter(|peer| peer.role == Role::Server);
        rehearse::born(servers, port.unwrap_or(crate::plan::PORT), limit)
    }
}
