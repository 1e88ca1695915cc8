//! The files that a node needs.

use super::config::Effective;
use super::{Shared, config};
use crate::TOOL;
use crate::answer::{FileAnswer, NodeAnswer};
use crate::platform::ETC;
use crate::refuse::config::has_credentials;
use crate::request::Request;
use crate::token::Which;
use cluster::cloud_config::{self, CloudConfig};
use cluster::inventory::{Node, Role};
use cluster::secret::REDACTED;
use cluster::yaml;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Where RancherOS and its successor keep what shall last.
pub(super) const RANCHER: &str = "/var/lib/rancher/k3s-join";

/// The certificate authorities' files that K3s wants before its first start (K3s manual, "k3s certificate", Custom CA).
pub const CA_FILES: [&str; 11] = [
    "server-ca.crt",
    "server-ca.key",
    "client-ca.crt",
    "client-ca.key",
    "request-header-ca.crt",
    "request-header-ca.key",
    "etcd/peer-ca.crt",
    "etcd/peer-ca.key",
    "etcd/server-ca.crt",
    "etcd/server-ca.key",
    "service.key",
];

/// Whether a file is one of the certificate authorities' in K3s's data.
pub fn is_ca(path: &str) -> bool {
    let rest = path.split_once("/server/tls/").map(|(_, rest)| rest);
    rest.is_some_and(|rest| CA_FILES.contains(&rest))
}

/// Modules that are loaded at each start.
pub const MODULES: &str = "/etc/modules-load.d/k3s-join.conf";
/// Settings of the kernel.
pub const SYSCTLS: &str = "/etc/sysctl.d/90-k3s-join.conf";

fn drop_in_path(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}.d/50-k3s-join.conf")
}

/// Every path outside K3s's data that a node with systemd may have from here.
pub fn own_paths() -> [String; 7] {
    [
        config::token(ETC),
        config::agent_token(ETC),
        config_in(ETC),
        drop_in_path("k3s.service"),
        drop_in_path("k3s-agent.service"),
        MODULES.to_owned(),
        SYSCTLS.to_owned(),
    ]
}

/// The files of the node at `at`.
pub fn files(shared: &Shared<'_>, at: usize, answer: &NodeAnswer) -> Vec<FileAnswer> {
    let node = &shared.request.nodes()[at];
    let yaml = format!(
        "# Written by k3s-join; a later file in this folder wins over it.\n{}",
        yaml::document(&Value::Object(answer.request.config.clone()))
    );
    let mut files = vec![text(config_path(node), 0o600, yaml)];
    let registries = shared.request.k3s.registries.as_ref();
    // With a login in it it is refused, and not shown either.
    let open = |registries: &&BTreeMap<String, Value>| !registries.values().any(has_credentials);
    if let Some(registries) = registries.filter(open) {
        files.push(text(
            registries_path(node),
            0o600,
            yaml::document(&json!(registries)),
        ));
    }
    files.extend(systems(shared, at, answer));
    files.extend(secrets(shared, at));
    files
}

fn text(path: impl Into<String>, mode: u32, content: String) -> FileAnswer {
    FileAnswer {
        path: path.into(),
        mode: format!("{mode:04o}"),
        content,
        secret_file: None,
        prefix: String::new(),
    }
}

/// What the operating system reads: its units, modules and settings, or its cloud-config.
fn systems(shared: &Shared<'_>, at: usize, answer: &NodeAnswer) -> Vec<FileAnswer> {
    let Some(unit) = answer.unit else {
        return cloud_config(shared, at, answer).into_iter().collect();
    };
    vec![
        text(drop_in_path(unit), 0o644, drop_in()),
        text(MODULES, 0o644, modules(shared)),
        text(SYSCTLS, 0o644, sysctls(answer)),
    ]
}

/// The configuration file's path on a node.
pub fn config_path(node: &Node) -> String {
    if Request::platform(node).is_rancher() {
        format!("{RANCHER}/config.yaml")
    } else {
        config_in(ETC)
    }
}

fn config_in(folder: &str) -> String {
    format!("{folder}/config.yaml.d/50-k3s-join.yaml")
}

fn registries_path(node: &Node) -> String {
    let folder = if Request::platform(node).is_rancher() {
        RANCHER
    } else {
        ETC
    };
    format!("{folder}/registries.yaml")
}

