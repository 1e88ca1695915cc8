//! pi-partition on a real `/dev/mmcblk0`, in the emulated PC: beside the mounted root, over a restart, killed, and with the power
//! cut at every write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::{Context, Result, ensure};
use cluster_tests::machine::{
    self, Card, CrashStates, Disk, Entry, Extent, GPT, Kind, MBR, PROGRAMS, WriteLog,
};
use cluster_tests::program::Program;
use cluster_tests::{host, long, require, tools};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// RancherOS' way: the root begins one sector off every grid.
const RANCHEROS: &str = "label: dos
label-id: 0x0b0e8b44
start=2048, size=526337, type=c
start=528385, size=2097152, type=83
";

/// The card's size in bytes.
const SIZE: u64 = 2 << 30;
/// Patience for a machine that shares its host's processors with other tests.
const LIMIT: Duration = Duration::from_secs(400);

/// What a run is given; the card's name differs between controllers.
const APPLY: &str = "./pi-partition -n --disk $CARD --size 128MiB --label docker --mount /mnt/docker --persist fstab --apply --only";

/// Two hundred named files on p2, whose sums tell later whether they are whole. Of p1, which nothing mounts here, every byte
/// has to stay ([`same_firmware`]).
const FILL: &str = r#"
set -e
mkdir -p /root/keep
n=0; while [ $n -lt 200 ]; do n=$((n+1)); echo "file $n" >/root/keep/$n; done
(cd /root/keep && sha256sum * >/root/keep.sums)
sync
"#;

/// The first partition of two images of one layout, with the firmware's files in it: the same to the byte.
fn same_firmware(a: &Path, b: &Path, extent: Extent) -> Result<()> {
    use std::os::unix::fs::FileExt;
    let (a, b) = (std::fs::File::open(a)?, std::fs::File::open(b)?);
    let (mut ours, mut theirs) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    let mut data = false;
    while at < extent.length {
        let length = usize::try_from(extent.length - at)?.min(ours.len());
        a.read_exact_at(&mut ours[..length], extent.start + at)?;
        b.read_exact_at(&mut theirs[..length], extent.start + at)?;
        ensure!(ours == theirs, "partition 1 changed after its byte {at}");
        // Not asked again once there is some: of a quarter of a gigabyte, unoptimized, that would be seconds.
        data = data || ours.iter().any(|byte| *byte != 0);
        at += length as u64;
    }
    ensure!(data, "partition 1 is empty: the comparison says nothing");
    Ok(())
}

/// A card of 2 GiB: the emulated controller writes each sector that mkfs discards, so that a large one takes minutes.
fn card(layout: &str) -> Result<Card> {
    Card::new(Kind::Pc).layout(layout).size(SIZE).make()
}

fn program() -> Result<std::path::PathBuf> {
    machine::program(Kind::Pc, "pi-partition")
}

/// The partition table of the card from outside: sound, with the two old partitions and a third.
fn grown(card: &Card) -> Result<Value> {
    let verify = host("sfdisk").arg("--verify").arg(card.path()).output()?;
    let said = String::from_utf8_lossy(&verify.stdout).into_owned();
    ensure!(
        said.contains("No errors detected"),
        "sfdisk --verify: {said}"
    );
    let json = host("sfdisk").arg("--json").arg(card.path()).output()?;
    let table: Value = serde_json::from_slice(&json.stdout)?;
    let count = table["partitiontable"]["partitions"]
        .as_array()
        .map_or(0, Vec::len);
    ensure!(count == 3, "{count} partitions: {table}");
    Ok(table)
}

