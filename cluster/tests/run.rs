//! The step runner, killed: a real child process that gets SIGKILL between any two instants of a run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::panic, reason = "a test that cannot go on panics")]

use cluster::plan::{Action, Check, Hex, Plan, Step};
use cluster::root::Root;
use cluster::run::{self, Applied, Executor, Journal, Presence, Refusal, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Where the child works. Set, this test program is the child.
const FOLDER: &str = "CLUSTER_TEST_FOLDER";
/// At which instant the child kills itself; -1 for never.
const KILL_AT: &str = "CLUSTER_TEST_KILL_AT";
/// How long the child rests at each instant, in microseconds.
const REST: &str = "CLUSTER_TEST_REST";

static LEFT: AtomicI64 = AtomicI64::new(-1);
static REST_US: AtomicI64 = AtomicI64::new(0);

/// An instant at which the child may be killed.
fn instant() {
    if LEFT.fetch_sub(1, Ordering::Relaxed) == 0 {
        kill(Pid::this(), Signal::SIGKILL).unwrap();
    }
    let rest = REST_US.load(Ordering::Relaxed);
    std::thread::sleep(Duration::from_micros(rest.try_into().unwrap()));
}

/// Writes bytes one by one, so that a kill tears a write.
struct Torn<'a> {
    files: System<'a>,
    card: File,
}

impl<'a> Torn<'a> {
    fn new(folder: &Path, root: &'a Root) -> Self {
        let mut options = File::options();
        Self {
            files: System::new(root),
            card: options
                .read(true)
                .write(true)
                .open(folder.join("card"))
                .unwrap(),
        }
    }
}

impl Executor for Torn<'_> {
    fn presence(&mut self, step: &Step) -> anyhow::Result<Presence> {
        let (Action::WriteBytes {
            offset_bytes,
            before,
            ..
        }
        | Action::Erase {
            offset_bytes,
            before,
            ..
        }) = &step.action
        else {
            return Ok(self.files.presence(step)?.unwrap());
        };
        let mut now = vec![0; before.0.len()];
        self.card.read_exact_at(&mut now, *offset_bytes)?;
        let presence = torn(&now, &before.0, &after(&step.action));
        // Like mkfs: what stood there before does not matter, and half of it is nothing.
        if step.id == "format" && presence != Presence::Present {
            return Ok(Presence::Absent);
        }
        Ok(presence)
    }

    fn act(&mut self, step: &Step) -> anyhow::Result<()> {
        instant();
        if let Action::WriteBytes { offset_bytes, .. } | Action::Erase { offset_bytes, .. } =
            &step.action
        {
            for (byte, place) in after(&step.action).iter().zip(*offset_bytes..) {
                self.card.write_all_at(&[*byte], place)?;
                instant();
            }
            return Ok(());
        }
        assert!(self.files.act(step)?);
        instant();
        Ok(())
    }
}

/// How much of a write is there that may have been torn at any byte.
fn torn(now: &[u8], before: &[u8], after: &[u8]) -> Presence {
    let mut bytes = now.iter().zip(before).zip(after);
    match () {
        () if now == after => Presence::Present,
        () if now == before => Presence::Absent,
        () if bytes.all(|((now, before), after)| now == before || now == after) => {
            Presence::Partial
        }
        () => Presence::Foreign("other bytes".to_owned()),
    }
}

fn after(action: &Action) -> Vec<u8> {
    match action {
        Action::WriteBytes { bytes, .. } => bytes.0.clone(),
        Action::Erase { before, .. } => vec![0; before.0.len()],
        other => panic!("{other:?}"),
    }
}

