//! The steps of an apply and of a leave. Pure: the same intent gives the same steps, also when a killed run has done some.

use crate::answer::FileAnswer;
use crate::plan::steps as plan_steps;
use cluster::plan::{Action, Check, Plan, Step, sha256};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What stands behind the file's name where its former content is kept.
pub const BACKUP: &str = ".before-k3s-join";
/// How long its counterpart may take: it ends every container.
const UNINSTALL_S: u64 = 300;

/// A large file that is copied onto the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// From here.
    pub from: String,
    /// To this path.
    pub to: String,
    /// Its permissions.
    pub mode: u32,
    /// Its SHA-256.
    pub sha256: String,
}

/// The kernel command line's file: as it was before this program came, and as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelLine {
    /// The file.
    pub path: String,
    /// Its content before.
    pub before: String,
    /// Its content after.
    pub after: String,
}

/// What shall be so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intent {
    /// The node.
    pub node: String,
    /// The kernel command line, where it needs our words.
    pub kernel_line: Option<KernelLine>,
    /// Files.
    pub files: Vec<FileAnswer>,
    /// Program and images.
    pub copies: Vec<Copied>,
    /// The official installer, where it may be run.
    pub installer: Option<Installer>,
}

/// The official installer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installer {
    /// Its file.
    pub script: String,
    /// The variables that it gets.
    pub variables: BTreeMap<String, String>,
    /// The unit that it makes.
    pub unit: String,
}

fn plan(node: &str, request: Value, steps: Vec<Step>) -> Plan {
    Plan {
        tool: crate::TOOL.to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        request,
        state: json!({"node": node}),
        steps,
    }
}

/// The steps that make it so. The command line comes first: it takes effect at the next start only, and everything
/// else can wait for that.
pub fn apply(intent: &Intent) -> Plan {
    let mut steps = Vec::new();
    if let Some(line) = &intent.kernel_line {
        kernel_line(line, &mut steps);
    }
    steps.extend(intent.copies.iter().map(copy));
    steps.extend(intent.files.iter().map(plan_steps::write));
    if let Some(installer) = &intent.installer {
        let variables = installer.variables.iter();
        let variables = variables.map(|(name, value)| (name.as_str(), value.as_str()));
        steps.push(plan_steps::install(
            &installer.script,
            variables,
            &installer.unit,
        ));
    }
    let files: Vec<Value> = intent
        .files
        .iter()
        .map(|f| json!({"path": f.path, "secret_file": f.secret_file}))
        .collect();
    plan(&intent.node, json!({"do": "apply", "files": files}), steps)
}

fn kernel_line(line: &KernelLine, steps: &mut Vec<Step>) {
    let write = |path: String, content: &str| Action::WriteFile {
        path,
        content: content.to_owned(),
        mode: 0o644,
    };
    let is = |path: String, content: &str| Check::File {
        path,
        sha256: sha256(content.as_bytes()),
    };
    if line.before != line.after {
        let backup = format!("{}{BACKUP}", line.path);
        let why = "the former command line, for a person with the card in another computer";
        steps.push(
            Step::new(
                "keep-kernel-line",
                why,
                write(backup.clone(), &line.before),
                is(backup, &line.before),
            )
            .harmless(),
        );
    }
    let why =
        "the memory control group is on from the next start; the other words stay as they are";
    steps.push(
        Step::new(
            "kernel-line",
            why,
            write(line.path.clone(), &line.after),
            is(line.path.clone(), &line.after),
        )
        .undo(write(line.path.clone(), &line.before)),
    );
}

fn copy(copied: &Copied) -> Step {
    let action = Action::CopyTree {
        from: copied.from.clone(),
        to: copied.to.clone(),
    };
    let check = Check::File {
        path: copied.to.clone(),
        sha256: copied.sha256.clone(),
    };
    Step::new(
        id("copy", &copied.to),
        "from the file that was given; nothing is downloaded",
        action,
        check,
    )
    .undo(Action::RemoveFile {
        path: copied.to.clone(),
    })
}

fn id(verb: &str, path: &str) -> String {
    format!("{verb}{}", path.replace(['/', '.'], "-"))
}

/// One of K3s's own scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uninstall {
    /// Its path.
    pub script: String,
    /// The data folder, where it is not K3s's default.
    pub data: Option<String>,
}

/// What is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaving {
    /// The node.
    pub node: String,
    /// K3s's own scripts, whether they are there or not: a leave that was ended in the middle has the same steps.
    pub uninstall: Vec<Uninstall>,
    /// Files of this program's.
    pub files: Vec<String>,
    /// The command line as it is, and as it becomes again.
    pub kernel_line: Option<KernelLine>,
}

/// The steps of leaving. `/etc/rancher/node/password` stays: with it the node may come back under its name.
pub fn leave(leaving: &Leaving) -> Plan {
    let mut steps = Vec::new();
    steps.extend(leaving.uninstall.iter().map(uninstall));
    let why = "it was written by k3s-join";
    steps.extend(leaving.files.iter().map(|path| remove(path, why)));
    if let Some(line) = &leaving.kernel_line {
        let action = Action::WriteFile {
            path: line.path.clone(),
            content: line.after.clone(),
            mode: 0o644,
        };
        let check = Check::File {
            path: line.path.clone(),
            sha256: sha256(line.after.as_bytes()),
        };
        steps.push(Step::new(
            "kernel-line",
            "the words that k3s-join put there go",
            action,
            check,
        ));
        // The last of all: it says which words those are.
        let why = "the former command line's copy has served";
        steps.push(remove(&format!("{}{BACKUP}", line.path), why));
    }
    plan(&leaving.node, json!({"do": "leave"}), steps)
}

/// That the script is there says that it has not ended: the unit goes long before the data.
fn uninstall(own: &Uninstall) -> Step {
    let data = own.data.iter();
    let mut argv: Vec<String> = data
        .flat_map(|data| ["env".to_owned(), format!("K3S_DATA_DIR={data}")])
        .collect();
    argv.push(own.script.clone());
    let action = Action::Run {
        argv,
        limit_s: UNINSTALL_S,
        scratch: None,
    };
    let name = own.script.rsplit('/').next().unwrap_or_default();
    Step::new(
        name.trim_end_matches(".sh"),
        "where it is there, K3s's own script ends it and its containers and removes its files",
        action,
        Check::NoFile {
            path: own.script.clone(),
        },
    )
}

fn remove(path: &str, why: &str) -> Step {
    let action = Action::RemoveFile {
        path: path.to_owned(),
    };
    let check = Check::NoFile {
        path: path.to_owned(),
    };
    Step::new(id("remove", path), why, action, check)
}
