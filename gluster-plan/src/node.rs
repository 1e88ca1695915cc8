//! A node's own part: packages, names, file systems, mounts, the daemon.

use crate::answer::{NodeStep, Part};
use crate::rancher::{rancher_boot, rancher_os};
use crate::site::Site;
use crate::steps::{append, argv, fstab_word, line, run, unit_name};
use crate::volume::Volume;
use cluster::inventory::Provisioner;
use cluster::plan::{Action, Check, ServiceVerb, Step};

/// Beyond so many nodes names belong into DNS, not into every node's /etc/hosts.
const MOST_HOSTS: usize = 32;
/// Mount options of a brick's file system. Gluster's manual: no access times; RancherOS and old kernels: 64-bit inodes.
pub(crate) const BRICK_OPTIONS: &str = "noatime,inode64";

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

/// A node's part in NFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nfs {
    /// It exports a volume.
    Server,
    /// It mounts one.
    Client,
}

fn nfs(site: &Site, volumes: &[Volume], node: usize) -> Option<Nfs> {
    let mut wanted = volumes
        .iter()
        .filter(|volume| volume.provisioner == Some(Provisioner::Nfs))
        .peekable();
    wanted.peek()?;
    let server = wanted.any(|volume| volume.nodes(site).first() == Some(&node));
    Some(if server { Nfs::Server } else { Nfs::Client })
}

/// The export of each volume whose provisioner is NFS, on the node of brick 1.
fn exports(site: &Site, volumes: &[Volume], node: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        if volume.provisioner != Some(Provisioner::Nfs) || volume.nodes(site).first() != Some(&node)
        {
            continue;
        }
        // A FUSE file system has no number of its own (fsid), and without the mount an empty folder would be exported (mp).
        let clients = site.lan.as_deref().unwrap_or("*");
        let text = format!(
            "{} {clients}(rw,sync,no_subtree_check,no_root_squash,mp,fsid={})",
            fstab_word(&volume.mount),
            index + 1
        );
        steps.push(append(
            format!("export-{}", volume.name),
            "what the provisioner's pods mount, by NFS",
            "/etc/exports",
            text,
        ));
        steps.push(
            Step::new(
                format!("exported-{}", volume.name),
                "from now on, and not only after a restart",
                run(&["exportfs", "-ra"], 60),
                Check::Output {
                    argv: argv(&["exportfs", "-s"]),
                    text: volume.mount.clone(),
                },
            )
            .harmless(),
        );
    }
    steps
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

/// A stick's file system, its line in fstab, its mount.
fn brick_disk(site: &Site, stick: usize, fstab: bool) -> Vec<Step> {
    let stick = &site.sticks[stick];
    let Some(device) = &stick.device else {
        return Vec::new();
    };
    let mut steps = vec![make_filesystem(&stick.name, device, &stick.uuid)];
    if fstab {
        // Mounted before the daemon starts; a stick that is missing does not keep the node from booting.
        let text = format!(
            "UUID={} {} xfs {BRICK_OPTIONS},nofail,x-systemd.before=glusterd.service 0 0",
            stick.uuid,
            fstab_word(&stick.mount)
        );
        steps.push(append(
            format!("fstab-{}", stick.name),
            "mounted by its identity, whatever the stick is called after a restart",
            "/etc/fstab",
            text,
        ));
    }
    steps.push(mount(&stick.name, &stick.uuid, &stick.mount));
    steps
}

/// mkfs on a device that is blank; a device with a signature is refused by the script and by mkfs.xfs itself.
pub fn make_filesystem(name: &str, device: &str, uuid: &str) -> Step {
    let identity = format!("uuid={uuid}");
    Step::new(
        format!("mkfs-{name}"),
        "Gluster keeps extended attributes with every file: inodes of 512 bytes hold them",
        run(
            &[
                "mkfs.xfs",
                "-q",
                "-i",
                "size=512",
                "-n",
                "size=8192",
                "-m",
                &identity,
                device,
            ],
            900,
        ),
        line(
            &[
                "blkid",
                "-l",
                "-t",
                &format!("UUID={uuid}"),
                "-s",
                "UUID",
                "-o",
                "value",
            ],
            uuid,
        ),
    )
}

/// The mount of a brick's file system.
pub fn mount(name: &str, uuid: &str, target: &str) -> Step {
    Step::new(
        format!("mount-{name}"),
        "the brick is a folder in it: where nothing is mounted there is no brick to fill the system's disk with",
        Action::Mount {
            source: format!("UUID={uuid}"),
            target: target.to_owned(),
            filesystem: "xfs".to_owned(),
            options: BRICK_OPTIONS.to_owned(),
        },
        line(&["findmnt", "-nro", "UUID", "--mountpoint", target], uuid),
    )
    .undo(Action::Unmount {
        target: target.to_owned(),
    })
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

/// What a client mounts a volume from: itself where it is a server, else the first server with the others behind it.
pub(crate) fn source(site: &Site, volume: &Volume, server: bool) -> (String, String) {
    if server {
        let wait = ",x-systemd.requires=glusterd.service,x-systemd.after=glusterd.service";
        return (format!("localhost:/{}", volume.name), wait.to_owned());
    }
    let names: Vec<&str> = volume
        .nodes(site)
        .iter()
        .map(|node| site.nodes[*node].name.as_str())
        .collect();
    let others = names.get(1..).unwrap_or_default();
    let backup = match others {
        [] => String::new(),
        others => format!(
            ",backup-volfile-servers={}",
            others[..others.len().min(8)].join(":")
        ),
    };
    let first = names.first().copied().unwrap_or("localhost");
    (format!("{first}:/{}", volume.name), backup)
}

fn client_mount(site: &Site, volume: &Volume, node: usize, server: bool) -> Vec<Step> {
    let server = server && volume.nodes(site).contains(&node);
    let (source, options) = source(site, volume, server);
    let unit = format!("{}.automount", unit_name(&volume.mount));
    let target = volume.mount.as_str();
    let text = format!(
        "{source} {} glusterfs defaults,_netdev,nofail,x-systemd.automount{options} 0 0",
        fstab_word(target)
    );
    vec![
        append(
            format!("fstab-{}", volume.name),
            "mounted when it is first used, so that a node boots when the others are not there yet",
            "/etc/fstab",
            text,
        ),
        Step::new(
            format!("mount-point-{}", volume.name),
            "the same path on every node",
            run(&["mkdir", "-p", target], 10),
            line(&["stat", "-c", "%F", target], "directory"),
        )
        .harmless(),
        Step::new(
            format!("reload-{}", volume.name),
            "systemd makes units of fstab's lines",
            run(&["systemctl", "daemon-reload"], 60),
            line(
                &["systemctl", "show", "-p", "LoadState", "--value", &unit],
                "loaded",
            ),
        )
        .harmless(),
        service(
            format!("automount-{}", volume.name),
            "from now on, and not only after a restart",
            &unit,
            ServiceVerb::Start,
            line(&["systemctl", "is-active", &unit], "active"),
            ServiceVerb::Stop,
        ),
    ]
}