fn write(id: &str, offset_bytes: u64, before: &[u8], bytes: &[u8]) -> Step {
    let path = "card".to_owned();
    let (before, bytes) = (Hex(before.to_vec()), Hex(bytes.to_vec()));
    let check = Check::Bytes {
        path: path.clone(),
        offset_bytes,
        bytes: bytes.clone(),
    };
    let undo = Action::WriteBytes {
        path: path.clone(),
        offset_bytes,
        before: bytes.clone(),
        bytes: before.clone(),
    };
    let action = Action::WriteBytes {
        path,
        offset_bytes,
        before,
        bytes,
    };
    Step::new(id, "the table", action, check).undo(undo)
}

/// Steps of every kind of lasting, the second writing where the first erased.
fn plan() -> Plan {
    let erase = Action::Erase {
        path: "card".to_owned(),
        offset_bytes: 8,
        before: Hex(b"old!".to_vec()),
    };
    let zeros = Check::Zeros {
        path: "card".to_owned(),
        offset_bytes: 8,
        size_bytes: 4,
    };
    let line = |line: &str| {
        let (path, line) = ("/fstab".to_owned(), line.to_owned());
        let check = Check::Line {
            path: path.clone(),
            line: line.clone(),
        };
        Step::new(
            line.clone(),
            "lasts",
            Action::AppendLine { path, line },
            check,
        )
    };
    let unit = "[Mount]\n".to_owned();
    let file = Step::new(
        "unit",
        "lasts",
        Action::WriteFile {
            path: "/etc/unit".to_owned(),
            content: unit.clone(),
            mode: 0o640,
        },
        Check::File {
            path: "/etc/unit".to_owned(),
            sha256: cluster::plan::sha256(unit.as_bytes()),
        },
    );
    Plan {
        tool: "test".to_owned(),
        tool_version: "0".to_owned(),
        request: json!({"wish": 1}),
        state: json!({"card": "old"}),
        steps: vec![
            write("table", 0, b"abcd", b"ABxy"),
            Step::new("erase", "mkfs", erase, zeros),
            write("format", 8, &[0; 4], b"new!"),
            line("first"),
            file,
            line("second"),
        ],
    }
}

const BEFORE: &[u8] = b"abcd....old!....";
const AFTER: &[u8] = b"ABxy....new!....";

fn fresh() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("card"), BEFORE).unwrap();
    std::fs::write(folder.path().join("fstab"), "theirs").unwrap();
    folder
}

fn journal_path(folder: &Path) -> PathBuf {
    folder.join("journal/test.journal")
}

fn apply(folder: &Path) -> anyhow::Result<Applied> {
    let root = Root::open(folder).unwrap();
    let journal = Journal::open(&journal_path(folder), "test")?.hook(|_| instant());
    let mut plan = plan();
    // A tool plans from the state that it finds: where all is as wished, there are no steps.
    if std::fs::read(folder.join("card")).unwrap() == AFTER && lines(folder).ends_with("second\n") {
        plan.steps.clear();
        plan.state = json!({"card": "new"});
    }
    if let Some(left) = journal.unfinished() {
        // And where a run was killed, from the state that it found.
        plan = self::plan();
        assert_eq!(left.plan, plan);
    }
    run::apply(journal, &plan, &mut Torn::new(folder, &root))
}

fn lines(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("fstab")).unwrap()
}

fn is_done(folder: &Path) {
    assert_eq!(std::fs::read(folder.join("card")).unwrap(), AFTER);
    assert_eq!(lines(folder), "theirs\nfirst\nsecond\n");
    let unit = std::fs::read_to_string(folder.join("etc/unit")).unwrap();
    assert_eq!(unit, "[Mount]\n");
    assert!(!journal_path(folder).exists());
}

/// The child: not a test of its own, run by the tests below in a process that may die.
#[test]
#[ignore = "the child of the tests in this file"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let number = |name: &str| std::env::var(name).unwrap().parse().unwrap();
    REST_US.store(number(REST), Ordering::Relaxed);
    LEFT.store(number(KILL_AT), Ordering::Relaxed);
    apply(Path::new(&folder)).unwrap();
}

