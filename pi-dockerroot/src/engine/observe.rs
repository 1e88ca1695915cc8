//! Finds the engine, its root, what decides on that, and what is at the target. Changes nothing.

use super::flags;
use super::http::Api;
use super::inventory::{Info, Live, ctr_words};
use super::json_edit;
use super::kind::Engine;
use super::process::{self, Found, Process};
use super::request::{How, Request};
use super::service::{self, Service};
use super::switch::{self, Switch};
use anyhow::{Context, Result};
use cluster::finding::Finding;
use cluster::root::Root;
use serde_json::json;
use std::path::Path;

/// Configuration files in which a daemon's flags may stand, and that may be edited.
const OPTION_FILES: [&str; 4] = [
    "/etc/default/docker",
    "/etc/sysconfig/docker",
    "/etc/conf.d/docker",
    "/etc/systemd/system/docker.service",
];
const DROP_INS: &str = "/etc/systemd/system/docker.service.d";

/// An engine that was found.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its process and how it is asked; `None` where it does not run.
    pub running: Option<Running>,
    /// The root that is configured, as it is written there.
    pub root: String,
    /// What decides on it.
    pub switch: Switch,
    /// How it is stopped and started.
    pub service: Option<Service>,
}

/// An engine that runs.
#[derive(Debug, Clone)]
pub struct Running {
    /// Its process.
    pub process: Process,
    /// How it is asked.
    pub live: Live,
    /// What Docker says of itself.
    pub info: Option<Info>,
}

/// Finds the engine. `Err` is what speaks against going on.
///
/// # Errors
/// What cannot be read.
pub fn engine(request: &Request, root: &Root) -> Result<Result<Seen, Finding>> {
    let processes = process::all(root)?;
    let mut running: Vec<&Found> = processes
        .iter()
        .filter(|found| is_engine(request.engine, found, &processes))
        .collect();
    if running.len() > 1 {
        let ids: Vec<i32> = running.iter().map(|found| found.process.id).collect();
        let name = request.engine.as_str();
        let message = format!("{} of them run: processes {ids:?}", running.len());
        return Ok(Err(Finding::error("dockerroot-several", name, message)
            .fix("stop the ones that are not meant")
            .evidence(json!({"processes": ids}))));
    }
    let found = running.pop();
    match request.engine {
        Engine::Docker => docker(request, root, found),
        Engine::Containerd | Engine::K3s => containerd(request, root, found),
    }
}

/// Whether the engine's process is there.
///
/// # Errors
/// `/proc` cannot be read.
pub fn is_running(engine: Engine, root: &Root) -> Result<bool> {
    let processes = process::all(root)?;
    Ok(processes
        .iter()
        .any(|found| is_engine(engine, found, &processes)))
}

/// Docker starts a containerd of its own and K3s another; the plain one is neither's child.
fn is_engine(engine: Engine, found: &Found, all: &[Found]) -> bool {
    let parent = all.iter().find(|other| other.process.id == found.parent);
    let of = |name: &str| parent.is_some_and(|parent| parent.name.starts_with(name));
    let k3s = || of("k3s") || found.arguments.iter().any(|word| word.contains("/k3s/"));
    match engine {
        Engine::Docker => found.name == "dockerd",
        Engine::Containerd => found.name == "containerd" && !of("dockerd") && !k3s(),
        Engine::K3s => found.name == "containerd" && k3s(),
    }
}

