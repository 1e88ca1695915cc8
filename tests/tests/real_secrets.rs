//! No secret where it does not belong: every tool that there is runs in every form with marked secrets, and each process
//! that it starts is watched. `cluster/scripts.md` says where each secret enters and where it may end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::{require, tools};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// The files of secrets and what is in them. The passphrase is that of IEEE 802.11-2020's second test vector, so that what
/// is derived from it is known too.
const FILES: [(&str, &str); 5] = [
    ("wifi.psk", "ThisIsAPassword"),
    (
        "hex.psk",
        "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2",
    ),
    ("k3s.token", "marker-server-token-4711"),
    ("k3s.agent-token", "marker-agent-token-4711"),
    (
        "registries.yaml",
        "configs: {r: {auth: {password: marker-registry-4711}}}",
    ),
];
const DERIVED: &str = "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af";

/// What must not be seen.
fn markers() -> Vec<&'static str> {
    let mut markers: Vec<&str> = FILES.iter().map(|(_, text)| *text).collect();
    markers[4] = "marker-registry-4711";
    markers.push(DERIVED);
    markers
}

fn holds(bytes: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(bytes);
    markers().into_iter().find(|marker| text.contains(marker))
}

/// The reference cluster with all kinds of secrets, each in a file that only its owner reads.
fn prepare(folder: &Path) -> PathBuf {
    let secrets = folder.join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    for (name, text) in FILES {
        let path = secrets.join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let mut document: Value = serde_json::from_str(EXAMPLE).unwrap();
    for (number, os) in ["rancheros", "raspios", "ubuntu", "debian"]
        .iter()
        .enumerate()
    {
        document["nodes"][number]["os"] = json!(os);
    }
    document["wifi"]["networks"] = json!([
        {"ssid": "ThisIsASSID", "psk_file": "wifi.psk"},
        {"ssid": "hex", "psk_hex_file": "hex.psk"}
    ]);
    let schema = tools::tool("poe-budget")
        .unwrap()
        .args(["--schema"])
        .run()
        .unwrap();
    if schema.text().contains("\"registries_file\"") {
        document["k3s"]["registries_file"] = json!("registries.yaml");
    }
    let path = folder.join("cluster.json");
    std::fs::write(&path, document.to_string()).unwrap();
    path
}

/// The forms of output that a tool's help lists.
fn formats(help: &str) -> Vec<String> {
    let after = help.split("--format").nth(1).unwrap_or_default();
    let listed = after.split("Possible values:").nth(1).unwrap_or_default();
    let lines = listed.lines().skip(1).map(str::trim_start);
    lines
        .take_while(|line| line.starts_with("- ") || (!line.is_empty() && !line.starts_with('-')))
        .filter_map(|line| Some(line.strip_prefix("- ")?.split(':').next()?.to_owned()))
        .collect()
}

/// Runs a program and writes every argument and variable that it, or what it starts, begins with into `trace`, and
/// whatever it connects to.
fn watched(trace: &Path, program: &Path, arguments: &[&str], folder: &Path) -> Outcome {
    let strace = "-f -qq -v -s 100000 -e trace=execve,connect -o";
    Program::new("strace")
        .args(strace.split(' '))
        .args([trace, program])
        .args(arguments)
        .folder(folder)
        .run()
        .unwrap()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() && !path.is_symlink() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// What is in the files of a folder is secret only where nobody else can read it. Returns those that hold one.
fn closed(folder: &Path, what: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in files(folder) {
        let Some(marker) = std::fs::read(&path).ok().and_then(|bytes| holds(&bytes)) else {
            continue;
        };
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        let shown = path.display();
        assert_eq!(
            mode & 0o077,
            0,
            "{what}: {shown} holds {marker} with mode {mode:o}"
        );
        for place in ["/var/lib/cluster/", "/var/log/"] {
            assert!(
                !shown.to_string().contains(place),
                "{what}: {shown} holds {marker}"
            );
        }
        found.push(path);
    }
    found
}

/// Every form of a tool's answer, on paper and as files. Returns whether a secret got into a file.
fn every_form(tool: &str, folder: &Path, document: &Path) -> bool {
    let program = tools::folder().unwrap().join(tool);
    let help = tools::tool(tool)
        .unwrap()
        .args(["--help"])
        .run()
        .unwrap()
        .text();
    let (trace, output) = (folder.join("trace"), folder.join("output"));
    let mut used = false;
    let mut formats = formats(&help);
    assert!(formats.contains(&"json".to_owned()), "{tool}: {formats:?}");
    formats.extend(help.contains("--check").then(|| "check".to_owned()));
    formats.extend(help.contains("--sysroot").then(|| "apply".to_owned()));
    for format in &formats {
        let root = folder.join("root");
        for fresh in [&output, &root] {
            let _ = std::fs::remove_dir_all(fresh);
            std::fs::create_dir(fresh).unwrap();
        }
        let file = output.join("file").display().to_string();
        let root_name = root.display().to_string();
        let mut arguments = match format.as_str() {
            "check" => vec!["--check"],
            "apply" => vec!["--apply", "--sysroot", &root_name],
            format => vec!["-f", format, "-o", &file],
        };
        if help.contains("--secrets") {
            arguments.extend(["--secrets", "secrets"]);
        }
        if help.contains("--node <") {
            arguments.extend(["--node", "pi4"]);
        }
        let document = document.display().to_string();
        arguments.push(&document);
        std::fs::create_dir(root.join("etc")).unwrap();
        std::fs::write(root.join("etc/hostname"), "pi4\n").unwrap();
        let what = format!("{tool} {}", arguments.join(" "));
        let outcome = watched(&trace, &program, &arguments, folder);
        assert!(
            matches!(outcome.code, Some(0..=3)),
            "{what}: {}",
            outcome.stderr
        );
        assert_eq!(holds(&outcome.stdout), None, "{what}: standard output");
        assert_eq!(
            holds(outcome.stderr.as_bytes()),
            None,
            "{what}: standard error"
        );
        let traced = std::fs::read(&trace).unwrap();
        assert_eq!(holds(&traced), None, "{what}: arguments or environment");
        let traced = String::from_utf8_lossy(&traced).into_owned();
        assert!(
            traced.contains("execve(") && !traced.contains("/dev/log"),
            "{what}: a log"
        );
        let written = closed(&output, &what);
        let open = matches!(format.as_str(), "json" | "text" | "sh" | "svg");
        assert!(
            !open || written.is_empty(),
            "{what}: {written:?} holds a secret"
        );
        used |= !written.is_empty() || !closed(&root, &what).is_empty();
    }
    used
}

#[test]
#[ignore = "every tool under strace: run by scripts/test"]
fn no_tool_shows_a_secret_and_what_holds_one_is_closed() {
    if !require(&["strace"]).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let document = prepare(folder.path());
    let names = tools::names().unwrap();
    for tool in &names {
        let used = every_form(tool, folder.path(), &document);
        // Those that are there for secrets have to have carried one somewhere, or nothing was tested.
        let for_secrets = ["pi-wifi", "k3s-join"].contains(&tool.as_str());
        assert_eq!(used, for_secrets, "{tool}");
    }
}

#[test]
#[ignore = "strace: run by scripts/test"]
fn what_is_watched_for_is_seen() {
    if !require(&["strace"]).unwrap() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("trace");
    let seen = |script: &str| {
        watched(&trace, Path::new("/bin/sh"), &["-c", script], folder.path());
        holds(&std::fs::read(&trace).unwrap())
    };
    // Put together only where it is run, so that it is not in the shell's own arguments.
    assert_eq!(
        seen("a=ThisIsA; /bin/true ${a}Password"),
        Some("ThisIsAPassword")
    );
    assert_eq!(
        seen("a=ThisIsA; X=${a}Password /bin/true"),
        Some("ThisIsAPassword")
    );
    assert_eq!(seen("/bin/true"), None);
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::write(open.join("file"), "ThisIsAPassword").unwrap();
    let path = open.clone();
    assert!(std::panic::catch_unwind(move || closed(&path, "")).is_err());
    std::fs::set_permissions(open.join("file"), PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(closed(&open, "").len(), 1);
}

/// Every field of the document that names a secret's file stands in the table of secrets.
#[test]
fn the_table_of_secrets_has_a_row_for_each() {
    let page = std::fs::read_to_string(tools::top().join("cluster/scripts.md")).unwrap();
    let table = page.split("## Secrets").nth(1).unwrap();
    let schema = tools::tool("poe-budget")
        .unwrap()
        .args(["--schema"])
        .run()
        .unwrap();
    let mut fields = BTreeSet::new();
    collect(&schema.json().unwrap(), &mut fields);
    assert!(fields.len() >= 4, "{fields:?}");
    for field in fields {
        assert!(table.contains(&format!("{field}`")), "no row for {field}");
    }
}

fn collect(value: &Value, fields: &mut BTreeSet<String>) {
    if let Some(properties) = value["properties"].as_object() {
        let names = properties.keys().filter(|name| name.ends_with("_file"));
        fields.extend(names.cloned());
    }
    match value {
        Value::Object(object) => object.values().for_each(|value| collect(value, fields)),
        Value::Array(list) => list.iter().for_each(|value| collect(value, fields)),
        _ => {}
    }
}
