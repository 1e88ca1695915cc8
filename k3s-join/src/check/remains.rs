//! What else is on the node: other Kubernetes, Docker, firewalls, iptables, the programs' architecture.

use super::state::{State, Wish};
use cluster::finding::Finding;
use serde_json::json;

/// iptables from the first to the last of these versions duplicates rules until the node stands still (k3s#3117).
const BAD_IPTABLES: ((u32, u32, u32), (u32, u32, u32)) = ((1, 8, 0), (1, 8, 4));

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    for (what, path) in &state.remains.kubernetes {
        let message = format!(
            "{what} is on this node ({path}): two kubelets share ports, network and rules badly"
        );
        findings.push(
            Finding::error("k3s-other-kubernetes", subject, message)
                .fix(format!("remove {what} first")),
        );
    }
    if state.remains.docker {
        let message = "Docker runs here: it sets the FORWARD policy to DROP, and K3s does not see its containers and images";
        findings.push(
            Finding::info("k3s-docker-runs", subject, message)
                .fix("iptables -P FORWARD ACCEPT where pods do not reach other nodes"),
        );
    }
    for name in &state.remains.firewalls {
        let message = format!(
            "{name} is on: it closes the ports between the nodes unless it is told of them"
        );
        findings.push(
            Finding::warning("k3s-firewall-on", subject, message)
                .fix("k3s-join -f ports lists what has to be open, for which nodes"),
        );
    }
    iptables(state, subject, findings);
    architecture(state, subject, findings);
}

fn iptables(state: &State, subject: &str, findings: &mut Vec<Finding>) {
    let Some(text) = &state.remains.iptables else {
        return;
    };
    let numbers: Vec<u32> = text.split('.').filter_map(|n| n.parse().ok()).collect();
    let &[major, minor, patch] = numbers.as_slice() else {
        return;
    };
    let (first, last) = BAD_IPTABLES;
    if (first..=last).contains(&(major, minor, patch)) {
        let message =
            format!("iptables {text} adds the same rules again and again (1.8.0 to 1.8.4 do)");
        findings.push(
            Finding::error("k3s-iptables-bad", subject, message)
                .fix("prefer-bundled-bin: true in K3s's configuration, or a newer iptables")
                .evidence(json!({"version": text})),
        );
    }
}

fn architecture(state: &State, subject: &str, findings: &mut Vec<Finding>) {
    let machine = state.machine.as_deref();
    if let Some(machine) = machine.filter(|m| ["armv6l", "armv7l", "i686", "i586"].contains(m)) {
        let message = format!(
            "the kernel is of 32 bits ({machine}): K3s's images for it are few, and armv6 has none"
        );
        let finding = match machine {
            "armv7l" => Finding::warning("k3s-architecture-32", subject, message),
            _ => Finding::error("k3s-architecture-32", subject, message),
        };
        findings.push(finding.fix("install the system for 64 bits"));
    }
    if machine.is_some_and(|m| m == "aarch64" || m == "x86_64") && state.program_bits == Some(32) {
        let message = "a kernel of 64 bits runs programs of 32: the installer takes K3s for 64 bits, and the programs that K3s calls are of 32";
        findings.push(
            Finding::warning("k3s-architecture-mixed", subject, message)
                .fix("install the system for 64 bits, or give K3s for arm64 explicitly and try it")
                .evidence(json!({"kernel": machine, "program_bits": 32})),
        );
    }
}
