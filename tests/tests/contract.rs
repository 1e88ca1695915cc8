//! What every tool promises at its edge, seen from outside: one test for all that exist.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use cluster_tests::program::{Outcome, Program};
use cluster_tests::tools;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

const EXAMPLE: &str = include_str!("../../cluster/example/cluster.json");

/// Runs `check` for each tool.
fn each(check: impl Fn(&str, &dyn Fn(&[&str], &str) -> Outcome)) {
    let names = tools::names().unwrap();
    assert!(!names.is_empty());
    for name in names {
        let run = |arguments: &[&str], input: &str| {
            let program = tools::tool(&name).unwrap();
            program.args(arguments).input(input).run().unwrap()
        };
        check(&name, &run);
    }
}

/// Runs a bash script with the tools on its PATH.
fn bash(script: &str) -> Outcome {
    let folder = tools::folder().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let script = format!("PATH={path}\n{script}");
    Program::new("bash")
        .args(["-uc", &script])
        .input(EXAMPLE)
        .run()
        .unwrap()
}

fn key(tool: &str) -> String {
    tool.replace('-', "_")
}

#[test]
fn help_is_whole_and_fits_a_terminal() {
    each(|tool, run| {
        let help = run(&["--help"], "");
        assert_eq!(help.code, Some(0));
        let text = help.text();
        let wide: Vec<&str> = text
            .lines()
            .filter(|line| line.chars().count() > 80)
            .collect();
        assert!(
            wide.is_empty(),
            "{tool} --help is wider than 80 columns: {wide:?}"
        );
        let headings: Vec<&str> = text
            .lines()
            .filter(|line| line.ends_with(':') && line.starts_with(char::is_alphabetic))
            .filter(|line| *line != "Operating systems:")
            .collect();
        assert_eq!(
            headings,
            ["Arguments:", "Options:", "Examples:", "Exit codes:"],
            "{tool}"
        );
        assert_eq!(
            run(&["--version"], "").text(),
            format!("{tool} {}\n", env!("CARGO_PKG_VERSION"))
        );
    });
}

/// What `--help` of a tool says behind a heading, up to the next one.
fn section<'a>(help: &'a str, heading: &str) -> Option<&'a str> {
    let (_, behind) = help.split_once(&format!("\n{heading}\n"))?;
    let next = |line: &str| line.ends_with(':') && line.starts_with(char::is_alphabetic);
    let length: usize = behind
        .split_inclusive('\n')
        .take_while(|line| !next(line.trim_end()))
        .map(str::len)
        .sum();
    Some(&behind[..length])
}

/// Each option of a tool with what `--help` says of it, without the formats, which are each tool's own.
fn options(help: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut name = String::new();
    for line in section(help, "Options:").unwrap().lines() {
        let words = line.trim_start();
        if words.starts_with('-') && !words.starts_with("- ") {
            name = words.to_owned();
            all.insert(name.clone(), String::new());
        } else if let Some(text) = all.get_mut(&name).filter(|_| !name.contains("--format")) {
            *text += words;
            text.push(' ');
        }
    }
    all
}

#[test]
fn what_tools_share_is_said_in_the_same_words() {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    each(|tool, run| {
        let help = run(&["--help"], "").text();
        let all = options(&help);
        for option in [
            "-n, --null-input",
            "-f, --format <FORMAT>",
            "-o, --output <FILE>",
            "--only",
            "--compact",
            "--example",
            "--schema",
            "--validate",
            "--require-ok",
            "--error-format <FORMAT>",
        ] {
            assert!(all.contains_key(option), "{tool} --help lacks {option}");
        }
        assert!(section(&help, "Exit codes:").unwrap().contains("\n  65  "));
    });
    for tool in tools::names().unwrap() {
        let help = tools::tool(&tool).unwrap().args(["--help"]).run().unwrap();
        let help = help.text();
        let mut said = options(&help);
        // These mean something of each tool's own.
        said.retain(|option, _| {
            ![
                "--check",
                "--discard",
                "--node",
                "--remove",
                "--add",
                "--limit",
                "--interface",
                "--os",
            ]
            .iter()
            .any(|own| option.starts_with(own))
        });
        said.insert(
            "exit codes".to_owned(),
            section(&help, "Exit codes:").unwrap().to_owned(),
        );
        for (option, text) in said {
            let (other, before) = seen
                .entry(option.clone())
                .or_insert_with(|| (tool.clone(), text.clone()));
            assert_eq!(&text, before, "{option} of {tool} and of {other}");
        }
    }
}