/// A partition of the card, checked by `e2fsck` after its journal was replayed as a boot does.
fn clean(card: &Card, number: usize) -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let part = folder.path().join("part");
    card.cut(card.partition(number)?, &part)?;
    let fsck = host("e2fsck").arg("-p").arg(&part).output()?;
    let text = String::from_utf8_lossy(&fsck.stdout).into_owned();
    ensure!(
        matches!(fsck.status.code(), Some(0 | 1)),
        "e2fsck -p of partition {number}: {text}"
    );
    let again = host("e2fsck").arg("-fn").arg(&part).output()?;
    ensure!(
        again.status.success(),
        "partition {number} is not clean after e2fsck -p"
    );
    Ok(())
}

fn beside_the_mounted_root(layout: &str, name: &str) -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let card = card(layout)?;
    let before = card.copy()?;
    let first = card
        .boot(&format!("partition-{name}"))
        .limit(LIMIT)
        .file(program()?)
        .check("fill", FILL)
        .check("plan", "./pi-partition -n --disk $CARD --size 128MiB --label docker --only")
        .check("apply", APPLY)
        .check("again", APPLY)
        .check("erase", "cat /sys/block/mmcblk0/device/preferred_erase_size")
        .check("use", "findmnt -no SOURCE / && findmnt -no SOURCE,FSTYPE,OPTIONS /mnt/docker && echo data >/mnt/docker/data && sync")
        .run()?;
    first.check("fill")?.success()?;
    let applied: Value = serde_json::from_str(&first.check("apply")?.success()?)?;
    ensure!(
        applied["changed"] == true && applied["pending"] == false,
        "{applied}"
    );
    let again: Value = serde_json::from_str(&first.check("again")?.success()?)?;
    ensure!(again["changed"] == false, "{again}");
    let used = first.check("use")?.success()?;
    ensure!(
        used.starts_with("/dev/mmcblk0p2\n/dev/mmcblk0p3 ext4"),
        "{used}"
    );
    // Aligned to what the card erases at once, at both ends.
    let erase: u64 = first.check("erase")?.success()?.trim().parse()?;
    let node = applied["nodes"]
        .as_object()
        .and_then(|nodes| nodes.values().next());
    let partition = &node.context("no node")?["partitions"][0];
    for field in ["start_bytes", "size_bytes"] {
        let value = partition[field].as_u64().context("no number")?;
        ensure!(value % erase == 0, "{field} {value} on a card of {erase}");
    }
    grown(&card)?;
    let second = card
        .boot(&format!("partition-{name}-again"))
        .limit(LIMIT)
        .file(program()?)
        // The kernel's own parser shows it.
        .check(
            "kernel",
            "cat /sys/block/mmcblk0/mmcblk0p3/start /sys/block/mmcblk0/mmcblk0p3/size",
        )
        .check(
            "files",
            "cd /root/keep && sha256sum --quiet -c /root/keep.sums && wc -l </root/keep.sums",
        )
        .check("mount", "mount -a && cat /mnt/docker/data")
        .check("again", APPLY)
        .run()?;
    let kernel = second.check("kernel")?.success()?;
    let expected =
        ["start_bytes", "size_bytes"].map(|field| partition[field].as_u64().unwrap_or(0) / 512);
    ensure!(
        kernel == format!("{}\n{}\n", expected[0], expected[1]),
        "{kernel}"
    );
    ensure!(second.check("files")?.success()? == "200\n");
    ensure!(second.check("mount")?.success()? == "data\n");
    let again: Value = serde_json::from_str(&second.check("again")?.success()?)?;
    ensure!(again["changed"] == false, "{again}");
    same_firmware(&before.path(), &card.path(), card.partition(1)?)?;
    clean(&card, 2)?;
    clean(&card, 3)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn rancheros_layout_beside_the_mounted_root() -> Result<()> {
    beside_the_mounted_root(RANCHEROS, "rancheros")
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn raspios_layout_beside_the_mounted_root() -> Result<()> {
    beside_the_mounted_root(MBR, "raspios")
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn gpt_layout_beside_the_mounted_root() -> Result<()> {
    beside_the_mounted_root(GPT, "gpt")
}

/// The machine killed while it applies; the next boot's run ends as planned, and every file of p2 is whole.
#[test]
#[ignore = "machine: run by scripts/test"]
fn killed_at_random_instants_the_next_boot_ends_as_planned() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let filled = card(RANCHEROS)?;
    filled.boot("partition-fill").script(FILL)?.success()?;
    let rounds = if long() { 20 } else { 3 };
    for round in 0..rounds {
        // The run takes about two seconds in the machine; the moments are spread over them.
        let delay = Duration::from_millis(150 + round * 2200 / rounds);
        let card = filled.copy()?;
        let killed = card
            .boot(&format!("partition-kill-{round}"))
            .limit(LIMIT)
            .file(program()?)
            .kill_after_line("now", delay)
            .script(&format!("echo now; {APPLY} >/dev/null; sleep 20"))?;
        ensure!(
            killed.outcome == machine::Outcome::Killed,
            "{:?}",
            killed.outcome
        );
        let next = card
            .boot(&format!("partition-next-{round}"))
            .limit(LIMIT)
            .file(program()?)
            .check("apply", APPLY)
            .check(
                "mount",
                "findmnt -no SOURCE /mnt/docker; grep -c docker /etc/fstab",
            )
            .check(
                "files",
                "cd /root/keep && sha256sum --quiet -c /root/keep.sums && wc -l </root/keep.sums",
            )
            .run()?;
        let what = || format!("killed after {delay:?}");
        next.check("apply")?.success().with_context(what)?;
        ensure!(
            next.check("mount")?.success()? == "/dev/mmcblk0p3\n1\n",
            "{}",
            what()
        );
        ensure!(next.check("files")?.success()? == "200\n", "{}", what());
        grown(&card).with_context(what)?;
        same_firmware(&filled.path(), &card.path(), card.partition(1)?).with_context(what)?;
        clean(&card, 2).with_context(what)?;
        clean(&card, 3).with_context(what)?;
    }
    Ok(())
}

/// The power cut at any write of one apply: prefixes of the writes, and what a card with a cache may keep of those since the last
/// flush. In each state the table is the old or the new one, p2 recovers, and a run on the card ends as planned.
#[test]
#[ignore = "machine: run by scripts/test"]
fn in_every_crash_state_the_table_is_old_or_new_and_a_rerun_ends_as_planned() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let folder = tempfile::TempDir::new()?;
    // A small partition, so that there are hundreds of writes and not many thousands.
    let card = card(RANCHEROS)?;
    let before = folder.path().join("before");
    Program::new("cp")
        .args([Path::new("--sparse=always"), &card.path(), &before])
        .run()?;
    let record = folder.path().join("log");
    let run = "./pi-partition -n --disk $CARD --size 64MiB --persist none --apply --only";
    card.boot("partition-record")
        .limit(LIMIT)
        .file(program()?)
        .disk(Disk::Virtio)
        .record(&record)
        .script(&format!("mark begin; {run} >/dev/null && mark done"))?
        .success()?;
    let log = WriteLog::read(&record)?.in_blocks(4096);
    let begin = log.mark("begin")?;
    let whole = Extent {
        start: 0,
        length: SIZE,
    };
    let states = CrashStates::new(&log, &before, whole);
    let writes = log.entries()[begin..]
        .iter()
        .filter(|entry| matches!(entry, Entry::Write { .. }))
        .count();
    ensure!(writes > 20, "only {writes} writes");
    let mut all = states.prefixes(begin);
    let step = if long() { 1 } else { all.len().div_ceil(40) };
    all = all.into_iter().step_by(step).collect();
    all.extend(states.cached(begin.., if long() { 300 } else { 40 }, 5)?);
    let (old, new) = (entries(&before)?, entries(&card.path())?);
    ensure!(old != new, "the record holds no change of the table");
    let image = folder.path().join("state");
    let firmware = card.partition(1)?;
    let mut seen = [0, 0];
    for state in &all {
        states.make(state, &image)?;
        let what = || {
            format!(
                "after entry {} with {} writes",
                state.position,
                state.survived.len()
            )
        };
        let table = entries(&image).with_context(what)?;
        ensure!(
            table == old || table == new,
            "{}: a table that is neither: {table:x?}",
            what()
        );
        seen[usize::from(table == new)] += 1;
        same_firmware(&before, &image, firmware).with_context(what)?;
        root_recovers(&image, &folder.path().join("p2")).with_context(what)?;
    }
    ensure!(seen[0] > 0 && seen[1] > 0, "old and new tables: {seen:?}");
    // Some of them booted, and the run done again.
    let rounds = if long() { 12 } else { 2 };
    for round in 0..rounds {
        let state = &all[(all.len() - 1) * (round + 1) / (rounds + 1)];
        let again = card.copy()?;
        states.make(state, &again.path())?;
        let answer = again
            .boot(&format!("partition-crash-{round}"))
            .limit(LIMIT)
            .file(program()?)
            .disk(Disk::Virtio)
            .check("again", run)
            .check("fsck", "e2fsck -fn ${CARD}3")
            .run()?;
        let what = || format!("after entry {}", state.position);
        answer.check("again")?.success().with_context(what)?;
        answer.check("fsck")?.success().with_context(what)?;
        ensure!(entries(&again.path())? == new, "{}: another table", what());
    }
    Ok(())
}

