//! The power cut at any write of the story (`tests/story`), with all that had arrived or with any part of what a card's cache held: p1
//! and p2 recover, every file is the old one or the new one, and the same commands end as planned.
//!
//! The writes are those of the emulated PC with a card behind a write cache. What becomes of each state is tried on this machine's
//! kernel (`tests/power/replay` says what differs), and of some in the emulated PC again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../story/mod.rs"]
mod story;

use anyhow::{Context, Result, bail, ensure};
use cluster_tests::machine::{
    self, Boot, Card, CrashStates, Disk, Entry, Extent, Kind, PROGRAMS, State, WriteLog,
};
use cluster_tests::program::Program;
use cluster_tests::{long, require, require_root, tools};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tempfile::TempDir;

/// The card's size in bytes.
const SIZE: u64 = 2 << 30;
/// What a boot does, its end marked when all is said to be on the card; k3s-join says 3, because there is no K3s to start here.
const RECORDED: &str = "
begin; begin_radio; mark begin
disk_work >document; mark disk
radio_work <document >end || [ $? = 3 ]; mark radio
whole; planned; sync; mark synced";
/// The next start, and the same words once more.
const AGAIN: &str = "begin; begin_radio; whole; work >end || [ $? = 3 ]; whole; planned; again";

/// The story, recorded.
struct Recorded {
    folder: TempDir,
    /// The card afterwards.
    card: Card,
    /// Each request as the machine made it.
    log: WriteLog,
    /// The same in the blocks that a file system counts on: p1's sectors, and 4096 bytes elsewhere.
    torn: WriteLog,
}

/// A way to lose power.
struct Cut<'recorded> {
    states: &'recorded CrashStates<'recorded>,
    log: &'recorded WriteLog,
    state: State,
    name: String,
}

fn boot<'card>(card: &'card Card, name: &str, folder: &Path) -> Result<Boot<'card>> {
    let programs = story::TOOLS.map(|tool| folder.join(tool));
    Ok(story::boot(card, name, &programs)?.disk(Disk::Virtio))
}

fn record() -> Result<Recorded> {
    let folder = TempDir::new()?;
    for tool in story::TOOLS {
        std::fs::copy(machine::program(Kind::Pc, tool)?, folder.path().join(tool))?;
    }
    std::fs::copy(
        tools::top().join("tests/story/story.sh"),
        folder.path().join("story.sh"),
    )?;
    let card = Card::new(Kind::Pc).size(SIZE).cmdline(story::LINE).make()?;
    story::tell(boot(&card, "power-prepare", folder.path())?, "prepare")?.success()?;
    let copy = Program::new("cp").args([
        Path::new("--sparse=always"),
        &card.path(),
        &folder.path().join("before.img"),
    ]);
    ensure!(copy.run()?.code == Some(0), "copying the card");
    let record = folder.path().join("log");
    let told = boot(&card, "power-record", folder.path())?.record(&record);
    story::tell(told, RECORDED)?.success()?;
    let log = WriteLog::read(&record)?;
    let recorded = Recorded {
        torn: log.clone().torn(card.partition(1)?, 512).torn(WHOLE, 4096),
        log,
        card,
        folder,
    };
    recorded.sums("before", &recorded.before())?;
    let after = recorded.folder.path().join("after.img");
    let states = CrashStates::new(&recorded.log, &recorded.before(), WHOLE);
    states.make(&states.prefix(recorded.log.entries().len()), &after)?;
    recorded.sums("after", &after)?;
    std::fs::remove_file(after)?;
    Ok(recorded)
}

const WHOLE: Extent = Extent {
    start: 0,
    length: SIZE,
};

