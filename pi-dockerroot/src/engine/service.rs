//! How the engine is stopped and started: by systemd, RancherOS' system-docker, a sysvinit script, or commands that were
//! given.

use super::kind::Engine;
use cluster::root::Root;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Two commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// What was found: `systemd`, `sysvinit`, `ros` or `commands`.
    pub manager: String,
    /// Ends the engine, and what would start it again when somebody asks.
    pub stop: Vec<String>,
    /// Starts both.
    pub start: Vec<String>,
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The one to use; `None` where there is none.
pub fn find(engine: Engine, root: &Root, commands: Option<(&str, &str)>) -> Option<Service> {
    let service = |manager: &str, stop: Vec<String>, start: Vec<String>| {
        Some(Service {
            manager: manager.to_owned(),
            stop,
            start,
        })
    };
    if let Some((stop, start)) = commands {
        return service("commands", words(stop), words(start));
    }
    let there = |path: &str| root.exists(Path::new(path)).unwrap_or(false);
    if there("/usr/bin/ros") && engine == Engine::Docker {
        return service(
            "ros",
            words("system-docker stop docker"),
            words("system-docker start docker"),
        );
    }
    if there("/run/systemd/system") {
        let units: Vec<&str> = engine
            .units()
            .iter()
            .copied()
            .filter(|unit| is_unit(root, unit))
            .collect();
        if units.is_empty() {
            return None;
        }
        let units = units.join(" ");
        let command = |verb: &str| words(&format!("systemctl {verb} {units}"));
        return service("systemd", command("stop"), command("start"));
    }
    let name = engine.as_str();
    if there(&format!("/etc/init.d/{name}")) {
        let command = |verb: &str| words(&format!("service {name} {verb}"));
        return service("sysvinit", command("stop"), command("start"));
    }
    None
}

/// Whether systemd knows the unit.
fn is_unit(root: &Root, unit: &str) -> bool {
    [
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ]
    .iter()
    .any(|folder| root.exists(&Path::new(folder).join(unit)).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_that_runs_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let make = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        };
        assert_eq!(find(Engine::Docker, &root, None), None);
        let given = find(Engine::Docker, &root, Some(("a  b", "c"))).unwrap();
        assert_eq!((given.stop, given.start), (words("a b"), words("c")));
        make("etc/init.d/docker");
        assert_eq!(
            find(Engine::Docker, &root, None).unwrap().stop,
            words("service docker stop")
        );
        make("run/systemd/system/x");
        assert_eq!(find(Engine::Docker, &root, None), None);
        make("lib/systemd/system/docker.service");
        make("lib/systemd/system/docker.socket");
        let systemd = find(Engine::Docker, &root, None).unwrap();
        assert_eq!(
            systemd.stop,
            words("systemctl stop docker.socket docker.service")
        );
        make("usr/bin/ros");
        assert_eq!(find(Engine::Docker, &root, None).unwrap().manager, "ros");
        make("etc/systemd/system/k3s-agent.service");
        assert_eq!(
            find(Engine::K3s, &root, None).unwrap().start,
            words("systemctl start k3s-agent.service")
        );
    }
}
