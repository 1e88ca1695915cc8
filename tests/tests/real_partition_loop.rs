//! pi-partition on loop devices, as root, in a mount namespace of its own: BLKPG beside mounted partitions, 4096-byte sectors,
//! mounting, fstab, kills, and what is refused of a device.
//!
//! Kernels without a table parser are enough: each test tells the kernel of the partitions itself (`partx -a`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../partition/mod.rs"]
mod partition;

use cluster_tests::program::Program;
use cluster_tests::{require, require_root, tools};
use partition::{Image, PROGRAMS};

/// What every script begins with: `/etc` and `/var/lib` are copies that only this mount namespace sees, and loop devices are
/// let go of however it ends.
const PRELUDE: &str = r#"
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
W=$(mktemp -d)
cp -a /etc $W/etc; mkdir $W/lib $W/mnt; mount --bind $W/etc /etc; mount --bind $W/lib /var/lib
mount -t tmpfs t /mnt
loops=()
attach() { # NAME ARGUMENTS…: a loop device that is let go of at the end
  local -n name=$1; shift
  name=$(losetup -f --show "$@"); loops+=("$name")
}
end() {
  code=$?
  set +e
  cd /
  for d in "${loops[@]}"; do
    for m in $(findmnt -rno TARGET,SOURCE | awk -v d="$d" 'index($2, d) == 1 {print $1}'); do umount "$m"; done
    swapoff "$d" 2>/dev/null
    partx -d "$d" 2>/dev/null
    losetup -d "$d"
  done
  umount /mnt /var/lib /etc
  rm -rf "$W"
  exit $code
}
trap end EXIT
fail() { echo "FAILED: $*" >&2; exit 9; }
# of a disk: four times as fast as sha256sum, which does not use the processor's own instructions
digest() { openssl dgst -sha256 -r; }
same() { [ "$1" = "$2" ] || fail "$3: '$1' is not '$2'"; }
# ID COMMAND…: it refuses, for this reason
refuses() {
  local id=$1 code=0; shift
  "$@" --apply --only >$W/said 2>$W/error || code=$?
  same $code 3 "$* ($(cat $W/error))"
  same "$(jq -r '.findings[0].id' $W/said)" "$id" "$*"
}
# ID COMMAND…: and nothing changes
refused() {
  local before
  before=$(digest <$I)
  refuses "$@"; shift
  same "$(digest <$I)" "$before" "the disk after $*"
}
TABLE='label: dos
start=2048,size=61441,type=c
start=63489,size=200000,type=83'
"#;