/// The commands of a line of a shell: what stands between pipes, without what runs it elsewhere.
fn commands(line: &str) -> Vec<Vec<&str>> {
    let each = line.split(" | ").map(|part| {
        let words = part.split_whitespace();
        words.skip_while(|word| *word == "sudo").collect()
    });
    each.collect()
}

#[test]
fn examples_have_one_form_and_name_options_that_there_are() {
    let names = tools::names().unwrap();
    let help = |tool: &str| {
        let outcome = tools::tool(tool).unwrap().args(["--help"]).run().unwrap();
        outcome.text()
    };
    for tool in &names {
        let own = help(tool);
        let examples = section(&own, "Examples:").unwrap();
        for example in examples.trim_end().split("\n\n") {
            let mut lines = example.lines();
            let title = lines.next().unwrap();
            assert!(
                title.starts_with("  ") && !title.starts_with("   "),
                "{tool}: {title:?}"
            );
            let rest: Vec<&str> = lines.collect();
            assert!(
                !rest.is_empty() && rest.iter().all(|line| line.starts_with("    ")),
                "{tool}: {example}"
            );
            let script = rest.join("\n").replace("\\\n", " ");
            for command in script.lines().flat_map(commands) {
                let Some(called) = names
                    .iter()
                    .find(|name| command.first() == Some(&name.as_str()))
                else {
                    continue;
                };
                let known = options(&help(called));
                for option in command.iter().filter(|word| word.starts_with('-')) {
                    let option = option.split('=').next().unwrap();
                    let there = |text: &String| text.split([' ', ',']).any(|word| word == option);
                    assert!(
                        option == "-" || known.keys().any(there),
                        "{tool}: `{}`: {called} has no {option}",
                        command.join(" ")
                    );
                }
            }
        }
    }
}

#[test]
fn operating_systems_are_all_told_on_help_and_page_or_on_neither() {
    each(|tool, run| {
        let help = run(&["--help"], "").text();
        let page = page(tool);
        let told = section(&help, "Operating systems:");
        assert_eq!(
            told.is_some(),
            page.contains("\n## Operating systems\n"),
            "{tool}"
        );
        for system in ["raspios", "ubuntu", "debian", "rancheros", "burmillaos"] {
            let Some(told) = told else { return };
            assert!(told.contains(system), "{tool} --help lacks {system}");
            let cell = page
                .lines()
                .any(|line| line.starts_with("| `") && line.contains(&format!("`{system}`")));
            assert!(cell, "{tool}'s page lacks {system}");
        }
    });
}

