//! The steps of a move, from what was seen alone.

use super::kind::Engine;
use super::service::Service;
use super::switch::Switch;
use cluster::plan::{Action, Check, Plan, Step, sha256};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a move goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the old root to the new one.
    Forward,
    /// Back, with all that was written since.
    Back,
    /// Back to the old root as it was left.
    BackWithout,
}

/// What a plan is made from: never counts, times or estimates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// Which engine.
    pub engine: Engine,
    /// Where the move goes.
    pub direction: Direction,
    /// The storage driver; empty where the engine does not tell.
    pub driver: String,
    /// The old root.
    pub old: String,
    /// The new root.
    pub new: String,
    /// The old root's file system.
    pub old_filesystem: String,
    /// The new root's file system.
    pub new_filesystem: String,
    /// What decides which root is in use.
    pub switch: Switch,
    /// The SHA-256 of the file that decides, before the move; empty where there is none.
    pub switch_sha256: String,
    /// How the engine is stopped and started.
    pub service: Service,
    /// Whether the new root is a mount point, whose bare folder gets a guard.
    pub mount_point: bool,
    /// Whether the root that becomes the engine's was put away by an earlier move.
    pub put_away: bool,
}

impl State {
    /// The root that is in use before.
    pub fn source(&self) -> &str {
        match self.direction {
            Direction::Forward => &self.old,
            Direction::Back | Direction::BackWithout => &self.new,
        }
    }

    /// The root that is in use after.
    pub fn target(&self) -> &str {
        match self.direction {
            Direction::Forward => &self.new,
            Direction::Back | Direction::BackWithout => &self.old,
        }
    }
}

/// What makes systemd wait for the new root's file system: beside the unit that is started.
pub fn drop_in(state: &State) -> String {
    let started = state.service.start.iter().map(String::as_str);
    let unit = started.rev().find(|word| word.ends_with(".service"));
    let unit = unit.or_else(|| state.engine.units().last().copied());
    let unit = unit.unwrap_or_default();
    format!("/etc/systemd/system/{unit}.d/pi-dockerroot.conf")
}

/// Its content: the path that the engine uses, which a mount leads to the new root or which is the new root. A `%` begins a
/// specifier, and a path with spaces stands in quotes (systemd.unit(5), systemd.syntax(7)).
pub fn drop_in_text(state: &State) -> String {
    let path = match state.switch {
        Switch::Bind => &state.old,
        _ => &state.new,
    };
    let quote = if path.contains([' ', '\t', '\'']) {
        "\""
    } else {
        ""
    };
    let path = path.replace('%', "%%");
    format!("[Unit]\nRequiresMountsFor={quote}{path}{quote}\n")
}

/// How long a service manager may take: it waits for the containers, each of which has 10 s.
const SERVICE_LIMIT_S: u64 = 180;

/// The plan.
pub fn plan(request: Value, state: &State) -> Plan {
    Plan {
        tool: "pi-dockerroot".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        request,
        // It is made of strings and booleans: it always has a JSON form.
        state: serde_json::to_value(state).unwrap_or(Value::Null),
        steps: steps(state),
    }
}

fn own(verb: &str, path: &str, why: &str) -> Step {
    let (verb, path) = (verb.to_owned(), path.to_owned());
    let action = Action::Own {
        verb: verb.clone(),
        path: path.clone(),
    };
    Step::new(verb.clone(), why, action, Check::Own { verb, path }).harmless()
}

fn copy(id: &str, state: &State, why: &str) -> Step {
    let (from, to) = (state.source().to_owned(), state.target().to_owned());
    let check = Check::Own {
        verb: id.to_owned(),
        path: to.clone(),
    };
    Step::new(id, why, Action::CopyTree { from, to }, check).harmless()
}

fn service(id: &str, argv: &[String], undo: &[String], why: &str) -> Step {
    let run = |argv: &[String]| Action::Run {
        argv: argv.to_vec(),
        limit_s: SERVICE_LIMIT_S,
        scratch: None,
    };
    let check = Check::Own {
        verb: id.to_owned(),
        path: argv.join(" "),
    };
    Step::new(id, why, run(argv), check).undo(run(undo))
}

