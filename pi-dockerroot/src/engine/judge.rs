//! What speaks against a move.

use super::guard::{self, Guard};
use super::inventory::Info;
use super::kind::Engine;
use super::leftover;
use super::observe::Seen;
use super::request::{How, Request};
use super::switch::Switch;
use super::target::Target;
use anyhow::{Context, Result};
use cluster::finding::Finding;
use cluster::root::Root;
use cluster::run::{Refusal, mounts};
use serde_json::json;
use std::path::Path;

/// Storage drivers whose root is files and folders that can be copied: no subvolumes, no pools, no devices.
const DRIVERS: [&str; 5] = ["overlay2", "overlay", "vfs", "fuse-overlayfs", "overlayfs"];

/// The root that is in use, without symbolic links.
///
/// # Errors
/// A refusal where it is not clear which one that is, or it is not there.
pub fn old_root(request: &Request, seen: &Seen) -> Result<String> {
    let subject = request.engine.as_str();
    let ambiguous = |message: String, fix: &str| -> anyhow::Error {
        Refusal(Finding::error("dockerroot-root-ambiguous", subject, message).fix(fix)).into()
    };
    let real = |path: &str| Path::new(path).canonicalize();
    let old = real(&seen.root).with_context(|| format!("reading the root {}", seen.root))?;
    let info = seen
        .running
        .as_ref()
        .and_then(|running| running.info.as_ref());
    if let Some(info) = info.filter(|info| real(&info.docker_root_dir).ok().as_ref() != Some(&old))
    {
        let message = format!(
            "it runs on {}, and its configuration names {}",
            info.docker_root_dir, seen.root
        );
        return Err(ambiguous(
            message,
            "start it again, so that what is configured is what runs",
        ));
    }
    if let Some(from) = request
        .from
        .as_deref()
        .filter(|from| real(from).ok().as_ref() != Some(&old))
    {
        let message = format!("--from says {from}, and the engine's root is {}", seen.root);
        return Err(ambiguous(
            message,
            "leave --from out, or name the engine's root",
        ));
    }
    let old = old
        .into_os_string()
        .into_string()
        .ok()
        .context("reading the root: its path is not UTF-8")?;
    if matches!(seen.switch, Switch::Flag { .. }) && old != seen.root {
        let message = format!(
            "a flag names {}, which is a symbolic link to {old}",
            seen.root
        );
        return Err(ambiguous(message, "let the flag name the real folder"));
    }
    Ok(old)
}

/// The refusal of an engine that does not run.
pub fn not_running(request: &Request) -> anyhow::Error {
    let message = "it does not run, so what it has cannot be compared afterwards";
    let finding = Finding::error("dockerroot-not-running", request.engine.as_str(), message);
    Refusal(finding.fix("start it; or copy any tree with --tree")).into()
}

/// The refusal of an engine without a service manager.
pub fn no_service(request: &Request) -> Finding {
    let message =
        "nothing was found that stops and starts it: no systemd, no script in /etc/init.d";
    Finding::error("dockerroot-no-service", request.engine.as_str(), message)
        .fix("name the commands: --stop-command 'WORDS' --start-command 'WORDS'")
}

/// The warning of a node that has RancherOS or its successor.
pub fn os_unproven(name: &str) -> Finding {
    let message = "how RancherOS is asked, stopped and configured was not tried on a real one";
    Finding::warning("dockerroot-os-unproven", name, message)
}

/// What speaks against the engine as it is.
///
/// # Errors
/// What cannot be read.
pub fn engine(name: &str, request: &Request, seen: &Seen, old: &str) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let subject = request.engine.as_str();
    let Some(running) = &seen.running else {
        return Ok(Vec::new());
    };
    if seen.service.is_none() {
        findings.push(no_service(request));
    }
    if seen
        .service
        .as_ref()
        .is_some_and(|service| service.manager == "ros")
    {
        findings.push(os_unproven(name));
    }
    if let Some(info) = &running.info {
        docker(subject, info, old, &mut findings);
    }
    if request.engine == Engine::Containerd {
        tasks(subject, seen, &mut findings)?;
    }
    if seen.switch == Switch::Bind {
        bind(subject, seen, old, &mut findings)?;
    } else if request.how == How::Bind {
        findings.push(Finding::error(
            "dockerroot-bind",
            subject,
            "it cannot be led by a mount",
        ));
    }
    Ok(findings)
}

/// What is mounted below the root and is not the engine's own: it would be taken away, and what is in it is not copied.
///
/// # Errors
/// What cannot be read.
pub fn mounts(root: &Root, request: &Request, from: &str) -> Result<Vec<Finding>> {
    let from = Path::new(from);
    let foreign = leftover::mounts_below(root, from)?
        .into_iter()
        .filter(|mount| !leftover::is_engines(from, mount));
    let findings = foreign.map(|mount| {
        let message = format!(
            "{} ({}) is mounted at {}, and not by the engine: it would be unmounted, and what is in it is not moved",
            mount.source.display(),
            mount.filesystem,
            mount.target.display()
        );
        let fix = "end what uses it and unmount it, move, and mount it at the new place; or let the engine mount it: docker volume create --opt";
        Finding::error("dockerroot-mount-foreign", request.engine.as_str(), message).fix(fix)
    });
    Ok(findings.collect())
}

