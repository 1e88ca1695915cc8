//! Request and document in, answer out. Pure: no clock, no randomness, no environment, no files.

use crate::answer::{
    Answer, BrickAnswer, Lose, Mount, NodeStep, Part, Pool, Ports, QuorumAnswer, ServerAnswer,
    VolumeAnswer, VolumeState,
};
use crate::change::{self, Change, Planned};
use crate::compare;
use crate::observed::{Found, Observed};
use crate::oracle::{Oracle, State, Unit};
use crate::place;
use crate::refuse;
use crate::reported;
use crate::site::Site;
use crate::split;
use crate::steps;
use crate::survival::survival;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::inventory::{Inventory, Protocol, Provisioner, Volume as Given};
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

/// A plan in the making.
struct Draft<'a> {
    site: Site,
    inventory: &'a Inventory,
    given: &'a [Given],
    volumes: Vec<Volume>,
    bounds: Vec<Option<u64>>,
    findings: Vec<Finding>,
    /// How many bricks each stick holds.
    load: BTreeMap<usize, usize>,
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
        if found.is_none() {
            new_volumes.push(draft.volumes.len());
        }
        draft.volume(index, found, added, request.change.is_some());
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
    /// One volume of the document: as it was found, or newly placed.
    fn volume(&mut self, index: usize, found: Option<&Found>, added: &[usize], changing: bool) {
        let given = &self.given[index];
        let mut volume = Volume::asked(given);
        let asked = refuse::asked(given, index, self.given);
        let unfit = asked.iter().any(|finding| {
            ["gluster-replica", "gluster-volume-twice", "gluster-arbiter"].contains(&finding.id)
        });
        self.findings.extend(asked);
        if unfit {
            return;
        }
        let offered = self.offered(given);
        let placed: Vec<usize> = offered
            .iter()
            .copied()
            .filter(|stick| !added.contains(&self.site.sticks[*stick].node))
            .collect();
        if let Some(found) = found {
            self.found(volume, found, &placed, changing);
            return;
        }
        if !added.is_empty() {
            // Without what joins there may be fewer copies than the document asks for in the end.
            let nodes = distinct_nodes(&self.site, &placed);
            volume.replica = volume.replica.min(nodes.max(1));
        }
        let bound = self.place(&mut volume, given, &placed);
        for brick in volume.bricks() {
            *self.load.entry(brick.stick).or_default() += 1;
        }
        self.volumes.push(volume);
        self.bounds.push(bound);
    }

    /// The sticks that a volume may use.
    fn offered(&mut self, given: &Given) -> Vec<usize> {
        let mut wanted = Vec::new();
        for name in &given.nodes {
            match self.site.node(name.as_str()) {
                Some(node) => wanted.push(node),
                None => {
                    let known: Vec<&str> = self
                        .site
                        .nodes
                        .iter()
                        .map(|node| node.name.as_str())
                        .collect();
                    let hint = cluster::invalid::suggestion(name.as_str(), known);
                    let message = format!("the document has no node {:?}{hint}", name.as_str());
                    self.findings.push(
                        Finding::error("gluster-node-unknown", given.name.as_str(), message)
                            .fix("correct storage.volumes[].nodes"),
                    );
                }
            }
        }
        let sticks = self.site.sticks.iter().enumerate();
        let allowed =
            sticks.filter(|(_, stick)| given.nodes.is_empty() || wanted.contains(&stick.node));
        allowed.map(|(index, _)| index).collect()
    }

    /// Chooses a volume's bricks: on sticks of its own where there are enough, else on shared ones.
    fn place(&mut self, volume: &mut Volume, given: &Given, offered: &[usize]) -> Option<u64> {
        let data = if volume.arbiter {
            volume.replica - 1
        } else {
            volume.replica
        };
        let free: Vec<usize> = offered
            .iter()
            .copied()
            .filter(|stick| !self.load.contains_key(stick))
            .collect();
        let mut placement = place::place(&self.site, &free, data, volume.arbiter);
        let mut used = free;
        if placement.sets.is_empty() {
            placement = place::place(&self.site, offered, data, volume.arbiter);
            used = offered.to_vec();
        }
        volume.sets = place::bricks(&self.site, volume, &placement);
        let name = &volume.name;
        if placement.sets.is_empty() {
            let nodes = distinct_nodes(&self.site, offered);
            let message = format!(
                "{} bricks of a set want {} nodes with a stick, and {nodes} have one: two bricks of a set on one node are lost together",
                volume.replica, volume.replica
            );
            self.findings.push(
                Finding::error("gluster-too-few-bricks", name, message)
                    .fix("say fewer copies, or give more nodes a stick with use: brick"),
            );
        } else if !given.nodes.is_empty() && !placement.spare.is_empty() && !volume.arbiter {
            let message = format!(
                "its nodes have {} sticks, which make {} whole sets of {data} on different nodes: {} would be left over",
                used.len(),
                placement.sets.len(),
                placement.spare.len()
            );
            self.findings.push(
                Finding::error("gluster-brick-count", name, message)
                    .fix("name nodes whose sticks are a multiple of the copies"),
            );
        }
        self.uneven_domains(volume, &used, data);
        placement.bound
    }

    /// Where a better spread over power domains is not to be had, the reason is worth a word.
    fn uneven_domains(&mut self, volume: &Volume, offered: &[usize], data: usize) {
        let mut domains: Vec<usize> = offered
            .iter()
            .filter_map(|stick| self.site.nodes[self.site.sticks[*stick].node].domain)
            .collect();
        domains.sort_unstable();
        domains.dedup();
        let worst = volume.sets.iter().map(|set| {
            let sticks: Vec<usize> = set.iter().map(|brick| brick.stick).collect();
            place::together(&self.site, &sticks)
        });
        let worst = worst.max().unwrap_or(0);
        if domains.len() >= data && worst > 1 {
            let message = format!(
                "there are {} power domains, and still {worst} bricks of a set share one: the sticks are spread unevenly over them",
                domains.len()
            );
            self.findings.push(
                Finding::warning("gluster-domain-shared", &volume.name, message)
                    .fix("give each domain as many sticks as the others"),
            );
        }
    }

    /// A volume that is there: its own bricks count, whatever would be chosen now.
    fn found(&mut self, asked: Volume, found: &Found, offered: &[usize], changing: bool) {
        let real = found.adopt(&mut self.site);
        let same_shape = (real.replica, real.arbiter) == (asked.replica, asked.arbiter);
        let unused = offered
            .iter()
            .filter(|stick| real.bricks().all(|brick| brick.stick != **stick))
            .count();
        if !same_shape && !changing {
            let message = format!(
                "the document asks for {} copies{}, and the volume has {}{}",
                asked.replica,
                if asked.arbiter {
                    " with an arbiter"
                } else {
                    ""
                },
                real.replica,
                if real.arbiter { " with an arbiter" } else { "" }
            );
            self.findings.push(Finding::error("gluster-differs", &asked.name, message).fix("--add NODE or --remove NODE plan the way there, step by step; or say in the document what is"));
        } else if unused >= real.replica && !changing {
            let message = format!("{unused} sticks that it could use hold no brick of it");
            self.findings.push(
                Finding::info("gluster-could-grow", &asked.name, message)
                    .fix("--add NODE,… plans a further set"),
            );
        }
        for set in &real.sets {
            self.first_brick(
                &asked.name,
                set.first().map(|brick| brick.stick),
                set.iter().filter(|b| !b.arbiter).map(|b| b.stick).collect(),
            );
        }
        for brick in real.bricks() {
            *self.load.entry(brick.stick).or_default() += 1;
        }
        self.volumes.push(Volume {
            replica: real.replica,
            arbiter: real.arbiter,
            sets: real.sets,
            ..asked
        });
        self.bounds.push(None);
    }

    /// Brick 1 cannot move within a volume; where it is not on the node that stays longest, that is worth a word.
    fn first_brick(&mut self, volume: &str, first: Option<usize>, sticks: Vec<usize>) {
        let stays = |stick: usize| self.site.nodes[self.site.sticks[stick].node].stays;
        let Some(first) = first.filter(|_| sticks.len().is_multiple_of(2)) else {
            return;
        };
        let Some(best) = sticks.into_iter().max_by_key(|stick| stays(*stick)) else {
            return;
        };
        if stays(best) > stays(first) {
            let message = format!(
                "its brick 1 is {}, and {} stays longer when power is short",
                self.site.stick_name(first),
                self.site.stick_name(best)
            );
            self.findings.push(
                Finding::warning("gluster-brick-order", volume, message)
                    .fix("give brick 1's node a better port on the switch; the order of bricks stays what it was made as"),
            );
        }
    }

    /// Volumes that nobody asked for.
    fn adopt(&mut self, observed: &Observed) {
        for found in observed.volumes.iter().flatten() {
            if self
                .given
                .iter()
                .any(|given| given.name.as_str() == found.name)
            {
                continue;
            }
            if found.other_kind {
                let message =
                    "a dispersed or striped volume: what it survives is not worked out here";
                self.findings.push(Finding::warning(
                    "gluster-volume-kind",
                    &found.name,
                    message,
                ));
                continue;
            }
            let volume = found.adopt(&mut self.site);
            self.findings.push(
                Finding::info(
                    "gluster-adopted",
                    &found.name,
                    "it is there and not in the document: taken as it is",
                )
                .fix("name it in storage.volumes to have it looked after"),
            );
            self.volumes.push(volume);
            self.bounds.push(None);
        }
    }

    /// The trusted pool: all nodes with bricks, and whoever was seen in it.
    fn peers(&mut self, observed: &Observed) -> Vec<usize> {
        let mut peers: Vec<usize> = Vec::new();
        let mut seen = vec![false; self.site.nodes.len()];
        for volume in &self.volumes {
            for node in volume.nodes(&self.site) {
                if !std::mem::replace(&mut seen[node], true) {
                    peers.push(node);
                }
            }
        }
        for peer in observed
            .peers
            .iter()
            .flatten()
            .filter(|peer| peer.name != "localhost")
        {
            let node = self.site.node_or_new(&peer.name);
            if !peers.contains(&node) {
                peers.push(node);
            }
        }
        peers
    }

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
            .extend(pool(&request.observed, peers, &self.site));
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
                steps.extend(steps::node_part(&self.site, &wanted, node));
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

    /// Steps of a change, what is survived on the way, and where they are done.
    fn change(
        &mut self,
        change: &Change,
        peers: &[usize],
        home: Option<usize>,
    ) -> (Vec<NodeStep>, Option<Vec<change::Stage>>, Option<usize>) {
        let planned = match change {
            Change::Replace { old, new } => {
                change::replace(&self.site, &mut self.volumes, peers, *old, *new)
            }
            Change::Remove(node) => change::remove(&self.site, &mut self.volumes, peers, *node),
            Change::Add(nodes) => self.add(nodes, peers),
        };
        let home = planned.home.or_else(|| match change {
            // The node that leaves cannot detach itself.
            Change::Remove(node) => peers.iter().copied().find(|peer| peer != node),
            _ => home,
        });
        let mut steps = Vec::new();
        for node in &planned.nodes {
            steps.extend(steps::node_part(&self.site, &self.volumes, *node));
        }
        if let Some(home) = home {
            steps.extend(change::on(&self.site.nodes[home].name, planned.cluster));
        }
        self.findings.extend(planned.findings);
        (steps, Some(planned.stages), home)
    }

    fn add(&mut self, nodes: &[usize], peers: &[usize]) -> Planned {
        let mut all = Planned::default();
        for volume in self
            .volumes
            .iter_mut()
            .filter(|volume| !volume.adopted && !volume.sets.is_empty())
        {
            let given = self
                .given
                .iter()
                .find(|given| given.name.as_str() == volume.name);
            let named = given.is_none_or(|given| {
                given.nodes.is_empty()
                    || nodes.iter().all(|node| {
                        given
                            .nodes
                            .iter()
                            .any(|name| name.as_str() == self.site.nodes[*node].name)
                    })
            });
            if !named {
                continue;
            }
            let wanted = given.map_or(volume.replica, |given| Volume::asked(given).replica);
            let more_copies = wanted > volume.replica || nodes.len() < volume.replica;
            let planned = change::add(&self.site, volume, peers, nodes, more_copies);
            all.cluster.extend(
                planned
                    .cluster
                    .into_iter()
                    .filter(|step| {
                        all.cluster
                            .iter()
                            .all(|other: &cluster::plan::Step| other.id != step.id)
                    })
                    .collect::<Vec<_>>(),
            );
            all.nodes = nodes.to_vec();
            all.stages.extend(planned.stages);
            all.findings.extend(planned.findings);
        }
        all
    }

    fn finish(
        mut self,
        request: &Request,
        peers: Vec<usize>,
        steps: Vec<NodeStep>,
        stages: Option<Vec<change::Stage>>,
        home: Option<usize>,
    ) -> (Answer, Vec<Finding>) {
        self.bounds.resize(self.volumes.len(), None);
        let mut volumes = Vec::new();
        for (volume, bound) in self.volumes.iter().zip(&self.bounds) {
            let answer = volume_answer(volume, &self.site, &peers, *bound);
            if !volume.sets.is_empty() {
                self.findings.extend(refuse::volume(
                    &self.site,
                    volume,
                    answer.survival.guaranteed_losses.nodes,
                    &answer.split_brain,
                ));
            }
            volumes.push(answer);
        }
        let lose = (!request.lose.is_empty())
            .then(|| lose(&self.site, &self.volumes, &peers, &request.lose));
        if let Some(lose) = &lose {
            self.findings.extend(unavailable(lose));
        }
        let all: Vec<usize> = (0..self.site.sticks.len())
            .filter(|stick| !self.site.sticks[*stick].uuid.is_empty())
            .collect();
        let pool = pool_answer(&self.site, &self.volumes, &all);
        if !pool.shared.is_empty() {
            let names: Vec<&str> = pool.shared.iter().map(String::as_str).collect();
            let message = "several volumes share these sticks: what one fills the others lack";
            self.findings.push(Finding::warning("gluster-shared-sticks", refuse::list(&names), message).fix("give each volume sticks of its own, or nodes of its own in storage.volumes[].nodes"));
        }
        if !pool.spare.is_empty() && !self.volumes.is_empty() {
            let names: Vec<&str> = pool.spare.iter().map(String::as_str).collect();
            self.findings.push(Finding::info(
                "gluster-spare",
                refuse::list(&names),
                "no volume uses these sticks: they can replace a dead one at once",
            ));
        }
        let answer = Answer {
            pending: !steps.is_empty(),
            volumes,
            pool,
            ports: ports(&self.volumes),
            mount: mount(&self.site, &self.volumes),
            lose,
            compare: request.compare.then(|| compare::compare(&self.site, &all)),
            stages,
            steps,
            script: request.node,
            home,
            site: self.site,
            plain: self.volumes,
        };
        (answer, self.findings)
    }
}

