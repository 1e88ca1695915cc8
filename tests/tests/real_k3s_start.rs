//! `--apply` with a real systemd: the installer's contract, a bounded wait, and why K3s did not get ready.
//!
//! K3s itself is not here: a stand-in (`tests/k3s/standin.c`) takes its place where what is tested is how it is installed,
//! started and waited for, and `tests/k3s/install.sh` that of its official installer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::Program;
use cluster_tests::{ran, require, said, tools};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

/// What happens inside: one line for each scene, `NAME<tab>EXIT<tab>SECONDS<tab>JSON`.
const SCENES: &str = r#"#!/bin/bash
hostname pi9
mkdir -p /etc/rancher/node && echo its-own >/etc/rancher/node/password
scene() {
  local name=$1 begun=$SECONDS answer code
  shift
  answer=$("$PROGRAM" -n --only --compact "$@" 2>/dev/null)
  code=$?
  printf '%s\t%s\t%s\t%s\n' "$name" "$code" "$((SECONDS - begun))" "$answer"
}
apply=(--apply --role agent --binary "$K3S" --sums "$SUMS" --run-installer "$INSTALLER")
scene not-installed --apply --role agent
echo silent >/run/standin
scene silent "${apply[@]}" --wait 4
printf 'variables\t0\t0\t%s\n' "$(jq -Rsc . </run/standin-variables)"
systemctl stop k3s-agent
echo crash >/run/standin
scene crash "${apply[@]}" --wait 120
systemctl stop k3s-agent; systemctl reset-failed
echo ready >/run/standin
scene ready "${apply[@]}" --wait 60
before=$(systemctl show -p MainPID --value k3s-agent)
scene again "${apply[@]}" --wait 60
[ "$before" = "$(systemctl show -p MainPID --value k3s-agent)" ] && [ "$before" -gt 1 ] && kept=true || kept=false
printf 'kept\t0\t0\t%s\n' "$kept"
scene other-role --apply --role server
mkdir -p /var/lib/rancher/k3s/storage/pvc-1
scene leave-data --leave --apply
# As after a kill in the middle of K3s's own script, which removes the unit long before the data.
systemctl stop k3s-agent; rm -f /etc/systemd/system/k3s-agent.service
scene leave --leave --discard volumes --apply
scene left --leave --apply
[ -e /etc/rancher/node/password ] && [ ! -e /usr/local/bin/k3s ] && [ ! -e /var/lib/rancher/k3s ] && [ ! -e /etc/systemd/system/k3s-agent.service ] && gone=true || gone=false
printf 'gone\t0\t0\t%s\n' "$gone"
"#;

struct Scene {
    code: i64,
    seconds: u64,
    answer: Value,
}

impl Scene {
    fn errors(&self) -> Vec<&str> {
        assert!(self.answer["findings"].is_array(), "{}", self.answer);
        said::errors(&self.answer)
    }
}

fn scenes() -> BTreeMap<String, Scene> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let here = tools::top().join("tests/k3s");
    let run = |program: &str, arguments: &[&str]| {
        let outcome = Program::new(program)
            .args(arguments)
            .folder(folder.path())
            .run()
            .unwrap();
        assert_eq!(outcome.code, Some(0), "{program}: {}", outcome.stderr);
        outcome.text()
    };
    run(
        "cc",
        &[
            "-o",
            &at("k3s"),
            &here.join("standin.c").display().to_string(),
        ],
    );
    std::fs::write(at("sums"), run("sha256sum", &["k3s"])).unwrap();
    let program = tools::folder().unwrap().join("k3s-join");
    let values = [
        ("PROGRAM", program.display().to_string()),
        ("K3S", at("k3s")),
        ("SUMS", at("sums")),
        ("INSTALLER", here.join("install.sh").display().to_string()),
    ];
    let given: String = values
        .iter()
        .map(|(name, value)| format!("{name}='{value}'\n"))
        .collect();
    std::fs::write(
        at("scenes"),
        SCENES.replacen('\n', &format!("\n{given}"), 1),
    )
    .unwrap();
    std::fs::set_permissions(at("scenes"), PermissionsExt::from_mode(0o755)).unwrap();
    run(
        &here.join("systemd.sh").display().to_string(),
        &[&at("scenes"), &folder.path().display().to_string()],
    );
    let output = std::fs::read_to_string(at("output")).unwrap();
    let errors = std::fs::read_to_string(at("errors")).unwrap();
    let lines = output.lines().map(|line| {
        let parts: Vec<&str> = line.splitn(4, '\t').collect();
        assert_eq!(parts.len(), 4, "{line}\n{errors}");
        let (name, code, seconds, answer) = (parts[0], parts[1], parts[2], parts[3]);
        let answer = serde_json::from_str(answer).unwrap_or(Value::Null);
        let scene = Scene {
            code: code.parse().unwrap(),
            seconds: seconds.parse().unwrap(),
            answer,
        };
        (name.to_owned(), scene)
    });
    lines.collect()
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn joining_never_hangs_and_says_why_it_failed() {
    if !require(&[
        "unshare",
        "/lib/systemd/systemd",
        "systemctl",
        "journalctl",
        "cc",
        "jq",
    ])
    .unwrap()
    {
        return;
    }
    let scenes = scenes();
    let is = |name: &str, code: i64, errors: &[&str]| {
        let scene = &scenes[name];
        assert_eq!(
            (scene.code, scene.errors()),
            (code, errors.to_vec()),
            "{name}: {}",
            scene.answer
        );
    };
    is("not-installed", 3, &["k3s-not-installed"]);
    // It would wait for ever: the unit has no limit to its start.
    is("silent", 3, &["k3s-not-ready"]);
    assert!(
        (4..15).contains(&scenes["silent"].seconds),
        "{} s",
        scenes["silent"].seconds
    );
    let said = scenes["silent"].answer["findings"].to_string();
    assert!(
        said.contains("flashed anew") && said.contains("delete secret"),
        "{said}"
    );
    let variables = scenes["variables"].answer.as_str().unwrap();
    assert_eq!(
        variables,
        "INSTALL_K3S_EXEC=agent\nINSTALL_K3S_SKIP_DOWNLOAD=true\nINSTALL_K3S_SKIP_START=true\n"
    );
    is("crash", 3, &["k3s-not-ready"]);
    assert!(
        scenes["crash"].seconds < 60,
        "it waited although K3s had ended {} s ago",
        scenes["crash"].seconds
    );
    assert!(
        scenes["crash"].answer["findings"]
            .to_string()
            .contains("memory control group")
    );
    is("ready", 0, &[]);
    assert_eq!(ran(&scenes["ready"].answer)["act"]["ready"], true);
    is("again", 0, &[]);
    assert_eq!(ran(&scenes["again"].answer)["act"]["did"], json!([]));
    assert_eq!(
        scenes["kept"].answer, true,
        "K3s was started anew without need"
    );
    is("other-role", 3, &["k3s-other-role-installed"]);
    is("leave-data", 3, &["k3s-leave-loses-data"]);
    is("leave", 0, &[]);
    is("left", 0, &[]);
    let left = &ran(&scenes["left"].answer)["act"];
    assert_eq!((&left["did"], &left["pending"]), (&json!([]), &json!([])));
    assert_eq!(
        scenes["gone"].answer, true,
        "K3s is still there, or the node's password is not"
    );
}