/// What Docker says of itself.
fn docker(subject: &str, info: &Info, old: &str, findings: &mut Vec<Finding>) {
    if !DRIVERS.contains(&info.driver.as_str()) {
        let message = format!(
            "its storage driver is {}, whose root is more than files",
            info.driver
        );
        findings.push(
            Finding::error("dockerroot-driver", subject, message)
                .fix("change to overlay2 first, which makes images anew")
                .evidence(json!({"driver": info.driver, "known": DRIVERS})),
        );
    }
    if !matches!(info.swarm.local_node_state.as_str(), "inactive" | "") {
        let message = format!(
            "it is part of a swarm ({}), whose state is not moved",
            info.swarm.local_node_state
        );
        findings
            .push(Finding::error("dockerroot-swarm", subject, message).fix("docker swarm leave"));
    }
    let status = info.driver_status.iter().flatten().flatten();
    if status
        .into_iter()
        .any(|word| word.starts_with("io.containerd.snapshotter"))
        && !Path::new(old).join("containerd/daemon").is_dir()
    {
        let message = "its images are in containerd's own root, which does not move with it";
        findings.push(
            Finding::warning("dockerroot-containerd-store", subject, message)
                .fix("move that too: --engine containerd"),
        );
    }
    if info.live_restore_enabled {
        let message = "live-restore lets containers outlive the engine: for the move they are ended and started again";
        findings.push(Finding::info("dockerroot-live-restore", subject, message));
    }
}

/// containerd alone starts no container again.
fn tasks(subject: &str, seen: &Seen, findings: &mut Vec<Finding>) -> Result<()> {
    let Some(running) = &seen.running else {
        return Ok(());
    };
    let inventory = running.live.inventory(&Root::open(Path::new("/"))?)?;
    let runs: Vec<&str> = inventory
        .containers
        .values()
        .filter(|container| container.runs)
        .map(|container| container.name.as_str())
        .collect();
    if !runs.is_empty() {
        let message = format!(
            "these run, and containerd would not start them again: {}",
            runs.join(", ")
        );
        findings.push(
            Finding::error("dockerroot-tasks-run", subject, message)
                .fix("end them first, or stop Docker where they are Docker's"),
        );
    }
    Ok(())
}

/// A mount on the old root's path has to be the only one there and to come back with the machine.
fn bind(subject: &str, seen: &Seen, old: &str, findings: &mut Vec<Finding>) -> Result<()> {
    if seen
        .service
        .as_ref()
        .is_some_and(|service| service.manager == "ros")
    {
        let message =
            "RancherOS does not mount anything on the engine's own root (rancher/os#3030)";
        findings.push(
            Finding::error("dockerroot-bind", subject, message)
                .fix("leave --switch out: the root is configured there"),
        );
    }
    let root = Root::open(Path::new("/"))?;
    if mounts::at(&mounts::read(&root)?, Path::new(old)).is_some()
        && !guard::is_bound_to_itself(Path::new(old))?
    {
        let message = format!("{old} is a mount point already");
        findings.push(
            Finding::error("dockerroot-bind", subject, message)
                .fix("let its file system be mounted elsewhere, or move by configuration"),
        );
    }
    Ok(())
}

/// What speaks against the target.
///
/// # Errors
/// What cannot be read.
pub fn target(root: &Root, request: &Request, new: &str, target: &Target) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let Some(mount) = &target.mount else {
        if !request.any_folder {
            let message = "nothing is mounted there: the disk that the system is on would fill";
            findings.push(
                Finding::error("dockerroot-target-not-mounted", new, message)
                    .fix("mount its file system there; or say --any-folder when the folder itself is meant"),
            );
        }
        return Ok(findings);
    };
    if mount.filesystem == "tmpfs" || mount.filesystem == "ramfs" {
        let message = format!(
            "a {} is mounted there, which is gone after a restart",
            mount.filesystem
        );
        findings.push(
            Finding::error("dockerroot-target-not-mounted", new, message).fix("mount a disk there"),
        );
    }
    if target.lasting.is_none() && root.is_system() {
        let message = "it is mounted now, and nothing mounts it when the machine starts: the engine would then not start";
        findings.push(
            Finding::warning("dockerroot-mount-not-lasting", new, message)
                .fix("pi-partition --persist, or a line in /etc/fstab"),
        );
    }
    if Path::new(new).parent().is_some()
        && guard::guarded(guard::beneath(Path::new(new))?.folder())? == Guard::Full
    {
        let message = "the folder beneath the mount holds files: it cannot be guarded, and without the mount the engine would fill this disk";
        findings.push(
            Finding::warning("dockerroot-guard-none", new, message)
                .fix("look at them from a rescue system, or with `mount --bind / /mnt/x`"),
        );
    }
    Ok(findings)
}
