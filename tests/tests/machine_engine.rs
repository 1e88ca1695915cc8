//! The pipeline that the project exists for, on the emulated PC: `pi-partition --apply | pi-dockerroot --apply` beside the mounted root,
//! with a real dockerd; and after a restart everything is still there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use anyhow::{Context, Result, ensure};
use cluster_tests::machine::{self, Card, Kind, PROGRAMS};
use cluster_tests::{host, require};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Debian's engine, from this machine onto the card.
const ENGINE: &[&str] = &[
    "/usr/sbin/dockerd",
    "/usr/bin/docker",
    "/usr/bin/containerd",
    "/usr/bin/containerd-shim-runc-v2",
    "/usr/sbin/runc",
    "/bin/busybox",
];
/// RancherOS' way: the root begins one sector off every grid.
const LAYOUT: &str = "label: dos
label-id: 0x0b0e8b44
start=2048, size=526337, type=c
start=528385, size=2097152, type=83
";
/// An engine of 180 MB on an emulated processor: two minutes on an idle host, and it may be shared.
const LIMIT: Duration = Duration::from_secs(1500);

/// There is no service manager: the engine is started and stopped by these.
const START: &str = r#"#!/bin/sh
# As Debian's own scripts make it: what is in it is gone with the machine.
[ -L /var/run ] || { rm -rf /var/run && ln -s /run /var/run; }
# A containerd of its own, as Debian's unit has it: the one that dockerd starts itself gets 15 s, too little on this machine.
if [ ! -S /run/containerd/containerd.sock ]; then
  setsid containerd >>/run/containerd.log 2>&1 &
  n=0; until [ -S /run/containerd/containerd.sock ] || [ $n = 900 ]; do n=$((n+1)); sleep 0.2; done
fi
setsid dockerd -p /run/docker.pid --containerd=/run/containerd/containerd.sock --bridge=none --iptables=false --ip6tables=false >>/run/dockerd.log 2>&1 &
n=0; until [ -S /var/run/docker.sock ] || [ $n = 900 ]; do n=$((n+1)); sleep 0.2; done
docker info >/dev/null
"#;
const STOP: &str = r#"#!/bin/sh
pid=$(cat /run/docker.pid)
[ "$pid" -gt 1 ] || exit 1
kill "$pid"
while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
"#;

