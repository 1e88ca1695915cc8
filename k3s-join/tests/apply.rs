//! `--apply` and `--leave` on a card below `--sysroot`: no root, no command, every file seen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::ran;
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");
const LINE: &str = "console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 rootwait";
const WORDS: &str = " cgroup_memory=1 cgroup_enable=memory";
const TOKEN: &str = "marker-agent-token-0123456789";

/// A card of a Raspberry Pi with the node pi2 on it, and what a person has beside it.
struct World {
    folder: TempDir,
}

impl World {
    fn new(line: &str) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        world.put("card/boot/firmware/config.txt", "arm_64bit=1\n", 0o644);
        world.put("card/boot/firmware/cmdline.txt", line, 0o644);
        world.put(
            "card/etc/os-release",
            "ID=debian\nVERSION_ID=\"12\"\n",
            0o644,
        );
        world.put("card/etc/hostname", "pi2\n", 0o644);
        world.put("card/etc/hosts", "127.0.1.1 pi2\n", 0o644);
        world.put("card/etc/rancher/node/password", "its own\n", 0o600);
        let modules = "kernel/fs/overlay.ko\nkernel/br_netfilter.ko\nkernel/vxlan.ko\n";
        world.put(
            "card/lib/modules/6.12.25+rpt-rpi-v8/modules.builtin",
            modules,
            0o644,
        );
        world.put(
            "secrets/k3s.token",
            "marker-server-token-0123456789\n",
            0o600,
        );
        world.put("secrets/k3s.agent-token", &format!("{TOKEN}\n"), 0o600);
        let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
        for node in document["nodes"].as_array_mut().unwrap() {
            node["os"] = json!("raspios");
            node["os_release"] = json!("bookworm");
        }
        world.put("cluster.json", &document.to_string(), 0o644);
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, content: &str, mode: u32) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        std::fs::metadata(self.path(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = ["--sysroot", "card", "--secrets", "secrets"]
            .map(str::to_owned)
            .to_vec();
        all.extend(more.iter().map(|a| (*a).to_owned()));
        all
    }

    fn run(&self, more: &[&str]) -> Outcome {
        let outcome = Program::new(env!("CARGO_BIN_EXE_k3s-join"))
            .args(self.arguments(more))
            .folder(self.folder.path())
            .run()
            .unwrap();
        assert!(
            !format!("{}{}", outcome.text(), outcome.stderr).contains("marker-"),
            "a secret is shown"
        );
        outcome
    }

    fn apply(&self) -> Outcome {
        self.run(&["--only", "--apply", "cluster.json"])
    }

    fn line(&self) -> String {
        self.read("card/boot/firmware/cmdline.txt")
    }

    /// Files of the card that nobody would want there.
    fn leftovers(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("card")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.to_string_lossy().contains(".new-") {
                    found.push(path);
                }
            }
        }
        found
    }
}

fn answer(outcome: &Outcome) -> Value {
    outcome.json().unwrap()
}