#[test]
fn a_wrong_argument_is_one_line_and_2() {
    each(|tool, run| {
        let outcome = run(&["--exmaple"], "");
        assert_eq!(
            (outcome.code, outcome.stdout.as_slice()),
            (Some(2), &b""[..])
        );
        assert!(
            outcome
                .stderr
                .starts_with(&format!("{tool}: reading the arguments: ")),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
        let outcome = run(&["-n", "file"], "");
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        let outcome = run(&["--exmaple", "--error-format", "json"], "");
        let error: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(error["exit_code"], 2);
        assert_eq!(error["tool"], tool);
    });
}

#[test]
fn invalid_input_is_one_line_and_65() {
    for (input, expected) in [
        ("", "found nothing"),
        ("5", "expected a JSON object"),
        ("{\"storge\": 1}", "did you mean \"storage\"?"),
        ("{\"a\": 1, \"a\": 2}", "expected each key once"),
        ("{} {}", "expected one document"),
        ("{\"format_version\": \"2.0\"}", "expected major version 1"),
        ("{\"a\u{1b}\": 1, \"a\u{1b}\": 2}", "control character"),
    ] {
        each(|tool, run| {
            let outcome = run(&[], input);
            assert_eq!(
                outcome.code,
                Some(65),
                "{tool} < {input}: {}",
                outcome.stderr
            );
            assert!(outcome.stdout.is_empty());
            assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
            let start = format!("{tool}: reading standard input: ");
            assert!(outcome.stderr.starts_with(&start), "{}", outcome.stderr);
            assert!(
                outcome.stderr.contains(expected),
                "{input}: {}",
                outcome.stderr
            );
        });
    }
}

#[test]
fn an_invalid_section_is_named_by_its_path_in_json_too() {
    each(|tool, run| {
        let input = "{\"parts\": [{\"part\": \"a\", \"cost\": 1}]}";
        let outcome = run(&["--validate", "--error-format=json"], input);
        assert_eq!(outcome.code, Some(65), "{tool}: {}", outcome.stderr);
        let error: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(error["path"], "parts[0].cost");
        // The same passes by a tool that does not read the parts.
        assert_ne!(run(&[], input).code, Some(65), "{tool}");
    });
}

#[test]
fn a_missing_file_is_1() {
    each(|tool, run| {
        let outcome = run(&["/no/such/file"], "");
        assert_eq!(outcome.code, Some(1));
        assert_eq!(
            outcome.stderr,
            format!("{tool}: reading /no/such/file: No such file or directory (os error 2)\n")
        );
    });
}

#[test]
fn the_example_is_the_reference_and_passes() {
    each(|tool, run| {
        assert_eq!(run(&["--example"], "").text(), EXAMPLE);
        let outcome = run(&[], EXAMPLE);
        assert!(
            matches!(outcome.code, Some(0 | 3)),
            "{tool}: {}",
            outcome.stderr
        );
        let mut document = outcome.json().unwrap();
        let answer = document
            .as_object_mut()
            .unwrap()
            .remove(&key(tool))
            .unwrap();
        assert_eq!(
            document,
            serde_json::from_str::<serde_json::Value>(EXAMPLE).unwrap()
        );
        assert_eq!(answer["ok"], outcome.code == Some(0));
        let only = run(&["--only"], EXAMPLE).json().unwrap();
        assert_eq!(only, answer);
        let compact = run(&["--compact"], EXAMPLE);
        assert_eq!(compact.json().unwrap()[key(tool)], answer);
        assert_eq!(compact.text().lines().count(), 1);
    });
}

#[test]
fn the_same_input_gives_the_same_bytes_and_its_own_output_changes_nothing() {
    each(|tool, run| {
        let once = run(&[], EXAMPLE);
        assert_eq!(run(&[], EXAMPLE), once, "{tool}");
        assert_eq!(run(&[], &once.text()).text(), once.text(), "{tool}");
    });
}

#[test]
fn foreign_keys_keep_their_bytes() {
    let foreign = "\"theirs\" : [ 12345678901234567890.10,\t\"\\u00e9\" ]";
    let input = EXAMPLE.replacen('{', &format!("{{{foreign},"), 1);
    each(|tool, run| assert!(run(&[], &input).text().contains(foreign), "{tool}"));
}

#[test]
fn the_schema_knows_the_key_and_every_section() {
    each(|tool, run| {
        let schema = run(&["--schema"], "").json().unwrap();
        let names: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let example: serde_json::Value = serde_json::from_str(EXAMPLE).unwrap();
        assert!(names.contains(&key(tool)));
        assert!(
            example
                .as_object()
                .unwrap()
                .keys()
                .all(|key| names.contains(key)),
            "{tool}"
        );
        let own = &schema["properties"][key(tool)];
        let own = match own["$ref"].as_str() {
            Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
            None => own,
        };
        let fields = &own["properties"];
        assert!(
            fields["ok"].is_object() && fields["findings"].is_object(),
            "{tool}"
        );
    });
}

#[test]
fn a_reader_who_leaves_is_no_error_and_a_full_disk_is() {
    each(|tool, _| {
        let piped = bash(&format!(
            "{tool} | head -c1 >/dev/null; echo ${{PIPESTATUS[0]}}"
        ));
        let plain = bash(&format!("{tool} >/dev/null 2>&1; echo $?"));
        assert_eq!(piped.text(), plain.text(), "{tool}: {}", piped.stderr);
        let piped = bash(&format!("{tool} --help | true; echo ${{PIPESTATUS[0]}}"));
        assert_eq!(piped.text(), "0\n", "{tool}: {}", piped.stderr);
        let full = bash(&format!("{tool} >/dev/full; echo $?"));
        assert_eq!(full.text(), "1\n");
        assert!(
            full.stderr
                .contains(&format!("{tool}: writing standard output: No space left")),
            "{}",
            full.stderr
        );
    });
}

#[test]
fn output_goes_to_a_file_whole_and_through_links_and_pipes() {
    each(|tool, run| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let expected = run(&[], EXAMPLE).text();
        std::fs::write(path("file"), "old").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        let outcome = run(&["-o", &path("link")], EXAMPLE);
        assert!(outcome.stdout.is_empty());
        assert_eq!(std::fs::read_to_string(path("file")).unwrap(), expected);
        assert!(folder.path().join("link").is_symlink());
        let pipe = path("pipe");
        let piped = bash(&format!(
            "mkfifo {pipe}; cat {pipe} & {tool} -o {pipe} 2>/dev/null; wait"
        ));
        assert_eq!(piped.text(), expected);
        // Only what the test made is there: no temporary file is left behind.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        assert_eq!(run(&["-o", &path("none/file")], EXAMPLE).code, Some(1));
    });
}

