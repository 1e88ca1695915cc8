//! Who the node is: names, machine id, and whether the cluster will know it again (failures 6 and 7).

use super::state::{State, Wish};
use cluster::finding::Finding;
use serde_json::json;

/// Host names that images come with, so that several nodes bear them.
const OF_IMAGES: [&str; 8] = [
    "raspberrypi",
    "ubuntu",
    "debian",
    "localhost",
    "rancher",
    "burmilla",
    "raspi",
    "archlinux",
];

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    name(state, wish, findings);
    machine_id(state, wish, findings);
    resolution(state, wish, findings);
    password(state, wish, findings);
}

fn name(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let Some(host) = state.host.name.as_deref() else {
        return;
    };
    let subject = wish.subject(state);
    let first = host.split('.').next().unwrap_or_default();
    // K3s registers under the name in lower case.
    let registered = first.to_ascii_lowercase();
    if let Some(name) = wish.name.as_deref().filter(|name| *name != registered) {
        let message =
            format!("the host name is {host:?}, and the node's name in the document is {name:?}");
        findings.push(
            Finding::error("k3s-hostname-differs", subject, message)
                .fix(format!("sudo hostnamectl set-hostname {name}"))
                .evidence(json!({"host_name": host, "node": name})),
        );
        return;
    }
    let valid = !first.is_empty()
        && first
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !first.starts_with('-')
        && !first.ends_with('-');
    if !valid {
        let message = format!(
            "the host name {host:?} is no name of a Kubernetes node: lower-case letters, digits and - only"
        );
        findings.push(
            Finding::error("k3s-hostname-invalid", subject, message)
                .fix("sudo hostnamectl set-hostname NAME"),
        );
    } else if wish.name.is_none() && OF_IMAGES.contains(&first) {
        let message = format!(
            "the host name {host:?} is that of the image: a second node of this name is refused, or takes this one's place"
        );
        findings.push(
            Finding::error("k3s-hostname-of-image", subject, message)
                .fix("sudo hostnamectl set-hostname NAME, another on each node"),
        );
    }
}

fn machine_id(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    let Some(id) = state.host.machine_id.as_deref() else {
        return;
    };
    if id.is_empty() || id == "uninitialized" {
        // As images are made: the first start writes one.
        if state.live {
            let message = "/etc/machine-id is empty: nodes without one are taken for each other";
            findings.push(
                Finding::error("k3s-machine-id-missing", subject, message)
                    .fix("sudo systemd-machine-id-setup"),
            );
        }
        return;
    }
    let twins: Vec<&String> = (wish.machine_ids.iter())
        .filter(|(name, other)| Some(*name) != wish.name.as_ref() && other.eq_ignore_ascii_case(id))
        .map(|(name, _)| name)
        .collect();
    if let Some(twin) = twins.first() {
        let message = format!(
            "its machine id is that of {twin}: one card was copied from the other, and DHCP, journal and Kubernetes take them for one"
        );
        findings.push(
            Finding::error("k3s-machine-id-twice", subject, message)
                .fix("sudo rm /etc/machine-id && sudo systemd-machine-id-setup, then reboot")
                .evidence(json!({"machine_id": id, "nodes": twins})),
        );
    }
}

fn resolution(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    if let (Some((false, how)), Some(host)) = (&state.host.resolves, &state.host.name) {
        let message = format!(
            "its own name {host:?} leads to no address ({how}): kubelet and certificates want one"
        );
        findings.push(
            Finding::warning("k3s-own-name-unknown", subject, message)
                .fix(format!("echo '127.0.1.1 {host}' | sudo tee -a /etc/hosts")),
        );
    }
    if let (Some(false), Some(server)) = (state.host.server_resolves, &wish.server) {
        let message = format!("the host of {server} leads to no address on this node");
        findings.push(
            Finding::error("k3s-server-name-unknown", subject, message)
                .fix("give the server by its address, or enter its name in /etc/hosts"),
        );
    }
}

/// The server keeps a hash of the node's password under its name, and turns away another one.
fn password(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let k3s = &state.k3s;
    if k3s.node_password || !(k3s.was_agent || k3s.was_server) {
        return;
    }
    let subject = wish.subject(state);
    let message = "K3s has run here, and /etc/rancher/node/password is gone: the server will answer \"Node password rejected\"";
    findings.push(
        Finding::error("k3s-node-password-lost", subject, message)
            .fix(format!(
                "put the file back from a backup, or on a server: kubectl -n kube-system delete secret {subject}.node-password.k3s"
            ))
            .evidence(json!({"agent_folder": k3s.was_agent, "server_folder": k3s.was_server})),
    );
}
