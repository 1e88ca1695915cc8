//! What makes a mount last over a restart: a line in fstab, a systemd unit, or RancherOS' `mounts`.

use crate::state::NodeState;
use cluster::finding::Finding;
use cluster::inventory::{Filesystem, Os, Persist};
use cluster::plan::{Action, Check, Step, sha256};
use cluster::{cloud_config, fstab, unit};

/// A mount that shall last.
#[derive(Debug, Clone, Copy)]
pub struct Lasting<'a> {
    /// The partition's number, for the steps' names.
    pub number: u32,
    /// The partition's device.
    pub device: &'a str,
    /// The partition's own identity.
    pub partuuid: &'a str,
    /// The file system's UUID.
    pub uuid: &'a str,
    /// Its label.
    pub label: Option<&'a str>,
    /// Its type.
    pub filesystem: Filesystem,
    /// The mount point.
    pub target: &'a str,
}

impl Lasting<'_> {
    /// Whether a source of fstab(5) names this very partition, in whichever way.
    fn is_named(&self, source: &str) -> bool {
        let by = |tag: &str, value: &str| match tag {
            "uuid" => value.eq_ignore_ascii_case(self.uuid),
            "partuuid" => value.eq_ignore_ascii_case(self.partuuid),
            "label" => self.label.is_some_and(|label| value == fstab::word(label)),
            _ => false,
        };
        if let Some((tag, value)) = source.split_once('=') {
            return by(&tag.to_ascii_lowercase(), value.trim_matches('"'));
        }
        let link = source.strip_prefix("/dev/disk/by-");
        let link = link.and_then(|link| link.split_once('/'));
        source == self.device || link.is_some_and(|(tag, value)| by(tag, value))
    }
}

/// Mount options for container layers on flash: no write for each read (`noatime`).
pub const OPTIONS: &str = "noatime";
/// fstab's: a card that is worn out does not keep the node from starting either.
const FSTAB_OPTIONS: &str = "defaults,noatime,nofail";

/// What fits the operating system.
pub fn resolve(persist: Persist, os: Option<Os>) -> Persist {
    match (persist, os) {
        (Persist::Auto, Some(os)) if os.is_rancher() => Persist::Ros,
        (Persist::Auto, _) => Persist::Fstab,
        (chosen, _) => chosen,
    }
}

/// The steps, none where it lasts already.
///
/// # Errors
/// An error finding where something else is configured for the mount point.
pub fn steps(
    persist: Persist,
    mount: Lasting<'_>,
    node: &NodeState,
) -> Result<Vec<Step>, Box<Finding>> {
    match persist {
        Persist::Fstab => fstab(mount, node),
        Persist::Systemd => Ok(systemd(mount, node)),
        Persist::Ros => ros(mount, node),
        Persist::None | Persist::Auto => Ok(Vec::new()),
    }
}

fn fstab(mount: Lasting<'_>, node: &NodeState) -> Result<Vec<Step>, Box<Finding>> {
    let path = "/etc/fstab".to_owned();
    let line = format!(
        "UUID={} {} {} {FSTAB_OPTIONS} 0 2",
        mount.uuid,
        fstab::word(mount.target),
        mount.filesystem.as_str()
    );
    let lines = node.fstab.as_deref().unwrap_or_default();
    if let Some(other) = fstab::line_of(lines.iter().map(String::as_str), mount.target) {
        if fstab::source_and_target(other).is_some_and(|(source, _)| mount.is_named(source)) {
            return Ok(Vec::new());
        }
        return Err(taken(mount.target, "/etc/fstab", other));
    }
    let check = Check::Line {
        path: path.clone(),
        line: line.clone(),
    };
    let undo = Action::RemoveLine {
        path: path.clone(),
        line: line.clone(),
    };
    let why = "the mount lasts over a restart: by UUID, because device names may change; `nofail`, because a node without it shall still start";
    Ok(vec![
        Step::new(
            format!("persist-{}", mount.number),
            why,
            Action::AppendLine { path, line },
            check,
        )
        .undo(undo),
    ])
}

fn systemd(mount: Lasting<'_>, node: &NodeState) -> Vec<Step> {
    let name = unit_name(mount.target);
    let path = format!("/etc/systemd/system/{name}");
    let content = unit(mount);
    if node.units.get(&path) == Some(&content) {
        return Vec::new();
    }
    let check = Check::File {
        path: path.clone(),
        sha256: sha256(content.as_bytes()),
    };
    let undo = match node.units.get(&path) {
        Some(old) => Action::WriteFile {
            path: path.clone(),
            content: old.clone(),
            mode: 0o644,
        },
        None => Action::RemoveFile { path: path.clone() },
    };
    let write = Step::new(
        format!("persist-{}", mount.number),
        "a unit of its own, so that other services can require it (RequiresMountsFor)",
        Action::WriteFile {
            path,
            content,
            mode: 0o644,
        },
        check,
    )
    .undo(undo);
    let enable = Step::enable_unit(
        format!("enable-{}", mount.number),
        "the unit is started with the system",
        &name,
    );
    vec![write, enable]
}

