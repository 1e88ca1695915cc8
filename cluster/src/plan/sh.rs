//! Steps as a POSIX shell script: the same plan with the same checks, for whoever would rather read and run that.

use super::text::sentence;
use super::{Action, Check, Hex, Plan, Step};
use crate::command::quote;
use crate::name::escape_controls;

mod action;
mod check;

use action::lines;

/// What every script begins with. `octal` is there because a POSIX `printf` knows no other escape for a byte.
const PRELUDE: &str = r#"set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
say() { printf '%s\n' "$*" >&2; }
die() { say "stopped: $*"; exit 1; }
refuse() { say "refused: $*"; exit 3; }
# FILE OFFSET LENGTH: the bytes there, in hexadecimal digits
bytes() { dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'; }
# FILE OFFSET OCTAL: writes bytes there
# shellcheck disable=SC2059 # the format is the bytes
put() { printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc,fsync 2>/dev/null; }
# PREFIX COMMAND...: the lines of a command's output that begin so
lines() {
  p=$1; shift
  "$@" 2>/dev/null </dev/null | while read -r l; do case $l in "$p"*) printf '%s\n' "$l" ;; esac; done
}
size() { if [ -b "$1" ]; then blockdev --getsize64 "$1"; else stat -c %s "$1"; fi; }
"#;

/// A script that carries out a plan's steps. `before` is checked before anything is changed, and so is what stands at
/// each place that the steps write to; a step whose effect is there already is passed over.
pub fn script(plan: &Plan, title: &str, lock: Option<&str>, before: &[Check]) -> String {
    guarded_script(plan, title, lock, before, "")
}

/// The same with `guards`, shell text of the tool's own that runs before all checks. It may define functions and call
/// `refuse`, and changes nothing.
pub fn guarded_script(
    plan: &Plan,
    title: &str,
    lock: Option<&str>,
    before: &[Check],
    guards: &str,
) -> String {
    let mut out = String::from("#!/bin/sh\n");
    comment(&mut out, title);
    comment(
        &mut out,
        &format!(
            "Made by {} {}; plan {}.",
            plan.tool,
            plan.tool_version,
            plan.plan_sha256()
        ),
    );
    out.push_str(PRELUDE);
    if let Some(path) = lock {
        // The whole disk's node, as udev expects it of whoever changes a disk.
        let path = quote(path);
        out.push_str(&format!(
            "exec 9<{path}\nflock -w 10 9 || die {path} is locked by another program\n"
        ));
    }
    out.push_str("\n# All checks come before the first change.\n");
    out.push_str(guards);
    for planned in before {
        let why = quote(&format!("not as planned: {}", shown(planned)));
        out.push_str(&format!("{} || refuse {why}\n", check::test(planned)));
    }
    for step in &plan.steps {
        place_check(&mut out, step);
    }
    for step in &plan.steps {
        step_lines(&mut out, step);
    }
    out.push_str("\nsay 'all is as planned'\n");
    out
}

fn comment(out: &mut String, text: &str) {
    out.push_str(&format!("# {}\n", escape_controls(text)));
}

/// Refuses where neither what the plan was made for nor what it would write stands at a step's place.
fn place_check(out: &mut String, step: &Step) {
    let (path, offset, before, after) = match &step.action {
        Action::WriteBytes {
            path,
            offset_bytes,
            before,
            bytes,
        } => (path, offset_bytes, before, bytes.clone()),
        Action::Erase {
            path,
            offset_bytes,
            before,
        } => (path, offset_bytes, before, Hex(vec![0; before.0.len()])),
        _ => return,
    };
    let (place, length) = (quote(path), before.0.len());
    out.push_str(&format!(
        "case $(bytes {place} {offset} {length}) in\n  {before} | {after}) ;;\n  *) refuse {} ;;\nesac\n",
        quote(&format!("{path} changed at offset {offset} since the plan"))
    ));
}

