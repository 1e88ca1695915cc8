//! One story on the emulated Raspberry Pi: p3 beside the mounted root, a Docker root onto it, an access point joined, the command
//! line and K3s's files, a restart. And the same with the plug pulled at a random instant. `tests/story/story.sh` tells it.
//!
//! There is no K3s on this machine, and nothing is downloaded: k3s-join says `not-installed` and exits 3, as it should.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::{Context, Result, anyhow, ensure};
use cluster_tests::machine::{self, Answer, Boot, Card, Kind, Outcome, PROGRAMS, Sums};
use cluster_tests::{require, tools};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Raspberry Pi OS's way, with the room on p2 that K3s asks for.
const LAYOUT: &str = "label: dos
label-id: 0xdeadbee5
start=8192, size=524288, type=c
start=532480, size=6291456, type=83
";
/// As Raspberry Pi's kernel has it: the memory control group is off unless the line says otherwise.
const LINE: &str = "console=serial0,115200 console=tty1 root=@ROOT@ rootfstype=ext4 cgroup_disable=memory fsck.repair=yes rootwait";
const TOOLS: [&str; 4] = ["pi-partition", "pi-dockerroot", "pi-wifi", "k3s-join"];
/// Patience for a machine that shares its host's processors with other tests.
const LIMIT: Duration = Duration::from_secs(1500);

/// Files of p2 that the system itself writes when it has a network, and the one that gets a line.
const MAY_CHANGE: [&str; 2] = ["etc/fstab", "etc/resolv.conf"];

/// A card before the story, and all that is on it.
struct Prepared {
    card: Card,
    firmware: Sums,
    root: Sums,
    /// How long the preparation took in the machine: how fast its host is.
    took: Duration,
}

/// One preparation for both tests, gone when the last of them ends.
fn prepared() -> Result<Arc<Prepared>> {
    static SHARED: Mutex<Weak<Prepared>> = Mutex::new(Weak::new());
    let mut shared = SHARED
        .lock()
        .map_err(|_| anyhow!("the preparation failed"))?;
    if let Some(prepared) = shared.upgrade() {
        return Ok(prepared);
    }
    let card = Card::new(Kind::Pi).layout(LAYOUT).cmdline(LINE).make()?;
    let answer = tell(&card, "story-prepare", "seconds; prepare; seconds")?;
    let said = answer.success()?;
    let seconds: Vec<f64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    ensure!(seconds.len() == 2, "{said}");
    let prepared = Arc::new(Prepared {
        firmware: card.fat_files(1)?,
        root: card.ext_files(2)?,
        card,
        took: Duration::from_secs_f64(seconds[1] - seconds[0]),
    });
    *shared = Arc::downgrade(&prepared);
    Ok(prepared)
}

/// A boot with the tools and the story beside its script.
fn boot<'card>(card: &'card Card, name: &str) -> Result<Boot<'card>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let scripts = tools::top().join("tests");
    let mut boot = card
        .boot(name)
        .limit(LIMIT)
        .file(scripts.join("story/story.sh"))
        .file(scripts.join("wifi/radios.sh"))
        .data("clock", now.to_string());
    for tool in TOOLS {
        boot = boot.file(machine::program(Kind::Pi, tool)?);
    }
    Ok(boot)
}

fn script(lines: &str) -> String {
    format!("#!/bin/bash\n. ./story.sh\n{lines}\n")
}

fn tell(card: &Card, name: &str, lines: &str) -> Result<Answer> {
    boot(card, name)?.script(&script(lines))
}

/// A tool's answer that the script left.
fn left(answer: &Answer, file: &str) -> Result<Value> {
    let bytes = answer.file(file)?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{file}: {}", String::from_utf8_lossy(&bytes)))
}

/// The ids of an answer's errors.
fn errors(own: &Value) -> Vec<&str> {
    let findings = own["findings"].as_array().map_or(&[][..], Vec::as_slice);
    let errors = findings
        .iter()
        .filter(|finding| finding["severity"] == "error");
    errors
        .filter_map(|finding| finding["id"].as_str())
        .collect()
}

/// What the four say after the work: done, nothing left, and of K3s only what this machine does not have.
fn all_done(answer: &Answer) -> Result<()> {
    let document = left(answer, "work.json")?;
    for tool in ["pi_partition", "pi_dockerroot", "pi_wifi"] {
        let own = &document[tool];
        ensure!(
            own["ok"] == true && own["pending"] == false,
            "{tool}: {own}"
        );
    }
    let verified = &document["pi_dockerroot"]["nodes"]["pi1"]["verified"];
    ensure!(verified["differences"] == 0, "{verified}");
    let k3s = &document["k3s_join"];
    ensure!(k3s["here"]["act"]["pending"] == json!([]), "{k3s}");
    let errors = errors(k3s);
    ensure!(
        errors == ["reboot-required"] || errors == ["not-installed"],
        "{errors:?}"
    );
    Ok(())
}

