//! Request and document in, answer out. Pure: no clock, no randomness, no environment, no files.

use crate::answer::{Answer, NodeStep, Part};
use crate::change::{self, Change};
use crate::draft::Draft;
use crate::node;
use crate::observed::{Found, Observed};
use crate::oracle::Unit;
use crate::refuse;
use crate::remarks;
use crate::reported;
use crate::site::Site;
use crate::steps;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::inventory::{Inventory, Provisioner};
use std::collections::BTreeMap;

/// What is asked for, after arguments and files were read.
#[derive(Debug, Default)]
pub struct Request {
    /// What is there already.
    pub observed: Observed,
    /// What may be lost.
    pub lose: Vec<Unit>,
    /// Whether the choices are compared.
    pub compare: bool,
    /// A change.
    pub change: Option<Change>,
    /// The node whose own part is wanted.
    pub node: Option<usize>,
    /// Whether Heketi's topology is wanted.
    pub heketi: bool,
}

/// The answer and what was noticed.
pub fn plan(site: Site, inventory: &Inventory, request: &Request) -> (Answer, Vec<Finding>) {
    let storage = inventory.storage.as_ref();
    let given = storage.map_or(&[][..], |storage| &storage.volumes);
    let mut draft = Draft {
        site,
        inventory,
        given,
        volumes: Vec::new(),
        bounds: Vec::new(),
        findings: Vec::new(),
        load: BTreeMap::new(),
    };
    let added = match &request.change {
        Some(Change::Add(nodes)) => &nodes[..],
        _ => &[],
    };
    let mut new_volumes = Vec::new();
    for (index, volume) in given.iter().enumerate() {
        let found = request
            .observed
            .volumes
            .iter()
            .flatten()
            .find(|found| found.name == volume.name.as_str());
        let before = draft.volumes.len();
        draft.volume(index, found, added, request.change.is_some());
        if found.is_none() && draft.volumes.len() > before {
            new_volumes.push(before);
        }
    }
    draft.adopt(&request.observed);
    if draft.volumes.is_empty() {
        draft.findings.push(
            Finding::info(
                "gluster-no-volumes",
                "storage",
                "the document asks for no volume",
            )
            .fix("name one in storage.volumes"),
        );
    }
    let peers = draft.peers(&request.observed);
    draft.check(&peers, request);
    let home = draft.home(&peers);
    let (steps, stages, home) = match &request.change {
        Some(change) => draft.change(change, &peers, home),
        None => (
            draft.steps(&request.observed, &peers, home, &new_volumes),
            None,
            home,
        ),
    };
    let peers = draft.peers(&request.observed);
    draft.finish(request, peers, steps, stages, home)
}

