//! Manual pages and completions: every tool has them, whole, and their readers accept them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::Context;
use cluster_tests::program::Program;
use cluster_tests::{host, require, tools};
use std::path::Path;

/// Makes them into a folder.
fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let maker = tools::folder().unwrap().join("examples/manual");
    let outcome = Program::new(maker).args([folder.path()]).run().unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    folder
}

/// The long options that a tool's help shows.
fn options(tool: &str) -> Vec<String> {
    let help = tools::tool(tool).unwrap().args(["--help"]).run().unwrap();
    let text = help.text();
    let options = text.split_once("Options:").unwrap().1;
    let options = options.split_once("\nExamples:").unwrap().0;
    let words = options.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.split_once(", ").map_or(
            line,
            |(short, long)| {
                if short.len() == 2 { long } else { line }
            },
        );
        let word = line.strip_prefix("--")?.split([' ', '=']).next()?;
        Some(format!("--{word}"))
    });
    words.collect()
}

fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path))
        .with_context(|| format!("reading {path}"))
        .unwrap()
}

#[test]
fn every_option_of_every_tool_is_on_its_page_and_completed() {
    let folder = made();
    for tool in tools::names().unwrap() {
        let page = read(folder.path(), &format!("man/man1/{tool}.1")).replace('\\', "");
        let bash = read(folder.path(), &format!("completions/bash/{tool}"));
        let zsh = read(folder.path(), &format!("completions/zsh/_{tool}"));
        let fish = read(folder.path(), &format!("completions/fish/{tool}.fish"));
        let options = options(&tool);
        assert!(options.len() > 8, "{tool}: {options:?}");
        for option in options {
            assert!(page.contains(&option), "{tool}.1 lacks {option}");
            assert!(bash.contains(&option), "bash lacks {tool} {option}");
            assert!(zsh.contains(&option), "zsh lacks {tool} {option}");
            let option = option.trim_start_matches('-');
            assert!(
                fish.contains(&format!("-l {option}")),
                "fish lacks {tool} --{option}"
            );
        }
        for heading in ["EXAMPLES", "EXIT STATUS", "ANSWER", "SEE ALSO"] {
            assert!(page.contains(heading), "{tool}.1 lacks {heading}");
        }
    }
}

#[test]
fn the_documents_page_knows_every_field_of_the_reference() {
    let folder = made();
    let page = read(folder.path(), "man/man5/cluster.json.5").replace('\\', "");
    let example = include_str!("../../cluster/example/cluster.json");
    let mut paths = Vec::new();
    collect(
        &serde_json::from_str(example).unwrap(),
        String::new(),
        &mut paths,
    );
    assert!(paths.len() > 60);
    for path in paths {
        let word = format!("fB{path}fR");
        let heading = format!(".SS {path}\n");
        assert!(
            page.contains(&word) || page.contains(&heading),
            "cluster.json.5 lacks {path}"
        );
    }
}

/// The paths of all fields, as the page writes them.
fn collect(value: &serde_json::Value, path: String, paths: &mut Vec<String>) {
    if let Some(object) = value.as_object() {
        for (name, value) in object {
            let path = match path.as_str() {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            paths.push(path.clone());
            collect(value, path, paths);
        }
    }
    for value in value.as_array().into_iter().flatten() {
        collect(value, format!("{path}[]"), paths);
    }
}

/// Runs a reader over a file; it must accept and say nothing.
fn accepted(reader: &[&str], path: &Path) {
    let mut command = host(reader[0]);
    let output = command.args(&reader[1..]).arg(path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{reader:?} {}: {said}",
        path.display()
    );
}

#[test]
fn man_and_the_shells_read_them() {
    if !require(&["man", "bash", "zsh", "fish"]).unwrap() {
        return;
    }
    let folder = made();
    let at = |path: &str| folder.path().join(path);
    let man = ["man", "--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l"];
    accepted(&man, &at("man/man5/cluster.json.5"));
    for tool in tools::names().unwrap() {
        accepted(&man, &at(&format!("man/man1/{tool}.1")));
        accepted(&["bash", "-n"], &at(&format!("completions/bash/{tool}")));
        accepted(&["zsh", "-n"], &at(&format!("completions/zsh/_{tool}")));
        let fish = at(&format!("completions/fish/{tool}.fish"));
        accepted(&["fish", "--no-execute"], &fish);
    }
}
