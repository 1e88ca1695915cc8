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
    let named = |load: &&&Load| {
        let nodes = volume.nodes.as_ref();
        nodes.is_none_or(|nodes| nodes.contains(&*load.device))
    };
    let dark: usize = dark.iter().filter(named).map(|load| load.bricks).sum();
    if dark == 0 {
        return None;
    }
    let (name, all) = (&volume.volume, volume.count);
    // Which of them form a set is gluster-plan's answer; with one set only there is no question.
    if all != volume.replica || all != volume.holders {
        return Some(format!("{dark} of {all} sticks for bricks of {name}"));
    }
    let told = format!("{dark} of {all} bricks of {name}");
    Some(match set_lost(all.saturating_sub(dark), volume) {
        Some(means) => format!("{told}{means}"),
        None => told,
    })
}

/// What it means for clients that so many bricks of a volume's only set are up; nothing where they read and write on.
///
/// Reads need the quorum as writes do (afr_has_quorum in Gluster's afr-transaction.c, for reads since release 3.13). An arbiter
/// counts for it and has nothing to read; which brick it is is gluster-plan's answer.
fn set_lost(up: usize, volume: &Bricks) -> Option<&'static str> {
    let all = volume.replica;
    match volume.quorum {
        _ if up == 0 => Some(", all there are"),
        _ if volume.server_quorum => {
            Some(": whether the servers then keep the others up is gluster-plan's answer")
        }
        quorum if up >= quorum.unwrap_or(all / 2 + 1) => (volume.arbiter && up == 1).then_some(
            ": clients read and write on only where the brick that is up is not the arbiter",
        ),
        None if 2 * up == all => {
            Some(": clients read and write on only while the first brick is up")
        }
        _ => Some(": clients can neither read nor write"),
    }
}

/// What a device is, for people: `pi1 (K3s server)`.
pub fn title(load: &Load) -> String {
    match load.role {
        Some(Role::Server) => format!("{} (K3s server)", load.device),
        _ => load.device.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(replica: usize, arbiter: bool, quorum: Option<usize>) -> Bricks {
        Bricks {
            volume: "gv0".to_owned(),
            nodes: None,
            count: replica,
            holders: replica,
            replica,
            arbiter,
            quorum,
            server_quorum: false,
        }
    }

    /// Beside Gluster's own rule: a client reads and writes where the quorum is met and a brick with data is up.
    #[test]
    fn clients_go_on_where_gluster_lets_them() {
        let no = Some(": clients can neither read nor write");
        let of_three = volume(3, false, None);
        assert_eq!(set_lost(2, &of_three), None);
        assert_eq!(set_lost(1, &of_three), no);
        assert_eq!(set_lost(0, &of_three), Some(", all there are"));
        let of_four = set_lost(2, &volume(4, false, None));
        assert!(
            of_four
                .unwrap()
                .contains("only while the first brick is up")
        );
        assert_eq!(set_lost(1, &volume(4, false, Some(2))), no);
        assert_eq!(set_lost(1, &volume(3, false, Some(1))), None);
        // An arbiter counts for the quorum; alone it has nothing to read.
        let arbiter = volume(3, true, None);
        assert_eq!(set_lost(2, &arbiter), None);
        assert_eq!(set_lost(1, &arbiter), no);
        let one_is_enough = set_lost(1, &volume(3, true, Some(1)));
        assert!(one_is_enough.unwrap().contains("not the arbiter"));
    }

    #[test]
    fn what_the_servers_do_is_not_guessed() {
        let volume = Bricks {
            server_quorum: true,
            ..volume(3, false, None)
        };
        assert!(set_lost(2, &volume).unwrap().contains("gluster-plan"));
    }
}
