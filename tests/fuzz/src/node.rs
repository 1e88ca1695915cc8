//! Files of a node as `k3s-join --check` looks at a card: boot files, configuration of K3s and its units, names, modules. And the
//! lists of mounts, which are read on a running node only.

use super::{bytes, files, tool};
use cluster::run::mounts;
use std::path::Path;

/// The files, by the first byte of a piece.
const FILES: [&str; 24] = [
    "boot/firmware/config.txt",
    "boot/firmware/cmdline.txt",
    "boot/firmware/current/cmdline.txt",
    "etc/os-release",
    "etc/hostname",
    "etc/hosts",
    "etc/nsswitch.conf",
    "etc/machine-id",
    "etc/rancher/k3s/config.yaml",
    "etc/rancher/k3s/config.yaml.d/x.yaml",
    "etc/systemd/system/k3s.service",
    "etc/systemd/system/k3s.service.env",
    "etc/systemd/system/k3s-agent.service",
    "etc/default/raspi-firmware",
    "etc/default/raspi-extra-cmdline",
    "etc/ufw/ufw.conf",
    "lib/modules/6.12.25+rpt-rpi-v8/modules.dep",
    "lib/modules/6.12.25+rpt-rpi-v8/modules.builtin",
    "proc/meminfo",
    "proc/swaps",
    "sys/fs/cgroup/cgroup.controllers",
    "bin/sh",
    "var/lib/rancher/k3s/agent/server-ca.crt",
    "var/lib/rancher/k3s/server/token",
];

/// A card with any such files is looked at, and nothing hostile of it reaches a terminal.
pub fn run(data: &[u8]) {
    let (choice, data) = bytes::choice(data);
    if choice % 4 == 0 {
        return list(data);
    }
    let root = files::empty("root");
    let mut written = Vec::new();
    for piece in bytes::pieces(data) {
        let (number, content) = bytes::choice(piece);
        let name = FILES[number % FILES.len()];
        written.push(files::file(&format!("root/{name}"), content));
    }
    looked_at(&root, ["json", "text"][choice / 4 % 2]);
    for path in written {
        // A file may be named twice.
        let _ = std::fs::remove_file(path);
    }
}

fn looked_at(root: &Path, form: &str) {
    let root = root.to_str().expect("a path of letters");
    let words = ["-n", "--check", "--sysroot", root, "-f", form];
    match tool::run::<k3s_join::cli::Cli>(&words, b"") {
        Ok(outcome) => tool::readable(&outcome),
        Err(error) => tool::foreseen(&error),
    }
}

/// Whatever line is read has a mount point, and reading ends.
fn list(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').count();
    let found = mounts::parse(data);
    assert!(found.len() <= lines);
    for mount in &found {
        assert!(mounts::at(&found, &mount.target).is_some());
    }
}
