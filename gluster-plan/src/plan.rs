//! Request and document in, answer out. Pure: no clock, no randomness, no environment, no files.

use crate::answer::{Answer, NodeStep, Part};
use crate::change::{self, Change};
use crate::draft::Draft;
use crate::gluster;
use crate::node;
use crate::observed::{Found, Observed};
use crate::request::Request;
use crate::site::Site;
use crate::steps;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::inventory::Inventory;
use cluster::plan::Step;
use std::collections::BTreeMap;

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
    let new_volumes = draft.volumes(request);
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
    /// The document's volumes; which of them are to be made.
    fn volumes(&mut self, request: &Request) -> Vec<usize> {
        let added = match &request.change {
            Some(Change::Add(nodes)) => &nodes[..],
            _ => &[],
        };
        let mut new_volumes = Vec::new();
        for (index, volume) in self.given.iter().enumerate() {
            let found = request
                .observed
                .volumes
                .iter()
                .flatten()
                .find(|found| found.name == volume.name.as_str());
            let before = self.volumes.len();
            self.volume(index, found, added, request.change.is_some());
            if found.is_none() && self.volumes.len() > before {
                new_volumes.push(before);
            }
        }
        new_volumes
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
        let mut cluster = self.pool_and_volumes(observed, peers, home, new, &wanted);
        let mut ratio = None;
        for found in observed.volumes.iter().flatten() {
            if let Some(volume) = self
                .volumes
                .iter()
                .find(|volume| volume.name == found.name)
                .and_then(|volume| self.wanted(volume))
            {
                cluster.extend(difference(&volume, found));
                ratio = ratio.or_else(|| other_ratio(&volume, found));
            }
        }
        if cluster.iter().all(|step| step.id != gluster::RATIO) {
            cluster.extend(ratio);
        }
        steps.extend(change::on(&self.site.nodes[home].name, cluster));
        steps
    }

    /// The cluster's part of making volumes, less what is there of the pool.
    fn pool_and_volumes(
        &self,
        observed: &Observed,
        peers: &[usize],
        home: usize,
        new: &[usize],
        wanted: &[Volume],
    ) -> Vec<Step> {
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
        let mut missing = peers.iter().filter(|peer| !present.contains(peer));
        let all_met = missing.all(|peer| *peer == home);
        let mut cluster = steps::cluster_part(&self.site, wanted, peers, home);
        cluster.retain(|step| {
            let known = present
                .iter()
                .any(|peer| step.id == format!("probe-{}", self.site.nodes[*peer].name));
            !known && (step.id != "peers-connected" || !all_met)
        });
        cluster
    }
}

/// What a volume that is there lacks of what the document asks for.
fn difference(volume: &Volume, found: &Found) -> Vec<Step> {
    let mut missing = Vec::new();
    for (option, value) in steps::options(volume) {
        if found.options.get(&option) != Some(&value) {
            missing.push(gluster::set(&volume.name, &option, &value));
        }
    }
    let server = "cluster.server-quorum-type";
    if volume.server.is_none() && found.server_quorum() {
        missing.push(gluster::set(&volume.name, server, "none"));
    }
    if found.status != "Started" {
        missing.push(gluster::start(&volume.name));
    }
    missing
}

/// The pool's ratio for server quorums, where a volume that is there asks for another.
fn other_ratio(volume: &Volume, found: &Found) -> Option<Step> {
    let asked = volume.server?;
    match asked.ratio {
        ratio if ratio == found.ratio() => None,
        Some(ratio) => Some(gluster::ratio(&volume.name, ratio)),
        None => Some(gluster::no_ratio(&volume.name)),
    }
}

/// The steps of one part.
pub fn part(answer: &Answer, part: Part, node: Option<&str>) -> Vec<Step> {
    let steps = answer
        .steps
        .iter()
        .filter(|step| step.part == part && node.is_none_or(|node| step.node == node));
    steps.map(|step| step.step.clone()).collect()
}