fn start(folder: &Path, kill_at: i64, rest_us: u32) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored"])
        .env(FOLDER, folder)
        .env(KILL_AT, kill_at.to_string())
        .env(REST, rest_us.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs the child to its end; whether it was killed.
fn killed(folder: &Path, kill_at: i64) -> bool {
    let status = start(folder, kill_at, 0).wait().unwrap();
    match status.signal() {
        Some(9) => true,
        _ if status.success() => false,
        _ => panic!("the child failed: {status}"),
    }
}

#[test]
fn killed_between_any_two_instants_the_next_run_ends_as_planned() {
    let mut instants = 0;
    loop {
        let folder = fresh();
        if !killed(folder.path(), instants) {
            is_done(folder.path());
            break;
        }
        let again = apply(folder.path()).unwrap();
        is_done(folder.path());
        // Once more: there is nothing to do.
        assert_eq!(
            apply(folder.path()).unwrap(),
            Applied::default(),
            "{again:?}"
        );
        instants += 1;
    }
    // Each of six steps has two records of three moments; 12 bytes are written one by one.
    assert!(instants > 50, "only {instants} instants");
}

#[test]
fn killed_again_and_again_it_gets_there() {
    // Fewer instants than one step has would never let it end.
    for first in [13, 17, 23, 31] {
        let folder = fresh();
        let mut kills = 0;
        while killed(folder.path(), first) {
            kills += 1;
            assert!(
                kills < 60,
                "no progress when killed at every {first}th instant"
            );
        }
        is_done(folder.path());
    }
}

#[test]
fn killed_at_random_instants_it_gets_there() {
    // A fixed seed: a failure can be repeated as far as the scheduler lets it.
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..30 {
        let folder = fresh();
        let mut child = start(folder.path(), -1, 300);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros(seed >> 48));
        child.kill().unwrap();
        child.wait().unwrap();
        apply(folder.path()).unwrap();
        is_done(folder.path());
    }
}

/// Leaves a run that was killed after its first step.
fn half_done() -> tempfile::TempDir {
    let folder = fresh();
    let mut kill_at = 0;
    loop {
        assert!(killed(folder.path(), kill_at));
        let left = Journal::peek(&journal_path(folder.path())).unwrap();
        if left.is_some_and(|left| left.progress.get("table") == Some(&run::Progress::Done)) {
            return folder;
        }
        let _ = std::fs::remove_dir_all(folder.path().join("journal"));
        std::fs::write(folder.path().join("card"), BEFORE).unwrap();
        kill_at += 1;
    }
}

fn refused(error: anyhow::Error) -> cluster::finding::Finding {
    Refusal::finding(error).unwrap()
}

fn whole(folder: &Path) -> Vec<Vec<u8>> {
    ["card", "fstab"]
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .to_vec()
}

#[test]
fn what_the_journal_does_not_explain_is_refused_and_left_alone() {
    // Somebody wrote over the table, put the old one back, or made something of what was about to be erased.
    for (offset, bytes) in [(0, &b"Z"[..]), (0, b"abcd"), (8, b"their")] {
        let folder = half_done();
        let card = File::options()
            .write(true)
            .open(folder.path().join("card"))
            .unwrap();
        card.write_all_at(bytes, offset).unwrap();
        let before = whole(folder.path());
        let finding = refused(apply(folder.path()).unwrap_err());
        // A torn write looks like one that was begun; nothing else may pass.
        assert_eq!(finding.id, "state-unexplained", "{finding:?}");
        assert_eq!(whole(folder.path()), before);
        assert!(journal_path(folder.path()).exists());
    }
}