/// Tokens, certificate authorities, a registry's passwords.
fn secrets(shared: &Shared<'_>, at: usize) -> Vec<FileAnswer> {
    let (request, node) = (shared.request, &shared.request.nodes()[at]);
    let secret = |path: String, file: &Path, prefix: String| FileAnswer {
        path,
        mode: "0600".to_owned(),
        content: REDACTED.to_owned(),
        secret_file: Some(file.display().to_string()),
        prefix,
    };
    let first = shared.first == Some(at);
    let server = shared.parts[at].role == Role::Server;
    let (which, file) = match server {
        true => (Which::Server, request.token_file()),
        false => (Which::Agent, request.agent_token_file()),
    };
    // The first server has nobody to compare a hash with.
    let pin = request.ca.as_ref().filter(|_| !first);
    let prefix = pin.map(|(_, pin)| pin.prefix(which)).unwrap_or_default();
    let mut files = vec![secret(config::token_path(node), &file, prefix)];
    if server {
        files.push(secret(
            config::agent_token_path(node),
            &request.agent_token_file(),
            String::new(),
        ));
    }
    if let Some((folder, _)) = request.ca.as_ref().filter(|_| first) {
        let tls = format!("{}/server/tls", config::data_dir(shared, at));
        for name in CA_FILES {
            let mut file = secret(format!("{tls}/{name}"), &folder.join(name), String::new());
            if name.ends_with(".crt") {
                file.mode = "0644".to_owned();
            }
            files.push(file);
        }
    }
    if let Some(file) = &request.k3s.registries_file {
        files.push(secret(registries_path(node), file, String::new()));
    }
    files
}

/// K3s's unit has no time limit for a start, and an agent that finds no server tries for ever: `systemctl start` never comes
/// back. With these a start is given up after 15 minutes (images are unpacked from a card meanwhile) and tried again, so a
/// cluster that is switched on in any order comes up; and a K3s that ends at once is left alone after 30 times in an hour.
fn drop_in() -> String {
    "\
# Written by k3s-join.
[Unit]
StartLimitIntervalSec=3600
StartLimitBurst=30
After=time-sync.target

[Service]
TimeoutStartSec=900
"
    .to_owned()
}

/// The servers are told how pods reach each other, and every node carries them.
fn modules(shared: &Shared<'_>) -> String {
    let first = shared.first.map(|first| Effective::new(shared, first));
    let backend = first
        .as_ref()
        .and_then(|first| first.text("flannel-backend"));
    let tunnel = match backend {
        Some("wireguard-native") => "wireguard\n",
        Some("host-gw" | "none") => "",
        _ => "vxlan\n",
    };
    format!("# Written by k3s-join.\nbr_netfilter\noverlay\n{tunnel}")
}

/// Forwarding, room for the watches that pods hold, and what kubelet wants where it does not set it itself
/// (`protect-kernel-defaults`; K3s manual, "CIS Hardening Guide").
fn sysctls(answer: &NodeAnswer) -> String {
    let mut text = "\
# Written by k3s-join.
net.ipv4.ip_forward = 1
fs.inotify.max_user_instances = 8192
fs.inotify.max_user_watches = 524288
"
    .to_owned();
    if answer.request.config.get("protect-kernel-defaults") == Some(&Value::Bool(true)) {
        text.push_str("vm.panic_on_oom = 0\nvm.overcommit_memory = 1\nkernel.panic = 10\nkernel.panic_on_oops = 1\n");
    }
    text
}

/// K3s as a container of RancherOS. Nobody has proven it on a Pi.
fn cloud_config(shared: &Shared<'_>, at: usize, answer: &NodeAnswer) -> Option<FileAnswer> {
    let os = shared.request.nodes()[at].os?;
    let path = cloud_config::path(os, TOOL)?;
    let mut config = CloudConfig::new(os)?;
    let tag = match shared.request.version_on(at) {
        Some(version) => version.image_tag(),
        None => "latest".to_owned(),
    };
    let word = answer.role.as_str();
    let data = config::data_dir(shared, at);
    let mut command = format!("{word} --config {RANCHER}/config.yaml");
    if shared.request.k3s.registries.is_some() || shared.request.k3s.registries_file.is_some() {
        command.push_str(&format!(" --private-registry {RANCHER}/registries.yaml"));
    }
    let service = json!({
        "image": format!("rancher/k3s:{tag}"),
        "command": command,
        "privileged": true,
        "net": "host",
        "restart": "always",
        "volumes": [
            format!("{data}:{data}"),
            format!("{RANCHER}:{RANCHER}:ro"),
            // The node's password: without it the cluster would reject the node after its console was made anew.
            "/var/lib/rancher/k3s-node:/etc/rancher/node",
            "/lib/modules:/lib/modules:ro",
        ],
        "labels": {"io.rancher.os.after": "docker"},
    });
    config.set(&["services", "k3s"], service).ok()?;
    Some(text(path, 0o600, config.text()))
}