/// The steps, in their order.
fn steps(state: &State) -> Vec<Step> {
    let mut steps = beside(state);
    steps.extend(standstill(state));
    steps.extend(after(state));
    steps
}

/// Whether anything is copied.
fn copies(state: &State) -> bool {
    state.direction != Direction::BackWithout
}

/// Whether the new root covers the old one's path: without its mount an engine would find the old root there.
fn covers(state: &State) -> bool {
    state.switch == Switch::Bind && state.direction == Direction::Forward
}

/// Beside the running engine.
fn beside(state: &State) -> Vec<Step> {
    let target = state.target();
    let why = "what is changed is written down first, so that it can be taken back";
    let mut steps = vec![own("remember", state.source(), why)];
    if state.direction == Direction::Forward && state.mount_point {
        let why = "the bare folder beneath the mount becomes immutable: without its file system the engine fails loudly instead of filling this disk";
        steps.push(own("guard", target, why));
    }
    if !copies(state) {
        return steps;
    }
    if state.put_away {
        let why = "what an earlier move put away there is taken into its place: most of it is still right";
        steps.push(own("take-back", target, why));
    }
    let why = "while the engine runs; what changes meanwhile the second pass brings";
    steps.push(copy("copy", state, why));
    let why = "the copy is read back from its disk while the engine still runs";
    steps.push(own("compare-content", target, why));
    steps
}

/// While nothing runs.
fn standstill(state: &State) -> Vec<Step> {
    let (source, target) = (state.source(), state.target());
    let why = "the engine and what would start it again on demand; from here on nothing runs";
    let mut steps = vec![service(
        "stop",
        &state.service.stop,
        &state.service.start,
        why,
    )];
    let why = "containers that outlived the engine are ended, mounts below its root taken away";
    steps.push(own("release", source, why));
    if copies(state) {
        let why = "everything that changed since; then the whole copy is compared";
        steps.push(copy("second-pass", state, why));
    } else if state.put_away {
        steps.push(own(
            "take-back",
            target,
            "the old root is taken into its place",
        ));
    }
    if copies(state) && state.engine == Engine::Docker && state.switch != Switch::Bind {
        let why = "Docker before 26.0 keeps absolute paths in the records of containers";
        steps.push(own("rewrite-paths", target, why));
    }
    let why = match state.switch {
        Switch::Json { .. } => "daemon.json names the root; its other keys stay as they are",
        Switch::Flag { .. } => {
            "the root stands in a flag, and a second place for it would keep the engine from starting or be ignored"
        }
        Switch::Ros { .. } => "the system's configuration names the root",
        Switch::Bind => "the path stays as it is for the engine, and what is mounted there changes",
    };
    steps.push(own("switch", target, why));
    if covers(state) {
        // Not before the switch: until then the old root is the one that is copied from.
        let why = "the old root's content goes into a folder beneath the mount that covers it, and the root becomes immutable";
        steps.push(own("put-away", source, why));
    }
    if state.direction != Direction::Forward {
        // The new root's file system may be gone, and the start would wait for it.
        steps.extend(order(state));
    }
    let (start, stop) = (&state.service.start, &state.service.stop);
    steps.push(service("start", start, stop, "the engine on its root"));
    steps
}

/// The engine runs again.
fn after(state: &State) -> Vec<Step> {
    let why = "containers, images and volumes are the same as before, and what ran runs";
    let mut steps = vec![own("compare", state.target(), why)];
    if state.direction == Direction::Forward {
        steps.extend(order(state));
    }
    if !covers(state) {
        let why = "kept until --finish, in a folder of its own, where no engine finds it";
        steps.push(own("put-away", state.source(), why));
    }
    let why = "from here on the move can be finished or rolled back";
    steps.push(own("settle", state.target(), why));
    steps
}