fn distinct_nodes(site: &Site, sticks: &[usize]) -> usize {
    let mut nodes: Vec<usize> = sticks
        .iter()
        .map(|stick| site.sticks[*stick].node)
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.len()
}

/// What a pool shows of itself: cloned peers, and fewer than there should be.
fn pool(observed: &Observed, peers: &[usize], site: &Site) -> Vec<Finding> {
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
    let brickless = seen.len().saturating_sub(peers.len());
    if brickless > 0 {
        findings.push(Finding::info(
            "gluster-more-peers",
            site.cluster.as_str(),
            format!(
                "the pool has {} peers, of which {brickless} hold no brick of these volumes",
                seen.len()
            ),
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

fn volume_answer(
    volume: &Volume,
    site: &Site,
    peers: &[usize],
    bound: Option<u64>,
) -> VolumeAnswer {
    let brick = |brick: &crate::volume::Brick| {
        let stick = &site.sticks[brick.stick];
        BrickAnswer {
            node: site.nodes[stick.node].name.clone(),
            path: brick.path.clone(),
            device: stick.device.clone(),
            arbiter: brick.arbiter,
        }
    };
    VolumeAnswer {
        name: volume.name.clone(),
        kind: volume.kind(),
        replica: volume.replica,
        arbiter: volume.arbiter,
        adopted: volume.adopted,
        bricks: volume.bricks().map(brick).collect(),
        usable_bytes: volume.usable(site),
        usable_bound_bytes: bound,
        mount: volume.mount.clone(),
        provisioner: volume.provisioner,
        quorum: QuorumAnswer {
            client: volume.quorum.to_string(),
            server: volume.server.map(|server| ServerAnswer {
                ratio: server.ratio,
                peers: peers.len(),
                required: server.required(peers.len()),
            }),
        },
        survival: survival(volume, site, peers),
        split_brain: split::of(volume, site),
    }
}

fn lose(site: &Site, volumes: &[Volume], peers: &[usize], units: &[Unit]) -> Lose {
    let states: Vec<VolumeState> = volumes
        .iter()
        .map(|volume| VolumeState {
            name: volume.name.clone(),
            state: Oracle::new(volume, site, peers).state(units),
        })
        .collect();
    Lose {
        units: crate::survival::names(units, site),
        state: states
            .iter()
            .map(|state| state.state)
            .max()
            .unwrap_or(State::Available),
        volumes: states,
    }
}

fn unavailable(lose: &Lose) -> Vec<Finding> {
    let bad = lose
        .volumes
        .iter()
        .filter(|volume| volume.state != State::Available);
    bad.map(|volume| {
        let lost = lose.units.join(", ");
        match volume.state {
            State::Lost => Finding::error("gluster-lose-lost", &volume.name, format!("without {lost} files are gone")),
            _ => Finding::error("gluster-lose-unavailable", &volume.name, format!("without {lost} it can be neither read nor written; nothing is gone, and it is back when they are")),
        }
    })
    .collect()
}

fn pool_answer(site: &Site, volumes: &[Volume], all: &[usize]) -> Pool {
    let mut users: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, volume) in volumes.iter().enumerate() {
        for brick in volume.bricks() {
            let users = users.entry(brick.stick).or_default();
            if users.last() != Some(&index) {
                users.push(index);
            }
        }
    }
    let shared: Vec<usize> = users
        .iter()
        .filter(|(_, users)| users.len() > 1)
        .map(|(stick, _)| *stick)
        .collect();
    // Of volumes that share sticks the largest counts: together they hold no more than it alone would.
    let mut counted: Vec<bool> = vec![true; volumes.len()];
    for users in users.values().filter(|users| users.len() > 1) {
        let largest = users
            .iter()
            .copied()
            .max_by_key(|index| volumes[*index].usable(site));
        for index in users {
            counted[*index] &= Some(*index) == largest;
        }
    }
    let usable: Option<Vec<u64>> = volumes.iter().map(|volume| volume.usable(site)).collect();
    Pool {
        sticks: all.len(),
        spare: all
            .iter()
            .filter(|stick| !users.contains_key(stick))
            .map(|stick| site.stick_name(*stick))
            .collect(),
        shared: shared
            .into_iter()
            .map(|stick| site.stick_name(stick))
            .collect(),
        usable_bytes: usable.map(|all| {
            all.iter()
                .zip(&counted)
                .filter(|(_, counted)| **counted)
                .map(|(bytes, _)| bytes)
                .sum()
        }),
    }
}

/// What listens on the nodes of volumes: the daemon, bricks on random ports since release 10, and an NFS server where one
/// was asked for.
fn ports(volumes: &[Volume]) -> Vec<Ports> {
    if volumes.is_empty() {
        return Vec::new();
    }
    let tcp = |first, last, what| Ports {
        protocol: Protocol::Tcp,
        first,
        last,
        what,
    };
    let mut ports = vec![
        tcp(24007, 24008, "Gluster's daemon"),
        tcp(49152, 60999, "bricks, on random ports"),
    ];
    if volumes
        .iter()
        .any(|volume| volume.provisioner == Some(Provisioner::Nfs))
    {
        ports.push(tcp(2049, 2049, "the NFS server of the provisioner"));
    }
    ports
}

fn mount(site: &Site, volumes: &[Volume]) -> Option<Mount> {
    let own = || {
        volumes
            .iter()
            .filter(|volume| !volume.adopted && !volume.sets.is_empty())
    };
    let volume = own()
        .find(|volume| volume.provisioner.is_some())
        .or_else(|| own().next())?;
    let server = volume
        .nodes(site)
        .first()
        .map(|node| site.nodes[*node].name.clone());
    Some(Mount {
        volume: volume.name.clone(),
        path: volume.mount.clone(),
        provisioner: volume.provisioner,
        storage_class: crate::render::k8s::class_name(volume),
        nfs_server: server.filter(|_| volume.provisioner == Some(Provisioner::Nfs)),
    })
}

/// The steps of one part.
pub fn part(answer: &Answer, part: Part, node: Option<&str>) -> Vec<cluster::plan::Step> {
    let steps = answer
        .steps
        .iter()
        .filter(|step| step.part == part && node.is_none_or(|node| step.node == node));
    steps.map(|step| step.step.clone()).collect()
}
