//! A node's steps, for people to read.

use crate::answer::{FileAnswer, NodeAnswer};
use cluster::plan::{Action, Check, ServiceVerb, Step, sha256};

/// The official installer's name beside a script; nothing downloads it.
pub const INSTALLER: &str = "k3s-install.sh";
/// How long a start may take: as long as the unit's drop-in lets it.
const START_S: u64 = 900;

/// Files, installation, start, and the wait until K3s says that it is ready.
pub fn steps(answer: &NodeAnswer) -> Vec<Step> {
    let mut steps: Vec<Step> = answer.files.iter().map(write).collect();
    if let Some(unit) = answer.unit {
        let variables = answer.install.variables.iter();
        let variables = variables.map(|(name, value)| (*name, value.as_str()));
        steps.push(install(INSTALLER, variables, unit));
        steps.extend(start(unit));
    }
    steps
}

/// The official installer's run, which makes the unit.
pub(crate) fn install<'a>(
    script: &str,
    variables: impl Iterator<Item = (&'a str, &'a str)>,
    unit: &str,
) -> Step {
    let mut argv = vec!["env".to_owned()];
    argv.extend(variables.map(|(name, value)| format!("{name}={value}")));
    argv.extend(["sh".to_owned(), script.to_owned()]);
    let action = Action::Run {
        argv,
        limit_s: START_S,
        scratch: None,
    };
    let why =
        "the official installer writes the unit; all settings stand in the configuration file";
    Step::new("install", why, action, shows(unit, "LoadState", "loaded")).harmless()
}

fn start(unit: &str) -> [Step; 2] {
    // Not the active state: "inactive" holds "active" too.
    let active = shows(unit, "SubState", "running");
    let service = |verb| Action::Service {
        name: unit.to_owned(),
        verb,
    };
    let wait = Action::WaitFor { limit_s: START_S };
    [
        Step::new(
            "start",
            "the unit's drop-in bounds the wait",
            service(ServiceVerb::Start),
            active.clone(),
        )
        .undo(service(ServiceVerb::Stop)),
        Step::new("ready", "K3s tells systemd when it is ready", wait, active).harmless(),
    ]
}

/// A property of the unit has this value.
fn shows(unit: &str, property: &str, value: &str) -> Check {
    let argv = ["systemctl", "show", "--property", property, "--value", unit];
    Check::Output {
        argv: argv.map(str::to_owned).to_vec(),
        text: value.to_owned(),
    }
}

/// A file of the node's; the content of one that comes from a secret is in no plan.
pub(crate) fn write(file: &FileAnswer) -> Step {
    let why = match &file.secret_file {
        Some(secret) => format!("from the secret file {secret}"),
        None => "k3s-join's own file: what a person wrote stays".to_owned(),
    };
    Step::new(
        format!("write{}", file.path.replace(['/', '.'], "-")),
        why,
        Action::WriteFile {
            path: file.path.clone(),
            content: file.content.clone(),
            mode: u32::from_str_radix(&file.mode, 8).unwrap_or(0o600),
        },
        check(file),
    )
    .undo(Action::RemoveFile {
        path: file.path.clone(),
    })
}

/// What a secret is, no plan says: its file's permissions must do.
fn check(file: &FileAnswer) -> Check {
    if file.secret_file.is_none() {
        return Check::File {
            path: file.path.clone(),
            sha256: sha256(file.content.as_bytes()),
        };
    }
    Check::Output {
        argv: ["stat", "--format=%04a", &file.path]
            .map(str::to_owned)
            .to_vec(),
        text: file.mode.clone(),
    }
}
