//! What it means when devices go dark: a K3s server, the quorum, a Gluster brick.

use crate::demand::Load;
use crate::nodes::{Bricks, Cluster};
use cluster::inventory::Role;

/// What is lost with these devices, in words; nothing where it is only work that moves elsewhere.
pub fn lost(dark: &[&Load], cluster: &Cluster) -> Vec<String> {
    let servers = dark
        .iter()
        .filter(|load| load.role == Some(Role::Server))
        .count();
    let mut lost = Vec::new();
    if servers > 0 {
        lost.push(servers_lost(servers, cluster.servers));
    }
    lost.extend(
        cluster
            .volumes
            .iter()
            .filter_map(|volume| bricks_lost(dark, volume)),
    );
    lost
}

/// etcd answers while more than half of its members are up; a single server is its own majority.
fn servers_lost(dark: usize, all: usize) -> String {
    let quorum = all / 2 + 1;
    if all == 1 {
        return "the only K3s server, and the control plane with it".to_owned();
    }
    if all - dark < quorum {
        return format!("{dark} of {all} K3s servers, and with them the quorum of {quorum}");
    }
    format!("{dark} of {all} K3s servers; the quorum of {quorum} holds")
}

fn bricks_lost(dark: &[&Load], volume: &Bricks) -> Option<String> {
    let holds = |load: &&&Load| {
        let named = volume
            .nodes
            .as_ref()
            .is_none_or(|nodes| nodes.contains(&*load.device));
        load.brick && named
    };
    let dark = dark.iter().filter(holds).count();
    if dark == 0 {
        return None;
    }
    let (name, all) = (&volume.volume, volume.count);
    let told = format!("{dark} of {all} bricks of {name}");
    // Which bricks form a set is gluster-plan's answer; with one set only there is no question.
    if all != volume.replica {
        return Some(told);
    }
    let up = all.saturating_sub(dark);
    let needed = volume.quorum.unwrap_or(all / 2 + 1);
    Some(match volume.quorum {
        _ if up >= needed => told,
        _ if up == 0 => format!("{told}, all there are"),
        None if 2 * up == all => {
            format!("{told}: clients write on only while the first brick is up")
        }
        _ => format!("{told}: clients can no longer write"),
    })
}

/// What a device is, for people: `pi1 (K3s server)`.
pub fn title(load: &Load) -> String {
    match load.role {
        Some(Role::Server) => format!("{} (K3s server)", load.device),
        _ => load.device.to_string(),
    }
}