fn docker(request: &Request, root: &Root, found: Option<&Found>) -> Result<Result<Seen, Finding>> {
    let options = found
        .map(|found| flags::options(&found.arguments))
        .unwrap_or_default();
    let config = options
        .config
        .as_deref()
        .unwrap_or("/etc/docker/daemon.json");
    let text = switch::read(root, config)?.unwrap_or_default();
    let service = service::find(request.engine, root, request.commands());
    let is_ros = service
        .as_ref()
        .is_some_and(|service| service.manager == "ros");
    let named = match is_ros {
        true => Ok(ros_root()),
        false => docker_root(request, root, &options, config, &text)?,
    };
    let (written, switch) = match named {
        Ok(named) => named,
        Err(finding) => return Ok(Err(finding)),
    };
    let switch = match request.how {
        How::Bind => Switch::Bind,
        How::Auto => switch,
    };
    let running = found.map(|found| ask(found, &options, &text).map_err(|error| (found, error)));
    let running = match running.transpose() {
        Ok(running) => running,
        Err((found, error)) => {
            let id = found.process.id;
            let message = format!("it runs (process {id}) and does not answer: {error:#}");
            let fix = "look at its log; an engine that still starts or hangs is not moved";
            let finding = Finding::error("dockerroot-unreachable", "docker", message).fix(fix);
            return Ok(Err(finding));
        }
    };
    Ok(Ok(Seen {
        running,
        root: written,
        switch,
        service,
    }))
}

/// The root that is configured, and what decides on it.
fn docker_root(
    request: &Request,
    root: &Root,
    options: &flags::Options,
    config: &str,
    text: &str,
) -> Result<Result<(String, Switch), Finding>> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let key = |key| json_edit::get(text, key).with_context(|| format!("reading {config}"));
    let json = |key: &str| Switch::Json {
        path: config.to_owned(),
        key: key.to_owned(),
    };
    let mut named = Vec::new();
    for name in ["data-root", "graph"] {
        if let Some(value) = key(name)? {
            named.push((
                format!("{config} says {name} {value}"),
                value,
                Some(json(name)),
            ));
        }
    }
    if let Some(value) = options.root.clone() {
        named.push((
            format!("a flag on the command line says {value}"),
            value,
            None,
        ));
    }
    if named.len() > 1 {
        let words: Vec<String> = named.into_iter().map(|named| named.0).collect();
        let fix = "take all but one of them out and start the engine again: some versions do not start with two, others let one win silently";
        return Ok(Err(ambiguous(words.join(", and ")).fix(fix)));
    }
    Ok(match named.pop() {
        None => Ok((request.engine.default_root().to_owned(), json("data-root"))),
        Some((_, value, Some(switch))) => Ok((value, switch)),
        // Where it stands is of no matter when the path stays.
        Some((_, value, None)) if request.how == How::Bind => Ok((value, Switch::Bind)),
        Some((_, value, None)) => {
            flag_file(root, &value)?.map(|path| (value, Switch::Flag { path }))
        }
    })
}

fn ambiguous(message: String) -> Finding {
    Finding::error("dockerroot-root-ambiguous", "docker", message)
}

/// RancherOS' setting: the root, and which key names it.
fn ros_root() -> (String, Switch) {
    for system in ["rancher", "burmilla"] {
        let key = format!("{system}.docker.graph");
        let Ok(out) = Switch::ros_get(&key).run() else {
            continue;
        };
        let value = String::from_utf8_lossy(&out).trim().to_owned();
        if value.starts_with('/') {
            return (value, Switch::Ros { key });
        }
    }
    // Where it is not set the system's own default holds.
    let key = "rancher.docker.graph".to_owned();
    (
        Engine::Docker.default_root().to_owned(),
        Switch::Ros { key },
    )
}

/// The one file in which a flag names the root.
fn flag_file(root: &Root, value: &str) -> Result<Result<String, Finding>> {
    let mut files: Vec<String> = OPTION_FILES.iter().map(|path| (*path).to_owned()).collect();
    for name in root.names(Path::new(DROP_INS)).unwrap_or_default() {
        if let Some(name) = name.to_str().filter(|name| name.ends_with(".conf")) {
            files.push(format!("{DROP_INS}/{name}"));
        }
    }
    let mut found = Vec::new();
    for path in files {
        let text = switch::read(root, &path)?.unwrap_or_default();
        found.extend(flags::find(&text, value).iter().map(|_| path.clone()));
    }
    if let [path] = &found[..] {
        return Ok(Ok(path.clone()));
    }
    let message = if found.is_empty() {
        format!(
            "a flag on the command line says {value}, and none of the files for the engine's options does"
        )
    } else {
        format!(
            "a flag says {value}, in several places: {}",
            found.join(", ")
        )
    };
    let fix = "name the root once, in /etc/default/docker or with `systemctl edit docker`; or leave the flag and mount the new root on the old one's path with --switch bind";
    Ok(Err(Finding::error(
        "dockerroot-flag-place",
        "docker",
        message,
    )
    .fix(fix)))
}

