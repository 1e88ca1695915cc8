//! pi-partition on images, with the programs that made the tables as witnesses. No root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../partition/mod.rs"]
mod partition;

use cluster_tests::program::Program;
use cluster_tests::said::node;
use cluster_tests::{require, tools};
use partition::{Image, PROGRAMS, SIZE, differences, ours, theirs};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// RancherOS pi64: partition 2 begins one sector off every grid.
const RANCHEROS: &str = "sfdisk -q $I <<<'start=2048,size=61441,type=c
start=63489,size=400000,type=83'";

/// Tables as different programs make them, with room at the end.
const LAYOUTS: [(&str, &str); 16] = [
    ("sfdisk rancheros", RANCHEROS),
    (
        "sfdisk raspios",
        "sfdisk -q $I <<<'label-id: 0x3f7d419c
start=8192,size=524288,type=c
start=532480,size=400000,type=83'",
    ),
    (
        "sfdisk ubuntu",
        "sfdisk -q $I <<<'start=2048,size=524288,type=c,bootable
start=526336,size=400000,type=83'",
    ),
    (
        "sfdisk one sector free",
        "sfdisk -q $I <<<'start=2048,size=61440,type=c
start=63489,size=400000,type=83'",
    ),
    (
        "sfdisk logical",
        "sfdisk -q $I <<<'start=2048,size=60000,type=c
start=63488,size=600000,type=f
start=65536,size=100000,type=83
start=169984,size=100000,type=83'",
    ),
    (
        "fdisk unordered, a number free",
        "printf 'o\\nn\\np\\n1\\n600000\\n+60000\\nn\\np\\n3\\n2048\\n+60000\\nw\\n' | fdisk $I >/dev/null",
    ),
    ("sfdisk empty mbr", "sfdisk -q $I <<<'label: dos'"),
    ("sfdisk empty gpt", "sfdisk -q $I <<<'label: gpt'"),
    (
        "sfdisk gpt",
        "sfdisk -q $I <<<'label: gpt
size=100M,name=\"boot\",type=uefi
size=200M,name=\"root é\"'",
    ),
    (
        "sfdisk gpt grown",
        "truncate -s 330M $I; sfdisk -q $I <<<'label: gpt
size=100M,name=\"boot\",type=uefi
size=200M'; truncate -s 640M $I",
    ),
    (
        "fdisk mbr",
        "printf 'o\\nn\\np\\n1\\n\\n+60M\\nt\\nc\\nn\\np\\n2\\n\\n+300M\\nw\\n' | fdisk $I >/dev/null",
    ),
    (
        "fdisk gpt",
        "printf 'g\\nn\\n1\\n\\n+60M\\nn\\n5\\n\\n+300M\\nw\\n' | fdisk $I >/dev/null",
    ),
    (
        "parted mbr",
        "parted -s $I mklabel msdos mkpart primary fat32 4MiB 64MiB mkpart extended 64MiB 400MiB mkpart logical ext2 65MiB 200MiB",
    ),
    (
        "parted gpt",
        "parted -s $I mklabel gpt mkpart boot fat32 4MiB 64MiB mkpart root ext4 64MiB 400MiB",
    ),
    (
        "sgdisk",
        "sgdisk -n1:2048:+60M -t1:0700 -n2:0:+300M $I >/dev/null",
    ),
    (
        "sgdisk grown, few entries",
        "truncate -s 300M $I; sgdisk -n1:0:+60M $I >/dev/null; truncate -s 640M $I",
    ),
];