#[test]
fn another_tools_no_is_carried_on_where_asked() {
    each(|tool, run| {
        let other = if tool == "nat-gen" {
            "k3s_join"
        } else {
            "nat_gen"
        };
        let input = EXAMPLE.replacen('{', &format!("{{\"{other}\": {{\"ok\": false}},"), 1);
        let outcome = run(&["--require-ok"], &input);
        assert_eq!(outcome.code, Some(3), "{tool}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(other), "{tool}: {}", outcome.stderr);
        let findings = &outcome.json().unwrap()[key(tool)]["findings"];
        assert_eq!(findings[0]["id"], "document-answer-not-ok");
    });
}

#[test]
fn a_terminal_on_standard_input_is_told_what_is_wanted() {
    each(|tool, _| {
        let program = tools::folder().unwrap().join(tool);
        let command = format!("{} --error-format text", program.display());
        let outcome = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
        assert_eq!(outcome.status.code(), Some(2), "{text}");
        assert!(text.contains(&format!("`{tool} --example`")), "{text}");
    });
}

fn page(tool: &str) -> String {
    std::fs::read_to_string(tools::top().join(tool).join("README.md")).unwrap()
}

/// What a page says below a heading, up to the next one of its kind.
fn chapter<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, behind) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_default();
    behind.split("\n## ").next().unwrap()
}

#[test]
fn pages_have_the_same_sections_in_the_same_order() {
    each(|tool, run| {
        let page = page(tool);
        assert!(page.starts_with(&format!("# {tool}\n\n")), "{tool}");
        let all = ["The key", "Operating systems", "Findings", "Limits"];
        let headings: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        let at = headings
            .iter()
            .position(|heading| *heading == all[0])
            .unwrap_or_else(|| panic!("{tool}'s page does not tell its key"));
        let expected: Vec<&str> = all
            .into_iter()
            .filter(|heading| *heading != all[1] || headings.contains(heading))
            .collect();
        assert_eq!(headings[at..], expected, "{tool}");
        // The page names each field of the key.
        let schema = run(&["--schema"], "").json().unwrap();
        let own = &schema["properties"][key(tool)];
        let own = match own["$ref"].as_str() {
            Some(reference) => schema.pointer(reference.trim_start_matches('#')).unwrap(),
            None => own,
        };
        let told = chapter(&page, all[0]);
        for field in own["properties"].as_object().unwrap().keys() {
            let mut words = told.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            assert!(words.any(|word| word == field), "{tool}'s page: {field}");
        }
    });
}