fn step_lines(out: &mut String, step: &Step) {
    out.push('\n');
    comment(out, &format!("{}: {}", step.id, step.why));
    let check = check::test(&step.check);
    out.push_str(&format!(
        "if {check}; then\n  say {}\nelse\n  say {}\n",
        quote(&format!("{}: already so", step.id)),
        quote(&format!("{}: {}", step.id, sentence(&step.action)))
    ));
    for line in lines(&step.action, &step.check) {
        out.push_str(&format!("  {line}\n"));
    }
    out.push_str(&format!(
        "  {check} || die {}\nfi\n",
        quote(&format!("{} did not work", step.id))
    ));
}

fn on_off(enabled: bool) -> &'static str {
    if enabled { "on" } else { "off" }
}

fn words(argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
    words.join(" ")
}

fn shown(check: &Check) -> String {
    match check {
        Check::Size { path, size_bytes } => format!("{path} has {size_bytes} bytes"),
        Check::Bytes {
            path, offset_bytes, ..
        } => format!("the bytes at offset {offset_bytes} of {path}"),
        Check::NoFile { path } => format!("there is no {path}"),
        other => check::test(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use serde_json::json;

    fn step(id: &str, action: Action, check: Check) -> Step {
        Step::new(id, "a reason\nof two lines", action, check)
    }

    /// A plan on a file in a folder whose name a shell would take apart.
    fn plan(folder: &std::path::Path) -> (Plan, String) {
        let card = folder.join("it's a $(card).img").display().to_string();
        let list = folder.join("list").display().to_string();
        let line = "a 'b' $HOME \\n".to_owned();
        let bytes = Hex(vec![0, 1, b'%', b'\\', 255, b'\'']);
        let steps = vec![
            step(
                "write",
                Action::WriteBytes {
                    path: card.clone(),
                    offset_bytes: 3,
                    before: Hex(vec![0; 6]),
                    bytes: bytes.clone(),
                },
                Check::Bytes {
                    path: card.clone(),
                    offset_bytes: 3,
                    bytes,
                },
            ),
            step(
                "line",
                Action::AppendLine {
                    path: list.clone(),
                    line: line.clone(),
                },
                Check::Line { path: list, line },
            ),
        ];
        let plan = Plan {
            tool: "test".to_owned(),
            tool_version: "0".to_owned(),
            request: json!({}),
            state: json!({}),
            steps,
        };
        (plan, card)
    }

    #[test]
    fn a_script_does_what_the_steps_say_and_twice_is_once() {
        let folder = tempfile::tempdir().unwrap();
        let (plan, card) = plan(folder.path());
        std::fs::write(&card, [0; 16]).unwrap();
        std::fs::write(folder.path().join("list"), "no end").unwrap();
        let size = Check::Size {
            path: card.clone(),
            size_bytes: 16,
        };
        let text = script(&plan, "a title", Some(&card), &[size]);
        for _ in 0..2 {
            Command::new("sh").args(["-c", &text]).run().unwrap();
            let content = std::fs::read(&card).unwrap();
            assert_eq!(content[..10], [0, 0, 0, 0, 1, b'%', b'\\', 255, b'\'', 0]);
            assert_eq!(content.len(), 16);
            let list = std::fs::read_to_string(folder.path().join("list")).unwrap();
            assert_eq!(list, "no end\na 'b' $HOME \\n\n");
        }
    }

    #[test]
    fn a_script_refuses_before_its_first_change() {
        let folder = tempfile::tempdir().unwrap();
        let (plan, card) = plan(folder.path());
        std::fs::write(&card, [7; 16]).unwrap();
        let text = script(&plan, "a title", None, &[]);
        let error = Command::new("sh").args(["-c", &text]).run().unwrap_err();
        assert!(
            matches!(error.kind, crate::command::CommandErrorKind::Exited(3)),
            "{error}"
        );
        assert_eq!(std::fs::read(&card).unwrap(), [7; 16]);
        assert!(!folder.path().join("list").exists());
        let size = Check::Size {
            path: card,
            size_bytes: 15,
        };
        let text = script(&plan, "a title", None, &[size]);
        let error = Command::new("sh").args(["-c", &text]).run().unwrap_err();
        assert!(error.to_string().contains("has 15 bytes"), "{error}");
    }
}
