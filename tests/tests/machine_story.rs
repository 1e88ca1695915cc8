//! One story on the emulated Raspberry Pi: p3 beside the mounted root, a Docker root onto it, an access point joined, the command
//! line and K3s's files, a restart. And the same with the plug pulled at a random instant. `tests/story/story.sh` tells it.
//!
//! There is no K3s on this machine, and nothing is downloaded: k3s-join says `k3s-not-installed` and exits 3, as it should.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../story/mod.rs"]
mod story;

use anyhow::{Context, Result, anyhow, ensure};
use cluster_tests::machine::{self, Answer, Boot, Card, Kind, Outcome, PROGRAMS, Sums};
use cluster_tests::said::errors;
use cluster_tests::{long, require};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

/// Raspberry Pi OS's way, with the room on p2 that K3s asks for.
const LAYOUT: &str = "label: dos
label-id: 0xdeadbee5
start=8192, size=524288, type=c
start=532480, size=6291456, type=83
";
/// What is asked after the restart, and has nothing to add. Whether K3s itself is there a check does not say, so there its plan stays.
const CHECKS: [&str; 7] = [
    "partition-check",
    "partition-again",
    "dockerroot-check",
    "dockerroot-again",
    "wifi-check",
    "wifi-again",
    "k3s-check",
];

/// Files of p2 that may change: the one that gets a line, and the one that the system itself writes when it has a network.
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
    let card = Card::new(Kind::Pi)
        .layout(LAYOUT)
        .cmdline(story::LINE)
        .make()?;
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

/// A boot with the tools and the story.
fn boot<'card>(card: &'card Card, name: &str) -> Result<Boot<'card>> {
    let mut programs = Vec::new();
    for tool in story::TOOLS {
        programs.push(machine::program(Kind::Pi, tool)?);
    }
    story::boot(card, name, &programs)
}

fn tell(card: &Card, name: &str, lines: &str) -> Result<Answer> {
    story::tell(boot(card, name)?, lines)
}

/// A tool's answer that the script left.
fn left(answer: &Answer, file: &str) -> Result<Value> {
    let bytes = answer.file(file)?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{file}: {}", String::from_utf8_lossy(&bytes)))
}

/// What k3s-join did on the node.
fn act(own: &Value) -> &Value {
    &own["nodes"]["pi1"]["run"]["act"]
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
    ensure!(act(k3s)["pending"] == json!([]), "{k3s}");
    let errors = errors(k3s);
    ensure!(
        errors == ["k3s-reboot-required"] || errors == ["k3s-not-installed"],
        "{errors:?}"
    );
    Ok(())
}

/// Every file that was on the card before is there and the same, and all three file systems are whole.
fn whole(before: &Prepared, card: &Card) -> Result<()> {
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
    }
    card.ext_files(3).map(drop)
}

/// Every tool's check agrees, and every tool run again has nothing to do.
fn nothing_pending(answer: &Answer) -> Result<()> {
    let status = |name: &str| -> Result<String> {
        let status = answer.file(format!("answers/{name}.status"))?;
        Ok(String::from_utf8_lossy(&status).trim().to_owned())
    };
    for name in CHECKS {
        let own = left(answer, &format!("answers/{name}.json"))?;
        ensure!(own["ok"] == true && status(name)? == "0", "{name}: {own}");
        if name != "k3s-check" {
            let still = (&own["pending"], &own["changed"]);
            ensure!(still == (&json!(false), &json!(false)), "{name}: {own}");
        }
    }
    let k3s = left(answer, "answers/k3s-again.json")?;
    let act = act(&k3s);
    let still = (&act["did"], &act["pending"], &act["changed"]);
    ensure!(still == (&json!([]), &json!([]), &json!(false)), "{k3s}");
    let errors = errors(&k3s);
    ensure!(
        errors == ["k3s-not-installed"] && status("k3s-again")? == "3",
        "{errors:?}"
    );
    Ok(())
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
    ensure!(act(&document["k3s_join"])["reboot_required"] == true);

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
    nothing_pending(&second)?;
    whole(&before, &card)
}

/// The work takes about so much longer than the preparation, on whatever host.
const RATIO: f64 = 1.6;

/// Pulls the plug at the instant that the seed chooses, boots, and tells the story again. One seed of five chooses the instant
/// after the last answer: what was said to be done has to be on the card by then.
fn killed(before: &Prepared, seed: u64) -> Result<()> {
    let delay = before
        .took
        .mul_f64(RATIO * fastrand::Rng::with_seed(seed).f64());
    let (line, delay) = match seed % 5 {
        0 => ("told", Duration::ZERO),
        _ => ("now", delay),
    };
    let card = before.card.copy()?;
    let lines = "begin; begin_radio; echo now; disk_work | { cat >/tmp/half; echo half >&2; cat /tmp/half; } | radio_work >/tmp/whole; echo told; sleep 3600";
    let kill = boot(&card, &format!("story-kill-{seed}"))?.kill_after_line(line, delay);
    let kill = story::tell(kill, lines)?;
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
        "story: seed {seed}: killed {:.1} s after {line:?}, when {come:?} was the last word",
        delay.as_secs_f64()
    )?;
    let next = tell(
        &card,
        &format!("story-next-{seed}"),
        "begin; begin_radio; work >$OUT/work.json; whole; planned",
    )?;
    next.success()?;
    all_done(&next)?;
    whole(before, &card)
}

/// `STORY_SEED` is the first kill's seed, and each next one's is one more; `STORY_KILLS` is their number.
#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_killed_at_random_instants_becomes_a_node_by_the_same_command() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let before = prepared()?;
    let kills = story::given("STORY_KILLS")?.unwrap_or(if long() { 50 } else { 5 });
    let first = story::given("STORY_SEED")?.unwrap_or_else(|| fastrand::u64(0..1_000_000));
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
        // One more than there are processors: a machine that joins a network waits for a fifth of its time.
        let workers = 1 + thread::available_parallelism().map_or(1, usize::from);
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
