//! Control groups: the controllers that the kernel really has (failures 1 and 4).

use super::state::{Cgroups, State, Wish};
use crate::kernel_line::{Dialect, Memory, first_line, memory};
use crate::version::Version;
use cluster::finding::Finding;
use serde_json::json;

/// What K3s wants of control groups, version 2; `pids` since kubelet limits processes.
const NEEDED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];
/// From this minor version on, kubelet refuses control groups, version 1, unless it is told otherwise.
const REFUSES_V1: u32 = 35;

pub(super) fn check(state: &State, wish: &Wish, findings: &mut Vec<Finding>) {
    let subject = wish.subject(state);
    match &state.cgroups {
        None => {}
        Some(Cgroups::Unmounted) => findings.push(
            Finding::error(
                "k3s-cgroup-not-mounted",
                subject,
                "nothing is mounted at /sys/fs/cgroup: K3s cannot start a container",
            )
            .fix("mount -t cgroup2 none /sys/fs/cgroup, or an init system that does"),
        ),
        Some(Cgroups::V2(controllers)) => {
            let missing: Vec<&str> = NEEDED
                .into_iter()
                .filter(|name| !controllers.iter().any(|found| found == name))
                .collect();
            if missing.contains(&"memory") {
                findings.push(without_memory(state, subject, controllers));
            }
            let others: Vec<&str> = missing.into_iter().filter(|m| *m != "memory").collect();
            if !others.is_empty() {
                let message = format!(
                    "the kernel has no control group for {}, and K3s refuses to start without",
                    others.join(", ")
                );
                findings.push(
                    Finding::error("k3s-cgroup-controller-missing", subject, message)
                        .fix("a kernel with these controllers; take cgroup_disable= for them from its command line")
                        .evidence(json!({"cgroup.controllers": controllers})),
                );
            }
        }
        Some(Cgroups::V1(controllers)) => {
            if !controllers.iter().any(|found| found == "memory") {
                findings.push(without_memory(state, subject, controllers));
            }
            findings.push(version_1(wish, subject, controllers));
        }
    }
}

fn version_1(wish: &Wish, subject: &str, controllers: &[String]) -> Finding {
    let message = "control groups are of version 1, which kubelet refuses from Kubernetes 1.35 on";
    let refused = wish
        .version
        .as_deref()
        .and_then(|text| text.parse().ok())
        .is_some_and(|version: Version| (version.major, version.minor) >= (1, REFUSES_V1));
    let finding = match refused {
        true => Finding::error("k3s-cgroup-v1", subject, message),
        false => Finding::warning("k3s-cgroup-v1", subject, message),
    };
    finding
        .fix("take systemd.unified_cgroup_hierarchy=0 from the kernel command line, or run a newer release of the system")
        .evidence(json!({"mounted": controllers}))
}

/// The memory controller is missing. Why decides what mends it.
fn without_memory(state: &State, subject: &str, controllers: &[String]) -> Finding {
    let release = state.release.as_deref().unwrap_or_default();
    let running = state.boot.running.as_deref().unwrap_or_default();
    let file = state
        .boot
        .read
        .as_ref()
        .and_then(|path| state.boot.files.get(path));
    let in_file = file.map(|content| memory(first_line(content), Dialect::RaspberryPi));
    let asked = memory(running, Dialect::RaspberryPi) == Memory::On;
    let id = match in_file == Some(Memory::On) && !asked {
        true => "k3s-reboot-required",
        false => "k3s-memory-cgroup-off",
    };
    let off = "the kernel has no memory control group, and K3s fails to start (\"failed to find memory cgroup\")";
    let (why, fix) = why_off(state, release, running, id == "k3s-reboot-required", asked);
    Finding::error(id, subject, format!("{off}{why}"))
        .fix(fix)
        .evidence(json!({
            "controllers": controllers,
            "kernel": release,
            "running_command_line": String::from_utf8_lossy(running),
            "file": state.boot.read,
        }))
}

/// Why it is off, as the end of a sentence, and what mends it. `asked`: the running kernel was asked for it.
fn why_off(
    state: &State,
    release: &str,
    running: &[u8],
    restart: bool,
    asked: bool,
) -> (String, String) {
    let dialect = Dialect::of(release);
    let (why, fix) = match (restart, asked, memory(running, dialect)) {
        (true, ..) => (
            "; the words that switch it on stand in its file, and the running kernel was started without them".to_owned(),
            "sudo reboot",
        ),
        (_, true, Memory::Off) if dialect == Dialect::Mainline => (
            format!("; cgroup_disable=memory is on its command line, and the kernel {release} does not know cgroup_enable= to take it back"),
            "take cgroup_disable=memory from the command line, or boot a kernel of the Raspberry Pi",
        ),
        (_, true, _) => (
            format!(", although its command line asks for it: the kernel {release} is built without it, or does not know the words"),
            "boot a kernel with CONFIG_MEMCG",
        ),
        (_, false, _) => {
            let fix = match &state.boot.read {
                Some(path) => format!("sudo k3s-join --apply, or append \"cgroup_memory=1 cgroup_enable=memory\" to the one line of {path}; then reboot"),
                None => "append \"cgroup_memory=1 cgroup_enable=memory\" to the kernel command line, and take cgroup_disable=memory from it; then reboot".to_owned(),
            };
            return ("; nothing on its command line switches it on".to_owned(), fix);
        }
    };
    (why, fix.to_owned())
}