/// An image in which a file is deleted (as the layer of a container that is committed), a volume, and a container that comes back by
/// itself.
const FILL: &str = r#"
set -e
export HOME=/root
modprobe overlay
sh ./start
mkdir -p /tmp/r/bin /tmp/r/etc /tmp/r/data
cp /usr/bin/busybox.static /tmp/r/bin/busybox
for f in /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libresolv.so.2; do mkdir -p /tmp/r${f%/*}; cp -L $f /tmp/r$f; done
for n in sh cat echo ls rm sleep test; do ln -s busybox /tmp/r/bin/$n; done
echo gone >/tmp/r/etc/gone
tar -C /tmp/r -c . | docker import - base >/dev/null
docker run --name edit --network none base rm /etc/gone
docker commit edit app >/dev/null
docker volume create data >/dev/null
docker run -d --name web --restart always --stop-signal KILL --network none -v data:/data app sh -c 'echo written >/data/file; while :; do sleep 1; done' >/dev/null
docker ps -aq --no-trunc | sort; docker images -q --no-trunc | sort
"#;

const LOOK: &str = r#"
export HOME=/root
docker ps -aq --no-trunc | sort; docker images -q --no-trunc | sort
"#;

const INSIDE: &str = r#"
export HOME=/root
docker info --format '{{.DockerRootDir}}'
docker exec web sh -c 'cat /data/file; test -e /etc/gone || echo deleted'
"#;

/// What `debugfs` is told to put the engine and its libraries onto the card's root.
fn put_engine(card: &Card) -> Result<()> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for program in ENGINE {
        let name = Path::new(program)
            .file_name()
            .context("no name")?
            .to_string_lossy();
        let to = if name == "busybox" {
            "/usr/bin/busybox.static".to_owned()
        } else {
            format!("/usr/bin/{name}")
        };
        files.insert(to, (*program).to_owned());
        // A static program has none, which ldd says by its exit code.
        let libraries = host("ldd").arg(program).output()?;
        for line in String::from_utf8_lossy(&libraries.stdout).lines() {
            let library = line
                .split("=> ")
                .nth(1)
                .and_then(|rest| rest.split(' ').next());
            if let Some(library) = library.filter(|path| path.starts_with('/')) {
                let name = Path::new(library)
                    .file_name()
                    .context("no name")?
                    .to_string_lossy();
                files.insert(
                    format!("/usr/lib/x86_64-linux-gnu/{name}"),
                    library.to_owned(),
                );
            }
        }
    }
    let start = card.partition(2)?.start;
    let image = format!("{}?offset={start}", card.path().display());
    let list = host("debugfs")
        .args(["-R", "ls -p /usr/lib/x86_64-linux-gnu"])
        .arg(&image)
        .output()?;
    let there = String::from_utf8_lossy(&list.stdout).into_owned();
    let mut commands = String::new();
    for (to, from) in &files {
        // What is there already stays: both come from the same Debian.
        let name = to.rsplit('/').next().unwrap_or_default();
        if there.contains(&format!("/{name}/")) {
            continue;
        }
        writeln!(
            commands,
            "write {} {to}\nset_inode_field {to} mode 0100755",
            Path::new(from).canonicalize()?.display()
        )?;
    }
    let mut debugfs = host("debugfs")
        .args(["-w", "-f", "-"])
        .arg(&image)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    debugfs
        .stdin
        .take()
        .context("no input")?
        .write_all(commands.as_bytes())?;
    ensure!(debugfs.wait()?.success(), "debugfs failed");
    Ok(())
}

#[test]
#[ignore = "machine: run by scripts/test"]
fn partition_and_move_in_one_line_and_a_restart_keeps_it() -> Result<()> {
    let more = ["dockerd", "containerd", "runc", "debugfs", "ldd"];
    if !require(&[PROGRAMS, &more].concat())? {
        return Ok(());
    }
    let card = Card::new(Kind::Pc).layout(LAYOUT).size(2 << 30).make()?;
    put_engine(&card)?;
    let pipeline = "set -o pipefail
        ./pi-partition -n --disk $CARD --size 256MiB --label docker --mount /mnt/docker --persist fstab --apply |
        ./pi-dockerroot --apply --only --stop-command 'sh /run/test/stop' --start-command 'sh /run/test/start'";
    let boot = |name: &str| -> Result<machine::Boot<'_>> {
        Ok(card
            .boot(name)
            .limit(LIMIT)
            .file(machine::program(Kind::Pc, "pi-partition")?)
            .file(machine::program(Kind::Pc, "pi-dockerroot")?)
            .data("start", START)
            .data("stop", STOP))
    };
    let first = boot("engine")?
        .check("fill", FILL)
        .check("move", &format!("#!/bin/bash\n{pipeline}"))
        .check("look", LOOK)
        .check("inside", INSIDE)
        .check("log", "tail -n 30 /run/dockerd.log; sh ./stop; sync")
        .run()?;
    let filled = first.check("fill")?.success()?;
    let moved: Value = serde_json::from_str(&first.check("move")?.success()?)?;
    ensure!(moved["ok"] == true && moved["changed"] == true, "{moved}");
    ensure!(first.check("look")?.success()? == filled);
    let inside = "/mnt/docker\nwritten\ndeleted\n";
    ensure!(first.check("inside")?.success()? == inside);

    let second = boot("engine-again")?
        .check("start", "mount -a; modprobe overlay; sh ./start; sleep 3")
        .check("look", LOOK)
        .check("inside", INSIDE)
        .check("check", "./pi-dockerroot -n --check --only")
        .check(
            "finish",
            "./pi-dockerroot -n --finish --apply --only >/dev/null && ls -A /var/lib/docker",
        )
        .check("end", "sh ./stop; sync")
        .run()?;
    ensure!(second.check("look")?.success()? == filled);
    ensure!(second.check("inside")?.success()? == inside);
    let checked: Value = serde_json::from_str(&second.check("check")?.success()?)?;
    let node = checked["nodes"]
        .as_object()
        .and_then(|nodes| nodes.values().next());
    let check = &node.context("no node")?["check"];
    ensure!(
        check["lasts"] == true && check["guarded"] == true && check["mounted_by"] == "/etc/fstab",
        "{checked}"
    );
    ensure!(second.check("finish")?.success()? == "pi-dockerroot.txt\n");
    Ok(())
}
