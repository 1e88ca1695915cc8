//! Kernel modules (failure 5).

use super::state::{State, Wish};
use cluster::finding::Finding;
use cluster::inventory::Os;
use serde_json::json;

/// What containers, services and the network between the nodes need: the module, and what fails without it.
const NEEDED: [(&str, &str); 3] = [
    (
        "overlay",
        "containers have no root file system (\"overlayfs\" snapshotter)",
    ),
    (
        "br_netfilter",
        "services are not reached from containers on the same node",
    ),
    (
        "vxlan",
        "containers on different nodes do not reach each other (flannel: \"operation not supported\")",
    ),
];

/// Settings of `flannel-backend` that need no vxlan.
const OTHER_BACKENDS: [&str; 3] = ["host-gw", "wireguard-native", "none"];

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    let modules = &state.modules;
    let running = state.release.as_ref();
    let known =
        !modules.releases.is_empty() && running.is_none_or(|r| modules.releases.contains(r));
    if let (false, Some(running), [first, ..]) = (known, running, modules.releases.as_slice()) {
        let message = format!(
            "the kernel {running} runs, and /lib/modules has {first}: it was replaced, and no module can be loaded until the next start"
        );
        findings.push(
            Finding::error("k3s-modules-other-kernel", subject, message)
                .fix("sudo reboot")
                .evidence(json!({"running": running, "installed": modules.releases})),
        );
        return;
    }
    let setting = state.k3s.settings.get("flannel-backend");
    let backend = wish
        .backend
        .as_deref()
        .or(setting.and_then(|s| s.value.as_deref()));
    for (module, without) in NEEDED {
        let other = backend.is_some_and(|backend| OTHER_BACKENDS.contains(&backend));
        let there = modules.available.contains(module) || modules.active.contains(module);
        if there || (module == "vxlan" && other) {
            continue;
        }
        findings.push(match known {
            true => missing(state, wish, module, without),
            false if state.live => unknown(subject, module, without),
            // A card without any kernel's modules is a fixture or a root of its own; the node itself will show.
            false => continue,
        });
    }
}

fn missing(state: &State, wish: &Wish, module: &str, without: &str) -> Finding {
    let ubuntu = wish.os == Some(Os::Ubuntu) || state.os_id == "ubuntu";
    let message = format!("the kernel has no module {module}: {without}");
    let fix = match ubuntu {
        true => "sudo apt install linux-modules-extra-raspi".to_owned(),
        false => format!("a kernel with {module}"),
    };
    let release = state
        .release
        .clone()
        .unwrap_or_else(|| state.modules.releases.join(", "));
    Finding::error("k3s-module-missing", wish.subject(state), message)
        .fix(fix)
        .evidence(json!({"module": module, "kernel": release}))
}

fn unknown(subject: &str, module: &str, without: &str) -> Finding {
    let message = format!(
        "whether the kernel has {module} cannot be seen, as there is no /lib/modules; without it {without}"
    );
    Finding::warning("k3s-module-unknown", subject, message).fix(format!("modprobe -n {module}"))
}