fn errors(outcome: &Outcome) -> Vec<String> {
    let answer = answer(outcome);
    let findings = answer["findings"].as_array().unwrap();
    let errors = findings.iter().filter(|f| f["severity"] == "error");
    errors
        .map(|f| f["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_card_becomes_the_node_and_once_is_enough() {
    let world = World::new(&format!("{LINE}\n"));
    let outcome = world.apply();
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (Some(0), vec![]),
        "{}{}",
        outcome.text(),
        outcome.stderr
    );
    assert_eq!(world.line(), format!("{LINE}{WORDS}\n"));
    assert_eq!(
        world.read("card/boot/firmware/cmdline.txt.before-k3s-join"),
        format!("{LINE}\n")
    );
    let config = world.read("card/etc/rancher/k3s/config.yaml.d/50-k3s-join.yaml");
    assert!(config.contains("https://192.168.11.11:6443"), "{config}");
    let own = &answer(&outcome)["nodes"]["pi2"];
    let files = own["files"].as_array().unwrap();
    assert!(files.len() > 4);
    for file in files {
        let path = format!("card{}", file["path"].as_str().unwrap());
        let mode = u32::from_str_radix(file["mode"].as_str().unwrap(), 8).unwrap();
        assert_eq!(world.mode(&path), mode, "{path}");
        let content = world.read(&path);
        match file.get("secret_file") {
            Some(_) => assert_eq!(content, format!("{TOKEN}\n")),
            None => assert_eq!(content, file["content"].as_str().unwrap()),
        }
    }
    let act = &ran(&answer(&outcome))["act"];
    assert_eq!(
        (&act["changed"], &act["pending"]),
        (&json!(true), &json!([]))
    );
    assert!(world.leftovers().is_empty());
    assert!(
        !world
            .path("card/var/lib/cluster/k3s-join/pi2.journal")
            .exists()
    );

    let again = world.apply();
    assert_eq!(again.code, Some(0));
    assert_eq!(ran(&answer(&again))["act"]["did"], json!([]));
    // Permissions that were opened since are set again.
    let token = "card/etc/rancher/k3s/k3s-join.token";
    let token = if world.path(token).exists() {
        token.to_owned()
    } else {
        secret_path(files)
    };
    std::fs::set_permissions(world.path(&token), Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        ran(&answer(&world.apply()))["act"]["did"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(world.mode(&token), 0o600);
}

fn secret_path(files: &[Value]) -> String {
    let file = files
        .iter()
        .find(|file| file.get("secret_file").is_some())
        .unwrap();
    format!("card{}", file["path"].as_str().unwrap())
}

#[test]
fn leaving_takes_it_back_and_keeps_the_nodes_password() {
    let world = World::new(&format!("{LINE}\n"));
    world.put("card/etc/rancher/k3s/config.yaml", "debug: true\n", 0o600);
    world.apply();
    let shown = world.run(&["--only", "--leave", "cluster.json"]);
    assert_eq!(
        world.line(),
        format!("{LINE}{WORDS}\n"),
        "it was only asked what would be done"
    );
    assert!(
        ran(&answer(&shown))["act"]["pending"]
            .as_array()
            .unwrap()
            .len()
            > 4
    );
    let outcome = world.run(&["--only", "--leave", "--apply", "cluster.json"]);
    assert_eq!(
        (outcome.code, world.line()),
        (Some(0), format!("{LINE}\n")),
        "{}",
        outcome.text()
    );
    for file in answer(&outcome)["nodes"]["pi2"]["files"]
        .as_array()
        .unwrap()
    {
        assert!(
            !world
                .path(&format!("card{}", file["path"].as_str().unwrap()))
                .exists(),
            "{file}"
        );
    }
    assert_eq!(world.read("card/etc/rancher/node/password"), "its own\n");
    assert_eq!(
        world.read("card/etc/rancher/k3s/config.yaml"),
        "debug: true\n"
    );
    let again = world.run(&["--only", "--leave", "--apply", "cluster.json"]);
    assert_eq!(
        (again.code, &ran(&answer(&again))["act"]["did"]),
        (Some(0), &json!([]))
    );
    // And it can come back.
    assert_eq!(world.apply().code, Some(0));
    assert_eq!(world.line(), format!("{LINE}{WORDS}\n"));
}

#[test]
fn without_a_document_only_the_command_line_is_mended() {
    let world = World::new(&format!("{LINE}\ncgroup_memory=1 cgroup_enable=memory\n"));
    let outcome = world.run(&["-n", "--only", "--apply"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
    assert_eq!(world.line(), format!("{LINE}{WORDS}\n"));
    assert_eq!(
        ran(&answer(&outcome))["act"]["did"],
        json!(["keep-kernel-line", "kernel-line"])
    );
    assert_eq!(world.run(&["-n", "--only", "--check"]).code, Some(0));
}

#[test]
fn what_could_keep_the_card_from_starting_is_refused_before_anything_is_written() {
    let line = format!("{LINE}\ncgroup_memory=1 init=/bin/sh\n");
    let world = World::new(&line);
    let outcome = world.apply();
    assert_eq!(outcome.code, Some(3));
    assert!(
        errors(&outcome).contains(&"k3s-kernel-line-unfit".to_owned()),
        "{}",
        outcome.text()
    );
    assert_eq!(world.line(), line);
    assert!(!world.path("card/etc/rancher/k3s").exists());
    // Another node's card.
    let other = World::new(&format!("{LINE}\n"));
    other.put("card/etc/hostname", "raspberrypi\n", 0o644);
    let outcome = other.run(&["--only", "--apply", "--node", "pi2", "cluster.json"]);
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (
            Some(3),
            vec![
                "k3s-kernel-line-memory".to_owned(),
                "k3s-hostname-differs".to_owned()
            ]
        )
    );
    assert_eq!(other.line(), format!("{LINE}\n"));
}

#[test]
fn no_link_on_the_card_leads_out_of_it() {
    let world = World::new(&format!("{LINE}\n"));
    std::fs::create_dir(world.path("outside")).unwrap();
    for (link, place) in [
        ("card/var", "lib"),
        ("card/etc/rancher/k3s", "k3s"),
        ("card/etc/sysctl.d", "sysctl"),
    ] {
        let outside = world.path("outside").join(place);
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, world.path(link)).unwrap();
    }
    let outcome = world.apply();
    // A folder behind such a link is not there, inside the card.
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for place in ["lib", "k3s", "sysctl"] {
        assert_eq!(
            std::fs::read_dir(world.path("outside").join(place))
                .unwrap()
                .count(),
            0,
            "{place}"
        );
    }
}

#[test]
fn what_was_reviewed_is_what_happens() {
    let world = World::new(&format!("{LINE}\n"));
    let planned = world.run(&["cluster.json"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    world.put("planned.json", &planned.text(), 0o644);
    let mut changed: Value = planned.json().unwrap();
    changed["k3s_join"]["nodes"]["pi2"]["files"][0]["content"] =
        json!("server: https://evil:6443\n");
    world.put("changed.json", &changed.to_string(), 0o644);
    let outcome = world.run(&["--only", "--apply", "changed.json"]);
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (Some(3), vec!["k3s-plan-differs".to_owned()])
    );
    assert_eq!(world.line(), format!("{LINE}\n"));
    let outcome = world.run(&["--only", "--apply", "planned.json"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
}

#[test]
fn program_and_images_are_compared_before_they_are_copied() {
    let world = World::new(&format!("{LINE}\n"));
    // A program for Linux; on a card it is not run.
    std::fs::copy("/bin/sh", world.path("k3s-arm64")).unwrap();
    world.put("k3s-airgap-images-arm64.tar.zst", "images", 0o644);
    let sums = Program::new("sha256sum")
        .args(["k3s-arm64", "k3s-airgap-images-arm64.tar.zst"])
        .folder(world.folder.path())
        .run()
        .unwrap();
    world.put("sums.txt", &sums.text(), 0o644);
    world.put(
        "other.txt",
        &sums.text().replace(&sums.text()[..8], "00000000"),
        0o644,
    );
    let given = [
        "--only",
        "--apply",
        "--binary",
        "k3s-arm64",
        "--images",
        "k3s-airgap-images-arm64.tar.zst",
        "--sums",
    ];
    let with = |sums: &str| {
        let mut all = given.to_vec();
        all.extend([sums, "cluster.json"]);
        world.run(&all)
    };
    let outcome = with("other.txt");
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (
            Some(3),
            vec![
                "k3s-kernel-line-memory".to_owned(),
                "k3s-release-sum-differs".to_owned()
            ]
        )
    );
    assert!(!world.path("card/usr/local/bin/k3s").exists());
    let outcome = with("sums.txt");
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (Some(0), vec![]),
        "{}",
        outcome.text()
    );
    let same = |a: &Path, b: &Path| std::fs::read(a).unwrap() == std::fs::read(b).unwrap();
    assert!(same(
        &world.path("card/usr/local/bin/k3s"),
        &world.path("k3s-arm64")
    ));
    assert_eq!(world.mode("card/usr/local/bin/k3s"), 0o755);
    assert_eq!(
        world.read("card/var/lib/rancher/k3s/agent/images/k3s-airgap-images-arm64.tar.zst"),
        "images"
    );
    world.put("script", "#!/bin/sh\n", 0o755);
    let outcome = world.run(&["--only", "--apply", "--binary", "script", "cluster.json"]);
    assert_eq!(errors(&outcome), ["k3s-binary-no-program"]);
}

#[test]
fn killed_at_any_instant_the_card_still_starts_and_the_next_run_ends_it() {
    let mut cut = 0;
    for instant in 0..200 {
        // On a busy machine many a kill comes too late.
        if instant >= 40 && cut >= 5 {
            break;
        }
        let world = World::new(&format!("{LINE}\n"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_k3s-join"))
            .args(world.arguments(&["--only", "--apply", "cluster.json"]))
            .current_dir(world.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Some at once; the others once the work has begun, however long that takes on a busy machine.
        let journal = world.path("card/var/lib/cluster/k3s-join/pi2.journal");
        while instant >= 8 && !journal.exists() && child.try_wait().unwrap().is_none() {}
        std::thread::sleep(Duration::from_micros(instant % 40 * 300));
        child.kill().unwrap();
        child.wait().unwrap();
        let line = world.line();
        assert!(
            line == format!("{LINE}\n") || line == format!("{LINE}{WORDS}\n"),
            "torn: {line:?}"
        );
        // A plan that is not whole there was not begun.
        let whole = |line: &str| line.contains("\"plan\"") && line.ends_with('\n');
        let written = std::fs::read_to_string(journal).unwrap_or_default();
        if written.split_inclusive('\n').any(whole) {
            cut += 1;
            let shown = world.run(&["--only", "--check", "cluster.json"]).text();
            assert!(shown.contains("k3s-unfinished"), "{shown}");
        }
        let outcome = world.apply();
        assert_eq!(
            (outcome.code, errors(&outcome)),
            (Some(0), vec![]),
            "after {instant}: {}",
            outcome.text()
        );
        assert_eq!(world.line(), format!("{LINE}{WORDS}\n"));
        assert_eq!(
            world.read("card/boot/firmware/cmdline.txt.before-k3s-join"),
            format!("{LINE}\n")
        );
        assert_eq!(ran(&answer(&outcome))["act"]["pending"], json!([]));
    }
    assert!(cut >= 5, "only {cut} of 200 kills came into the middle");
}

#[test]
fn a_run_on_one_node_leaves_what_came_of_the_others() {
    let world = World::new(&format!("{LINE}{WORDS}\n"));
    // The card is pi2's.
    let first = world.run(&["--check", "--node", "pi1", "cluster.json"]);
    assert_eq!(first.code, Some(3), "{}", first.text());
    world.put("seen.json", &first.text(), 0o644);
    let second = world.run(&["--apply", "seen.json"]);
    assert_eq!(second.code, Some(0), "{}", second.text());
    let own = |outcome: &Outcome| outcome.json().unwrap()["k3s_join"].clone();
    let (before, after) = (own(&first), own(&second));
    let pi1 = &after["nodes"]["pi1"];
    assert_eq!(pi1, &before["nodes"]["pi1"]);
    assert_eq!(pi1["run"]["ok"], false);
    assert_eq!(pi1["role"], "server");
    assert_eq!(after["nodes"]["pi2"]["run"]["ok"], true);
    assert_eq!(after["nodes"]["pi3"].get("run"), None);
    assert_eq!(after["changed"], true);
    let kept = |finding: &&Value| finding["id"] == "k3s-kept-answer";
    let findings = after["findings"].as_array().unwrap();
    let told: Vec<&Value> = findings.iter().filter(kept).collect();
    assert_eq!(told.len(), 1, "{findings:?}");
    assert_eq!(told[0]["subject"], "pi1");
    // What came of a run is no part of the plan that was reviewed.
    world.put("seen.json", &second.text(), 0o644);
    let third = world.run(&["--apply", "seen.json"]);
    assert_eq!(third.code, Some(0), "{}", third.text());
    assert_eq!(own(&third)["changed"], false);
    // A plan for all nodes replaces what was said of each.
    let planned = own(&world.run(&["seen.json"]));
    let nodes = planned["nodes"].as_object().unwrap();
    assert!(nodes.values().all(|node| node.get("run").is_none()));
}

#[test]
fn a_copy_that_a_power_cut_left_empty_is_made_again() {
    let world = World::new(&format!("{LINE}\n"));
    let copy = "card/boot/firmware/cmdline.txt.before-k3s-join";
    world.put(copy, "", 0o644);
    assert_eq!(
        world
            .run(&["--only", "--leave", "--apply", "cluster.json"])
            .code,
        Some(0)
    );
    assert_eq!(world.line(), format!("{LINE}\n"), "nothing to take back");
    assert_eq!(world.apply().code, Some(0));
    assert_eq!(world.line(), format!("{LINE}{WORDS}\n"));
    assert_eq!(world.read(copy), format!("{LINE}\n"));
}

/// The first server's card, with the CA in the folder `ca`, and its data here.
fn first_server(data: &str) -> World {
    let world = World::new(&format!("{LINE}{WORDS}\n"));
    world.put("card/etc/hostname", "pi1\n", 0o644);
    world.put("card/etc/hosts", "127.0.1.1 pi1\n", 0o644);
    let mut document: Value = serde_json::from_str(&world.read("cluster.json")).unwrap();
    document["k3s"]["ca_dir"] = json!("ca");
    document["k3s"]["config"] = json!({"data-dir": data});
    world.put("cluster.json", &document.to_string(), 0o644);
    world
}

fn make_ca(world: &World) {
    let folder = world.path("secrets/ca").display().to_string();
    let made = Program::new(env!("CARGO_BIN_EXE_k3s-join"))
        .args(["-n", "--make-ca", &folder])
        .run()
        .unwrap();
    assert_eq!(made.code, Some(0), "{}", made.stderr);
}

#[test]
fn a_server_is_not_made_without_the_authorities_that_the_document_names() {
    let world = first_server("/var/lib/rancher/k3s");
    let outcome = world.apply();
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (Some(3), vec!["k3s-ca-missing".to_owned()])
    );
    assert!(!world.path("card/etc/rancher/k3s").exists());
    // To leave, nobody needs them.
    let outcome = world.run(&["--only", "--leave", "--apply", "cluster.json"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
    make_ca(&world);
    let outcome = world.apply();
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
    assert_eq!(world.mode("card/var/lib/rancher/k3s/server"), 0o700);
    assert_eq!(world.mode("card/var/lib/rancher/k3s"), 0o755);
}

#[test]
fn a_running_servers_authorities_are_never_written_over() {
    for data in ["/var/lib/rancher/k3s", "/mnt/usb/k3s"] {
        let world = first_server(data);
        make_ca(&world);
        let key = format!("card{data}/server/tls/client-ca.key");
        world.put(&key, "its own\n", 0o600);
        let outcome = world.apply();
        assert_eq!(
            (outcome.code, errors(&outcome)),
            (Some(3), vec!["k3s-ca-differs".to_owned()]),
            "{data}: {}",
            outcome.text()
        );
        assert_eq!(world.read(&key), "its own\n");
        assert!(!world.path("card/etc/rancher/k3s").exists());
    }
}

#[test]
fn what_is_there_of_a_cluster_is_found_where_the_data_is() {
    for (planned, written) in [(true, false), (false, true), (true, true)] {
        let world = first_server("/mnt/usb/k3s");
        make_ca(&world);
        let mut document: Value = serde_json::from_str(&world.read("cluster.json")).unwrap();
        if !planned {
            document["k3s"]["config"] = json!({});
        }
        world.put("cluster.json", &document.to_string(), 0o644);
        if written {
            world.put(
                "card/etc/rancher/k3s/config.yaml",
                "data-dir: /mnt/usb/k3s\n",
                0o600,
            );
        }
        world.put("card/mnt/usb/k3s/server/token", "another\n", 0o600);
        world.put("card/mnt/usb/k3s/server/db/state.db", "", 0o600);
        let outcome = world.apply();
        assert_eq!(
            (outcome.code, errors(&outcome)),
            (Some(3), vec!["k3s-server-token-differs".to_owned()]),
            "{}",
            outcome.text()
        );
    }
}

#[test]
fn leaving_takes_the_authorities_keys_and_says_so_before() {
    let world = first_server("/var/lib/rancher/k3s");
    make_ca(&world);
    assert_eq!(world.apply().code, Some(0));
    let key = "card/var/lib/rancher/k3s/server/tls/client-ca.key";
    assert!(world.path(key).exists());
    world.put("card/var/lib/rancher/k3s/server/db/state.db", "", 0o600);
    let outcome = world.run(&["--only", "--leave", "--apply", "cluster.json"]);
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (Some(3), vec!["k3s-leave-loses-data".to_owned()])
    );
    assert!(world.path(key).exists());
    let outcome = world.run(&[
        "--only",
        "--leave",
        "--apply",
        "--discard",
        "datastore",
        "cluster.json",
    ]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
    let files = answer(&outcome)["nodes"]["pi1"]["files"].clone();
    for file in files.as_array().unwrap() {
        let path = format!("card{}", file["path"].as_str().unwrap());
        assert!(!world.path(&path).exists(), "{path}");
    }
}

#[test]
fn words_that_came_after_leaving_are_not_ours() {
    let world = World::new(&format!("{LINE}\n"));
    assert_eq!(world.apply().code, Some(0));
    let leave = ["--only", "--leave", "--apply", "cluster.json"];
    assert_eq!(world.run(&leave).code, Some(0));
    assert_eq!(world.line(), format!("{LINE}\n"));
    let own = format!("{LINE}{WORDS}\n");
    world.put("card/boot/firmware/cmdline.txt", &own, 0o644);
    assert_eq!(world.run(&leave).code, Some(0));
    assert_eq!(world.line(), own);
}

/// Ends a run in its middle: the journal is as after a power cut.
fn cut(world: &World, arguments: &[&str]) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_k3s-join"))
        .args(world.arguments(arguments))
        .current_dir(world.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let journal = world.path("card/var/lib/cluster/k3s-join/pi2.journal");
    let begun = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("\"plan\""));
    while !begun() && child.try_wait().unwrap().is_none() {}
    child.kill().unwrap();
    child.wait().unwrap();
    begun()
}

#[test]
fn leaving_ends_what_it_was_killed_in_and_takes_back_a_killed_apply() {
    let leave = ["--only", "--leave", "--apply", "cluster.json"];
    let (mut applies, mut leaves) = (0, 0);
    for _ in 0..12 {
        let world = World::new(&format!("{LINE}\n"));
        applies += usize::from(cut(&world, &["--only", "--apply", "cluster.json"]));
        // Meanwhile the document was changed.
        let document = world
            .read("cluster.json")
            .replace("\"raspios\"", "\"debian\"");
        world.put("other.json", &document, 0o644);
        let outcome = world.run(&["--only", "--leave", "--apply", "other.json"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.text());
        assert_eq!(world.line(), format!("{LINE}\n"));
        assert!(!world.path("card/etc/sysctl.d/90-k3s-join.conf").exists());

        assert_eq!(world.apply().code, Some(0));
        leaves += usize::from(cut(&world, &leave));
        let outcome = world.run(&leave);
        assert_eq!(outcome.code, Some(0), "{}", outcome.text());
        assert_eq!(ran(&answer(&outcome))["act"]["pending"], json!([]));
        assert_eq!(world.line(), format!("{LINE}\n"));
        assert!(
            !world
                .path("card/boot/firmware/cmdline.txt.before-k3s-join")
                .exists()
        );
        assert_eq!(world.apply().code, Some(0), "it may come back");
    }
    assert!(applies > 0 && leaves > 0, "{applies} and {leaves} of 12");
}

#[test]
fn a_machine_that_the_document_does_not_have_is_left_alone() {
    let world = World::new(&format!("{LINE}\n"));
    assert_eq!(world.apply().code, Some(0));
    world.put("card/etc/hostname", "raspberrypi\n", 0o644);
    world.put(
        "card/boot/firmware/cmdline.txt",
        &format!("{LINE}\n"),
        0o644,
    );
    for arguments in [
        &["--only", "--apply", "cluster.json"][..],
        &["--only", "--leave", "--apply", "cluster.json"],
    ] {
        let outcome = world.run(arguments);
        assert_eq!(
            (outcome.code, errors(&outcome)),
            (Some(3), vec!["node-identity".to_owned()])
        );
        assert_eq!(world.line(), format!("{LINE}\n"));
        assert!(world.path("card/etc/sysctl.d/90-k3s-join.conf").exists());
    }
}

#[test]
fn with_an_error_in_the_plan_nothing_is_taken_back() {
    let world = World::new(&format!("{LINE}\n"));
    assert_eq!(world.apply().code, Some(0));
    let mut document: Value = serde_json::from_str(&world.read("cluster.json")).unwrap();
    document["nodes"][1]["role"] = json!("server");
    world.put("even.json", &document.to_string(), 0o644);
    let outcome = world.run(&["--only", "--leave", "--apply", "even.json"]);
    assert_eq!(
        (outcome.code, errors(&outcome)),
        (Some(3), vec!["k3s-servers-even".to_owned()])
    );
    assert_eq!(ran(&answer(&outcome))["act"]["did"], json!([]));
    assert_eq!(world.line(), format!("{LINE}{WORDS}\n"));
    // Without the document it may go.
    let outcome = world.run(&["-n", "--only", "--leave", "--apply"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
    assert_eq!(world.line(), format!("{LINE}\n"));
}

#[test]
fn what_would_be_judged_and_not_written_is_no_argument_of_an_apply() {
    let world = World::new(&format!("{LINE}\n"));
    for arguments in [
        &["--apply", "--role", "server", "cluster.json"][..],
        &["--apply", "--server", "https://a:6443", "cluster.json"],
        &[
            "--apply",
            "--token-file",
            "secrets/k3s.token",
            "cluster.json",
        ],
        &[
            "-n",
            "--apply",
            "--role",
            "agent",
            "--server",
            "https://a:6443",
        ],
    ] {
        let outcome = world.run(arguments);
        assert_eq!(outcome.code, Some(2), "{}", outcome.text());
        assert!(outcome.stderr.contains("not written"), "{}", outcome.stderr);
    }
    assert_eq!(world.line(), format!("{LINE}\n"));
}

#[test]
fn agents_need_the_modules_of_the_clusters_backend() {
    let world = World::new(&format!("{LINE}{WORDS}\n"));
    let modules = "kernel/fs/overlay.ko\nkernel/br_netfilter.ko\n";
    let builtin = "card/lib/modules/6.12.25+rpt-rpi-v8/modules.builtin";
    world.put(builtin, modules, 0o644);
    let without = world.apply();
    assert!(
        errors(&without).contains(&"k3s-module-missing".to_owned()),
        "{}",
        without.text()
    );
    let mut document: Value = serde_json::from_str(&world.read("cluster.json")).unwrap();
    document["k3s"]["config"] = json!({"flannel-backend": "host-gw"});
    world.put("cluster.json", &document.to_string(), 0o644);
    let outcome = world.apply();
    assert_eq!(outcome.code, Some(0), "{}", outcome.text());
    let loaded = world.read("card/etc/modules-load.d/k3s-join.conf");
    assert!(!loaded.contains("vxlan"), "{loaded}");
}
