//! A node's own part: packages, names, file systems, mounts, the daemon.

mod client;
mod disk;
mod nfs;
pub mod rancher;

pub(crate) use disk::{make_filesystem, mount};

use crate::answer::{NodeStep, Part};
use crate::site::Site;
use crate::steps::{append, argv, line, run};
use crate::volume::Volume;
use client::client_mount;
use cluster::plan::{Action, Check, ServiceVerb, Step};
use disk::brick_disk;
use nfs::{Nfs, exports, nfs};
use rancher::{rancher_boot, rancher_os};

/// Beyond so many nodes names belong into DNS, not into every node's /etc/hosts.
const MOST_HOSTS: usize = 32;

/// A node's own part.
pub fn node_part(site: &Site, volumes: &[Volume], node: usize) -> Vec<NodeStep> {
    let mut sticks: Vec<usize> = volumes
        .iter()
        .flat_map(|volume| volume.bricks().map(|brick| brick.stick))
        .filter(|stick| site.sticks[*stick].node == node && site.sticks[*stick].device.is_some())
        .collect();
    sticks.sort_unstable();
    sticks.dedup();
    let server = volumes.iter().any(|volume| {
        volume
            .bricks()
            .any(|brick| site.sticks[brick.stick].node == node)
    });
    let mut steps = Vec::new();
    steps.push(packages(server, nfs(site, volumes, node)));
    steps.extend(hosts(site, volumes, node));
    let rancher = rancher_os(site.nodes[node].os);
    for stick in &sticks {
        steps.extend(brick_disk(site, *stick, rancher.is_none()));
    }
    match rancher {
        Some(os) => steps.extend(rancher_boot(site, volumes, node, &sticks, server, os)),
        None => {
            if server {
                steps.extend(daemon());
            }
            for volume in volumes.iter().filter(|volume| !volume.adopted) {
                steps.extend(client_mount(site, volume, node, server));
            }
            steps.extend(exports(site, volumes, node));
        }
    }
    let name = site.nodes[node].name.clone();
    let of_node = |step| NodeStep {
        node: name.clone(),
        part: Part::Node,
        step,
    };
    steps.into_iter().map(of_node).collect()
}

fn packages(server: bool, nfs: Option<Nfs>) -> Step {
    let mut wanted = if server {
        vec!["glusterfs-server", "glusterfs-client", "xfsprogs"]
    } else {
        vec!["glusterfs-client"]
    };
    wanted.extend(nfs.map(|nfs| match nfs {
        Nfs::Server => "nfs-kernel-server",
        Nfs::Client => "nfs-common",
    }));
    let wanted = &wanted[..];
    let install = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-y",
        "--no-install-recommends",
        "install",
    ];
    let query = ["dpkg-query", "-W", "-f", "${Status}\n"];
    Step::new(
        "packages",
        "Gluster's programs; a node that holds no brick needs the client only",
        run(&[&install[..], wanted].concat(), 1800),
        Check::OutputLines {
            argv: argv(&[&query[..], wanted].concat()),
            prefix: String::new(),
            lines: vec!["install ok installed".to_owned(); wanted.len()],
        },
    )
    .undo(run(
        &[&["apt-get", "-y", "remove"][..], wanted].concat(),
        1800,
    ))
}

/// Lines of /etc/hosts, where the document knows addresses: bricks are known by names, and no name server travels along.
fn hosts(site: &Site, volumes: &[Volume], own: usize) -> Vec<Step> {
    if site.nodes.len() > MOST_HOSTS {
        return Vec::new();
    }
    let mut nodes: Vec<usize> = volumes
        .iter()
        .flat_map(|volume| volume.nodes(site))
        .collect();
    nodes.push(own);
    nodes.sort_unstable();
    nodes.dedup();
    let known = nodes.into_iter().filter_map(|node| {
        let node = &site.nodes[node];
        Some((format!("{} {}", node.address?, node.name), &node.name))
    });
    known
        .map(|(text, name)| {
            append(
                format!("host-{name}"),
                "bricks are known by the names of their nodes, on every node",
                "/etc/hosts",
                text,
            )
        })
        .collect()
}

fn service(
    id: String,
    why: &str,
    name: &str,
    verb: ServiceVerb,
    check: Check,
    undo: ServiceVerb,
) -> Step {
    let action = |verb| Action::Service {
        name: name.to_owned(),
        verb,
    };
    Step::new(id, why, action(verb), check).undo(action(undo))
}

fn daemon() -> Vec<Step> {
    vec![
        service(
            "enable-glusterd".to_owned(),
            "Debian leaves it off",
            "glusterd",
            ServiceVerb::Enable,
            line(&["systemctl", "is-enabled", "glusterd"], "enabled"),
            ServiceVerb::Disable,
        ),
        service(
            "start-glusterd".to_owned(),
            "after the bricks are mounted",
            "glusterd",
            ServiceVerb::Start,
            line(&["systemctl", "is-active", "glusterd"], "active"),
            ServiceVerb::Stop,
        ),
    ]
}
