//! A plan in the making: the volumes and their bricks, newly placed or as they were found.

use crate::observed::{Found, Observed};
use crate::place;
use crate::refuse;
use crate::site::Site;
use crate::volume::{Volume, data_bricks};
use cluster::finding::Finding;
use cluster::inventory::{Inventory, Volume as Given};
use std::collections::BTreeMap;

/// A plan in the making.
pub(crate) struct Draft<'a> {
    pub(crate) site: Site,
    pub(crate) inventory: &'a Inventory,
    pub(crate) given: &'a [Given],
    pub(crate) volumes: Vec<Volume>,
    pub(crate) bounds: Vec<Option<u64>>,
    pub(crate) findings: Vec<Finding>,
    /// How many bricks each stick holds.
    pub(crate) load: BTreeMap<usize, usize>,
}

impl Draft<'_> {
    /// One volume of the document: as it was found, or newly placed.
    pub(crate) fn volume(
        &mut self,
        index: usize,
        found: Option<&Found>,
        added: &[usize],
        changing: bool,
    ) {
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
            let nodes = self.site.nodes_of(&placed).len();
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
    pub(crate) fn offered(&mut self, given: &Given) -> Vec<usize> {
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
        // What was found and not planned here is no stick of the document.
        let sticks = self.site.sticks.iter().enumerate();
        let sticks = sticks.filter(|(_, stick)| !stick.uuid.is_empty());
        let allowed =
            sticks.filter(|(_, stick)| given.nodes.is_empty() || wanted.contains(&stick.node));
        allowed.map(|(index, _)| index).collect()
    }

    /// Chooses a volume's bricks: on sticks of its own where there are enough, else on shared ones.
    pub(crate) fn place(
        &mut self,
        volume: &mut Volume,
        given: &Given,
        offered: &[usize],
    ) -> Option<u64> {
        let data = data_bricks(volume.replica, volume.arbiter);
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
            let nodes = self.site.nodes_of(offered).len();
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
    pub(crate) fn uneven_domains(&mut self, volume: &Volume, offered: &[usize], data: usize) {
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

    /// A volume that is there: its own bricks and the rules in force count, whatever would be chosen now.
    pub(crate) fn found(
        &mut self,
        asked: Volume,
        found: &Found,
        offered: &[usize],
        changing: bool,
    ) {
        let real = found.adopt(&mut self.site);
        if !changing {
            self.findings
                .extend(refuse::other_shape(&asked, &real, offered));
            self.findings.extend(refuse::other_rules(&asked, &real));
        }
        for set in &real.sets {
            let data = set.iter().filter(|brick| !brick.arbiter);
            self.first_brick(
                &asked.name,
                set.first().map(|brick| brick.stick),
                data.map(|brick| brick.stick).collect(),
            );
        }
        for brick in real.bricks() {
            *self.load.entry(brick.stick).or_default() += 1;
        }
        self.volumes.push(Volume {
            mount: asked.mount,
            provisioner: asked.provisioner,
            adopted: false,
            ..real
        });
        self.bounds.push(None);
    }

    /// What the document asks for of a volume of its own, with the bricks that it has.
    pub(crate) fn wanted(&self, volume: &Volume) -> Option<Volume> {
        let mut given = self.given.iter();
        let given = given.find(|given| given.name.as_str() == volume.name)?;
        (!volume.adopted).then(|| Volume::asked(given).with_bricks_of(volume))
    }

    /// Brick 1 cannot move within a volume; where it is not on the node that stays longest, that is worth a word.
    pub(crate) fn first_brick(&mut self, volume: &str, first: Option<usize>, sticks: Vec<usize>) {
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
    pub(crate) fn adopt(&mut self, observed: &Observed) {
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
    pub(crate) fn peers(&mut self, observed: &Observed) -> Vec<usize> {
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
}
