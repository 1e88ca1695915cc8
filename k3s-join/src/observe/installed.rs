//! What of K3s is there: units, tokens, settings.

use super::{LIMIT, names, text, there};
use crate::check::state::{Installed, Setting, Wish};
use crate::platform::DATA_DIR;
use crate::rehearse::{cacerts, token::Token};
use cluster::plan::sha256;
use cluster::process;
use cluster::root::Root;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The units that the official installer writes.
const UNITS: [&str; 2] = ["k3s.service", "k3s-agent.service"];
/// Keys of the configuration, and variables, that hold a secret.
const SECRETS: [&str; 4] = [
    "token",
    "agent-token",
    "datastore-endpoint",
    "etcd-s3-secret-key",
];

pub(super) fn read(root: &Root, wish: &Wish) -> Installed {
    let units: Vec<String> = UNITS
        .into_iter()
        .filter(|unit| there(root, &format!("/etc/systemd/system/{unit}")))
        .map(str::to_owned)
        .collect();
    let mut found = Installed {
        unlimited: units
            .iter()
            .filter(|unit| unlimited(root, unit))
            .cloned()
            .collect(),
        running: running(root),
        node_password: there(root, "/etc/rancher/node/password"),
        units,
        ..Installed::default()
    };
    settings(root, &mut found);
    environment(root, &mut found);
    data(root, wish, &mut found);
    found
}

/// What K3s's data says of the cluster that the node is in, or was.
fn data(root: &Root, wish: &Wish, found: &mut Installed) {
    let set = found.settings.get("data-dir").and_then(|s| s.value.clone());
    let default = set.is_none().then(|| DATA_DIR.to_owned());
    for folder in [set, wish.data.clone(), default].into_iter().flatten() {
        if !found.data.contains(&folder) {
            found.data.push(folder);
        }
    }
    let data = &found.data;
    let holds = |path: &str| {
        data.iter()
            .any(|data| there(root, &format!("{data}/{path}")))
    };
    found.was_agent = holds("agent/client-kubelet.crt");
    found.was_server = holds("server/db");
    let first = |read: &dyn Fn(&str) -> Option<String>| data.iter().find_map(|data| read(data));
    found.token_sha256 = first(&|data| server_token(root, data));
    found.agent_ca_hash = first(&|data| agent_ca(root, data));
}

fn agent_ca(root: &Root, data: &str) -> Option<String> {
    let path = format!("{data}/agent/server-ca.crt");
    let pem = root.read(Path::new(&path), LIMIT).ok()?;
    Some(cacerts::Bundle::read(&pem).ok()?.hash)
}

/// Whether a unit may start for ever, with all its drop-ins read.
fn unlimited(root: &Root, unit: &str) -> bool {
    let folder = format!("/etc/systemd/system/{unit}.d");
    let mut files = vec![format!("/etc/systemd/system/{unit}")];
    let drop_ins = names(root, &folder);
    files.extend(
        drop_ins
            .iter()
            .filter(|name| name.ends_with(".conf"))
            .map(|name| format!("{folder}/{name}")),
    );
    let mut value = String::new();
    for file in files {
        for line in text(root, &file).unwrap_or_default().lines() {
            if let Some(found) = line.trim().strip_prefix("TimeoutStartSec=") {
                found.trim().clone_into(&mut value);
            }
        }
    }
    value == "0" || value == "infinity"
}

/// Whether a process of K3s is there: its threads call themselves `k3s-server` and `k3s-agent`.
fn running(root: &Root) -> bool {
    let name = |id| process::name(root, id).unwrap_or_default();
    let ids = process::numbers(root).unwrap_or_default();
    ids.into_iter()
        .any(|id| matches!(name(id).as_str(), "k3s" | "k3s-server" | "k3s-agent"))
}

fn server_token(root: &Root, data: &str) -> Option<String> {
    let path = format!("{data}/server/token");
    let content = root.read(Path::new(&path), LIMIT).ok()?;
    let token = Token::parse(content.trim_ascii_end()).ok()?;
    Some(sha256(token.password()))
}

