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
/// The package's unit, which is for any interface.
const TEMPLATE: &str = include_str!("../../pi-wifi-watch@.service");

/// The unit's file, and the service's start with the system.
pub fn install_watch(job: &Job<'_>, interface: &str) -> anyhow::Result<Done> {
    if let Some(finding) = plan::check_interface(interface, interface) {
        return Ok(Done {
            findings: vec![finding],
            ..Done::default()
        });
    }
    let file = unit_file(interface, job.cli.reboot)?;
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

fn unit_file(interface: &str, reboot: bool) -> anyhow::Result<File> {
    let own = std::env::current_exe().context("finding this program")?;
    let text = unit_text(&own.display().to_string(), interface, reboot);
    Ok(File::new(
        format!("/etc/systemd/system/{UNIT}"),
        Content::plain(text),
    ))
}

/// The package's unit, for this program and one interface.
fn unit_text(own: &str, interface: &str, reboot: bool) -> String {
    let lines = TEMPLATE.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.map(|line| {
        let flag = match reboot && line.starts_with("ExecStart=") {
            true => " --reboot",
            false => "",
        };
        let line = line.replace("%I", interface);
        line.replace("/usr/bin/pi-wifi", own) + flag + "\n"
    });
    lines.collect()
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
    let site = job.site("", &request);
    let begun = acting.begin(site, steps.to_vec(), on_card)?;
    let changed = acting.last(site, begun)?;
    if !on_card && changed {
        Command::new("systemctl").args(["daemon-reload"]).run()?;
        Command::new("systemctl")
            .args(["start", "--", UNIT])
            .run()?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::unit_text;

    #[test]
    fn the_unit_is_the_packages_for_one_interface() {
        let text = unit_text("/opt/pi-wifi", "wlan1", false);
        let start = "ExecStart=/opt/pi-wifi -n --watch --apply --interface wlan1\n";
        assert!(
            text.starts_with("[Unit]\n") && text.contains(start),
            "{text}"
        );
        assert!(!text.contains('%') && text.contains("MemoryMax="), "{text}");
        let text = unit_text("/opt/pi-wifi", "wlan1", true);
        assert!(text.contains("--interface wlan1 --reboot\n"), "{text}");
    }
}
