//! The kernel, control groups, modules, clock, memory and disk.

use super::{LIMIT, names, text, there};
use crate::check::state::{Cgroups, Clock, Modules, Remains, Resources, Volume};
use cluster::command::Command;
use cluster::root::Root;
use cluster::run::mounts::Mount;
use nix::libc;
use nix::sys::statvfs::fstatvfs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `ID` and `VERSION_ID` of os-release.
pub(super) fn os_release(root: &Root) -> (String, String) {
    let content = text(root, "/etc/os-release").unwrap_or_default();
    let value = |key: &str| {
        let line = content
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    (value("ID"), value("VERSION_ID"))
}

/// The running kernel's release and machine.
pub(super) fn kernel(live: bool) -> (Option<String>, Option<String>) {
    let Some(names) = live.then(nix::sys::utsname::uname).and_then(Result::ok) else {
        return (None, None);
    };
    let text = |name: &std::ffi::OsStr| Some(name.to_string_lossy().into_owned());
    (text(names.release()), text(names.machine()))
}

pub(super) fn cgroups(root: &Root, mounts: &[Mount]) -> Option<Cgroups> {
    if let Some(list) = text(root, "/sys/fs/cgroup/cgroup.controllers") {
        return Some(Cgroups::V2(
            list.split_whitespace().map(str::to_owned).collect(),
        ));
    }
    if !root.is_system() {
        return None;
    }
    let place = Path::new("/sys/fs/cgroup");
    let mounted: Vec<String> = mounts
        .iter()
        .filter(|mount| mount.filesystem == "cgroup" && mount.target.starts_with(place))
        .filter_map(|mount| mount.target.file_name()?.to_str())
        .flat_map(|name| name.split(',').map(str::to_owned))
        .collect();
    Some(match mounted.is_empty() {
        true => Cgroups::Unmounted,
        false => Cgroups::V1(mounted),
    })
}

/// What modules there are: of the running release, or of all on a card.
pub(super) fn modules(root: &Root, release: Option<&str>) -> Modules {
    let folder = "/lib/modules";
    let mut found = Modules {
        releases: names(root, folder),
        ..Modules::default()
    };
    for name in found
        .releases
        .iter()
        .filter(|name| release.is_none_or(|release| release == *name))
    {
        for list in ["modules.builtin", "modules.dep"] {
            // Some megabytes: larger than what is read of other files.
            let content = root.read(Path::new(&format!("{folder}/{name}/{list}")), LIMIT * 16);
            let content = content.unwrap_or_default();
            found
                .available
                .extend(content.split(|b| *b == b'\n').filter_map(module));
        }
    }
    for line in text(root, "/proc/modules").unwrap_or_default().lines() {
        found
            .active
            .extend(line.split_whitespace().next().map(str::to_owned));
    }
    for line in text(root, "/proc/filesystems").unwrap_or_default().lines() {
        found
            .active
            .extend(line.split_whitespace().last().map(str::to_owned));
    }
    for name in ["vxlan", "br_netfilter"] {
        if there(root, &format!("/sys/module/{name}")) {
            found.active.insert(name.to_owned());
        }
    }
    found
}

/// The module of a line `kernel/net/bridge/br-netfilter.ko.xz: …`.
fn module(line: &[u8]) -> Option<String> {
    let path = line.split(|b| *b == b':').next()?;
    let file = path.rsplit(|b| *b == b'/').next()?;
    let end = file.windows(3).position(|part| part == b".ko")?;
    Some(String::from_utf8_lossy(&file[..end]).replace('-', "_"))
}

/// The class in the head of the shell's ELF file.
pub(super) fn program_bits(root: &Root) -> Option<u8> {
    let mut head = [0; 5];
    let mut file = root.file(Path::new("/bin/sh")).ok()?;
    file.read_exact(&mut head).ok()?;
    match head {
        [0x7f, b'E', b'L', b'F', 1] => Some(32),
        [0x7f, b'E', b'L', b'F', 2] => Some(64),
        _ => None,
    }
}

/// Files whose time of change says that it was that late already.
const WITNESSES: [&str; 4] = [
    "/var/lib/systemd/timesync/clock",
    "/etc/fake-hwclock.data",
    "/etc/machine-id",
    "/etc/os-release",
];

pub(super) fn clock(root: &Root, data: &[String]) -> Clock {
    let of_k3s = data
        .iter()
        .map(|folder| format!("{folder}/agent/server-ca.crt"));
    let witness = WITNESSES
        .into_iter()
        .map(str::to_owned)
        .chain(of_k3s)
        .filter_map(|path| {
            let meta = root
                .file(Path::new(&path))
                .and_then(|file| file.metadata())
                .ok()?;
            Some((path, meta.mtime()))
        })
        .max_by_key(|(_, when)| *when);
    if !root.is_system() {
        return Clock {
            witness,
            ..Clock::default()
        };
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Clock {
        now_s: i64::try_from(now.as_secs()).ok(),
        synchronized: synchronized(),
        rtc: Some(!names(root, "/sys/class/rtc").is_empty()),
        witness,
    }
}

/// Whether the kernel believes its clock to be set (adjtimex(2)); asking changes nothing.
fn synchronized() -> Option<bool> {
    // SAFETY: a timex of zeros asks and sets nothing; the call writes into it and keeps no pointer.
    let state = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut timex)
    };
    match state {
        -1 => None,
        state => Some(state != libc::TIME_ERROR),
    }
}

