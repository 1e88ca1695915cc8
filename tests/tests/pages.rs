//! The examples of every page: what a page shows is what the programs print.
//!
//! A block of the kind `console` holds commands (`$ …`) and below each what it prints; a line `...` stands for any lines.
//! All commands of a page run in one folder, which holds the reference cluster as `cluster.json`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::Program;
use cluster_tests::tools;
use std::path::{Path, PathBuf};

/// A command of a page and what stands below it.
#[derive(Debug)]
struct Shown {
    line: usize,
    command: String,
    output: Vec<String>,
}

fn read_page(text: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            all.push(Shown {
                line: index + 1,
                command: command.to_owned(),
                output: Vec::new(),
            });
        } else if inside {
            let shown = all.last_mut().unwrap();
            shown.output.push(line.to_owned());
        }
    }
    all
}

/// Whether `printed` is `shown`, where a line `...` stands for any lines.
fn agrees(shown: &[String], printed: &[&str]) -> bool {
    match shown {
        [] => printed.is_empty(),
        [any, rest @ ..] if any == "..." => {
            (0..=printed.len()).any(|skip| agrees(rest, &printed[skip..]))
        }
        [line, rest @ ..] => printed.first() == Some(&line.as_str()) && agrees(rest, &printed[1..]),
    }
}

fn check_page(page: &Path) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let example = tools::top().join("cluster/example/cluster.json");
    std::fs::copy(example, folder.path().join("cluster.json")).unwrap();
    let programs = tools::folder().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let shown = read_page(&std::fs::read_to_string(page).unwrap());
    for example in &shown {
        let script = format!("PATH={path}\nexec 2>&1\n{}", example.command);
        let outcome = Program::new("bash")
            .args(["-uc", &script])
            .folder(folder.path())
            .run()
            .unwrap();
        let text = outcome.text();
        let printed: Vec<&str> = text.lines().collect();
        assert!(
            agrees(&example.output, &printed),
            "{}:{}: `{}` prints:\n{text}",
            page.display(),
            example.line,
            example.command
        );
    }
    shown.len()
}

#[test]
fn every_page_shows_what_the_programs_print() {
    let mut pages: Vec<PathBuf> = vec![tools::top().join("README.md")];
    for name in tools::names().unwrap() {
        let page = tools::top().join(&name).join("README.md");
        assert!(page.is_file(), "{name} has no page");
        pages.push(page);
    }
    for page in &pages {
        assert!(check_page(page) > 0, "{} shows no example", page.display());
    }
}

#[test]
fn a_line_of_dots_stands_for_any_lines_and_nothing_else_does() {
    let shown = |lines: &[&str]| lines.iter().map(|&l| l.to_owned()).collect::<Vec<_>>();
    assert!(agrees(&shown(&["a", "...", "c"]), &["a", "b", "b", "c"]));
    assert!(agrees(&shown(&["...", "c"]), &["c"]));
    assert!(!agrees(&shown(&["a", "..."]), &["b"]));
    assert!(!agrees(&shown(&["a"]), &["a", "b"]));
    assert!(!agrees(&shown(&["a", "b"]), &["a"]));
}