/// Every file that was on the card before is there and the same; what is new, by name.
fn whole(before: &Prepared, card: &Card) -> Result<BTreeSet<PathBuf>> {
    let mut new = BTreeSet::new();
    for (partition, before, mut now) in [
        (1, &before.firmware, card.fat_files(1)?),
        (2, &before.root, card.ext_files(2)?),
    ] {
        ensure!(
            before.len() > 20,
            "p{partition} holds too little: {before:?}"
        );
        for (name, sum) in before {
            let found = now.remove(name);
            let may_change = match partition {
                1 => name.as_os_str() == "cmdline.txt",
                _ => MAY_CHANGE.iter().any(|may| name.as_os_str() == *may),
            };
            ensure!(
                found.as_ref() == Some(sum) || may_change && found.is_some(),
                "p{partition}: {} was {sum} and is {found:?}",
                name.display()
            );
        }
        new.extend(now.into_keys());
    }
    card.ext_files(3)?;
    Ok(new)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_becomes_a_node_and_stays_one_after_a_restart() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let before = prepared()?;
    let card = before.card.copy()?;
    let first = tell(
        &card,
        "story",
        "begin; begin_radio; work >$OUT/work.json; whole; planned",
    )?;
    first.success()?;
    all_done(&first)?;
    let document = left(&first, "work.json")?;
    ensure!(document["k3s_join"]["here"]["act"]["reboot_required"] == true);

    let second = tell(
        &card,
        "story-again",
        "begin; begin_radio; whole; planned; again; cat /proc/cmdline",
    )?;
    let said = second.success()?;
    ensure!(
        said.contains("cgroup_memory=1 cgroup_enable=memory"),
        "{said}"
    );
    let status = |name: &str| -> Result<String> {
        let status = second.file(format!("answers/{name}.status"))?;
        Ok(String::from_utf8_lossy(&status).trim().to_owned())
    };
    for name in [
        "partition-check",
        "partition-again",
        "dockerroot-check",
        "dockerroot-again",
        "wifi-check",
        "wifi-again",
        "k3s-check",
    ] {
        let own = left(&second, &format!("answers/{name}.json"))?;
        ensure!(own["ok"] == true && status(name)? == "0", "{name}: {own}");
        ensure!(
            own["pending"] == false || name == "k3s-check",
            "{name}: {own}"
        );
        ensure!(
            own["changed"] == false || name == "k3s-check",
            "{name}: {own}"
        );
    }
    let k3s = left(&second, "answers/k3s-again.json")?;
    let act = &k3s["here"]["act"];
    ensure!(
        act["did"] == json!([]) && act["pending"] == json!([]) && act["changed"] == false,
        "{k3s}"
    );
    assert_eq!(
        (errors(&k3s), status("k3s-again")?.as_str()),
        (vec!["not-installed"], "3")
    );
    whole(&before, &card).map(drop)
}

/// A number that the environment may give.
fn given(name: &str) -> Result<Option<u64>> {
    let text = std::env::var(name).ok();
    text.map(|text| text.parse().with_context(|| format!("reading {name}")))
        .transpose()
}

/// The whole story takes so much longer than its preparation.
const RATIO: f64 = 1.5;

/// Pulls the plug at the instant that the seed chooses, boots, and tells the story again.
fn killed(before: &Prepared, seed: u64) -> Result<()> {
    let delay = before
        .took
        .mul_f64(RATIO * fastrand::Rng::with_seed(seed).f64());
    let card = before.card.copy()?;
    let lines = "begin; begin_radio; echo now; disk_work | { cat >/tmp/half; echo half >&2; cat /tmp/half; } | radio_work >/tmp/whole; echo told; sleep 3600";
    let kill = boot(&card, &format!("story-kill-{seed}"))?
        .kill_after_line("now", delay)
        .script(&script(lines))?;
    ensure!(
        kill.outcome == Outcome::Killed,
        "{:?}: {}",
        kill.outcome,
        kill.text()
    );
    let come = kill.text().lines().last().unwrap_or_default().to_owned();
    // Past the runner, which shows what a passed test prints to nobody.
    writeln!(
        std::io::stderr(),
        "story: seed {seed}: killed after {:.1} s, after {come:?}",
        delay.as_secs_f64()
    )?;
    let next = tell(
        &card,
        &format!("story-next-{seed}"),
        "begin; begin_radio; work >$OUT/work.json; whole; planned",
    )?;
    next.success()?;
    all_done(&next)?;
    let new = whole(before, &card)?;
    let left: Vec<_> = new
        .iter()
        .filter(|name| name.to_string_lossy().contains("tmp"))
        .collect();
    writeln!(std::io::stderr(), "story: seed {seed}: left {left:?}")?;
    Ok(())
}

/// `STORY_SEED` is the first kill's seed, and each next one's is one more; `STORY_KILLS` is their number.
#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_killed_at_random_instants_becomes_a_node_by_the_same_command() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let before = prepared()?;
    let long = std::env::var_os("LONG").is_some();
    let kills = given("STORY_KILLS")?.unwrap_or(if long { 50 } else { 5 });
    let first = given("STORY_SEED")?.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    let next = AtomicU64::new(0);
    let worker = || {
        let mut failed = Vec::new();
        loop {
            let kill = next.fetch_add(1, Ordering::Relaxed);
            if kill >= kills {
                return failed;
            }
            if let Err(error) = killed(&before, first + kill) {
                failed.push(format!(
                    "STORY_SEED={} STORY_KILLS=1: {error:#}",
                    first + kill
                ));
            }
        }
    };
    let failed: Vec<String> = thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    ensure!(
        failed.is_empty(),
        "{} of {kills}:\n{}",
        failed.len(),
        failed.join("\n")
    );
    Ok(())
}
