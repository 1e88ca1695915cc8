//! A containerd that was found, K3s's too: its root, and how it is asked.

use super::{Running, Seen};
use crate::engine::inventory::{Live, ctr_words};
use crate::engine::kind::Engine;
use crate::engine::process::Found;
use crate::engine::request::Request;
use crate::engine::service;
use crate::engine::switch::{self, Switch};
use anyhow::Result;
use cluster::finding::Finding;
use cluster::root::Root;

pub(super) fn containerd(
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