/// systemd starts the engine after the file system is mounted, or not at all.
fn order(state: &State) -> Vec<Step> {
    if state.service.manager != "systemd" {
        return Vec::new();
    }
    let path = drop_in(state);
    let write = if state.direction == Direction::Forward {
        let content = drop_in_text(state);
        let check = Check::File {
            path: path.clone(),
            sha256: sha256(content.as_bytes()),
        };
        let action = Action::WriteFile {
            path: path.clone(),
            content,
            mode: 0o644,
        };
        Step::new(
            "order",
            "systemd starts the engine once the new root's file system is mounted, or not at all",
            action,
            check,
        )
        .undo(Action::RemoveFile { path })
    } else {
        let check = Check::NoFile { path: path.clone() };
        Step::new(
            "order",
            "systemd need not wait for the new root any more",
            Action::RemoveFile { path },
            check,
        )
        .harmless()
    };
    let argv = ["systemctl", "daemon-reload"].map(str::to_owned).to_vec();
    let check = Check::Own {
        verb: "reload".to_owned(),
        path: "systemd".to_owned(),
    };
    let reload = Step::new(
        "reload",
        "systemd reads its units again",
        Action::Run {
            argv,
            limit_s: 60,
            scratch: None,
        },
        check,
    );
    vec![write, reload.harmless()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn state(direction: Direction, switch: Switch, manager: &str) -> State {
        let words = |word: &str| vec!["service".to_owned(), "docker".to_owned(), word.to_owned()];
        State {
            engine: Engine::Docker,
            direction,
            driver: "overlay2".to_owned(),
            old: "/var/lib/docker".to_owned(),
            new: "/mnt/docker".to_owned(),
            old_filesystem: "1".to_owned(),
            new_filesystem: "2".to_owned(),
            switch,
            switch_sha256: String::new(),
            service: Service {
                manager: manager.to_owned(),
                stop: words("stop"),
                start: words("start"),
            },
            mount_point: true,
            put_away: direction != Direction::Forward,
        }
    }

    fn ids(state: &State) -> String {
        let steps = steps(state);
        let mut seen = std::collections::BTreeSet::new();
        assert!(
            steps.iter().all(|step| seen.insert(step.id.clone())),
            "an id stands twice"
        );
        steps
            .iter()
            .map(|step| step.id.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_engine_stands_still_for_as_little_as_possible() {
        let json = || Switch::Json {
            path: "/etc/docker/daemon.json".to_owned(),
            key: "data-root".to_owned(),
        };
        assert_eq!(
            ids(&state(Direction::Forward, json(), "sysvinit")),
            "remember guard copy compare-content stop release second-pass rewrite-paths switch start compare put-away settle"
        );
        assert_eq!(
            ids(&state(Direction::Forward, Switch::Bind, "systemd")),
            "remember guard copy compare-content stop release second-pass switch put-away start compare order reload settle"
        );
        assert_eq!(
            ids(&state(Direction::Back, json(), "systemd")),
            "remember take-back copy compare-content stop release second-pass rewrite-paths switch order reload start compare put-away settle"
        );
        assert_eq!(
            ids(&state(Direction::BackWithout, json(), "sysvinit")),
            "remember stop release take-back switch start compare put-away settle"
        );
    }

    #[test]
    fn systemd_waits_with_the_unit_that_is_started_for_the_path_that_it_uses() {
        let mut state = state(Direction::Forward, Switch::Bind, "systemd");
        state.engine = Engine::K3s;
        state.service.start = ["systemctl", "start", "k3s.service"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(
            drop_in(&state),
            "/etc/systemd/system/k3s.service.d/pi-dockerroot.conf"
        );
        assert_eq!(
            drop_in_text(&state),
            "[Unit]\nRequiresMountsFor=/var/lib/docker\n"
        );
        state.switch = Switch::Flag {
            path: String::new(),
        };
        state.new = "/mnt/a b%".to_owned();
        assert_eq!(
            drop_in_text(&state),
            "[Unit]\nRequiresMountsFor=\"/mnt/a b%%\"\n"
        );
    }

    #[test]
    fn the_same_state_gives_the_same_plan() {
        let make = |driver: &str| {
            let mut state = state(Direction::Forward, Switch::Bind, "systemd");
            state.driver = driver.to_owned();
            plan(json!({}), &state).plan_sha256()
        };
        assert_eq!(make("overlay2"), make("overlay2"));
        assert_ne!(make("overlay2"), make("vfs"));
    }
}
