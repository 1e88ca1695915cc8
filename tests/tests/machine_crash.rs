//! Recorded writes and the states that a card may be in after the power went.

use anyhow::{Context, Result, ensure};
use cluster_tests::machine::{
    Card, CrashStates, Disk, Entry, Extent, Kind, PROGRAMS, State, WriteLog,
};
use cluster_tests::{host, require};
use std::path::Path;
use tempfile::TempDir;

/// The usual card, and a small file system of its own to write to.
const LAYOUT: &str = "label: dos
label-id: 0xdeadbee5
start=8192, size=524288, type=c
start=532480, size=2097152, type=83
start=2629632, size=32768, type=83
";

/// Makes sure of ten files, one after the other, and says so between the writes.
const WORK: &str = r#"
set -e
mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 ${CARD}*3
mount ${CARD}*3 /mnt
mark made
for n in 1 2 3 4 5 6 7 8 9 10; do
  yes "file $n" | head -c 5000 >/mnt/$n.new
  sync /mnt/$n.new && mv /mnt/$n.new /mnt/$n && sync /mnt && mark $n
done
umount /mnt
"#;

/// A card, the record of [`WORK`] on it, and its third partition before.
struct Recorded {
    folder: TempDir,
    log: WriteLog,
    extent: Extent,
}

fn record(kind: Kind, disk: Disk, name: &str) -> Result<Recorded> {
    let folder = TempDir::new()?;
    let card = Card::new(kind).layout(LAYOUT).make()?;
    let extent = card.partition(3)?;
    card.cut(extent, &folder.path().join("before"))?;
    let record = folder.path().join("log");
    let answer = card.boot(name).disk(disk).record(&record).script(WORK)?;
    answer.success()?;
    let log = WriteLog::read(&record)?.in_blocks(4096);
    let recorded = Recorded {
        folder,
        log,
        extent,
    };
    recorded.replays_to(&card)?;
    Ok(recorded)
}

impl Recorded {
    fn states(&self) -> CrashStates<'_> {
        CrashStates::new(&self.log, &self.folder.path().join("before"), self.extent)
    }

    /// All writes together give the partition as it is.
    fn replays_to(&self, card: &Card) -> Result<()> {
        let replayed = self.folder.path().join("replayed");
        let states = self.states();
        states.make(&states.prefix(self.log.entries().len()), &replayed)?;
        let length = usize::try_from(self.extent.length)?;
        let same = std::fs::read(&replayed)? == card.read(self.extent.start, length)?;
        ensure!(same, "the replayed writes are not the card");
        Ok(())
    }

    /// Each state recovers, and holds every file that was made sure of before.
    fn all_recover(&self, states: &[State]) -> Result<()> {
        let image = self.folder.path().join("state");
        for state in states {
            self.states().make(state, &image)?;
            let recovered = recover(&image).and_then(|()| self.whole(&image, state.position));
            recovered.with_context(|| format!("after entry {}", state.position))?;
        }
        Ok(())
    }

    fn whole(&self, image: &Path, position: usize) -> Result<()> {
        for n in 1..=10 {
            if self.log.mark(&n.to_string())? >= position {
                break;
            }
            let cat = host("debugfs")
                .args(["-R", &format!("cat /{n}")])
                .arg(image)
                .output()?;
            let wanted = format!("file {n}\n").repeat(5000)[..5000].to_owned();
            ensure!(cat.stdout == wanted.as_bytes(), "file {n} is not whole");
        }
        Ok(())
    }
}

/// What a boot does: replay the journal and repair what is safe. 1 is "errors corrected".
fn recover(image: &Path) -> Result<()> {
    let fsck = host("e2fsck").arg("-p").arg(image).output()?;
    let code = fsck.status.code();
    let text = String::from_utf8_lossy(&fsck.stdout);
    ensure!(matches!(code, Some(0 | 1)), "e2fsck -p: {code:?}: {text}");
    let again = host("e2fsck").arg("-fn").arg(image).output()?;
    ensure!(again.status.success(), "not clean after e2fsck -p");
    Ok(())
}

fn every_prefix_recovers(kind: Kind) -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let recorded = record(kind, Disk::Sd, "record")?;
    let states = recorded.states();
    let made = recorded.log.mark("made")?;
    let prefixes = states.prefixes(made);
    ensure!(prefixes.len() > 50, "only {} states", prefixes.len());
    ensure!(
        prefixes.len() < 500,
        "{} states are too many to try",
        prefixes.len()
    );
    recorded.all_recover(&prefixes)?;
    let told = states.cached(made.., 1, 1);
    ensure!(told.is_err(), "an SD card is never flushed");
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_every_prefix_of_the_writes_recovers() -> Result<()> {
    every_prefix_recovers(Kind::Pc)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_every_prefix_of_the_writes_recovers() -> Result<()> {
    every_prefix_recovers(Kind::Pi)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn a_lost_write_cache_recovers() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let recorded = record(Kind::Pc, Disk::Virtio, "record-cached")?;
    let flushes = recorded
        .log
        .entries()
        .iter()
        .filter(|e| **e == Entry::Flush);
    ensure!(flushes.count() >= 20, "each of ten files is flushed twice");
    let states = recorded.states();
    let made = recorded.log.mark("made")?;
    recorded.all_recover(&states.prefixes(made))?;
    let lost = states.cached(made.., 100, 7)?;
    assert_eq!(
        lost,
        states.cached(made.., 100, 7)?,
        "the same seed, the same states"
    );
    recorded.all_recover(&lost)
}
