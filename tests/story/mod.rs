//! Booting a card with the story beside the script (`story.sh`), for the tests that tell it.

use anyhow::{Context, Result};
use cluster_tests::machine::{Answer, Boot, Card};
use cluster_tests::tools;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// As Raspberry Pi's kernel has it: the memory control group is off unless the line says otherwise.
pub const LINE: &str = "console=serial0,115200 console=tty1 root=@ROOT@ rootfstype=ext4 cgroup_disable=memory fsck.repair=yes rootwait";
/// The tools that act on a node.
pub const TOOLS: [&str; 4] = ["pi-partition", "pi-dockerroot", "pi-wifi", "k3s-join"];
/// Patience for a machine that shares its host's processors with other tests.
const LIMIT: Duration = Duration::from_secs(1500);

/// A boot with the tools and the story beside its script.
pub fn boot<'card>(
    card: &'card Card,
    name: &str,
    programs: &[impl AsRef<Path>],
) -> Result<Boot<'card>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let scripts = tools::top().join("tests");
    let boot = card
        .boot(name)
        .limit(LIMIT)
        .file(scripts.join("story/story.sh"))
        .file(scripts.join("wifi/radios.sh"))
        .data("clock", now.to_string());
    Ok(programs
        .iter()
        .fold(boot, |boot, program| boot.file(program)))
}

/// Runs these lines of the story.
pub fn tell(boot: Boot<'_>, lines: &str) -> Result<Answer> {
    boot.script(&format!("#!/bin/bash\n. ./story.sh\n{lines}\n"))
}

/// A number that the environment may give.
pub fn given(name: &str) -> Result<Option<u64>> {
    let text = std::env::var(name).ok();
    text.map(|text| text.parse().with_context(|| format!("reading {name}")))
        .transpose()
}
