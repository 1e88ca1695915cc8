//! The copier where this machine's kernel has no means: a disk with an unreadable block (device mapper's error target) and a
//! file system without owners (vfat).

use anyhow::{Result, ensure};
use cluster_tests::machine::{self, Card, Kind, PROGRAMS};
use cluster_tests::require;

/// A source with three folders on a disk of which one block cannot be read, and two targets.
const PREPARE: &str = r#"
set -e
modprobe -a loop dm-mod vfat
mkdir -p /tmp/a /tmp/b /tmp/v
truncate -s 64M /tmp/a.img /tmp/b.img /tmp/v.img
mkfs.ext4 -q -F -b 4096 /tmp/a.img
mkfs.ext4 -q -F -b 4096 /tmp/b.img
mkfs.vfat /tmp/v.img >/dev/null
mount -o loop /tmp/b.img /tmp/b
mount -o loop /tmp/v.img /tmp/v
mount -o loop /tmp/a.img /tmp/a
mkdir -p /tmp/a/tree/x /tmp/a/tree/y/z
head -c 3000000 /dev/urandom >/tmp/a/tree/lost
echo kept >/tmp/a/tree/x/kept
ln /tmp/a/tree/x/kept /tmp/a/tree/y/z/linked
mknod /tmp/a/tree/y/whiteout c 0 0
umount /tmp/a
block=$(debugfs -R 'blocks /tree/lost' /tmp/a.img 2>/dev/null | tr ' ' '\n' | sed -n 300p)
loop=$(losetup -f --show /tmp/a.img)
at=$((block * 8))
dmsetup create broken <<TABLE
0 $at linear $loop 0
$at 8 error
$((at + 8)) $((131072 - at - 8)) linear $loop $((at + 8))
TABLE
# Nobody makes /dev/mapper here.
mount /dev/$(dmsetup info -c --noheadings -o blkdevname broken) /tmp/a
"#;

/// What becomes of it on this kind of machine.
fn a_disk_that_cannot_be_read_is_named(kind: Kind) -> Result<()> {
    if !require(PROGRAMS)? {
        return Ok(());
    }
    let card = Card::new(kind).make()?;
    let copy = "./pi-dockerroot -n --tree --from /tmp/a/tree --apply --only --to";
    let answer = card
        .boot("copy")
        .file(machine::program(kind, "pi-dockerroot")?)
        .check("prepare", PREPARE)
        .check("vfat", &format!("{copy} /tmp/v; code=$?; ls -A /tmp/v >&2; exit $code"))
        .check("broken", &format!("{copy} /tmp/b"))
        .check("source", "cd /tmp/a/tree && cat x/kept y/z/linked && dd if=lost of=/dev/null bs=1000 count=1000 2>/dev/null")
        .check("mend", &format!("rm /tmp/a/tree/lost && {copy} /tmp/b --verify"))
        .check("same", "cd /tmp/b && stat -c '%n %F %h %t:%T' x/kept y/z/linked y/whiteout && ls -A")
        .run()?;
    answer.check("prepare")?.success()?;

    let vfat = answer.check("vfat")?;
    let said = String::from_utf8_lossy(&vfat.stderr);
    assert_eq!(vfat.status, 3, "{said}");
    ensure!(String::from_utf8_lossy(&vfat.stdout).contains("dockerroot-tree-filesystem"));
    // The one line of the program, and nothing in the target.
    assert_eq!(said.lines().count(), 1, "{said}");

    let broken = answer.check("broken")?;
    let said = String::from_utf8_lossy(&broken.stderr);
    assert_eq!((broken.status, broken.stdout.len()), (1, 0), "{said}");
    ensure!(
        said.contains("copying lost: reading: Input/output error"),
        "{said}"
    );
    ensure!(said.contains("the same command continues it"), "{said}");
    assert_eq!(answer.check("source")?.success()?, "kept\nkept\n");

    answer.check("mend")?.success()?;
    let same = answer.check("same")?.success()?;
    ensure!(same.starts_with("x/kept regular file 2 0:0\ny/z/linked regular file 2 0:0\ny/whiteout character special file 1 0:0\n"), "{same}");
    ensure!(!same.contains("\nlost\n"), "{same}");
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pc_names_a_disk_that_cannot_be_read() -> Result<()> {
    a_disk_that_cannot_be_read_is_named(Kind::Pc)
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn pi_names_a_disk_that_cannot_be_read() -> Result<()> {
    a_disk_that_cannot_be_read_is_named(Kind::Pi)
}
