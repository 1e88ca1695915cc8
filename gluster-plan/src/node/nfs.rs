//! A node's part where a volume's provisioner is an NFS server.

use crate::site::Site;
use crate::steps::{append, argv, run};
use crate::volume::Volume;
use cluster::fstab;
use cluster::inventory::Provisioner;
use cluster::plan::{Check, Step, derived_uuid, uuid_text};

/// A node's part in NFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nfs {
    /// It exports a volume.
    Server,
    /// It mounts one.
    Client,
}

pub(super) fn nfs(site: &Site, volumes: &[Volume], node: usize) -> Option<Nfs> {
    let mut wanted = volumes
        .iter()
        .filter(|volume| volume.provisioner == Some(Provisioner::Nfs))
        .peekable();
    wanted.peek()?;
    let server = wanted.any(|volume| volume.nodes(site).first() == Some(&node));
    Some(if server { Nfs::Server } else { Nfs::Client })
}

/// The export of each volume whose provisioner is NFS, on the node of brick 1.
pub(super) fn exports(site: &Site, volumes: &[Volume], node: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    // Without a network to let in, nobody is.
    let Some(clients) = site.lan.as_deref() else {
        return steps;
    };
    for volume in volumes {
        if volume.provisioner != Some(Provisioner::Nfs) || volume.nodes(site).first() != Some(&node)
        {
            continue;
        }
        // A FUSE file system has no identity of its own (fsid): it is the volume's, whatever else is exported or planned later.
        // Without the mount an empty folder would be exported (mp).
        let identity = uuid_text(derived_uuid(&["gluster-plan", "nfs", &volume.name]));
        let text = format!(
            "{} {clients}(rw,sync,no_subtree_check,no_root_squash,mp,fsid={identity})",
            fstab::word(&volume.mount)
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
