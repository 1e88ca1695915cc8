//! The copier on real file systems, checked by programs that share no code with it. Each test runs in a mount namespace of
//! its own, on disks in files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::Context;
use cluster_tests::program::{Outcome, Program};
use cluster_tests::said::node;
use cluster_tests::{long, require, tools};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PROGRAMS: &[&str] = &[
    "unshare",
    "mkfs.ext4",
    "mkfs.xfs",
    "mkfs.btrfs",
    "setfacl",
    "getfattr",
    "setfattr",
    "chattr",
    "rsync",
    "jq",
    "python3",
    "debugfs",
    "setpriv",
    "fallocate",
    "strace",
];

fn folder() -> PathBuf {
    tools::top().join("tests/copy")
}

fn tool() -> PathBuf {
    tools::folder().unwrap().join("pi-dockerroot")
}

/// Runs a script of tests/copy in a mount namespace of its own.
fn script(name: &str, arguments: &[&str]) -> Option<String> {
    if !require(PROGRAMS).unwrap() {
        return None;
    }
    assert!(tool().is_file(), "build the workspace first");
    let outcome = Program::new("unshare")
        .args(["-m", "bash"])
        .args([folder().join(name), tool()])
        .args(arguments)
        .run()
        .unwrap();
    let text = outcome.success();
    Some(
        text.with_context(|| format!("{name} {arguments:?}"))
            .unwrap(),
    )
}

