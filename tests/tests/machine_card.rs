//! What the emulated machines show of their card, and what they have for later tests. One boot for each card.

use anyhow::{Result, ensure};
use cluster_tests::machine::{Answer, Card, GPT, Kind, MBR, PROGRAMS, Shared};
use cluster_tests::require;

static PC: Shared = Shared::new(|| boot(Kind::Pc, MBR, "mbr", &PARTS));
static PI: Shared = Shared::new(|| boot(Kind::Pi, MBR, "mbr", &PARTS));

/// A check: its name, its script, and what it must say.
type Part = (&'static str, &'static str, &'static str);

/// What later tests load and run, each answer a word or nothing.
const PARTS: [Part; 5] = [
    (
        "modules",
        "modprobe -a ext4 vfat loop overlay xfs btrfs dm-mod dm-flakey dm-log-writes dm-delay",
        "",
    ),
    (
        "radios",
        "modprobe mac80211_hwsim radios=2 && iw dev | grep -c Interface",
        "2",
    ),
    (
        "error target",
        "modprobe dm-mod && dmsetup create bad --table '0 8 error' &&
         ! dd if=/dev/mapper/bad of=/dev/null bs=512 count=1",
        "",
    ),
    (
        "4Kn",
        "modprobe loop && truncate -s 64M /tmp/d && d=$(losetup -b 4096 --show -fP /tmp/d) &&
         echo 'start=512,size=2048' | sfdisk -q $d && cat /sys/block/${d#/dev/}/*/start",
        "4096",
    ),
    (
        "programs",
        "for p in sfdisk sgdisk parted mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat e2fsck resize2fs getfattr getfacl \
         dmsetup kmod iw wpa_supplicant hostapd dhcpcd dnsmasq strace; do command -v $p >/dev/null || echo $p; done",
        "",
    ),
];

fn boot(kind: Kind, layout: &str, name: &str, parts: &[Part]) -> Result<Answer> {
    let card = Card::new(kind).layout(layout).make()?;
    let boot = card
        .boot(name)
        .check("partitions", "cat /proc/partitions")
        .check("root", "findmnt -no SOURCE,FSTYPE /")
        .check(
            "cmdline.txt",
            "modprobe vfat && mount /dev/mmcblk0p1 /boot/firmware && cat /boot/firmware/cmdline.txt",
        )
        .check("command line", "cat /proc/cmdline");
    parts
        .iter()
        .fold(boot, |boot, (name, script, _)| boot.check(name, script))
        .run()
}

fn shows_partitions(answer: &Answer) -> Result<()> {
    let partitions = answer.check("partitions")?.success()?;
    let wanted = [("mmcblk0p1", 262_144), ("mmcblk0p2", 1_048_576)];
    let wanted = wanted.map(|(name, size)| (name.to_owned(), size));
    assert_eq!(shown(&partitions), wanted);
    let root = answer.check("root")?.success()?;
    assert_eq!(root.trim_end(), "/dev/mmcblk0p2 ext4");
    // What the kernel was started with is what stands on the card.
    let file = answer.check("cmdline.txt")?.success()?;
    let root = file
        .split_whitespace()
        .find(|word| word.starts_with("root=PARTUUID="));
    let line = answer.check("command line")?.success()?;
    ensure!(root.is_some_and(|root| line.contains(root)), "{file}{line}");
    Ok(())
}

/// The partitions of `/proc/partitions`, each with its size in KiB.
fn shown(partitions: &str) -> Vec<(String, u64)> {
    let card = partitions.lines().filter(|line| line.contains("mmcblk0p"));
    card.filter_map(|line| {
        let mut words = line.split_whitespace().skip(2);
        let size = words.next()?.parse().ok()?;
        Some((words.next()?.to_owned(), size))
    })
    .collect()
}

fn has_what_later_tests_use(answer: &Answer) -> Result<()> {
    for (name, _, wanted) in PARTS {
        assert_eq!(answer.check(name)?.success()?.trim_end(), wanted, "{name}");
    }
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_shows_mbr_partitions() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    shows_partitions(PC.answer()?)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_shows_mbr_partitions() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    shows_partitions(PI.answer()?)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_has_what_later_tests_use() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    has_what_later_tests_use(PC.answer()?)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_has_what_later_tests_use() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    has_what_later_tests_use(PI.answer()?)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_shows_gpt_partitions() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    shows_partitions(&boot(Kind::Pc, GPT, "gpt", &[])?)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_shows_gpt_partitions() -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    shows_partitions(&boot(Kind::Pi, GPT, "gpt", &[])?)
}
