//! A Docker that was found: its root, what decides on that, and how it is asked.

use super::{Running, Seen};
use crate::engine::flags;
use crate::engine::http::Api;
use crate::engine::inventory::{Info, Live};
use crate::engine::json_edit;
use crate::engine::kind::Engine;
use crate::engine::process::Found;
use crate::engine::request::{How, Request};
use crate::engine::service;
use crate::engine::switch::{self, Switch};
use anyhow::{Context, Result};
use cluster::finding::Finding;
use cluster::root::Root;
use std::path::Path;

/// Configuration files in which a daemon's flags may stand, and that may be edited.
const OPTION_FILES: [&str; 4] = [
    "/etc/default/docker",
    "/etc/sysconfig/docker",
    "/etc/conf.d/docker",
    "/etc/systemd/system/docker.service",
];

const DROP_INS: &str = "/etc/systemd/system/docker.service.d";

pub(super) fn docker(
    request: &Request,
    root: &Root,
    found: Option<&Found>,
) -> Result<Result<Seen, Finding>> {
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
        true => Ok(ros_root(root)),
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
fn ros_root(root: &Root) -> (String, Switch) {
    // Of another machine's disk this one's `ros` knows nothing.
    let systems: &[&str] = match root.is_system() {
        true => &["rancher", "burmilla"],
        false => &[],
    };
    for system in systems {
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
