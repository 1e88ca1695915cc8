//! A stick: its file system, its line in fstab, its mount.

use crate::site::Site;
use crate::steps::{append, line, run};
use cluster::fstab;
use cluster::plan::{Action, Step};

/// Mount options of a brick's file system. Gluster's manual: no access times; RancherOS and old kernels: 64-bit inodes.
pub(crate) const BRICK_OPTIONS: &str = "noatime,inode64";

/// A stick's file system, its line in fstab, its mount.
pub(super) fn brick_disk(site: &Site, stick: usize, fstab: bool) -> Vec<Step> {
    let stick = &site.sticks[stick];
    let Some(device) = &stick.device else {
        return Vec::new();
    };
    let mut steps = vec![make_filesystem(&stick.name, device, &stick.uuid)];
    if fstab {
        // Mounted before the daemon starts; a stick that is missing does not keep the node from booting.
        let text = format!(
            "UUID={} {} xfs {BRICK_OPTIONS},nofail,x-systemd.before=glusterd.service 0 0",
            stick.uuid,
            fstab::word(&stick.mount)
        );
        steps.push(append(
            format!("fstab-{}", stick.name),
            "mounted by its identity, whatever the stick is called after a restart",
            "/etc/fstab",
            text,
        ));
    }
    steps.push(mount(&stick.name, &stick.uuid, &stick.mount));
    steps
}

/// mkfs on a device that is blank; a device with a signature is refused by the script and by mkfs.xfs itself.
pub fn make_filesystem(name: &str, device: &str, uuid: &str) -> Step {
    let identity = format!("uuid={uuid}");
    Step::new(
        format!("mkfs-{name}"),
        "Gluster keeps extended attributes with every file: inodes of 512 bytes hold them",
        run(
            &[
                "mkfs.xfs",
                "-q",
                "-i",
                "size=512",
                "-n",
                "size=8192",
                "-m",
                &identity,
                device,
            ],
            900,
        ),
        line(
            &[
                "blkid",
                "-l",
                "-t",
                &format!("UUID={uuid}"),
                "-s",
                "UUID",
                "-o",
                "value",
            ],
            uuid,
        ),
    )
}

/// The mount of a brick's file system.
pub fn mount(name: &str, uuid: &str, target: &str) -> Step {
    Step::new(
        format!("mount-{name}"),
        "the brick is a folder in it: where nothing is mounted there is no brick to fill the system's disk with",
        Action::Mount {
            source: format!("UUID={uuid}"),
            target: target.to_owned(),
            filesystem: "xfs".to_owned(),
            options: BRICK_OPTIONS.to_owned(),
        },
        line(&["findmnt", "-nro", "UUID", "--mountpoint", target], uuid),
    )
    .undo(Action::Unmount {
        target: target.to_owned(),
    })
}