pub(super) fn resources(root: &Root, mounts: &[Mount], data: &str) -> Resources {
    let live = root.is_system();
    let memory = text(root, "/proc/meminfo").unwrap_or_default();
    let kilobytes: Option<u64> = memory.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    let swap = text(root, "/proc/swaps").unwrap_or_default();
    let swap = swap
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next());
    Resources {
        memory_bytes: kilobytes.map(|kilobytes| kilobytes.saturating_mul(1024)),
        processors: live
            .then(|| std::thread::available_parallelism().ok())
            .flatten()
            .map(usize::from),
        swap: swap.map(str::to_owned).collect(),
        data: volume(root, mounts, data),
        latencies_us: Vec::new(),
    }
}

/// Where the data folder lies, or will lie once it is made.
fn volume(root: &Root, mounts: &[Mount], data: &str) -> Option<Volume> {
    let mut path = PathBuf::from(data);
    while !root.exists(&path).ok()? {
        path = path.parent()?.to_owned();
    }
    let status = fstatvfs(root.file(&path).ok()?).ok()?;
    let mount = mounts
        .iter()
        .rev()
        .filter(|mount| path.starts_with(&mount.target));
    let mount = mount.max_by_key(|mount| mount.target.components().count());
    let unit: u64 = status.fragment_size();
    Some(Volume {
        path: path.to_string_lossy().into_owned(),
        free_bytes: unit.saturating_mul(status.blocks_available()),
        total_bytes: unit.saturating_mul(status.blocks()),
        filesystem: mount
            .map(|mount| mount.filesystem.clone())
            .unwrap_or_default(),
    })
}

/// Other Kubernetes, by what each leaves on a disk.
const OTHERS: [(&str, &str); 4] = [
    ("kubeadm", "/etc/kubernetes/kubelet.conf"),
    ("MicroK8s", "/var/snap/microk8s/current"),
    ("k0s", "/var/lib/k0s"),
    ("RKE2", "/etc/rancher/rke2"),
];

pub(super) fn remains(root: &Root) -> Remains {
    let kubernetes = OTHERS.into_iter().filter(|(_, path)| there(root, path));
    let ufw = text(root, "/etc/ufw/ufw.conf").unwrap_or_default();
    let mut firewalls = Vec::new();
    if ufw.lines().any(|line| line.trim() == "ENABLED=yes") {
        firewalls.push("ufw".to_owned());
    }
    if there(
        root,
        "/etc/systemd/system/multi-user.target.wants/firewalld.service",
    ) {
        firewalls.push("firewalld".to_owned());
    }
    Remains {
        iptables: root.is_system().then(iptables).flatten(),
        kubernetes: kubernetes
            .map(|(what, path)| (what.to_owned(), path.to_owned()))
            .collect(),
        docker: root.is_system()
            && (there(root, "/run/docker.sock") || there(root, "/var/run/docker.sock")),
        firewalls,
    }
}

/// `iptables v1.8.9 (nf_tables)`
fn iptables() -> Option<String> {
    let out = Command::new("iptables")
        .args(["--version"])
        .limit(Duration::from_secs(2))
        .run()
        .ok()?;
    let text = String::from_utf8_lossy(&out).into_owned();
    let word = text
        .split_whitespace()
        .find_map(|word| word.strip_prefix('v'))?;
    Some(word.to_owned())
}
