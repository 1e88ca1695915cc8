//! What speaks against a plan.

mod found;
mod mount;
mod node;
mod pool;
mod stick;
mod volume;

pub use found::{other_rules, other_shape};
pub use node::thirty_two_bit;
pub use volume::asked;

use crate::draft::Draft;
use crate::render::heketi;
use crate::reported;
use crate::request::Request;
use crate::volume::ServerQuorum;
use cluster::finding::Finding;
use cluster::inventory::Provisioner;
use mount::mounts;
use node::nodes;
use pool::pool;
use stick::sticks;

impl Draft<'_> {
    /// Everything that speaks against it.
    pub(crate) fn check(&mut self, peers: &[usize], request: &Request) {
        self.findings.extend(nodes(&self.site, &self.volumes));
        self.findings
            .extend(sticks(&self.site, &self.volumes, self.inventory));
        self.findings.extend(mounts(&self.volumes, self.inventory));
        self.findings.extend(reported::check(
            &self.inventory.nodes,
            &self.site,
            &self.volumes,
        ));
        self.findings
            .extend(pool(&request.observed, peers, &self.site, &self.volumes));
        self.ratios();
        let storage = self.inventory.storage.as_ref();
        if storage.is_some_and(|storage| storage.heketi) || request.heketi {
            self.heketi(request.heketi);
        }
        self.nfs();
    }

    /// An NFS server is one node.
    fn nfs(&mut self) {
        for volume in self
            .volumes
            .iter()
            .filter(|volume| volume.provisioner == Some(Provisioner::Nfs))
        {
            let message = "an NFS server is one node: when it is down nobody has a volume, whatever Gluster survives";
            self.findings.push(
                Finding::info("gluster-nfs", &volume.name, message)
                    .fix("provisioner local-path takes the mount that every node has anyway: dynamic, ReadWriteMany, no server in between"),
            );
            if self.site.lan.is_none() {
                let message = "the document does not say which network may mount it, and the NFS server would let everybody write as root";
                self.findings.push(
                    Finding::error("gluster-nfs-lan", &volume.name, message)
                        .fix("say network.lan, or take provisioner local-path"),
                );
            }
        }
    }

    /// The servers' ratio is one for the whole pool.
    fn ratios(&mut self) {
        let asked = self.volumes.iter().filter_map(|volume| {
            let server = self.wanted(volume).map_or(volume.server, |own| own.server);
            Some((volume.name.clone(), server?))
        });
        let asked: Vec<(String, ServerQuorum)> = asked.collect();
        let first = asked.first().map(|(_, server)| *server);
        let other = asked.iter().find(|(_, server)| Some(*server) != first);
        if let Some((other, _)) = other {
            let message = "the servers' ratio is one for the whole pool, and the volumes ask for different ones";
            self.findings.push(
                Finding::error("gluster-server-quorum-ratio", other, message)
                    .fix("say the same server_quorum_ratio everywhere"),
            );
        }
    }

    /// Heketi knows up to three copies.
    fn heketi(&mut self, wanted: bool) {
        for volume in self.volumes.iter().filter(|volume| volume.replica > 3) {
            let message = format!(
                "Heketi makes no volume of {} copies (\"Invalid replica value\", 3 at most), and nobody maintains it since 2023",
                volume.replica
            );
            let finding = if wanted {
                Finding::error("gluster-heketi-replica", &volume.name, message)
            } else {
                Finding::warning("gluster-heketi-replica", &volume.name, message)
            };
            self.findings.push(finding.fix("with replica 3 and a spare stick Heketi can, and it guarantees one loss all the same; -f k8s needs no Heketi"));
        }
        if wanted {
            self.findings.extend(heketi::faults(&self.site));
        }
    }
}