/// Runs a script, which must end with these words.
fn ends(name: &str, arguments: &[&str], words: &str) {
    if let Some(text) = script(name, arguments) {
        assert!(text.ends_with(words), "{text}");
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_tree_with_everything_is_the_same_on_each_file_system() {
    for (from, to) in [
        ("ext4", "ext4"),
        ("xfs", "xfs"),
        ("btrfs", "btrfs"),
        ("btrfs", "ext4"),
    ] {
        let Some(text) = script("filesystems.sh", &[from, to]) else {
            return;
        };
        assert!(text.ends_with("same\n"), "{from} to {to}: {text}");
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn others_lose_what_it_keeps() {
    for filesystem in ["ext4", "xfs"] {
        let Some(table) = script("losses.sh", &[filesystem]) else {
            return;
        };
        // The checker sees losses: the usual recipe has many, and every other program some.
        let row = |start: &str| {
            table
                .lines()
                .find(|line| line.starts_with(start))
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            row("| `chattr` flags").matches("**lost**").count(),
            5,
            "{table}"
        );
        assert!(
            row("| `trusted.overlay.*`").contains("| ok | **lost** | ok |"),
            "{table}"
        );
        assert!(
            row("| hard links").starts_with("| hard links | ok | **lost** |"),
            "{table}"
        );
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_cannot_be_right_is_refused() {
    ends("refusals.sh", &[], "all refused\n");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn trouble_is_told_and_the_next_run_goes_on() {
    if let Some(text) = script("trouble.sh", &[]) {
        assert_eq!(
            text.lines()
                .filter(|line| line.contains(": said so") || line.contains("read again"))
                .count(),
            3,
            "{text}"
        );
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_deleted_file_that_came_back_is_seen() {
    ends("overlay.sh", &[], "came back: found\n");
}

/// Runs `test` with an ext4 file system of its own: starts this very test anew in a mount namespace where it has one.
fn on_disk(name: &str, test: impl FnOnce(&Path)) {
    if let Some(disk) = std::env::var_os("DISK") {
        return test(Path::new(&disk));
    }
    if !require(PROGRAMS).unwrap() {
        return;
    }
    let program = std::env::current_exe().unwrap();
    let done = Command::new("unshare")
        .args(["-m", "bash"])
        .arg(folder().join("on-disk.sh"))
        .arg(program)
        .arg(name)
        .status()
        .unwrap();
    assert!(done.success(), "{name} failed on its disk; see above");
}

fn copy(from: &Path, to: &Path, arguments: &[&str]) -> Outcome {
    Program::new(tool())
        .args(["-n", "--only", "--tree", "--from"])
        .args([from.as_os_str(), "--to".as_ref(), to.as_os_str()])
        .args(arguments)
        .run()
        .unwrap()
}

/// Copies and demands success; the node's answer.
fn copied(from: &Path, to: &Path, arguments: &[&str]) -> Value {
    let outcome = copy(from, to, arguments);
    outcome.success().unwrap();
    node(&outcome.json().unwrap()).clone()
}

/// What one of the scripts says of a tree, or does to it. Debian's interpreter, and nothing but its own modules: it starts in an eighth
/// of the time that one takes which a version manager chooses, and it starts some hundred times.
fn script_on(name: &str, tree: &Path) -> Outcome {
    let outcome = Program::new("/usr/bin/python3")
        .args(["-I", "-S"])
        .args([folder().join(name), tree.to_owned()])
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome
}

/// What the independent checker says of a tree.
fn describe(tree: &Path) -> Vec<String> {
    let outcome = script_on("describe.py", tree);
    outcome.text().lines().map(str::to_owned).collect()
}

fn assert_same(from: &Path, to: &Path) {
    let (wanted, found) = (describe(from), describe(to));
    let differ = wanted.iter().zip(&found).find(|(a, b)| a != b);
    assert!(
        wanted == found,
        "{} and {} names; the first that differs: {differ:#?}",
        wanted.len(),
        found.len()
    );
}

/// Removes a tree, immutable files too.
fn clear(tree: &Path) {
    let _ = Command::new("chattr")
        .args(["-R", "-f", "-i", "-a"])
        .arg(tree)
        .stderr(Stdio::null())
        .status();
    let _ = std::fs::remove_dir_all(tree);
}

fn fresh(path: PathBuf) -> PathBuf {
    clear(&path);
    std::fs::create_dir(&path).unwrap();
    path
}

/// One change to a tree.
#[derive(Debug, Clone)]
enum Change {
    File(String, Vec<u8>),
    Sparse(String, u32),
    Folder(String),
    Symlink(String, String),
    Node(String, u8),
    Link(String, String),
    Rename(String, String),
    Exchange(String, String),
    Remove(String),
    Mode(String, u32),
    Owner(String, u32),
    Attribute(String, u8, Vec<u8>),
    Flag(String, char),
}

/// Few names, so that changes meet each other.
fn name() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "c", "ä b"]);
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn change() -> impl Strategy<Value = Change> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..2000);
    prop_oneof![
        4 => (name(), bytes()).prop_map(|(n, b)| Change::File(n, b)),
        1 => (name(), 100_000..5_000_000_u32).prop_map(|(n, size)| Change::Sparse(n, size)),
        4 => name().prop_map(Change::Folder),
        2 => (name(), name()).prop_map(|(n, to)| Change::Symlink(n, to)),
        2 => (name(), 0..4_u8).prop_map(|(n, kind)| Change::Node(n, kind)),
        3 => (name(), name()).prop_map(|(n, to)| Change::Link(n, to)),
        3 => (name(), name()).prop_map(|(n, to)| Change::Rename(n, to)),
        2 => (name(), name()).prop_map(|(n, to)| Change::Exchange(n, to)),
        2 => name().prop_map(Change::Remove),
        2 => (name(), 0..0o10000_u32).prop_map(|(n, mode)| Change::Mode(n, mode)),
        2 => (name(), 0..3_u32).prop_map(|(n, owner)| Change::Owner(n, owner)),
        2 => (name(), 0..4_u8, prop::collection::vec(any::<u8>(), 0..50)).prop_map(|(n, k, v)| Change::Attribute(n, k, v)),
        1 => (name(), prop::sample::select(vec!['i', 'a', 'd', 'A', 'S'])).prop_map(|(n, f)| Change::Flag(n, f)),
    ]
}

/// Makes a change; what the tree has no place for at that moment is left out.
fn make(tree: &Path, change: &Change) -> std::io::Result<()> {
    let at = |name: &String| tree.join(name);
    match change {
        // Writing to a FIFO would wait for a reader, and writing to a device is not wanted.
        Change::File(name, _) | Change::Sparse(name, _)
            if at(name).exists() && !at(name).is_file() =>
        {
            Ok(())
        }
        Change::File(name, content) => std::fs::write(at(name), content),
        Change::Sparse(name, size) => {
            let file = std::fs::File::create(at(name))?;
            file.set_len((*size).into())?;
            file.write_all_at(b"end", u64::from(*size) / 2)
        }
        Change::Folder(name) => std::fs::create_dir(at(name)),
        Change::Symlink(name, to) => symlink(to, at(name)),
        Change::Node(name, kind) => {
            let (kind, device) = [
                ("c", &["0", "0"][..]),
                ("b", &["7", "300"]),
                ("c", &["1", "5"]),
                ("p", &[]),
            ][usize::from(*kind)];
            ran(Command::new("mknod").arg(at(name)).arg(kind).args(device))
        }
        Change::Link(name, to) => std::fs::hard_link(at(name), at(to)),
        Change::Rename(name, to) => std::fs::rename(at(name), at(to)),
        Change::Exchange(name, with) => exchange(&at(name), &at(with)),
        Change::Remove(name) => match std::fs::symlink_metadata(at(name))?.is_dir() {
            true => std::fs::remove_dir_all(at(name)),
            false => std::fs::remove_file(at(name)),
        },
        Change::Mode(name, mode) => {
            // std follows links, and one may lead out of the tree.
            if std::fs::symlink_metadata(at(name))?.is_symlink() {
                return Ok(());
            }
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(*mode))
        }
        Change::Owner(name, owner) => lchown(at(name), Some(*owner), Some(owner + 7)),
        Change::Attribute(name, kind, value) => {
            let key = [
                "user.x",
                "trusted.overlay.opaque",
                "security.x",
                "user.overlay.y",
            ][usize::from(*kind)];
            let value = value
                .iter()
                .fold("0x".to_owned(), |hex, byte| format!("{hex}{byte:02x}"));
            ran(Command::new("setfattr")
                .args(["-h", "-n", key, "-v", &value])
                .arg(at(name)))
        }
        Change::Flag(name, flag) => {
            ran(Command::new("chattr").arg(format!("+{flag}")).arg(at(name)))
        }
    }
}

/// Lets two names change places (renameat2(2) with RENAME_EXCHANGE).
fn exchange(a: &Path, b: &Path) -> std::io::Result<()> {
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).unwrap();
    let (a, b) = (text(a), text(b));
    let (flags, here) = (
        nix::fcntl::RenameFlags::RENAME_EXCHANGE,
        nix::fcntl::AT_FDCWD,
    );
    Ok(nix::fcntl::renameat2(
        here,
        a.as_c_str(),
        here,
        b.as_c_str(),
        flags,
    )?)
}

fn ran(command: &mut Command) -> std::io::Result<()> {
    command.stderr(Stdio::null()).status().map(drop)
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn random_trees_are_equal_after_each_pass() {
    on_disk("random_trees_are_equal_after_each_pass", |disk| {
        let cases = if long() { 500 } else { 40 };
        let mut runner = TestRunner::new(Config {
            cases,
            failure_persistence: None,
            max_shrink_iters: 60,
            ..Config::default()
        });
        let changes = || prop::collection::vec(change(), 0..60);
        let result = runner.run(
            &(changes(), changes(), changes()),
            |(first, second, tampering)| {
                let (from, to) = (fresh(disk.join("from")), fresh(disk.join("to")));
                let made = first
                    .iter()
                    .filter(|change| make(&from, change).is_ok())
                    .count();
                prop_assert!(first.len() < 30 || made > 0);
                // Old enough that the second pass may leave out what was not changed since.
                std::thread::sleep(Duration::from_millis(120));
                copied(&from, &to, &["--apply"]);
                assert_same(&from, &to);
                for change in &second {
                    let _ = make(&from, change);
                }
                for change in &tampering {
                    let _ = make(&to, change);
                }
                copied(&from, &to, &["--update", "--apply", "--verify"]);
                assert_same(&from, &to);
                Ok(())
            },
        );
        result.unwrap();
    });
}

/// How many files one more pass opens.
fn opened(from: &Path, to: &Path) -> usize {
    let outcome = Program::new("strace")
        .args(["-f", "-qq", "-e", "trace=openat"])
        .args([tool().as_os_str(), "-n".as_ref(), "--tree".as_ref()])
        .args([
            "--update".as_ref(),
            "--apply".as_ref(),
            "--from".as_ref(),
            from.as_os_str(),
        ])
        .args(["--to".as_ref(), to.as_os_str()])
        .run()
        .unwrap();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome
        .stderr
        .lines()
        .filter(|line| line.contains("\"f"))
        .count()
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_second_pass_opens_only_what_was_changed() {
    on_disk("a_second_pass_opens_only_what_was_changed", |disk| {
        let (from, to) = (fresh(disk.join("from")), fresh(disk.join("to")));
        for folder in ["a", "b", "c"] {
            std::fs::create_dir(from.join(folder)).unwrap();
            for file in 0..100 {
                std::fs::write(from.join(format!("{folder}/f{file}")), "the same").unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(120));
        let old = std::fs::metadata(from.join("a/f1"))
            .unwrap()
            .modified()
            .unwrap();
        copied(&from, &to, &["--apply"]);
        if opened(&from, &to) > 0 {
            eprintln!(
                "SKIPPED: this kernel does not number its mounts for good, so every file is opened"
            );
            return;
        }
        // Nothing of this shows in size or modification time, on either side.
        for tree in [&from, &to] {
            ran(Command::new("setfattr")
                .args(["-n", "user.x", "-v", "y"])
                .arg(tree.join("a/f1")))
            .unwrap();
            ran(Command::new("chattr").arg("+d").arg(tree.join("a/f2"))).unwrap();
            std::fs::write(tree.join("a/f3"), "another!").unwrap();
            let file = std::fs::File::options()
                .append(true)
                .open(tree.join("a/f3"))
                .unwrap();
            file.set_modified(old).unwrap();
        }
        ran(Command::new("setfattr")
            .args(["-n", "user.x", "-v", "z"])
            .arg(from.join("a/f1")))
        .unwrap();
        ran(Command::new("chattr").arg("-d").arg(to.join("a/f2"))).unwrap();
        ran(Command::new("setfattr")
            .args(["-n", "user.x", "-v", "y"])
            .arg(from.join("b/f1")))
        .unwrap();
        exchange(&from.join("b"), &from.join("c")).unwrap();
        copied(&from, &to, &["--update", "--apply", "--verify"]);
        assert_same(&from, &to);
        std::thread::sleep(Duration::from_millis(120));
        copied(&from, &to, &["--update", "--apply"]);
        assert_eq!(opened(&from, &to), 0);
    });
}

/// Writes a file with this time of modification, as `cp -p` and `tar` do.
fn put(path: &Path, content: &str, time: std::time::SystemTime) {
    std::fs::write(path, content).unwrap();
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_second_pass_reads_what_kept_its_size_and_time() {
    on_disk("a_second_pass_reads_what_kept_its_size_and_time", |disk| {
        let (from, to) = (fresh(disk.join("from")), fresh(disk.join("to")));
        let old = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for (folder, content) in [("a", "1"), ("b", "2"), ("c", "3")] {
            std::fs::create_dir(from.join(folder)).unwrap();
            put(&from.join(folder).join("f"), content, old);
            put(&from.join(folder).join("linked"), content, old);
            std::fs::hard_link(from.join(folder).join("linked"), from.join(content)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(120));
        copied(&from, &to, &["--apply"]);
        if opened(&from, &to) > 0 {
            eprintln!(
                "SKIPPED: this kernel does not number its mounts for good, so no pass is known"
            );
            return;
        }
        // Rewritten in place, and by a file that takes the name of another; in the source and in the copy.
        put(&from.join("c/f"), "4", old);
        put(&from.join("c/new"), "5", old);
        std::fs::rename(from.join("c/new"), from.join("c/linked")).unwrap();
        put(&to.join("a/linked"), "6", old);
        exchange(&from.join("a"), &from.join("b")).unwrap();
        copied(&from, &to, &["--update", "--apply"]);
        assert_same(&from, &to);
    });
}

/// A small tree with everything.
fn everything(tree: &Path) {
    script_on("everything.py", tree);
}

/// Starts a copy and kills it after a while. Returns whether it was still running.
fn killed_after(from: &Path, to: &Path, time: Duration) -> bool {
    let mut child = Command::new(tool())
        .args(["-n", "--tree", "--apply", "--from"])
        .args([from.as_os_str(), "--to".as_ref(), to.as_os_str()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(time);
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn killed_at_any_instant_it_is_finished_by_the_next_run() {
    on_disk(
        "killed_at_any_instant_it_is_finished_by_the_next_run",
        |disk| {
            let (from, to) = (disk.join("from"), disk.join("to"));
            everything(&from);
            let wanted = describe(&from);
            let (mut whole, mut killed) = (Duration::MAX, 0);
            for instant in 0..100 {
                if instant % 10 == 0 {
                    let start = Instant::now();
                    copied(&from, &fresh(to.clone()), &["--apply"]);
                    // Measured again and again: what else the machine does makes it longer.
                    whole = whole.min(start.elapsed());
                }
                fresh(to.clone());
                // Starting it takes a while too: the last instants are beyond its end, where nothing may be lost either.
                let time = whole.mul_f64(f64::from(instant) / 110.0);
                killed += u32::from(killed_after(&from, &to, time));
                copied(&from, &to, &["--apply"]);
                assert_eq!(describe(&to), wanted, "killed after {time:?}");
            }
            assert!(
                killed >= 40,
                "only {killed} of 100 were killed while they ran"
            );
        },
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_is_whole_is_not_copied_again() {
    on_disk("what_is_whole_is_not_copied_again", |disk| {
        let from = fresh(disk.join("from"));
        for folder in 0..200 {
            let folder = from.join(folder.to_string());
            std::fs::create_dir(&folder).unwrap();
            for file in 0..50 {
                std::fs::write(folder.join(file.to_string()), vec![b'x'; 5000]).unwrap();
            }
        }
        let to = fresh(disk.join("to"));
        let times = |tree: &Path| -> Vec<(PathBuf, std::time::SystemTime, u64)> {
            let files =
                (0..200).flat_map(|folder| (0..50).map(move |file| format!("{folder}/{file}")));
            files
                .filter_map(|file| {
                    let found = std::fs::metadata(tree.join(&file)).ok()?;
                    Some((file.into(), found.modified().unwrap(), found.len()))
                })
                .collect()
        };
        let mut time = Duration::from_millis(20);
        let whole = loop {
            fresh(to.clone());
            assert!(
                killed_after(&from, &to, time),
                "the copy is done before it can be killed"
            );
            let source = times(&from);
            let whole = times(&to)
                .iter()
                .filter(|found| source.contains(found))
                .count();
            if whole > 500 {
                break whole as u64;
            }
            time = time * 3 / 2;
        };
        let answer = copied(&from, &to, &["--apply"]);
        assert_eq!(answer["result"]["copied_files"], 10_000 - whole, "{answer}");
        assert_eq!(answer["result"]["copied_bytes"], (10_000 - whole) * 5000);
        assert_same(&from, &to);
    });
}

/// Changes places of two names until told to stop.
fn swap(a: &Path, b: &Path, stop: &AtomicBool) -> u64 {
    let mut swaps = 0;
    while !stop.load(Ordering::Relaxed) {
        swaps += u64::from(exchange(a, b).is_ok());
    }
    swaps
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_tree_that_changes_underfoot_leads_nowhere_else_and_hangs_nothing() {
    on_disk(
        "a_tree_that_changes_underfoot_leads_nowhere_else_and_hangs_nothing",
        |disk| {
            let outside = fresh(disk.join("outside"));
            std::fs::write(outside.join("secret"), "secret").unwrap();
            let from = fresh(disk.join("from"));
            for folder in 0..30 {
                let folder = from.join(format!("d{folder}"));
                std::fs::create_dir(&folder).unwrap();
                for file in 0..10 {
                    std::fs::write(folder.join(format!("f{file}")), "content").unwrap();
                }
            }
            symlink(&outside, from.join("link")).unwrap();
            ran(Command::new("mkfifo").arg(from.join("fifo"))).unwrap();
            let to = fresh(disk.join("to"));
            copied(&from, &to, &["--apply"]);
            symlink(&outside, disk.join("link")).unwrap();
            let before = describe(&outside);

            let stop = AtomicBool::new(false);
            let (swaps, runs) = std::thread::scope(|scope| {
                let swappers = [
                    // In the source: a folder and a link out of it; a file and a FIFO; a file and a folder.
                    scope.spawn(|| swap(&from.join("d1"), &from.join("link"), &stop)),
                    scope.spawn(|| swap(&from.join("d2/f1"), &from.join("fifo"), &stop)),
                    scope.spawn(|| swap(&from.join("d3/f1"), &from.join("d4"), &stop)),
                    // In the target: a folder and a link out of it.
                    scope.spawn(|| swap(&to.join("d5"), &disk.join("link"), &stop)),
                ];
                let runs = race(&from, &to);
                stop.store(true, Ordering::Relaxed);
                (swappers.map(|swapper| swapper.join().unwrap()), runs)
            });
            assert!(swaps.iter().all(|swaps| *swaps > 1000), "{swaps:?}");
            assert!(runs > 10, "only {runs} runs");
            assert_eq!(describe(&outside), before);
            let names = describe(&to);
            assert!(
                !names.iter().any(|line| line.contains("secret")),
                "{names:#?}"
            );
        },
    );
}

/// Copies again and again for some seconds; each run has to end by itself, with an error at most.
fn race(from: &Path, to: &Path) -> u32 {
    let start = Instant::now();
    let mut runs = 0;
    while start.elapsed() < Duration::from_secs(8) {
        // Something to do in each run.
        let _ = std::fs::remove_file(to.join(format!("d{}/f3", 5 + runs % 20)));
        let outcome = Program::new("timeout")
            .args(["-s", "KILL", "60"])
            .args([
                tool().as_os_str(),
                "-n".as_ref(),
                "--tree".as_ref(),
                "--from".as_ref(),
                from.as_os_str(),
            ])
            .args([
                "--to".as_ref(),
                to.as_os_str(),
                "--update".as_ref(),
                "--apply".as_ref(),
            ])
            .run()
            .unwrap();
        assert!(
            matches!(outcome.code, Some(0 | 1 | 3)),
            "{:?}: {}",
            outcome.code,
            outcome.stderr
        );
        runs += 1;
    }
    runs
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn folders_below_mounts_are_copied_and_what_is_mounted_is_not() {
    on_disk(
        "folders_below_mounts_are_copied_and_what_is_mounted_is_not",
        |disk| {
            let (from, to) = (fresh(disk.join("from")), fresh(disk.join("to")));
            std::fs::create_dir(from.join("merged")).unwrap();
            std::fs::write(from.join("merged/below"), "below").unwrap();
            chown(from.join("merged"), Some(5), Some(6)).unwrap();
            let wanted = describe(&from);
            let mount = |arguments: &[&str]| {
                let done = Command::new(arguments[0])
                    .args(&arguments[1..])
                    .arg(from.join("merged"))
                    .status();
                assert!(done.unwrap().success());
            };
            mount(&["mount", "-t", "tmpfs", "none"]);
            std::fs::write(from.join("merged/mounted"), "mounted").unwrap();
            copied(&from, &to, &["--apply", "--verify"]);
            mount(&["umount"]);
            assert_eq!(describe(&to), wanted);
        },
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn progress_is_told_to_programs() {
    on_disk("progress_is_told_to_programs", |disk| {
        let (from, to) = (fresh(disk.join("from")), fresh(disk.join("to")));
        std::fs::write(from.join("file"), vec![1; 1_000_000]).unwrap();
        let outcome = copy(&from, &to, &["--apply", "--progress", "json"]);
        let lines: Vec<Value> = outcome
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let last = lines.iter().rfind(|line| line["phase"] == "copy").unwrap();
        assert_eq!(last["bytes"], 1_000_000, "{last}");
        assert_eq!(
            (&last["bytes_total"], &last["files"]),
            (&Value::from(1_000_000), &Value::from(1))
        );
    });
}
