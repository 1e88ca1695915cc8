//! Whether the programs are there that a plan runs: asked before its first effect.

use cluster::command::is_installed;
use cluster::finding::Finding;
use cluster::plan::{Action, Plan};
use cluster::run::{Progress, Unfinished};

/// The error of a program that a plan runs and that is not installed. What an earlier run did already is not run again.
pub fn missing(plan: &Plan, left: Option<&Unfinished>, disk: &str) -> Option<Finding> {
    let done = |id: &String| {
        let progress = left.and_then(|left| left.progress.get(id));
        progress == Some(&Progress::Done)
    };
    let words = plan
        .steps
        .iter()
        .filter(|step| !done(&step.id))
        .filter_map(|step| match &step.action {
            Action::Run { argv, .. } => argv.first(),
            _ => None,
        });
    let mut missing = words.filter(|program| !is_installed(program));
    missing.next().map(|program| {
        let message = format!("{program} is not installed; nothing was changed");
        Finding::error("partition-program-missing", disk, message).fix(package(program))
    })
}

/// How to get a program, on the systems that have packages.
fn package(program: &str) -> String {
    let package = match program {
        "mkfs.xfs" => "xfsprogs",
        "mkfs.ext4" => "e2fsprogs",
        _ => return format!("install {program}, and run this again"),
    };
    format!("install it (apt install {package}), and run this again")
}