/// The settings of config.yaml and of the files in config.yaml.d, the last one counting (K3s's own order).
fn settings(root: &Root, found: &mut Installed) {
    let folder = "/etc/rancher/k3s/config.yaml.d";
    let mut files = vec!["/etc/rancher/k3s/config.yaml".to_owned()];
    let ours = names(root, folder);
    let yaml = |name: &&String| name.ends_with(".yaml") || name.ends_with(".yml");
    files.extend(
        ours.iter()
            .filter(yaml)
            .map(|name| format!("{folder}/{name}")),
    );
    for file in files {
        let Some(content) = text(root, &file) else {
            continue;
        };
        let all = top_level(&content);
        if all.keys().any(|key| SECRETS.contains(&key.as_str())) {
            secret(root, &file, found);
        }
        for (key, (value, quoted)) in all {
            let value = value.filter(|_| !SECRETS.contains(&key.as_str()));
            let file = file.clone();
            found.settings.insert(
                key,
                Setting {
                    value,
                    quoted,
                    file,
                },
            );
        }
    }
}

/// The keys at the top of a YAML mapping and their plain values; `None` for what stands on further lines.
fn top_level(content: &str) -> BTreeMap<String, (Option<String>, bool)> {
    let mut all = BTreeMap::new();
    for line in content.lines() {
        let indented = line.starts_with([' ', '\t', '-', '#']);
        let Some((key, value)) = line.split_once(':').filter(|_| !indented) else {
            continue;
        };
        let key = key.trim().trim_matches(['"', '\'']).trim_end_matches('+');
        let value = value.trim();
        let quote = value.chars().next().filter(|c| ['"', '\''].contains(c));
        let plain = match quote {
            Some(quote) => value[1..].split(quote).next().unwrap_or_default(),
            None => value.split(" #").next().unwrap_or_default().trim(),
        };
        let single =
            !plain.is_empty() && !plain.starts_with(['[', '{', '|', '>', '&', '*', '!', '#']);
        all.insert(
            key.to_owned(),
            (single.then(|| plain.to_owned()), quote.is_some()),
        );
    }
    all
}

fn environment(root: &Root, found: &mut Installed) {
    for unit in UNITS {
        let file = format!("/etc/systemd/system/{unit}.env");
        let Some(content) = text(root, &file) else {
            continue;
        };
        for line in content.lines() {
            let Some((key, value)) = line
                .split_once('=')
                .filter(|(key, _)| key.starts_with("K3S_"))
            else {
                continue;
            };
            let is_secret = key.contains("TOKEN") && !key.ends_with("_FILE");
            if is_secret {
                secret(root, &file, found);
            }
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            found
                .environment
                .insert(key.to_owned(), (!is_secret).then_some(value));
        }
    }
}

/// Notes a file with a secret that others may read.
fn secret(root: &Root, path: &str, found: &mut Installed) {
    let Ok(meta) = root.file(Path::new(path)).and_then(|file| file.metadata()) else {
        return;
    };
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o044 != 0 && !found.open_secrets.iter().any(|(other, _)| other == path) {
        found.open_secrets.push((path.to_owned(), mode));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_settings_are_read_and_the_rest_is_left() {
        let all = top_level(
            "# c\nserver: https://a:6443 # x\nwrite-kubeconfig-mode: \"0644\"\nmode: 0644\ntls-san:\n- a\n  b: c\n\
             'node-ip': 10.0.0.1\nlist: [a]\nnode-label+:\n",
        );
        assert_eq!(all["server"], (Some("https://a:6443".to_owned()), false));
        assert_eq!(
            all["write-kubeconfig-mode"],
            (Some("0644".to_owned()), true)
        );
        assert_eq!(all["mode"], (Some("0644".to_owned()), false));
        assert_eq!(all["node-ip"].0.as_deref(), Some("10.0.0.1"));
        assert_eq!(
            (&all["tls-san"].0, &all["list"].0, &all["node-label"].0),
            (&None, &None, &None)
        );
        assert!(!all.contains_key("b") && !all.contains_key("- a"));
    }
}