/// The script, as root in namespaces of its own.
fn replay(arguments: &[&Path]) -> Result<String> {
    let outcome = Program::new("unshare")
        .args(["--mount", "--uts", "--net", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc"])
        .args([tools::top().join("tests/power/replay")])
        .args(arguments)
        .run()?;
    ensure!(outcome.code == Some(0), "{}", outcome.stderr);
    Ok(outcome.text())
}

impl Recorded {
    fn before(&self) -> PathBuf {
        self.folder.path().join("before.img")
    }

    /// Leaves the sums of all files of a card beside the tools.
    fn sums(&self, name: &str, image: &Path) -> Result<()> {
        let copy = self.folder.path().join("state");
        let copied = Program::new("cp").args([Path::new("--sparse=always"), image, &copy]);
        ensure!(copied.run()?.code == Some(0), "copying the card");
        replay(&[
            Path::new("sums"),
            &copy,
            self.folder.path(),
            Path::new(name),
        ])?;
        std::fs::remove_file(copy).context("removing a copy")
    }

    /// What becomes of it. Its table: `old` or `new`.
    fn rerun(&self, cut: &Cut<'_>, image: &Path) -> Result<String> {
        cut.states.make(&cut.state, image)?;
        let at = |word: &str| Ok::<_, anyhow::Error>(cut.log.mark(word)? < cut.state.position);
        let told = match (at("disk")?, at("radio")?) {
            (_, true) => "all",
            (true, false) => "disk",
            (false, false) => "nothing",
        };
        let table = replay(&[image, self.folder.path(), Path::new(told)]);
        std::fs::remove_file(image)?;
        Ok(table?.trim().to_owned())
    }

    /// The card before and the log, beside what else is kept of the boot that wrote it.
    fn kept(&self) -> Result<PathBuf> {
        let folder = tools::top().join("target/machine/power-record-pc");
        let copy = Program::new("cp").args([
            Path::new("--sparse=always"),
            &self.before(),
            &self.folder.path().join("log"),
            &folder,
        ]);
        ensure!(copy.run()?.code == Some(0), "keeping the record");
        Ok(folder)
    }

    /// The same in the machine, with its own device names, FAT and radios.
    fn boots(&self, cut: &Cut<'_>, number: usize) -> Result<()> {
        let card = self.card.copy()?;
        cut.states.make(&cut.state, &card.path())?;
        let again = boot(&card, &format!("power-{number}"), self.folder.path())?;
        story::tell(again, AGAIN)?.success()?;
        Ok(())
    }
}

/// Tries each, as many at a time as there are processors: how often each table was seen, and what failed.
fn try_all(recorded: &Recorded, cuts: &[Cut<'_>]) -> (BTreeMap<String, usize>, Vec<String>) {
    let next = AtomicUsize::new(0);
    let seen = Mutex::new((BTreeMap::new(), Vec::new()));
    let work = |worker: usize| {
        let image = recorded.folder.path().join(format!("state-{worker}"));
        while let Some(cut) = cuts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = recorded.rerun(cut, &image);
            let mut seen = seen.lock().unwrap();
            match outcome {
                Ok(table) => *seen.0.entry(table).or_default() += 1,
                Err(error) => {
                    // At once: a long run may not come to its end.
                    let _ = writeln!(std::io::stderr(), "power: {}: {error:#}", cut.name);
                    seen.1.push(format!("{}: {error:#}", cut.name));
                }
            }
        }
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        for worker in 0..workers {
            let work = &work;
            scope.spawn(move || work(worker));
        }
    });
    seen.into_inner().unwrap()
}

/// The position right behind the write that brings the new table: the first one at the card's first byte.
fn table_written(log: &WriteLog, prefixes: &[State]) -> Result<usize> {
    let is_table = |state: &&State| {
        let last = state.position.checked_sub(1);
        let entry = last.and_then(|last| log.entries().get(last));
        matches!(entry, Some(Entry::Write { offset: 0, .. }))
    };
    let found = prefixes.iter().find(is_table);
    Ok(found.context("looking for the table's write")?.position)
}

/// `POWER_SEED` chooses the states: which part of the cache arrived, which prefixes the normal run takes beside the two around the table's
/// write, and what is booted. The writes are recorded anew each time and differ a little, so a failed run leaves its own.
#[test]
#[ignore = "machine: run by scripts/test"]
fn after_a_power_cut_at_any_write_the_story_ends_as_planned() -> Result<()> {
    let more = ["fsck.vfat", "losetup", "openssl", "partx", "unshare"];
    if !require(&[PROGRAMS, &more].concat())? || !require_root()? {
        return Ok(());
    }
    let mut said = std::io::stderr();
    let long = long();
    let seed = story::given("POWER_SEED")?.unwrap_or_else(|| fastrand::u64(0..1_000_000));
    let mut random = fastrand::Rng::with_seed(seed);
    let recorded = record()?;
    let before = recorded.before();
    let whole = CrashStates::new(&recorded.log, &before, WHOLE);
    let torn = CrashStates::new(&recorded.torn, &before, WHOLE);

    let mut prefixes = whole.prefixes(recorded.log.mark("begin")?);
    let all = prefixes.len();
    ensure!(all > 100, "only {all} writes");
    if !long {
        let table = table_written(&recorded.log, &prefixes)?;
        random.shuffle(&mut prefixes);
        prefixes.truncate(18);
        prefixes.extend([table - 1, table].map(|position| whole.prefix(position)));
    }
    let of = |states, log, kind: &str, state: State| Cut {
        name: format!(
            "POWER_SEED={seed}: {kind} {}, {} writes",
            state.position,
            state.survived.len()
        ),
        states,
        log,
        state,
    };
    let mut cuts: Vec<Cut<'_>> = prefixes
        .into_iter()
        .map(|state| of(&whole, &recorded.log, "after entry", state))
        .collect();
    // Each half as often: the first one has nearly all of the writes, in few requests.
    let (begin, disk) = (recorded.torn.mark("begin")?, recorded.torn.mark("disk")?);
    let count = if long { 125 } else { 10 };
    let mut lost = torn.cached(begin..=disk, count, seed)?;
    lost.extend(torn.cached(disk.., count, seed)?);
    let lost = lost.into_iter();
    cuts.extend(lost.map(|state| of(&torn, &recorded.torn, "cache lost at block", state)));

    writeln!(
        said,
        "power: POWER_SEED={seed}: {} states, {} of them with a part of the cache lost, of {all} writes in {} blocks",
        cuts.len(),
        2 * count,
        recorded.torn.writes(),
    )?;
    let (seen, failed) = try_all(&recorded, &cuts);
    writeln!(said, "power: POWER_SEED={seed}: tables {seen:?}")?;
    if !failed.is_empty() {
        let (count, kept) = (failed.len(), recorded.kept()?);
        bail!(
            "{count} of {}, of the record in {}:\n{}",
            cuts.len(),
            kept.display(),
            failed.join("\n")
        );
    }
    ensure!(seen.len() == 2, "old and new tables: {seen:?}");
    for number in 0..if long { 12 } else { 2 } {
        let cut = &cuts[random.usize(0..cuts.len())];
        recorded
            .boots(cut, number)
            .with_context(|| cut.name.clone())?;
    }
    Ok(())
}
