//! What the tests share: a folder with secrets, and the program in it.

#![allow(dead_code, reason = "each test file uses a part")]

use cluster_tests::program::{Outcome, Program};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// The password in the servers' token file: in no output but artefacts.
pub const SERVER_TOKEN: &str = "servermarkerserverm0";
/// The one in the agents'.
pub const AGENT_TOKEN: &str = "agentmarkeragentmar1";

/// A folder with both tokens.
pub fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    secret(folder.path(), "k3s.token", SERVER_TOKEN);
    secret(folder.path(), "k3s.agent-token", AGENT_TOKEN);
    folder
}

/// Writes a secret file.
pub fn secret(folder: &Path, name: &str, content: &str) {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The program in a folder.
pub fn run_in(folder: &Path, arguments: &[&str], input: &str) -> Outcome {
    let program = Program::new(env!("CARGO_BIN_EXE_k3s-join"));
    program
        .args(arguments)
        .input(input)
        .folder(folder)
        .run()
        .unwrap()
}

/// The program in a folder with both tokens.
pub fn run(arguments: &[&str], input: &str) -> Outcome {
    run_in(folder().path(), arguments, input)
}

/// The reference cluster, changed.
pub fn example(change: impl FnOnce(&mut Value)) -> String {
    let mut document: Value = serde_json::from_str(cluster::EXAMPLE).unwrap();
    change(&mut document);
    document.to_string()
}

/// The reference cluster on this system.
pub fn on(os: &str, release: Option<&str>) -> String {
    example(|document| {
        for node in document["nodes"].as_array_mut().unwrap() {
            node["os"] = json!(os);
            if let Some(release) = release {
                node["os_release"] = json!(release);
            }
        }
    })
}

/// The tool's own value.
pub fn answer(outcome: &Outcome) -> Value {
    outcome.json().unwrap()["k3s_join"].clone()
}

/// The ids of the findings of this severity.
pub fn ids(outcome: &Outcome, severity: &str) -> Vec<String> {
    let answer = answer(outcome);
    let all = answer["findings"].as_array().unwrap();
    let of = all.iter().filter(|finding| finding["severity"] == severity);
    of.map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect()
}