/// What other programs say of a table.
fn sound(image: &Image, name: &str) {
    let sfdisk = image.bash("sfdisk --verify $I 2>&1");
    assert!(sfdisk.contains("No errors detected"), "{name}: {sfdisk}");
    image.bash("parted -s $I print >/dev/null");
    if image.sfdisk()["partitiontable"]["label"] == "gpt" {
        let sgdisk = image.bash("sgdisk -v $I");
        assert!(sgdisk.contains("No problems found"), "{name}: {sgdisk}");
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn tables_of_every_program_are_read_as_they_read_them_and_grow_by_one_entry() {
    if !require(PROGRAMS).unwrap() {
        return;
    }
    for (name, script) in LAYOUTS {
        let image = Image::new(SIZE, script);
        // Something to lose on both sides of each border.
        image.bash("for at in 1 62 70 250; do dd if=/dev/urandom of=$I bs=64k seek=$((at*16)) count=4 conv=notrunc status=none; done");
        let before = image.keep("before");
        let check = image.check();
        assert_eq!(ours(&check), theirs(&image.sfdisk()), "{name}");
        let done = image.yes(&["--label", "docker", "--apply"]);
        assert_eq!(
            (done["pending"].clone(), done["changed"].clone()),
            (json!(false), json!(true)),
            "{name}"
        );
        sound(&image, name);
        let now = image.check();
        assert_eq!(ours(&now), theirs(&image.sfdisk()), "{name}");
        assert_eq!(ours(&now).len(), ours(&check).len() + 1, "{name}");
        only_what_was_planned(&image, &before, &done, name);
        // The file system is whole and carries its label.
        let new = &node(&done)["partitions"][0];
        assert!(
            ours(&now)
                .iter()
                .any(|p| Some(p.0) == new["number"].as_u64())
        );
        let (start, size) = (
            new["start_bytes"].as_u64().unwrap(),
            new["size_bytes"].as_u64().unwrap(),
        );
        let label = image.bash(&format!(
            "blkid -p -O {start} -S {size} -s LABEL -o value $I"
        ));
        assert_eq!(label, "docker\n", "{name}");
        image.bash(&format!(
            "dd if=$I of=$I.fs bs=1M iflag=skip_bytes,count_bytes skip={start} count={size} conv=sparse status=none; truncate -s {size} $I.fs; e2fsck -fn $I.fs >/dev/null 2>&1; rm $I.fs"
        ));
        assert_eq!((start % (1 << 20), size % (1 << 20)), (0, 0), "{name}");
        // Once more: nothing to do.
        let again = image.yes(&["--label", "docker", "--apply"]);
        assert_eq!(again["changed"], false, "{name}");
        assert_eq!(node(&again)["steps"], json!([]), "{name}");
        undone(&image, &before, &done, name);
    }
}

/// Every byte outside the new partition and the planned writes is the byte before.
fn only_what_was_planned(image: &Image, before: &std::path::Path, done: &Value, name: &str) {
    let mut allowed = Vec::new();
    for step in node(done)["steps"].as_array().unwrap() {
        let action = &step["action"];
        if action["kind"] == "write_bytes" {
            let at = action["offset_bytes"].as_u64().unwrap();
            let bytes = action["bytes"].as_str().unwrap().len() as u64 / 2;
            allowed.push((at, at + bytes));
        }
    }
    // Byte by byte in the sectors that the table is written in.
    let (old, new) = (
        std::fs::File::open(before).unwrap(),
        std::fs::File::open(&image.path).unwrap(),
    );
    let new_partition = &node(done)["partitions"][0];
    let start = new_partition["start_bytes"].as_u64().unwrap();
    let end = start + new_partition["size_bytes"].as_u64().unwrap();
    for (from, to) in differences(before, &image.path) {
        if from >= start && to <= end {
            continue;
        }
        use std::os::unix::fs::FileExt;
        let (mut a, mut b) = (vec![0; (to - from) as usize], vec![0; (to - from) as usize]);
        old.read_exact_at(&mut a, from).unwrap();
        new.read_exact_at(&mut b, from).unwrap();
        for (index, place) in (from..to).enumerate() {
            let planned = allowed
                .iter()
                .any(|(start, end)| (*start..*end).contains(&place));
            assert!(
                a[index] == b[index] || planned,
                "{name}: byte {place} changed"
            );
        }
    }
    if image.sfdisk()["partitiontable"]["label"] == "dos" {
        assert_eq!(
            allowed.iter().map(|(from, to)| to - from).sum::<u64>(),
            16,
            "{name}"
        );
    }
}

/// The output document takes it back, to the byte.
fn undone(image: &Image, before: &std::path::Path, done: &Value, name: &str) {
    let saved = image.beside("done.json");
    std::fs::write(&saved, done.to_string()).unwrap();
    let saved = saved.to_str().unwrap();
    let planned = image.yes(&["--undo", saved]);
    assert_eq!(planned["pending"], true, "{name}");
    let undo = image.yes(&["--undo", saved, "--apply"]);
    assert_eq!(undo["changed"], true, "{name}");
    let left = differences(before, &image.path);
    // Old data in the free space is gone with mkfs; the table and all partitions are as they were.
    let new = &node(done)["partitions"][0];
    let start = new["start_bytes"].as_u64().unwrap();
    assert!(
        left.iter().all(|(from, _)| *from >= start),
        "{name}: {left:?}"
    );
    assert_eq!(ours(&image.check()), theirs(&image.sfdisk()), "{name}");
    let again = image.yes(&["--undo", saved, "--apply"]);
    assert_eq!(again["changed"], false, "{name}");
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn an_image_of_holes_is_undone_to_the_byte() {
    if !require(PROGRAMS).unwrap() {
        return;
    }
    for (fs, layout) in [
        ("ext4", RANCHEROS),
        ("xfs", LAYOUTS[9].1),
        ("none", RANCHEROS),
    ] {
        let image = Image::new(SIZE, layout);
        let before = image.keep("before");
        let done = image.yes(&["--fs", fs, "--apply"]);
        let saved = image.beside("done.json");
        std::fs::write(&saved, done.to_string()).unwrap();
        image.yes(&["--undo", saved.to_str().unwrap(), "--apply"]);
        assert_eq!(differences(&before, &image.path), [], "{fs}");
        assert_eq!(image.names(), ["before", "card.img", "done.json"]);
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_run_killed_at_any_system_call_is_ended_by_the_next() {
    if !require(PROGRAMS).unwrap() {
        return;
    }
    for layout in [
        "sfdisk -q $I <<<'start=2048,size=61441,type=c
start=63489,size=200000,type=83'",
        "truncate -s 200M $I; sfdisk -q $I <<<'label: gpt
size=100M'; truncate -s 400M $I",
    ] {
        let image = Image::new(400 << 20, layout);
        let before = image.keep("before");
        let mut kills = 0;
        for call in [
            "pwrite64",
            "fsync",
            "write",
            "unlink",
            "fallocate",
            "ftruncate",
            "clone3",
            "lseek",
            "clock_nanosleep",
        ] {
            for when in 1.. {
                image.put_back(&before);
                if !killed(&image, call, when) {
                    break;
                }
                kills += 1;
                ends_as_planned(&image, &before, &format!("{call} {when}"));
                // The polling of a running mkfs repeats itself.
                if when == 12 || (call == "clock_nanosleep" && when == 4) {
                    break;
                }
            }
        }
        assert!(kills > 25, "only {kills} kills");
    }
}

/// Applies under strace, which kills it as it enters a system call for the `when`th time; whether that happened.
fn killed(image: &Image, call: &str, when: u32) -> bool {
    let tool = tools::folder().unwrap().join("pi-partition");
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:signal=SIGKILL:when={when}");
    let status = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
        .arg(tool)
        .args(["-n", "--apply", "-o", "/dev/null", "--disk"])
        .arg(&image.path)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(9) || status.code() == Some(137)
}

/// Whether Linux would read the table: an MBR, or a GPT whose primary header and entries agree with their checksums
/// (block/partitions/efi.c takes the backup only where the command line says `gpt`).
fn primary_is_whole(image: &Image) -> bool {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; 512 + 16384];
    let file = std::fs::File::open(&image.path).unwrap();
    file.read_exact_at(&mut bytes, 512).unwrap();
    let (header, entries) = bytes.split_at_mut(512);
    if !header.starts_with(b"EFI PART") {
        return true;
    }
    let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
    let (own, array) = (number(16), number(88));
    header[16..20].fill(0);
    (crc32(&header[..92]), crc32(entries)) == (own, array)
}

/// CRC-32 bit by bit (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}

fn ends_as_planned(image: &Image, before: &std::path::Path, place: &str) {
    assert!(primary_is_whole(image), "{place}: it would not start");
    let seen = image.run(&[]);
    assert!(matches!(seen.code, Some(0)), "{place}: {}", seen.stderr);
    // An mkfs that was left behind holds the lock for a moment.
    let done = image.yes(&["--apply"]);
    sound(image, place);
    only_what_was_planned_by(image, before, place);
    assert_eq!(image.names(), ["before", "card.img"], "{place}");
    let again = image.yes(&["--apply"]);
    assert_eq!(again["changed"], false, "{place}: {done}");
    let start = node(&again)["partitions"][0]["start_bytes"]
        .as_u64()
        .unwrap();
    let size = node(&again)["partitions"][0]["size_bytes"]
        .as_u64()
        .unwrap();
    image.bash(&format!(
        "dd if=$I of=$I.fs bs=1M iflag=skip_bytes,count_bytes skip={start} count={size} conv=sparse status=none; truncate -s {size} $I.fs; e2fsck -fn $I.fs >/dev/null 2>&1; rm $I.fs"
    ));
}

/// What stands before the new partition is the same but for the table's first sectors.
fn only_what_was_planned_by(image: &Image, before: &std::path::Path, place: &str) {
    let start = node(&image.yes(&[]))["partitions"][0]["start_bytes"]
        .as_u64()
        .unwrap();
    let touched = differences(before, &image.path);
    assert!(
        touched
            .iter()
            .all(|(from, to)| *to <= 34 * 512 || *from >= start),
        "{place}: {touched:?}"
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_is_refused_is_named_and_left_alone() {
    if !require(PROGRAMS).unwrap() {
        return;
    }
    let gpt = "sfdisk -q $I <<<'label: gpt
size=100M'";
    let cases: [(&str, String, &[&str], &str); 14] = [
        (
            "four primaries",
            "sfdisk -q $I <<<'size=10M\nsize=10M\nsize=10M\nsize=10M'".to_owned(),
            &[],
            "partition-no-free-entry",
        ),
        (
            "full",
            "sfdisk -q $I <<<'size=10M\n;'".to_owned(),
            &[],
            "partition-too-little-space",
        ),
        (
            "less than 64 MiB",
            "sfdisk -q $I <<<'size=600M'".to_owned(),
            &[],
            "partition-too-little-space",
        ),
        (
            "a size that does not fit",
            RANCHEROS.to_owned(),
            &["--size", "2GiB"],
            "partition-too-little-space",
        ),
        (
            "overlap",
            format!(
                "{RANCHEROS}; printf '\\x00\\x10\\x00\\x00' | dd of=$I bs=1 seek=470 conv=notrunc status=none"
            ),
            &[],
            "partition-table-overlap",
        ),
        (
            "larger than the disk",
            format!("{RANCHEROS}; truncate -s 100M $I"),
            &[],
            "partition-table-damaged",
        ),
        (
            "primary header",
            format!("{gpt}; printf X | dd of=$I bs=1 seek=$((512+56)) conv=notrunc status=none"),
            &[],
            "partition-table-damaged",
        ),
        (
            "entries",
            format!("{gpt}; printf X | dd of=$I bs=1 seek=1100 conv=notrunc status=none"),
            &[],
            "partition-table-damaged",
        ),
        (
            "backup",
            format!(
                "{gpt}; printf X | dd of=$I bs=1 seek=$((640*1024*1024-452)) conv=notrunc status=none"
            ),
            &[],
            "partition-table-damaged",
        ),
        (
            "hybrid",
            format!("{gpt}; sgdisk -h 1 $I >/dev/null"),
            &[],
            "partition-hybrid-mbr",
        ),
        (
            "no protective mbr",
            format!("{gpt}; dd if=/dev/zero of=$I bs=512 count=1 conv=notrunc status=none"),
            &[],
            "partition-table-damaged",
        ),
        ("no table", "true".to_owned(), &[], "partition-no-table"),
        (
            "a file system on the whole disk",
            "mkfs.ext4 -q $I".to_owned(),
            &[],
            "partition-no-table",
        ),
        (
            "a lost partition",
            format!("{RANCHEROS}; mkfs.ext4 -q -F -E offset=$((227*1024*1024)) $I 100M"),
            &[],
            "partition-foreign-signature",
        ),
    ];
    for (name, script, arguments, id) in cases {
        let image = Image::new(SIZE, &script);
        assert_eq!(image.no(arguments), id, "{name}");
        assert_eq!(image.names(), ["before-no", "card.img"], "{name}");
    }
    let image = Image::new(SIZE, &cases_lost());
    let done = image.yes(&["--wipe", "--fs", "xfs", "--apply"]);
    assert_eq!(done["changed"], true);
    let start = node(&done)["partitions"][0]["start_bytes"]
        .as_u64()
        .unwrap();
    // One file system is left, not two.
    assert_eq!(
        image.bash(&format!("blkid -p -O {start} -s TYPE -o value $I")),
        "xfs\n"
    );
}

fn cases_lost() -> String {
    format!("{RANCHEROS}; mkfs.ext4 -q -F -E offset=$((227*1024*1024)) $I 100M")
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn another_program_at_work_is_waited_for_and_then_named() {
    if !require(PROGRAMS).unwrap() {
        return;
    }
    let image = Image::new(SIZE, RANCHEROS);
    let hold = format!("exec 9<{}; flock 9; exec sleep 3", image.path.display());
    let mut other = Command::new("sh").args(["-c", &hold]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    image.yes(&["--apply"]);
    other.wait().unwrap();
    let image = Image::new(SIZE, RANCHEROS);
    let hold = format!("exec 9<{}; flock 9; exec sleep 30", image.path.display());
    let mut other = Command::new("sh").args(["-c", &hold]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let outcome = image.run(&["--apply"]);
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(outcome.code, Some(3));
    assert_eq!(
        outcome.json().unwrap()["findings"][0]["id"],
        "partition-disk-locked"
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_64_gb_image_is_planned_by_reading_little() {
    if !require(PROGRAMS).unwrap() {
        return;
    }
    for layout in [RANCHEROS, LAYOUTS[8].1] {
        let image = Image::new(64_000_000_000, layout);
        let tool = tools::folder().unwrap().join("pi-partition");
        let log = image.beside("log");
        let outcome = Program::new("strace")
            .args([
                "-f",
                "-y",
                "-e",
                "trace=read,pread64,readv,preadv,preadv2,mmap",
                "-o",
            ])
            .args([&log, &tool])
            .args([
                "-n",
                "-o",
                "/dev/null",
                "--disk",
                image.path.to_str().unwrap(),
            ])
            .run()
            .unwrap();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let log = std::fs::read_to_string(log).unwrap();
        let of_image = log.lines().filter(|line| line.contains("card.img>"));
        let read: u64 = of_image
            .map(|line| {
                assert!(!line.contains("mmap"), "{line}");
                line.rsplit_once("= ")
                    .unwrap()
                    .1
                    .trim()
                    .parse::<u64>()
                    .unwrap()
            })
            .sum();
        assert!(read > 512, "strace saw nothing: {log}");
        assert!(read <= 1 << 20, "{read} bytes were read");
    }
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn the_script_does_what_the_program_does() {
    if !require(PROGRAMS).unwrap() {
        return;
    }
    for layout in [RANCHEROS, LAYOUTS[9].1] {
        let image = Image::new(SIZE, layout);
        let before = image.keep("before");
        let script = image.beside("plan.sh");
        let outcome = image.run(&[
            "--label",
            "docker",
            "-f",
            "sh",
            "-o",
            script.to_str().unwrap(),
        ]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        image.yes(&["--label", "docker", "--apply"]);
        let by_program = image.sfdisk();
        image.put_back(&before);
        image.bash(&format!(
            "for shell in dash bash; do $shell {}; done 2>&1",
            script.display()
        ));
        assert_eq!(image.sfdisk(), by_program);
        assert_eq!(image.yes(&["--label", "docker"])["pending"], false);
        sound(&image, layout);
        // On another disk it refuses before its first change.
        image.put_back(&before);
        image.bash(
            "printf '\\x02' | dd of=$I bs=1 seek=470 conv=notrunc status=none; cp $I $I.other",
        );
        let outcome = Program::new("sh").args([&script]).run().unwrap();
        if image.sfdisk()["partitiontable"]["label"] == "dos" {
            assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
            assert_eq!(
                differences(&image.beside("card.img.other"), &image.path),
                []
            );
        }
    }
}
