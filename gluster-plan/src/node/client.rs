//! The mount of a volume, on every node.

use super::service;
use crate::site::Site;
use crate::steps::{append, line, run};
use crate::volume::Volume;
use cluster::plan::{ServiceVerb, Step};
use cluster::{fstab, unit};

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

pub(super) fn client_mount(site: &Site, volume: &Volume, node: usize, server: bool) -> Vec<Step> {
    let server = server && volume.nodes(site).contains(&node);
    let (source, options) = source(site, volume, server);
    let unit = format!("{}.automount", unit::of_path(&volume.mount));
    let target = volume.mount.as_str();
    let text = format!(
        "{source} {} glusterfs defaults,_netdev,nofail,x-systemd.automount{options} 0 0",
        fstab::word(target)
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
