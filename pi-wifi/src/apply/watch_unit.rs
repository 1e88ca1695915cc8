//! The unit that watches from the start on.

use super::Acting;
use crate::answer::NodeAnswer;
use crate::content::{Content, File};
use crate::job::{Done, Job};
use crate::plan;
use crate::wish;
use anyhow::Context;
use cluster::command::Command;
use cluster::plan::Step;

/// The unit's name.
const UNIT: &str = "pi-wifi-watch.service";

/// The unit's file, and the service's start with the system.
pub fn install_watch(job: &Job<'_>, interface: &str) -> anyhow::Result<Done> {
    if let Some(finding) = plan::check_interface(interface, interface) {
        return Ok(Done {
            findings: vec![finding],
            ..Done::default()
        });
    }
    let file = unit_file(interface)?;
    let steps = vec![
        plan::write_step("write-1", &file),
        Step::enable_unit("enable", "it watches from the start on", UNIT),
    ];
    let mut answer = NodeAnswer::empty(interface);
    answer.pending = true;
    if job.cli.node.apply {
        answer.changed = install(job, &[file], &steps)?;
        answer.pending = false;
    }
    answer.steps = steps;
    let mut done = Done::default();
    done.nodes.insert(job.name(None), answer);
    Ok(done)
}

fn unit_file(interface: &str) -> anyhow::Result<File> {
    let own = std::env::current_exe().context("finding this program")?;
    let text = format!(
        "[Unit]\nDescription=Watch the Wi-Fi link and mend it\nAfter=network.target\n\n[Service]\nExecStart={} -n --watch --apply --interface {interface}\nRestart=always\nRestartSec=10\nMemoryMax=32M\n\n[Install]\nWantedBy=multi-user.target\n",
        own.display()
    );
    Ok(File::new(
        format!("/etc/systemd/system/{UNIT}"),
        Content::plain(text),
    ))
}

/// Carries the steps out, and starts the unit where it was new. Whether something was done.
fn install(job: &Job<'_>, files: &[File], steps: &[Step]) -> anyhow::Result<bool> {
    let request = wish::request(job.cli, job.inventory, job.wifi, None, job.networks);
    let acting = Acting {
        job,
        name: "",
        files,
    };
    let on_card = !job.root.is_system();
    let changed = acting.last(job.site("", &request), steps.to_vec(), on_card)?;
    if !on_card && changed {
        Command::new("systemctl").args(["daemon-reload"]).run()?;
        Command::new("systemctl")
            .args(["start", "--", UNIT])
            .run()?;
    }
    Ok(changed)
}