/// Asks a daemon what it is.
fn ask(found: &Found, options: &flags::Options, config: &str) -> Result<Running> {
    let hosts: Vec<String> = serde_json::from_str::<serde_json::Value>(config)
        .ok()
        .and_then(|value| serde_json::from_value(value.get("hosts")?.clone()).ok())
        .unwrap_or_default();
    let socket = options
        .hosts
        .iter()
        .chain(&hosts)
        .find_map(|host| host.strip_prefix("unix://"))
        .unwrap_or("/var/run/docker.sock");
    let api = Api::new(socket);
    let info: Info = api.get("/info")?;
    Ok(Running {
        process: found.process,
        live: Live::Docker(api),
        info: Some(info),
    })
}

fn containerd(
    request: &Request,
    root: &Root,
    found: Option<&Found>,
) -> Result<Result<Seen, Finding>> {
    let k3s = request.engine == Engine::K3s;
    let flag = |names: &[&str]| {
        let words = found
            .map(|found| found.arguments.as_slice())
            .unwrap_or_default();
        let at = words
            .iter()
            .position(|word| names.contains(&word.as_str()))?;
        words.get(at + 1).cloned()
    };
    let config =
        flag(&["-c", "--config"]).unwrap_or_else(|| "/etc/containerd/config.toml".to_owned());
    let text = switch::read(root, &config)?.unwrap_or_default();
    let written = flag(&["--root"])
        .or_else(|| toml_root(&text))
        .unwrap_or_else(|| request.engine.default_root().to_owned());
    let socket = flag(&["-a", "--address"]).unwrap_or_else(|| {
        if k3s {
            "/run/k3s/containerd/containerd.sock"
        } else {
            "/run/containerd/containerd.sock"
        }
        .to_owned()
    });
    let running = found.map(|found| Running {
        process: found.process,
        live: Live::Ctr(ctr_words(k3s, &socket)),
        info: None,
    });
    if let Some(running) = running.as_ref().filter(|running| !running.live.answers()) {
        let message = format!(
            "it runs (process {}) and does not answer at {socket}",
            running.process.id
        );
        let fix = "ctr (of containerd or `k3s ctr`) has to be installed, and the engine ready";
        return Ok(Err(Finding::error(
            "dockerroot-unreachable",
            request.engine.as_str(),
            message,
        )
        .fix(fix)));
    }
    // Specifications of containers hold absolute paths in a database: the path stays, and what is there changes.
    Ok(Ok(Seen {
        running,
        root: written,
        switch: Switch::Bind,
        service: service::find(request.engine, root, request.commands()),
    }))
}

/// `root` at the top of a containerd configuration, before its first table.
fn toml_root(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| {
            let value = line
                .strip_prefix("root")?
                .trim_start()
                .strip_prefix('=')?
                .trim();
            let mark = value.chars().next().filter(|mark| "\"'".contains(*mark))?;
            value[1..].split_once(mark).map(|(root, _)| root.to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_stands_before_the_first_table_only() {
        assert_eq!(
            toml_root("version = 2\nroot = \"/x\" # so\n[a]\nroot = '/y'").unwrap(),
            "/x"
        );
        assert_eq!(toml_root("root='/x'").unwrap(), "/x");
        assert_eq!(toml_root("#root = '/x'\n[plugins]\nroot = '/y'\n"), None);
        assert_eq!(toml_root("roots = '/x'"), None);
    }
}
