//! What makes the volumes: each node's own part (disk, mounts, daemon), and the cluster's, which is done on one node.

use crate::answer::{NodeStep, Part};
use crate::gluster;
use crate::site::Site;
use crate::volume::{Quorum, Volume};
use cluster::cloud_config::CloudConfig;
use cluster::inventory::{Os, Provisioner};
use cluster::plan::{Action, Check, ServiceVerb, Step, sha256};

/// Beyond so many nodes names belong into DNS, not into every node's /etc/hosts.
const MOST_HOSTS: usize = 32;
/// Mount options of a brick's file system. Gluster's manual: no access times; RancherOS and old kernels: 64-bit inodes.
const BRICK_OPTIONS: &str = "noatime,inode64";
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

/// RancherOS and its successor.
pub fn rancher_os(os: Option<Os>) -> Option<Os> {
    os.filter(|os| matches!(os, Os::RancherOs | Os::BurmillaOs))
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
    let mut nodes: Vec<usize> = volumes
        .iter()
        .flat_map(|volume| volume.nodes(site))
        .collect();
    nodes.push(own);
    nodes.sort_unstable();
    nodes.dedup();
    if nodes.len() > MOST_HOSTS {
        return Vec::new();
    }
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

fn append(id: String, why: &str, path: &str, line: String) -> Step {
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

/// A word of a line of fstab: white space, `\` and `#` as octal numbers (fstab(5), getmntent(3)).
fn fstab_word(text: &str) -> String {
    let mut word = String::new();
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\n' | '\\' | '#' => word.push_str(&format!("\\{:03o}", u32::from(c))),
            other => word.push(other),
        }
    }
    word
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
fn source(site: &Site, volume: &Volume, server: bool) -> (String, String) {
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

/// A path as systemd names its unit (systemd.unit(5), "String Escaping for Inclusion in Unit Names").
pub fn unit_name(path: &str) -> String {
    let mut name = String::new();
    for (index, byte) in path.trim_matches('/').bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' => name.push(char::from(byte)),
            b'.' if index > 0 => name.push('.'),
            _ => name.push_str(&format!("\\x{byte:02x}")),
        }
    }
    name
}

/// RancherOS has no systemd: its console runs what stands in a fragment of its configuration.
fn rancher_boot(
    site: &Site,
    volumes: &[Volume],
    node: usize,
    sticks: &[usize],
    server: bool,
    os: Os,
) -> Vec<Step> {
    let mut commands = Vec::new();
    for stick in sticks {
        let stick = &site.sticks[*stick];
        commands.push(format!("mkdir -p {}", stick.mount));
        commands.push(format!(
            "mount -t xfs -o {BRICK_OPTIONS} UUID={} {}",
            stick.uuid, stick.mount
        ));
    }
    if server {
        commands.push("glusterd".to_owned());
    }
    for volume in volumes.iter().filter(|volume| !volume.adopted) {
        let own = server && volume.nodes(site).contains(&node);
        let source = source(site, volume, own).0;
        commands.push(format!("mkdir -p {}", volume.mount));
        commands.push(format!("mount -t glusterfs {source} {}", volume.mount));
    }
    let mut steps = Vec::new();
    if let Some(content) = boot_fragment(os, &commands) {
        let path = "/var/lib/rancher/conf/cloud-config.d/gluster-plan.yml".to_owned();
        let check = Check::File {
            path: path.clone(),
            sha256: sha256(content.as_bytes()),
        };
        let undo = Action::RemoveFile { path: path.clone() };
        let mode = 0o600;
        let action = Action::WriteFile {
            path,
            content,
            mode,
        };
        steps
            .push(Step::new("boot", "mounts and daemon after a restart", action, check).undo(undo));
    }
    if server {
        let check = Check::Output {
            argv: argv(&["gluster", "pool", "list"]),
            text: "localhost".to_owned(),
        };
        steps.push(
            Step::new(
                "start-glusterd",
                "after the bricks are mounted",
                run(&["glusterd"], 60),
                check,
            )
            .harmless(),
        );
    }
    steps
}

fn boot_fragment(os: Os, commands: &[String]) -> Option<String> {
    let mut config = CloudConfig::new(os)?;
    for command in commands {
        config.run(command).ok()?;
    }
    Some(config.text())
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
