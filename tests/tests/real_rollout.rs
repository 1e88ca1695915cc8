//! `scripts/gather-nodes` and `scripts/rollout` over real ssh to four machines in namespaces of their own, none of which
//! has a Python: looked at, planned, rolled out, and everything that can be in the way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::Context;
use cluster_tests::program::Program;
use cluster_tests::{require, tools};
use std::path::{Path, PathBuf};

/// What `tests/rollout/story` left: each step's exit code and output under its name.
struct Story {
    folder: tempfile::TempDir,
}

impl Story {
    fn read(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::read_to_string(&path)
            .with_context(|| format!("reading {}", path.display()))
            .unwrap()
    }

    /// A step's standard output and standard error; it must have ended like this.
    fn step(&self, name: &str, code: i32) -> (String, String) {
        let out = self.read(&format!("{name}.out"));
        let err = self.read(&format!("{name}.err"));
        let found = self.read(&format!("{name}.code"));
        assert_eq!(found.trim(), code.to_string(), "{name}:\n{out}\n{err}");
        (out, err)
    }

    fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }
}

/// Small copies of this build's programs, as they are carried to the nodes.
fn programs(to: &Path) -> PathBuf {
    let programs = to.join("programs");
    std::fs::create_dir(&programs).unwrap();
    for tool in tools::names().unwrap() {
        std::fs::copy(tools::stripped(&tool).unwrap(), programs.join(&tool)).unwrap();
    }
    programs
}

fn story() -> Story {
    // Short: the name of a control socket has to fit.
    let folder = tempfile::Builder::new()
        .prefix("roll-")
        .tempdir_in("/var/tmp")
        .unwrap();
    let programs = programs(folder.path());
    let set = |name: &str, path: &Path| format!("{name}={}", path.display());
    let outcome = Program::new("env")
        .args([
            set("AT", folder.path()),
            set("TOP", tools::top()),
            set("BIN", &tools::folder().unwrap()),
            set("PROGRAMS", &programs),
        ])
        .args([tools::top().join("tests/rollout/with-nodes")])
        .args([folder.path().as_os_str(), "4".as_ref()])
        .args([tools::top().join("tests/rollout/story")])
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    Story { folder }
}

#[test]
#[ignore = "namespaces: run by scripts/test"]
fn four_machines_are_seen_planned_and_rolled_out_to() {
    if !require(&[
        "ansible-playbook",
        "mmdebstrap",
        "sshd",
        "ssh",
        "sfdisk",
        "jq",
        "strip",
    ])
    .unwrap()
    {
        return;
    }
    let story = story();
    gathered(&story);
    rehearsed(&story);
    stopped_and_went_on(&story);
    nothing_left_to_do(&story);
    restarted(&story);
}

fn gathered(story: &Story) {
    assert_eq!(story.step("python", 127).0, "");
    let (_, said) = story.step("gather-down", 3);
    assert!(said.contains("error: pi4: it cannot be reached"), "{said}");
    let down = story.json("down.json");
    assert_eq!(
        down["gather_nodes"]["findings"][0]["id"],
        "node-unreachable"
    );
    assert!(down["nodes"][3]["observed"].is_null());
    assert_eq!(down["nodes"][2]["observed"]["hostname"], "pi3");
    // What one run saw, a run for another node keeps.
    story.step("gather-one", 0);
    let one = story.json("one.json");
    assert_eq!(one["nodes"][2]["observed"], down["nodes"][2]["observed"]);
    story.step("gather", 0);
    let seen = story.json("seen.json");
    for number in 1..=4 {
        let observed = &seen["nodes"][number - 1]["observed"];
        let disk = story.read(&format!("pi{number}/disk"));
        assert_eq!(observed["sfdisk"]["partitiontable"]["device"], disk.trim());
        assert_eq!(observed["machine_id"], format!("{number:032x}"));
        assert_eq!(observed["os_release"]["ID"], "debian");
        assert!(observed["memory_bytes"].as_u64().unwrap() > 100_000_000);
        let address = format!("10.77.0.1{number}/24");
        let link = &observed["interfaces"][0];
        assert_eq!(
            (&link["name"], &link["addresses"][0]),
            (&"eth0".into(), &address.into())
        );
        assert!(observed["lsblk"]["blockdevices"].is_array());
    }
    let (_, said) = story.step("gather-unknown", 2);
    assert!(
        said.contains("the document has no node pi9; it has pi1 pi2 pi3 pi4"),
        "{said}"
    );
}