/// The text of each of a folder's sources, without that of tests.
fn each_source(folder: &Path, take: &mut dyn FnMut(&str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            each_source(&path, take);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            take(text.split("#[cfg(test)]").next().unwrap());
        }
    }
}

/// The text literals of a folder's sources that look like names.
fn names_in(folder: &Path, found: &mut BTreeSet<String>) {
    let is_name = |part: &&str| {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        part.contains('-') && part.bytes().all(letter)
    };
    each_source(folder, &mut |text| {
        found.extend(text.split('"').filter(is_name).map(str::to_owned));
    });
}

/// The identifiers that are given where a finding is made.
fn made_in(folder: &Path, found: &mut BTreeSet<String>) {
    each_source(folder, &mut |text| {
        for word in ["error", "warning", "info"] {
            let call = format!("Finding::{word}(");
            let made = text.split(&call).skip(1);
            let id = made.filter_map(|rest| rest.trim_start().strip_prefix('"'));
            found.extend(id.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    });
}

/// What the findings of each tool begin with.
const PREFIXES: [(&str, &str); 7] = [
    ("gluster-plan", "gluster-"),
    ("k3s-join", "k3s-"),
    ("nat-gen", "nat-"),
    ("pi-dockerroot", "dockerroot-"),
    ("pi-partition", "partition-"),
    ("pi-wifi", "wifi-"),
    ("poe-budget", "poe-"),
];
/// Names in the sources that begin so, and are no findings.
const OTHERS: [&str; 3] = ["k3s-agent", "k3s-arm64", "k3s-server"];

#[test]
fn every_finding_has_its_tools_prefix_and_stands_on_its_page_once() {
    let mut shared = BTreeSet::new();
    made_in(&tools::top().join("cluster/src"), &mut shared);
    assert!(shared.contains("node-identity"), "{shared:?}");
    let tools = tools::names().unwrap();
    assert!(
        tools
            .iter()
            .map(String::as_str)
            .eq(PREFIXES.map(|(tool, _)| tool))
    );
    for (tool, prefix) in PREFIXES {
        let (mut made, mut names) = (BTreeSet::new(), BTreeSet::new());
        let folder = tools::top().join(tool).join("src");
        made_in(&folder, &mut made);
        let stray: Vec<&String> = made
            .iter()
            .filter(|id| !id.starts_with(prefix) && !shared.contains(*id))
            .collect();
        assert!(stray.is_empty(), "{tool} makes {stray:?}, without {prefix}");
        names_in(&folder, &mut names);
        let own: BTreeSet<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| name.starts_with(prefix) && *name != tool && !OTHERS.contains(name))
            .collect();
        let page = page(tool);
        let table = chapter(&page, "Findings");
        assert!(
            table.contains("\n| finding | severity | means |\n| --- | --- | --- |\n"),
            "{tool}"
        );
        let listed: Vec<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .map(|(id, _)| id)
            .collect();
        let once: BTreeSet<&str> = listed.iter().copied().collect();
        assert_eq!(once.len(), listed.len(), "{tool} lists a finding twice");
        let of_all: BTreeSet<&str> = once
            .iter()
            .copied()
            .filter(|id| shared.contains(*id))
            .collect();
        let of_tool: BTreeSet<&str> = once.difference(&of_all).copied().collect();
        assert_eq!(of_tool, own, "{tool}: the page, and the sources");
    }
}
