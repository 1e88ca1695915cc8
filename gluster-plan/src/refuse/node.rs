//! Nodes that Gluster does not run on, or of which nobody knows it.

use crate::node::rancher::rancher_os;
use crate::remarks::list;
use crate::site::Site;
use crate::volume::Volume;
use cluster::finding::Finding;

/// A 32-bit node.
pub fn thirty_two_bit(name: &str, machine: &str) -> Finding {
    Finding::error(
        "gluster-32-bit",
        name,
        format!("{name} runs 32-bit programs ({machine}): Gluster 10 and newer crash on 32-bit ARM (SIGILL), and Debian 13 has no package"),
    )
    .fix("install a 64-bit system (aarch64); every Raspberry Pi 3, 4, 5 and Zero 2 runs one")
}

/// What speaks against the nodes of volumes that are to be made.
pub(super) fn nodes(site: &Site, volumes: &[Volume]) -> Vec<Finding> {
    let mut used: Vec<usize> = volumes
        .iter()
        .filter(|v| !v.adopted)
        .flat_map(|volume| volume.nodes(site))
        .collect();
    used.sort_unstable();
    used.dedup();
    let mut findings = Vec::new();
    let mut unknown = Vec::new();
    let mut unproven = Vec::new();
    for node in &used {
        let node = &site.nodes[*node];
        match node.arch {
            Some(arch) if !arch.is_64_bit() => {
                findings.push(thirty_two_bit(&node.name, arch.as_str()));
            }
            Some(_) => {}
            None => unknown.push(node.name.as_str()),
        }
        if rancher_os(node.os).is_some() {
            unproven.push(node.name.as_str());
        }
    }
    findings.extend(arch_unknown(&unknown));
    findings.extend(os_unproven(&unproven));
    findings
}

fn arch_unknown(nodes: &[&str]) -> Option<Finding> {
    let message = "Gluster crashes on 32-bit ARM, and the document does not say that these nodes are 64-bit; the script looks first";
    (!nodes.is_empty()).then(|| {
        Finding::info("gluster-arch-unknown", list(nodes), message)
            .fix("say what `uname -m` prints there in nodes[].arch")
    })
}

fn os_unproven(nodes: &[&str]) -> Option<Finding> {
    let message = "RancherOS has neither a Gluster package nor systemd: the script is for its Debian console, and nobody has run it";
    (!nodes.is_empty()).then(|| {
        Finding::warning("gluster-os-unproven", list(nodes), message).fix(
            "install Raspberry Pi OS Lite (64-bit), Ubuntu or Debian; there every step is proven",
        )
    })
}
