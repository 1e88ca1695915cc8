//! RancherOS and BurmillaOS: no systemd, and a configuration of their own. Nobody has run this.

use super::client::source;
use super::disk::BRICK_OPTIONS;
use crate::site::Site;
use crate::steps::{argv, run};
use crate::volume::Volume;
use cluster::cloud_config::{self, CloudConfig};
use cluster::command::quote;
use cluster::inventory::Os;
use cluster::plan::{Action, Check, Step, sha256};

/// RancherOS and its successor.
pub fn rancher_os(os: Option<Os>) -> Option<Os> {
    os.filter(|os| os.is_rancher())
}

/// RancherOS has no systemd: its console runs what stands in a fragment of its configuration.
pub(crate) fn rancher_boot(
    site: &Site,
    volumes: &[Volume],
    node: usize,
    sticks: &[usize],
    server: bool,
    os: Os,
) -> Vec<Step> {
    let commands = boot_commands(site, volumes, node, sticks, server);
    let fragment = cloud_config::path(os, "gluster-plan").zip(boot_fragment(os, &commands));
    let mut steps = Vec::new();
    if let Some((path, content)) = fragment {
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
        steps.push(start_daemon());
    }
    steps
}

/// What is done at each start; a shell reads it.
fn boot_commands(
    site: &Site,
    volumes: &[Volume],
    node: usize,
    sticks: &[usize],
    server: bool,
) -> Vec<String> {
    let mut commands = Vec::new();
    for stick in sticks {
        let stick = &site.sticks[*stick];
        let target = quote(&stick.mount);
        commands.push(format!("mkdir -p {target}"));
        commands.push(format!(
            "mount -t xfs -o {BRICK_OPTIONS} UUID={} {target}",
            stick.uuid
        ));
    }
    if server {
        commands.push("glusterd".to_owned());
    }
    for volume in volumes.iter().filter(|volume| !volume.adopted) {
        let own = server && volume.nodes(site).contains(&node);
        let (source, target) = (quote(&source(site, volume, own).0), quote(&volume.mount));
        commands.push(format!("mkdir -p {target}"));
        commands.push(format!("mount -t glusterfs {source} {target}"));
    }
    commands
}

fn start_daemon() -> Step {
    let check = Check::Output {
        argv: argv(&["gluster", "pool", "list"]),
        text: "localhost".to_owned(),
    };
    Step::new(
        "start-glusterd",
        "after the bricks are mounted",
        run(&["glusterd"], 60),
        check,
    )
    .harmless()
}

fn boot_fragment(os: Os, commands: &[String]) -> Option<String> {
    let mut config = CloudConfig::new(os)?;
    for command in commands {
        config.run(command).ok()?;
    }
    Some(config.text())
}
