//! What pi-partition and the writer of cloud-config put into other programs' files, read back by parsers that are not ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::Program;
use cluster_tests::{require, tools};
use serde_json::{Value, json};

/// The steps of a plan for a node elsewhere with this mount point, file system and persistence.
fn steps(os: &str, mount: &str, persist: &str) -> Vec<Value> {
    let document = json!({"nodes": [{
        "name": "pi1", "os": os,
        "disk": {"device": "/dev/mmcblk0", "size_bytes": 64_000_000_000_u64},
        "partitions": [{"label": "docker", "mount": mount, "persist": persist}],
        "observed": {"sfdisk": {"partitiontable": {
            "label": "dos", "id": "0x3f7d419c", "device": "/dev/mmcblk0", "unit": "sectors", "sectorsize": 512,
            "partitions": [{"node": "/dev/mmcblk0p1", "start": 8192, "size": 524_288, "type": "c"}]
        }}},
    }]});
    let tool = tools::tool("pi-partition").unwrap();
    let outcome = tool
        .args(["--only"])
        .input(document.to_string())
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let answer = outcome.json().unwrap();
    answer["nodes"]["pi1"]["steps"].as_array().unwrap().clone()
}

/// Mount points that a careless writer would break.
const TARGETS: [&str; 5] = [
    "/mnt/docker",
    "/srv/a b",
    "/srv/50%",
    "/srv/a-b.c",
    "/srv/it's",
];

#[test]
#[ignore = "real part: run by scripts/test"]
fn fstab_lines_are_read_back_by_findmnt() {
    if !require(&["findmnt"]).unwrap() {
        return;
    }
    for target in TARGETS {
        let steps = steps("ubuntu", target, "fstab");
        let line = steps.last().unwrap()["action"]["line"]
            .as_str()
            .unwrap()
            .to_owned();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fstab");
        std::fs::write(&file, line + "\n").unwrap();
        let outcome = Program::new("findmnt")
            .args([
                "--json",
                "--fstab",
                "--evaluate",
                "--tab-file",
                file.to_str().unwrap(),
                "-o",
                "TARGET,FSTYPE,OPTIONS",
            ])
            .run()
            .unwrap();
        let read = outcome.json().unwrap()["filesystems"][0].clone();
        let wanted =
            json!({"target": target, "fstype": "ext4", "options": "defaults,noatime,nofail"});
        assert_eq!(read, wanted);
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn units_have_the_names_that_systemd_wants_and_verify() {
    if !require(&["systemd-analyze", "systemd-escape"]).unwrap() {
        return;
    }
    for target in TARGETS {
        let steps = steps("ubuntu", target, "systemd");
        let write = &steps[steps.len() - 2]["action"];
        let path = write["path"].as_str().unwrap();
        let name = Program::new("systemd-escape")
            .args(["--path", "--suffix=mount", target])
            .run()
            .unwrap();
        assert_eq!(path.rsplit('/').next().unwrap(), name.text().trim_end());
        let folder = tempfile::tempdir().unwrap();
        let unit = folder.path().join(name.text().trim_end());
        std::fs::write(&unit, write["content"].as_str().unwrap()).unwrap();
        let verify = Program::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .args([&unit])
            .run()
            .unwrap();
        assert_eq!(verify.code, Some(0), "{target}: {}", verify.stderr);
        assert!(!verify.stderr.contains("mnt"), "{}", verify.stderr);
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn cloud_config_says_the_same_to_another_yaml_parser() {
    if !require(&["python3"]).unwrap() {
        return;
    }
    use cluster::cloud_config::{CloudConfig, HEADER, mounts_value};
    use cluster::inventory::Os;
    let hostile = [
        "yes",
        "01234567",
        "0x10",
        "1e3",
        "~",
        "a: b",
        "- a",
        "it's \"quoted\"",
        "#no",
        "\\n",
        "%",
        "&a",
        "*a",
        "12:30:45",
        " space ",
        "{x}",
        "a\nb\tc",
    ];
    let mut config = CloudConfig::new(Os::RancherOs).unwrap();
    let mut mounts = Vec::new();
    for word in hostile {
        config.run(word).unwrap();
        config
            .set(&["environment", "k", "words"], json!([word]))
            .unwrap();
        config
            .file(&[
                ("path", "/etc/x"),
                ("content", word),
                ("permissions", "0600"),
            ])
            .unwrap();
        let entry = ["UUID=1", word, "ext4", ""].map(str::to_owned);
        config.mount(&entry).unwrap();
        mounts.push(entry);
    }
    let text = config.text();
    assert!(text.starts_with(HEADER) && text.is_ascii());
    let read = |text: &str| {
        let script = "import sys, json, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
        let outcome = Program::new("python3")
            .args(["-c", script])
            .input(text)
            .run()
            .unwrap();
        outcome.json().unwrap()
    };
    let whole = read(&text);
    assert_eq!(whole["runcmd"], json!(hostile));
    assert_eq!(
        whole["rancher"]["environment"]["k"]["words"],
        json!(hostile)
    );
    assert_eq!(whole["mounts"], json!(mounts));
    assert_eq!(whole["write_files"][1]["content"], hostile[1]);
    assert_eq!(whole["write_files"][1]["permissions"], "0600");
    assert_eq!(read(&mounts_value(&mounts).unwrap()), json!(mounts));
}