/// The identifier and the entries of an MBR.
fn entries(image: &Path) -> Result<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; 72];
    std::fs::File::open(image)?.read_exact_at(&mut bytes, 440)?;
    Ok(bytes)
}

/// The root recovers as at a boot.
fn root_recovers(image: &Path, part: &Path) -> Result<()> {
    let copy = Program::new("dd")
        .args([
            "bs=1M",
            "conv=sparse",
            "status=none",
            "iflag=skip_bytes,count_bytes",
        ])
        .args([
            format!("skip={}", 528_385 * 512),
            format!("count={}", 2_097_152u64 * 512),
        ])
        .args([
            format!("if={}", image.display()),
            format!("of={}", part.display()),
        ])
        .run()?;
    ensure!(copy.code == Some(0), "{}", copy.stderr);
    std::fs::File::options()
        .write(true)
        .open(part)?
        .set_len(2_097_152 * 512)?;
    let fsck = host("e2fsck").arg("-p").arg(part).output()?;
    let text = String::from_utf8_lossy(&fsck.stdout).into_owned();
    ensure!(
        matches!(fsck.status.code(), Some(0 | 1)),
        "e2fsck -p of the root: {text}"
    );
    std::fs::remove_file(part)?;
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn an_image_prepared_on_the_laptop_is_as_wished_on_the_node() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let card = card(MBR)?;
    let path = card.path();
    let made = tools::tool("pi-partition")?
        .args([
            "-n", "--size", "128MiB", "--label", "docker", "--apply", "--only", "--disk",
        ])
        .args([&path])
        .run()?;
    ensure!(made.code == Some(0), "{}", made.stderr);
    let answer = card
        .boot("partition-prepared")
        .limit(LIMIT)
        .file(program()?)
        .check("apply", APPLY)
        .check("mount", "findmnt -no SOURCE /mnt/docker")
        .run()?;
    let applied: Value = serde_json::from_str(&answer.check("apply")?.success()?)?;
    // Only what an image cannot have: the mount and its line in fstab.
    let steps = applied["nodes"]
        .as_object()
        .and_then(|nodes| nodes.values().next());
    let steps: Vec<&str> = steps.context("no node")?["steps"]
        .as_array()
        .context("no steps")?
        .iter()
        .filter_map(|step| step["id"].as_str())
        .collect();
    ensure!(steps == ["mount-3", "persist-3"], "{steps:?}");
    ensure!(answer.check("mount")?.success()? == "/dev/mmcblk0p3\n");
    Ok(())
}