fn unit(mount: Lasting<'_>) -> String {
    // A `%` begins a specifier (systemd.unit(5)).
    let target = mount.target.replace('%', "%%");
    format!(
        "[Unit]\nDescription={target}\n\n[Mount]\nWhat=/dev/disk/by-uuid/{}\nWhere={target}\nType={}\nOptions={OPTIONS},nofail\n\n[Install]\nWantedBy=local-fs.target\n",
        mount.uuid,
        mount.filesystem.as_str()
    )
}

/// The unit that a mount point must have (`systemd-escape --path --suffix=mount`).
fn unit_name(target: &str) -> String {
    unit::of_path(target) + ".mount"
}

fn ros(mount: Lasting<'_>, node: &NodeState) -> Result<Vec<Step>, Box<Finding>> {
    let source = format!("UUID={}", mount.uuid);
    let Some(present) = &node.ros_mounts else {
        // Not this node, or its configuration cannot be read: a list that is set blindly would drop what is in it.
        return Ok(Vec::new());
    };
    if let Some(other) = present.iter().find(|entry| entry[1] == mount.target) {
        // By its label it stands in a configuration that was planned before there was a UUID.
        let by_label = mount
            .label
            .is_some_and(|label| other[0] == format!("LABEL={label}"));
        if other[0] == source || by_label {
            return Ok(Vec::new());
        }
        return Err(taken(mount.target, "RancherOS' mounts", &other.join(" ")));
    }
    let ours = [
        source.clone(),
        mount.target.to_owned(),
        mount.filesystem.as_str().to_owned(),
        OPTIONS.to_owned(),
    ];
    let set = |entries: &[[String; 4]]| {
        cloud_config::mounts_value(entries).map_err(|problem| {
            let finding = Finding::error("partition-ros-config", mount.target, problem);
            Box::new(finding.fix("configure the mount by hand with `ros config set mounts`"))
        })
    };
    let mut all = present.clone();
    all.push(ours);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let run = |value: String| Action::Run {
        argv: words(&["ros", "config", "set", "mounts", &value]),
        limit_s: 60,
        scratch: None,
    };
    let check = Check::Output {
        argv: words(&["ros", "config", "get", "mounts"]),
        text: source,
    };
    let why = "the mount lasts over a restart; `ros` replaces the whole list, so every entry that is there stands in it again";
    let step = Step::new(
        format!("persist-{}", mount.number),
        why,
        run(set(&all)?),
        check,
    );
    Ok(vec![step.undo(run(set(present)?))])
}

fn taken(target: &str, place: &str, other: &str) -> Box<Finding> {
    let finding = Finding::error(
        "partition-mount-configured",
        target,
        format!("{place} mounts something else on {target}: {other}"),
    );
    Box::new(finding.fix("take the other entry out, or wish for another mount point"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_names_the_partition_in_another_way_is_its_own() {
        let mount = Lasting {
            number: 3,
            device: "/dev/mmcblk0p3",
            partuuid: "3f7d419c-03",
            uuid: "1bacb866-a7f1-87fe-8184-03a4844c0a85",
            label: Some("my data"),
            filesystem: Filesystem::Ext4,
            target: "/mnt/docker",
        };
        let steps = |source: &str| {
            let node = NodeState {
                fstab: Some(vec![
                    String::new(),
                    format!("{source} /mnt/docker ext4 defaults 0 2"),
                ]),
                ..NodeState::default()
            };
            steps(Persist::Fstab, mount, &node).map(|steps| steps.len())
        };
        for source in [
            "UUID=1bacb866-a7f1-87fe-8184-03a4844c0a85",
            "UUID=\"1BACB866-a7f1-87fe-8184-03a4844c0a85\"",
            "PARTUUID=3F7D419C-03",
            "LABEL=my\\040data",
            "/dev/mmcblk0p3",
            "/dev/disk/by-partuuid/3f7d419c-03",
            "/dev/disk/by-uuid/1bacb866-a7f1-87fe-8184-03a4844c0a85",
        ] {
            assert_eq!(steps(source).ok(), Some(0), "{source}");
        }
        for source in [
            "UUID=1bacb866",
            "PARTUUID=3f7d419c-02",
            "LABEL=data",
            "PARTLABEL=my\\040data",
            "/dev/mmcblk0p2",
            "/dev/disk/by-path/3f7d419c-03",
        ] {
            let finding = steps(source).unwrap_err();
            assert_eq!(finding.id, "partition-mount-configured", "{source}");
        }
    }

    #[test]
    fn unit_names_are_those_of_systemd_escape() {
        // systemd-escape --path --suffix=mount PATH
        for (path, name) in [
            ("/mnt/docker", "mnt-docker.mount"),
            ("/srv/a-b", "srv-a\\x2db.mount"),
            ("/.hidden/x y", "\\x2ehidden-x\\x20y.mount"),
        ] {
            assert_eq!(unit_name(path), name);
        }
    }
}