#[test]
fn another_plan_is_refused_with_both_descriptions() {
    let folder = half_done();
    let before = whole(folder.path());
    let root = Root::open(folder.path()).unwrap();
    let mut journal = Journal::open(&journal_path(folder.path()), "test").unwrap();
    let mut other = plan();
    other.request = json!({"wish": 2});
    let checked = run::check(&mut journal, &other, &mut Torn::new(folder.path(), &root));
    assert_eq!(refused(checked.unwrap_err()).id, "journal-other-plan");
    let error = run::apply(journal, &other, &mut Torn::new(folder.path(), &root)).unwrap_err();
    let finding = refused(error);
    assert_eq!(finding.id, "journal-other-plan");
    let evidence = finding.evidence.unwrap();
    assert_eq!(evidence["begun"]["request"]["wish"], 1);
    assert_eq!(evidence["now"]["request"]["wish"], 2);
    assert_eq!(whole(folder.path()), before);
    // With the plan that was begun it goes on.
    assert!(apply(folder.path()).unwrap().continued);
    is_done(folder.path());
}

#[test]
fn another_plan_that_changed_nothing_is_dropped() {
    let mut other = plan();
    other.request = json!({"wish": 2});
    // Killed at every instant until the table is touched: nothing is there, whatever the journal says was begun.
    let mut dropped = 0;
    for kill_at in 0.. {
        let folder = fresh();
        start(folder.path(), kill_at, 0).wait().unwrap();
        let card = std::fs::read(folder.path().join("card")).unwrap();
        let root = Root::open(folder.path()).unwrap();
        let journal = Journal::open(&journal_path(folder.path()), "test").unwrap();
        let left = journal.unfinished().is_some();
        let applied = run::apply(journal, &other, &mut Torn::new(folder.path(), &root));
        if card != BEFORE {
            let finding = refused(applied.unwrap_err());
            assert_eq!(finding.id, "journal-other-plan");
            let journal = journal_path(folder.path()).display().to_string();
            assert!(finding.message.contains(&journal), "{}", finding.message);
            break;
        }
        assert!(!applied.unwrap().continued);
        is_done(folder.path());
        dropped += usize::from(left);
    }
    assert!(dropped >= 2, "{dropped}");
}

#[test]
fn two_at_once_the_second_is_refused_by_name() {
    let folder = fresh();
    let mut first = start(folder.path(), -1, 20_000);
    // Only once the first is at work: before that it is the first that would be refused.
    while Journal::peek(&journal_path(folder.path()))
        .unwrap()
        .is_none()
    {
        std::thread::sleep(Duration::from_millis(1));
        assert!(
            first.try_wait().unwrap().is_none(),
            "the first was never seen"
        );
    }
    let held = refused(Journal::open(&journal_path(folder.path()), "test").unwrap_err());
    assert_eq!(held.id, "journal-busy");
    let who = format!("test (process {}) is at work", first.id());
    assert!(held.message.starts_with(&who), "{}", held.message);
    assert!(first.wait().unwrap().success());
    is_done(folder.path());
}

#[test]
fn a_damaged_journal_stops_everything() {
    let folder = half_done();
    let path = journal_path(folder.path());
    let mut content = std::fs::read(&path).unwrap();
    content[30] ^= 0x20;
    std::fs::write(&path, &content).unwrap();
    let before = whole(folder.path());
    assert_eq!(
        refused(apply(folder.path()).unwrap_err()).id,
        "journal-damaged"
    );
    assert_eq!(whole(folder.path()), before);
    assert_eq!(std::fs::read(&path).unwrap(), content);
}

/// Every place in a JSON value where something stands.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                leaves(value, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, &format!("{path}/{index}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[test]
fn a_tampered_field_anywhere_is_a_difference_and_another_hash() {
    let own = serde_json::to_value(plan()).unwrap();
    let mut places = Vec::new();
    leaves(&own, "", &mut places);
    assert!(places.len() > 40);
    for place in places {
        let mut tampered = own.clone();
        *tampered.pointer_mut(&place).unwrap() = json!("tampered");
        assert!(!Plan::differences(&own, &tampered).is_empty(), "{place}");
        assert_ne!(
            cluster::plan::hash(&own),
            cluster::plan::hash(&tampered),
            "{place}"
        );
    }
}