fn rehearsed(story: &Story) {
    story.step("plan", 0);
    let (out, _) = story.step("dry", 0);
    for number in 1..=4 {
        let line = format!("pi{number:<10} pi-partition   there is something to do");
        assert!(out.contains(&line), "{out}");
        let kept = story.json(&format!("out/rollout/pi{number}/pi-partition.json"));
        let own = &kept["pi_partition"]["nodes"][format!("pi{number}")];
        assert!(own["state_sha256"].is_string());
    }
    // The steps, so that they can be looked at.
    assert!(out.matches("\n    ").count() > 8, "{out}");
    assert_eq!(story.step("before", 0), story.step("between", 0));
    assert_eq!(story.read("files.before"), story.read("files.after"));
}

fn stopped_and_went_on(story: &Story) {
    // The server first, then the agents.
    let (out, said) = story.step("other-disk", 3);
    assert!(out.contains("pi2          pi-partition   done"), "{out}");
    assert!(said.contains("pi1 failed; pi3 pi4 not begun"), "{said}");
    assert!(
        said.contains("what is on pi1 now is not what the plan was made for"),
        "{said}"
    );
    assert!(
        said.contains("go on with: scripts/rollout --tools pi-partition pi1 pi3 pi4"),
        "{said}"
    );
    let (out, said) = story.step("half-way", 1);
    assert!(
        out.contains("pi2          pi-partition   already so"),
        "{out}"
    );
    assert!(out.contains("pi1          pi-partition   done"), "{out}");
    assert!(out.contains("mkfs: broken"), "{out}");
    assert!(said.contains("pi3 failed; pi4 not begun"), "{said}");
    let (out, said) = story.step("down", 1);
    assert!(out.contains("pi3          pi-partition   done"), "{out}");
    assert!(said.contains("pi4 failed"), "{said}");
    assert!(
        said.contains("go on with: scripts/rollout --tools pi-partition pi4"),
        "{said}"
    );
    story.step("rest", 0);
}

fn nothing_left_to_do(story: &Story) {
    let (out, _) = story.step("again", 0);
    for number in 1..=4 {
        let recap = out
            .lines()
            .find(|line| line.starts_with(&format!("pi{number} ")) && line.contains("changed="));
        assert!(recap.unwrap().contains("changed=0 "), "{out}");
        assert_eq!(story.read(&format!("table-{number}")), "0\n");
        let mounted = story.read(&format!("mounted-{number}"));
        let disk = story.read(&format!("pi{number}/disk"));
        let first = format!("{}p3 ext4   /mnt/docker\n1\n", disk.trim());
        assert!(mounted.starts_with(&first), "{mounted}");
        assert_eq!(
            story
                .read(&format!("left-{number}"))
                .lines()
                .filter(|l| !l.contains("/home/pi/.") && !l.contains("/root/."))
                .collect::<Vec<_>>(),
            [
                "/var/lib/cluster/rollout/document.json",
                "/var/lib/cluster/rollout/run"
            ]
        );
    }
    assert_eq!(story.step("after", 0), story.step("unchanged", 0));
}

fn restarted(story: &Story) {
    let (_, said) = story.step("restart-asked", 1);
    assert!(said.contains("pi1 failed"), "{said}");
    let (out, _) = story.step("restart", 0);
    assert!(
        out.contains("pi1          k3s-join       already so"),
        "{out}"
    );
    // An agent gets the agents' token and not the servers', and neither stays.
    assert_eq!(story.read("secrets-on-pi1"), "marker-agent\ntokens\n");
    for step in ["restart-asked", "restart"] {
        for kind in ["out", "err"] {
            assert!(!story.read(&format!("{step}.{kind}")).contains("marker-"));
        }
    }
}