/// Runs a script as root in namespaces of its own; `$I` is an empty image, `pi-partition` is on its PATH.
fn root(script: &str) -> Option<String> {
    let more = ["jq", "losetup", "openssl", "partx", "unshare", "xfs_info"];
    if !require(&[PROGRAMS, &more].concat()).unwrap() {
        return None;
    }
    if !require_root().unwrap() {
        return None;
    }
    let image = Image::new(partition::SIZE, "true");
    let path = tools::folder().unwrap();
    let script = format!(
        "I={}\nPATH={}:$PATH\n{PRELUDE}\n{script}",
        image.path.display(),
        path.display()
    );
    let outcome = Program::new("unshare")
        .args([
            "--mount",
            "--fork",
            "--pid",
            "--mount-proc",
            "bash",
            "-c",
            &script,
        ])
        .run()
        .unwrap();
    Some(outcome.success().unwrap())
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_partition_beside_a_mounted_one_is_made_mounted_and_lasts() {
    root(
        r#"
for table in "$TABLE" 'label: gpt
size=100M,name=boot
size=200M,name=root'; do
  rm -f $I; truncate -s 700M $I
  sfdisk -q $I <<<"$table"
  attach D $I
  partx -a $D
  mkfs.ext4 -q ${D}p2; mkdir -p /mnt/root; mount ${D}p2 /mnt/root; echo precious >/mnt/root/file; sync
  P2=$(digest <${D}p2)
  pi-partition -n --disk $D --label docker --mount /mnt/docker --persist fstab --apply >$W/out.json
  same "$(jq -c '.pi_partition|[.ok,.pending,.changed]' $W/out.json)" '[true,false,true]' verdict
  same "$(findmnt -no SOURCE,FSTYPE,OPTIONS /mnt/docker)" "${D}p3 ext4   rw,noatime" mount
  same "$(blkid -p -s LABEL -o value ${D}p3)" docker label
  U=$(blkid -p -s UUID -o value ${D}p3)
  same "$(tail -1 /etc/fstab)" "UUID=$U /mnt/docker ext4 defaults,noatime,nofail 0 2" fstab
  echo data >/mnt/docker/data
  same "$(cat /mnt/root/file)" precious 'the file on p2'
  umount /mnt/docker
  e2fsck -fn ${D}p3 >/dev/null 2>&1 || fail 'p3 is not clean'
  mount /mnt/docker 2>/dev/null || mount UUID=$U /mnt/docker || mount ${D}p3 /mnt/docker
  same "$(cat /mnt/docker/data)" data 'the file on p3'
  # Once more: nothing to do, nothing written.
  F=$(sha256sum </etc/fstab)
  pi-partition -n --disk $D --label docker --mount /mnt/docker --persist fstab --apply --only >$W/again.json
  same "$(jq -c '[.ok,.pending,.changed]' $W/again.json)" '[true,false,false]' again
  same "$(sha256sum </etc/fstab)" "$F" fstab
  same "$(ls /var/lib/cluster/pi-partition)" "pi-partition-$(hostname | cut -d. -f1)-${D##*/}-$(jq -r '.pi_partition.nodes[].state_sha256[:8]' $W/out.json).table.json" 'journal and saved table'
  same "$(stat -c %a /var/lib/cluster/pi-partition)" 700 'mode of the folder'
  # The saved table takes it back: unmounted, out of fstab, out of the kernel, out of the table.
  pi-partition -n --disk $D --undo /var/lib/cluster/pi-partition/*.table.json --apply --only >$W/undo.json
  same "$(jq -c .changed $W/undo.json)" true undo
  ! findmnt /mnt/docker >/dev/null || fail 'still mounted'
  ! grep -q docker /etc/fstab || fail 'still in fstab'
  [ ! -e ${D}p3 ] || fail 'still known to the kernel'
  same "$(sfdisk --json $D | jq '.partitiontable.partitions|length')" 2 partitions
  same "$(cat /mnt/root/file)" precious 'the file on p2'
  umount /mnt/root
  e2fsck -fn ${D}p2 >/dev/null 2>&1 || fail 'p2 is not clean'
  sfdisk --verify $D >/dev/null
  rm -r /var/lib/cluster
  partx -d $D; losetup -d $D; loops=()
done
"#,
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn sectors_of_4096_bytes() {
    root(
        r#"
for table in 'label: dos
start=256,size=8000,type=c
start=8257,size=40000,type=83' 'label: gpt
size=100M
size=200M'; do
  rm -f $I; truncate -s 700M $I
  attach D -b 4096 $I
  sfdisk -q $D <<<"$table"
  partx -a $D || true
  pi-partition -n --disk $D --fs xfs --label data --mount /mnt/data --persist none --apply --only >$W/out.json
  same "$(jq -c '.nodes[].disk.logical_sector_bytes' $W/out.json)" 4096 sector
  same "$(findmnt -no SOURCE,FSTYPE /mnt/data)" "${D}p3 xfs" mount
  same "$(jq -c '[.nodes[].disk.partitions[]|[.number,.start_bytes/4096,.size_bytes/4096]]' $W/out.json)" \
    "$(sfdisk --json $D | jq -c "[.partitiontable.partitions[]|[(.node|ltrimstr(\"${D}p\")|tonumber),.start,.size]]")" table
  sfdisk --verify $D | grep -q 'No errors' || fail verify
  parted -s $D print >/dev/null
  umount /mnt/data
  xfs_repair -n ${D}p3 >/dev/null 2>&1 || fail 'p3 is not clean'
  # The image alone, whose GPT says what its sectors are.
  case $table in *gpt*) same "$(pi-partition -n --disk $D --check --only | jq -c '.nodes[].disk.partitions|map(.start_bytes)')" \
    "$(partx -d $D; losetup -d $D; loops=(); pi-partition -n --disk $I --check --only | jq -c '.nodes[].disk.partitions|map(.start_bytes)')" image ;;
  *) partx -d $D; losetup -d $D ;; esac
  loops=()
done
"#,
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn killed_at_any_system_call_the_next_run_ends_as_planned() {
    root(
        r#"
truncate -s 600M $I
sfdisk -q $I <<<"$TABLE"
attach D $I
partx -a $D
mkfs.ext4 -q ${D}p2; mkdir -p /mnt/root; mount ${D}p2 /mnt/root; echo precious >/mnt/root/file; sync
head -c 512 $I >$W/mbr
echo '# theirs' >/etc/fstab
run() { pi-partition -n --disk $D --label docker --mount /mnt/docker --persist fstab --apply --only "$@"; }
kills=0
for call in pwrite64 fsync write unlink ioctl mount renameat clone3 clock_nanosleep flock; do
  for when in 1 2 3 4 5 6 7 8 9 10 11 12; do
    [ $call = clock_nanosleep ] && [ $when -gt 3 ] && break
    code=0
    strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=SIGKILL:when=$when \
      $(command -v pi-partition) -n --disk $D --label docker --mount /mnt/docker --persist fstab --apply -o /dev/null 2>/dev/null || code=$?
    if [ $code = 0 ]; then done=yes; else
      [ $code = 137 ] || fail "$call $when: exit code $code"
      kills=$((kills + 1)) done=
      run >$W/out.json || fail "$call $when: $(cat $W/out.json)"
    fi
    same "$(findmnt -no SOURCE /mnt/docker)" ${D}p3 "$call $when: mount"
    same "$(grep -c docker /etc/fstab)" 1 "$call $when: fstab"
    same "$(ls /var/lib/cluster/pi-partition | grep -c journal || true)" 0 "$call $when: journal"
    run | jq -e '.changed == false' >/dev/null || fail "$call $when: not idempotent"
    umount /mnt/docker
    e2fsck -fn ${D}p3 >/dev/null 2>&1 || fail "$call $when: p3 is not clean"
    same "$(cat /mnt/root/file)" precious "$call $when: p2"
    # Back to the start.
    partx -d --nr 3 $D; dd if=$W/mbr of=$D bs=512 conv=fsync status=none
    dd if=/dev/zero of=$D bs=1M seek=129 count=2 conv=fsync status=none
    echo '# theirs' >/etc/fstab; rmdir /mnt/docker
    [ -z "$done" ] || break
  done
done
umount /mnt/root
e2fsck -fn ${D}p2 >/dev/null 2>&1 || fail 'p2 is not clean'
[ $kills -gt 25 ] || fail "only $kills kills"
"#,
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_is_refused_of_a_device() {
    root(
        r#"
truncate -s 260M $I
sfdisk -q $I <<<"$TABLE"
attach D $I
partx -a $D
refused partition-not-a-disk pi-partition -n --disk ${D}p1
mkdir /mnt/used; touch /mnt/used/file
refused partition-mount-point-used pi-partition -n --disk $D --mount /mnt/used
mkdir /mnt/busy; mount -t tmpfs t /mnt/busy
refused partition-mount-point-used pi-partition -n --disk $D --mount /mnt/busy
echo 'UUID=1 /mnt/other ext4 defaults 0 2' >>/etc/fstab
refused partition-mount-configured pi-partition -n --disk $D --mount /mnt/other --persist fstab
pi-partition -n --disk $D >$W/plan.json
mkdir /mnt/real; ln -s real /mnt/link
refused partition-mount-point-link pi-partition -n --disk $D --mount /mnt/link
refused partition-mount-point-link pi-partition -n --disk $D --mount /mnt/link/below/it
same "$(jq -r '.findings[0].fix' $W/said | grep -o '/mnt/real/below/it')" /mnt/real/below/it 'the way out'
# The kernel knows a partition that the table does not have.
addpart $D 3 300000 1000
refused partition-kernel-differs pi-partition -n --disk $D
delpart $D 3
# Somebody has the disk for himself alone.
python3 - $D $W/held <<'P' &
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_EXCL)
open(sys.argv[2], 'w').close()
time.sleep(300)
P
other=$!
until [ -e $W/held ]; do sleep 0.1; done
refused partition-disk-held pi-partition -n --disk $D
kill $other; wait $other || true
# The image behind a loop device is held by it.
refused partition-disk-held pi-partition -n --disk $I
refused partition-disk-held pi-partition -n --disk $I --undo $W/plan.json
# Two at once: one of them is told who is at work.
mkdir -p /var/lib/cluster/pi-partition
J=/var/lib/cluster/pi-partition/${D##*/}.journal
(flock 9; touch $W/locked; exec sleep 300) 9>$J &
other=$!
until [ -e $W/locked ]; do sleep 0.1; done
refused journal-busy pi-partition -n --disk $D
kill $other; wait $other || true
# Read-only.
partx -d $D; losetup -d $D; loops=()
attach D -r $I
refused partition-read-only pi-partition -n --disk $D
losetup -d $D; loops=()
# A program that the plan runs and nobody installed.
mount --bind /dev/null $(readlink -f $(command -v mkfs.xfs))
truncate -s 900M $I
refused partition-program-missing pi-partition -n --disk $I --fs xfs
umount $(readlink -f $(command -v mkfs.xfs))
# A whole disk that is swap; what is on it changes as the kernel likes.
truncate -s 0 $I; truncate -s 600M $I
attach D $I
mkswap -q $D; swapon $D 2>/dev/null && { refuses partition-disk-held pi-partition -n --disk $D; swapoff $D; }
true
"#,
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn what_is_taken_back_leaves_no_trace_and_nothing_elses() {
    root(
        r#"
truncate -s 600M $I
sfdisk -q $I <<<"$TABLE"
attach D $I
partx -a $D
# A card's root has no /proc, and a plan needs none.
mkdir -p $W/card/etc
pi-partition -n --disk $D --label docker --mount /mnt/docker --sysroot $W/card --only | jq -e .ok >/dev/null || fail 'no plan'
printf '# theirs\n\nUUID=1 /mnt/other ext4 defaults 0 2\n\n' >/etc/fstab
F=$(sha256sum </etc/fstab); T=$(digest <$I)
# Without a file system it has no UUID: a line without one is not its line.
pi-partition -n --disk $D --fs none --apply >$W/out.json
pi-partition -n --disk $D --undo $W/out.json --apply --only | jq -e .changed >/dev/null || fail 'nothing was undone'
same "$(sha256sum </etc/fstab)" "$F" fstab
same "$(digest <$I)" "$T" table
[ ! -e ${D}p3 ] || fail 'still known to the kernel'
# An undo that failed before its first effect leaves the way free.
pi-partition -n --disk $D --label docker --mount /mnt/docker --persist systemd --apply >$W/out.json 2>$W/error ||
  grep -q systemctl $W/error || fail "$(cat $W/error)"
U=/etc/systemd/system/mnt-docker.mount
[ -e $U ] || fail 'no unit'
mkdir -p /etc/systemd/system/local-fs.target.wants; ln -sf $U /etc/systemd/system/local-fs.target.wants/mnt-docker.mount
S=$(ls /var/lib/cluster/pi-partition/*.table.json | tail -1)
exec 8</mnt/docker
pi-partition -n --disk $D --undo $S --apply >$W/said 2>&1 && fail 'undone although it is in use'
exec 8<&-
pi-partition -n --disk $D --label docker --apply --only >$W/out.json || fail "$(cat $W/out.json)"
same "$(jq -c '[.ok,.pending]' $W/out.json)" '[true,false]' 'after an undo that changed nothing'
# A unit of its goes with it.
pi-partition -n --disk $D --undo $S --apply --only | jq -e .changed >/dev/null || fail 'nothing was undone'
[ ! -e $U ] && [ ! -L /etc/systemd/system/local-fs.target.wants/mnt-docker.mount ] || fail 'its unit is still there'
same "$(sha256sum </etc/fstab)" "$F" fstab
"#,
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_stick_with_the_saved_table_may_be_gone_when_a_run_goes_on() {
    root(
        r#"
truncate -s 600M $I
sfdisk -q $I <<<"$TABLE"
attach D $I
partx -a $D
truncate -s 64M $W/stick; mkfs.ext4 -q $W/stick
for call in pwrite64:1 pwrite64:2 ioctl:6 clone3:1; do
  attach S $W/stick
  mkdir -p /mnt/a; mount $S /mnt/a
  code=0
  strace -qq -f -o /dev/null -e trace=${call%:*} -e inject=${call%:*}:signal=SIGKILL:when=${call#*:} \
    pi-partition -n --disk $D --label docker --apply -o /dev/null 2>/dev/null || code=$?
  rm -f /mnt/a/*.table.json
  umount /mnt/a; losetup -d $S; loops=($D)
  pi-partition -n --disk $D --label docker --apply --only >$W/out.json || fail "$call: $(cat $W/out.json)"
  same "$(ls /mnt/a)" '' "$call: the folder that the stick was mounted on"
  same "$(blkid -p -s LABEL -o value ${D}p3)" docker "$call: label"
  partx -d --nr 3 $D; sfdisk -q --no-reread --no-tell-kernel --delete $D 3 2>/dev/null
  dd if=/dev/zero of=$D bs=1M seek=129 count=2 conv=fsync status=none
done
"#,
    );
}

#[test]
#[ignore = "real part: run by scripts/test"]
fn a_changed_disk_and_a_tampered_plan_are_refused_on_a_device() {
    root(
        r#"
truncate -s 600M $I
sfdisk -q $I <<<"$TABLE"
attach D $I
partx -a $D
pi-partition -n --disk $D --label docker >$W/plan.json
N=$(jq -r '.pi_partition.nodes|keys[0]' $W/plan.json)
refused partition-plan-differs sh -c "jq '.pi_partition.nodes[\"$N\"].steps[1].action.bytes=\"00\"' $W/plan.json | pi-partition \"\$@\"" sh
refused partition-plan-differs sh -c "jq '.pi_partition.nodes[\"$N\"].steps[4].action.argv=[\"touch\",\"$W/owned\"]' $W/plan.json | pi-partition \"\$@\"" sh
[ ! -e $W/owned ] || fail 'a tampered command was run'
sfdisk -q --no-reread --no-tell-kernel --disk-id $D 0x12345678
refused partition-plan-differs sh -c "pi-partition \"\$@\" <$W/plan.json" sh
pi-partition -n --disk $D --label docker >$W/plan.json
pi-partition --apply <$W/plan.json --only | jq -e .changed >/dev/null || fail 'the plan was not applied'
same "$(blkid -p -s LABEL -o value ${D}p3)" docker label
"#,
    );
}