impl Draft<'_> {
    /// Everything that speaks against it.
    fn check(&mut self, peers: &[usize], request: &Request) {
        self.findings
            .extend(refuse::nodes(&self.site, &self.volumes, self.inventory));
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
        }
    }

    /// The servers' ratio is one for the whole pool.
    fn ratios(&mut self) {
        let with: Vec<&Volume> = self
            .volumes
            .iter()
            .filter(|volume| volume.server.is_some())
            .collect();
        let first = with.first().and_then(|volume| volume.server);
        let other = with.iter().find(|volume| volume.server != first);
        if let (Some(_), Some(other)) = (first, other) {
            let message = "the servers' ratio is one for the whole pool, and the volumes ask for different ones";
            self.findings.push(
                Finding::error("gluster-server-quorum-ratio", &other.name, message)
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
            self.findings
                .extend(crate::render::heketi::faults(&self.site));
        }
    }

    /// Where the cluster's part is done: on the node of brick 1.
    fn home(&self, peers: &[usize]) -> Option<usize> {
        peers.first().copied()
    }

    /// Steps from what is there, or from nothing.
    fn steps(
        &self,
        observed: &Observed,
        peers: &[usize],
        home: Option<usize>,
        new: &[usize],
    ) -> Vec<NodeStep> {
        let Some(home) = home else {
            return Vec::new();
        };
        let wanted: Vec<Volume> = new
            .iter()
            .filter_map(|index| self.volumes.get(*index))
            .filter(|volume| !volume.sets.is_empty())
            .cloned()
            .collect();
        let mut steps = Vec::new();
        if !wanted.is_empty() {
            for node in 0..self.inventory.nodes.len() {
                steps.extend(node::node_part(&self.site, &wanted, node));
            }
        }
        let present: Vec<usize> = match &observed.peers {
            Some(seen) => peers
                .iter()
                .copied()
                .filter(|peer| seen.iter().any(|s| s.name == self.site.nodes[*peer].name))
                .collect(),
            None if observed.volumes.is_some() => (0..self.volumes.len())
                .filter(|v| !new.contains(v))
                .flat_map(|v| self.volumes[v].nodes(&self.site))
                .collect(),
            None => Vec::new(),
        };
        let missing: Vec<usize> = peers
            .iter()
            .copied()
            .filter(|peer| !present.contains(peer))
            .collect();
        let mut cluster = steps::cluster_part(&self.site, &wanted, peers, home);
        cluster.retain(|step| {
            let known = present
                .iter()
                .any(|peer| step.id == format!("probe-{}", self.site.nodes[*peer].name));
            !known && (step.id != "peers-connected" || !missing.iter().all(|peer| *peer == home))
        });
        for found in observed.volumes.iter().flatten() {
            if let Some(volume) = self
                .volumes
                .iter()
                .find(|volume| volume.name == found.name && !volume.adopted)
            {
                cluster.extend(difference(volume, found));
            }
        }
        steps.extend(change::on(&self.site.nodes[home].name, cluster));
        steps
    }
}

/// What a pool shows of itself: cloned peers, and fewer than there should be.
fn pool(observed: &Observed, peers: &[usize], site: &Site, volumes: &[Volume]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(seen) = &observed.peers else {
        return findings;
    };
    for (index, peer) in seen.iter().enumerate() {
        if let Some(other) = seen[..index].iter().find(|other| other.uuid == peer.uuid) {
            let message = format!(
                "{} and {} have the same identity in Gluster",
                other.name, peer.name
            );
            findings.push(Finding::error("gluster-uuid-cloned", &peer.name, message).fix("remove /var/lib/glusterd/glusterd.info on one of them and restart glusterd there"));
        }
        if !peer.connected {
            findings.push(
                Finding::warning("gluster-peer-away", &peer.name, "it is not connected now")
                    .fix("find out why before anything is changed"),
            );
        }
    }
    let bricks: Vec<usize> = volumes
        .iter()
        .flat_map(|volume| volume.nodes(site))
        .collect();
    let brickless: Vec<&str> = peers
        .iter()
        .filter(|peer| !bricks.contains(peer))
        .map(|peer| site.nodes[*peer].name.as_str())
        .collect();
    if !brickless.is_empty() {
        let message = "peers that hold no brick of these volumes: a server quorum counts them too";
        findings.push(Finding::info(
            "gluster-more-peers",
            remarks::list(&brickless),
            message,
        ));
    }
    findings
}

/// What a volume that is there lacks of what the document asks for.
fn difference(volume: &Volume, found: &Found) -> Vec<cluster::plan::Step> {
    let mut missing = Vec::new();
    for (option, value) in steps::options(volume) {
        if found.options.get(&option) != Some(&value) {
            missing.push(crate::gluster::set(&volume.name, &option, &value));
        }
    }
    if found.status != "Started" {
        missing.push(crate::gluster::start(&volume.name));
    }
    missing
}

/// The steps of one part.
pub fn part(answer: &Answer, part: Part, node: Option<&str>) -> Vec<cluster::plan::Step> {
    let steps = answer
        .steps
        .iter()
        .filter(|step| step.part == part && node.is_none_or(|node| step.node == node));
    steps.map(|step| step.step.clone()).collect()
}
