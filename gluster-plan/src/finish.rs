//! The volumes as the document tells them.

use crate::answer::{
    Answer, BrickAnswer, Lose, Mount, NodeStep, Pool, Ports, QuorumAnswer, ServerAnswer,
    VolumeAnswer, VolumeState,
};
use crate::change;
use crate::compare;
use crate::draft::Draft;
use crate::oracle::{Oracle, State, Unit};
use crate::remarks;
use crate::request::Request;
use crate::site::Site;
use crate::split;
use crate::survival::survival;
use crate::volume::Volume;
use cluster::finding::Finding;
use cluster::inventory::{Protocol, Provisioner};
use std::collections::BTreeMap;

impl Draft<'_> {
    /// The answer and what was noticed.
    pub(crate) fn finish(
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
            let remarks = self.remarks(volume, &answer);
            self.findings.extend(remarks);
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
        self.findings.extend(shared_sticks(&pool));
        self.findings.extend(spare_sticks(&pool, &self.volumes));
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

    /// What is worth a word about a volume that has its bricks.
    fn remarks(&self, volume: &Volume, answer: &VolumeAnswer) -> Vec<Finding> {
        if volume.sets.is_empty() {
            return Vec::new();
        }
        let asked = self.wanted(volume);
        let guaranteed = answer.survival.guaranteed_losses.nodes;
        let volume = (volume, asked.as_ref());
        remarks::volume(&self.site, volume, guaranteed, &answer.split_brain)
    }
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

fn shared_sticks(pool: &Pool) -> Option<Finding> {
    let names: Vec<&str> = pool.shared.iter().map(String::as_str).collect();
    let message = "several volumes share these sticks: what one fills the others lack";
    (!names.is_empty()).then(|| {
        Finding::warning("gluster-shared-sticks", remarks::list(&names), message).fix(
            "give each volume sticks of its own, or nodes of its own in storage.volumes[].nodes",
        )
    })
}

fn spare_sticks(pool: &Pool, volumes: &[Volume]) -> Option<Finding> {
    let names: Vec<&str> = pool.spare.iter().map(String::as_str).collect();
    let message = "no volume uses these sticks: they can replace a dead one at once";
    (!names.is_empty() && !volumes.is_empty())
        .then(|| Finding::info("gluster-spare", remarks::list(&names), message))
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
