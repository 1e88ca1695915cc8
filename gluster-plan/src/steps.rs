//! The cluster's part of making volumes, which is done on one node, and what all steps are made of.

use crate::gluster;
use crate::site::Site;
use crate::volume::{Quorum, Volume};
use cluster::plan::{Action, Check, Step};

/// Before this many seconds clients wait for a server that went away; Gluster's 42 is for larger networks.
pub const PING_TIMEOUT: u32 = 20;

/// The words of a command.
pub fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A command that runs for so many seconds at most.
pub fn run(words: &[&str], limit_s: u64) -> Action {
    Action::Run {
        argv: argv(words),
        limit_s,
        scratch: None,
    }
}

/// Holds where this line is in a command's output.
pub fn line(words: &[&str], line: impl Into<String>) -> Check {
    Check::OutputLine {
        argv: argv(words),
        line: line.into(),
    }
}

pub(crate) fn append(id: String, why: &str, path: &str, line: String) -> Step {
    let path = path.to_owned();
    let undo = Action::RemoveLine {
        path: path.clone(),
        line: line.clone(),
    };
    let check = Check::Line {
        path: path.clone(),
        line: line.clone(),
    };
    Step::new(id, why, Action::AppendLine { path, line }, check).undo(undo)
}

/// The cluster's part: peers, volumes, options, start.
pub fn cluster_part(site: &Site, volumes: &[Volume], peers: &[usize], home: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    let others: Vec<&str> = peers
        .iter()
        .filter(|peer| **peer != home)
        .map(|peer| site.nodes[*peer].name.as_str())
        .collect();
    steps.extend(others.iter().map(|peer| gluster::probe(peer)));
    if !others.is_empty() {
        steps.push(gluster::connected(&others));
    }
    for volume in volumes.iter().filter(|volume| !volume.adopted) {
        steps.push(gluster::create(volume, site));
        for (option, value) in options(volume) {
            steps.push(gluster::set(&volume.name, &option, &value));
        }
        steps.push(gluster::start(&volume.name));
        if volume.replica > 1 {
            steps.push(gluster::online(&volume.name, volume.bricks().count()));
        }
    }
    steps.extend(server_ratio(volumes));
    steps
}

/// The options of a volume. What Gluster would choose by itself is said all the same: `volume get` shows it wrongly.
pub fn options(volume: &Volume) -> Vec<(String, String)> {
    let mut options = Vec::new();
    let mut set = |option: &str, value: String| options.push((option.to_owned(), value));
    if volume.replica > 1 {
        match volume.quorum {
            Quorum::Auto => set("cluster.quorum-type", "auto".to_owned()),
            Quorum::Fixed(count) => {
                set("cluster.quorum-type", "fixed".to_owned());
                set("cluster.quorum-count", count.to_string());
            }
            Quorum::None => set("cluster.quorum-type", "none".to_owned()),
        }
        set("cluster.favorite-child-policy", "none".to_owned());
    }
    set("network.ping-timeout", PING_TIMEOUT.to_string());
    if volume.server.is_some() {
        set("cluster.server-quorum-type", "server".to_owned());
    }
    options
}

/// The servers' ratio, which is one for the whole pool.
pub fn server_ratio(volumes: &[Volume]) -> Option<Step> {
    let volume = volumes
        .iter()
        .find(|volume| volume.server.is_some_and(|server| server.ratio.is_some()))?;
    let ratio = volume.server?.ratio?;
    Some(gluster::ratio(&volume.name, ratio))
}
