"""Four real glusterds and a client, each in network, mount and host name namespaces of its own, and what a volume really does.

    pool.py PROGRAMS FOLDER [long]

PROGRAMS holds gluster-plan; FOLDER is empty and ours. Is to be started in mount, network, process and host name namespaces of
its own (`unshare --mount --net --uts --pid --fork --kill-child --mount-proc`), so that nothing of it is left, however it ends.
Every check prints a line on standard output: a JSON object with its name and what was seen. All traffic is between the
namespaces that it makes; sticks are loop devices on sparse files in FOLDER, and end with their last user.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time

PROGRAMS, FOLDER = sys.argv[1], sys.argv[2]
LONG = "long" in sys.argv[3:]
NODES = ["pi1", "pi2", "pi3", "pi4", "client"]
SERVERS = NODES[:4]
STICK = 450_048_000
STICKS = "/dev/shm/sticks"

SYSTEMCTL = r"""#!/bin/sh
# What the scripts ask of systemd, which does not run here.
case "$*" in
  'enable glusterd') touch /run/enabled ;;
  'is-enabled glusterd') if [ -e /run/enabled ]; then echo enabled; else echo disabled; exit 1; fi ;;
  'start glusterd') glusterd ;;
  'is-active glusterd') if gluster pool list >/dev/null 2>&1; then echo active; else echo inactive; exit 3; fi ;;
  daemon-reload) touch /run/reloaded ;;
  'show -p LoadState --value '*) if [ -e /run/reloaded ]; then echo loaded; else echo not-found; fi ;;
  'start '*.automount) touch "/run/$2" ;;
  'is-active '*.automount) if [ -e "/run/$2" ]; then echo active; else echo inactive; exit 3; fi ;;
  *) echo "systemctl: not foreseen: $*" >&2; exit 1 ;;
esac
"""

SETUP = r"""
set -eu
hostname "$1"
mount --make-rprivate /
mount --bind "$2/hosts" /etc/hosts
mount --bind "$2/fstab" /etc/fstab
mount -t tmpfs tmpfs /usr/local/sbin
cp "$2/systemctl" /usr/local/sbin/systemctl
chmod 755 /usr/local/sbin/systemctl
# Last /tmp, in which our own folder may be.
for place in /run /srv /mnt /var/lib/glusterd /var/log/glusterfs /tmp; do mount -t tmpfs tmpfs "$place"; done
mkdir -p /run/gluster /var/log/glusterfs/bricks
echo ready
exec sleep infinity
"""

holders, held = {}, []


def say(name, **seen):
    print(json.dumps({"check": name, "at": round(time.monotonic() - START, 1), **seen}), flush=True)


def run(*words, check=True, limit=60, **more):
    done = subprocess.run(words, stdin=more.pop("stdin", subprocess.DEVNULL), capture_output=True, text=True, timeout=limit, **more)
    if check and done.returncode != 0:
        raise RuntimeError(f"{words[:12]!r:.300}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def inside(node, *words, **more):
    """A command on a node."""
    return run("nsenter", "--target", str(holders[node].pid), "--mount", "--net", "--uts", "--", *words, **more)


def gluster(node, *words, **more):
    return inside(node, "gluster", "--mode=script", *words, **more)


def stick(name):
    """A new blank stick at the place of this name."""
    path = f"{FOLDER}/{name}-{len(held)}.img"
    with open(path, "wb") as file:
        file.truncate(STICK)
    device = run("losetup", "--find", "--show", path).stdout.strip()
    # Held open and detached: it goes with its last user, also where that is killed.
    held.append(os.open(device, os.O_RDONLY))
    run("losetup", "--detach", device)
    link = f"{STICKS}/{name}"
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(device, link)
    return path


def build():
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")
    os.mkdir(STICKS)
    for bridge in ["left", "right"]:
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "link", "set", bridge, "up")
    for number, name in enumerate(NODES, 1):
        folder = f"{FOLDER}/{name}"
        os.mkdir(folder)
        with open(f"{folder}/hosts", "w") as file:
            file.write("127.0.0.1 localhost\n")
        with open(f"{folder}/fstab", "w"):
            pass
        with open(f"{folder}/systemctl", "w") as file:
            file.write(SYSTEMCTL)
        run("ip", "netns", "add", name)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", name, "master", "left", "up")
        for words in [("link", "set", "lo", "up"), ("address", "add", f"10.9.0.{number}/24", "dev", "eth0"), ("link", "set", "eth0", "up")]:
            run("ip", "-n", name, *words)
        holder = subprocess.Popen(["ip", "netns", "exec", name, "unshare", "--mount", "--uts", "sh", "-c", SETUP, "setup", name, folder],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert holder.stdout.readline() == "ready\n", name
        holders[name] = holder
    for name in SERVERS:
        stick(name)


def document(replica, **volume):
    nodes = []
    for number, name in enumerate(NODES, 1):
        node = {"name": name, "os": "debian", "arch": "x86_64", "address": f"10.9.0.{number}/24", "power_domain": f"socket-{name}"}
        if name in SERVERS:
            node["usb"] = [{"device": f"{STICKS}/{name}", "size_bytes": STICK, "use": "brick"}]
        nodes.append(node)
    return {"name": "real", "nodes": nodes, "storage": {"volumes": [{"name": "gv0", "replica": replica, **volume}]}}


def plan(document, *arguments, check=True):
    return run(f"{PROGRAMS}/gluster-plan", *arguments, input=json.dumps(document), check=check, stdin=None)


def script(document, node, *arguments, limit=300):
    """Runs an emitted script on a node; what it said of each step."""
    text = plan(document, "-f", "sh", *arguments).stdout
    done = inside(node, "sh", "-c", text, limit=limit)
    return [line for line in done.stderr.splitlines()]


def gluster_processes(node, client=False):
    """The daemons of a node, by its network namespace; its FUSE clients only where asked for."""
    own = os.stat(f"/proc/{holders[node].pid}/ns/net").st_ino
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) <= 1:
            continue
        try:
            if os.stat(f"/proc/{entry}/ns/net").st_ino != own:
                continue
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        program = os.path.basename(words[0].decode())
        fuse = any(word.startswith(b"--process-name") and b"fuse" in words[at + 1] for at, word in enumerate(words[:-1]))
        if program in ("glusterd", "glusterfsd", "glusterfs") and (client or not fuse):
            found.append(int(entry))
    return found


def stop(node):
    for pid in gluster_processes(node):
        assert pid > 1
        os.kill(pid, signal.SIGKILL)


def start(node):
    inside(node, "sh", "-c", "rm -f /run/glusterd.socket /run/glusterd.pid; exec glusterd")


def joined(volume, bricks):
    """Whether the client's mount is connected to every brick: it tries again only every three seconds."""
    seen = inside("client", "sh", "-c", f"cat /mnt/{volume}/.meta/graphs/active/{volume}-client-*/private", check=False).stdout
    return len(re.findall(r"^connected *= *1$", seen, re.M)) == bricks


def end_forgotten(volume):
    """Ends the bricks that run and whose port glusterd does not know. When a server quorum comes back while a peer does, glusterd 10.3
    may start a brick twice within some 50 ms: the second ends, the first runs on, its port is forgotten, and `start force` passes it
    over, because it runs."""
    status = gluster("pi1", "volume", "status", volume, check=False, limit=130).stdout
    for node, pid in re.findall(r"^Brick (\w+):\S+ +N/A +N/A +Y +(\d+)", status, re.M):
        if int(pid) in gluster_processes(node):
            os.kill(int(pid), signal.SIGKILL)
            say("brick without a port", volume=volume, node=node)


def whole(volume="gv0", bricks=4, limit=180):
    """Waits until every brick is there and nothing is to be healed."""
    deadline = time.monotonic() + limit
    push = time.monotonic() + 15
    while True:
        if time.monotonic() > push:
            # A brick that a server quorum stopped is not always started again when its daemon comes back, nor always by the first push.
            end_forgotten(volume)
            gluster("pi1", "volume", "start", volume, "force", check=False, limit=130)
            gluster("pi1", "volume", "heal", volume, check=False, limit=130)
            push = time.monotonic() + 15
        info = gluster("pi1", "volume", "heal", volume, "info", check=False, limit=130).stdout
        lines = info.splitlines()
        if lines.count("Status: Connected") == bricks and lines.count("Number of entries: 0") == bricks and joined(volume, bricks):
            return
        if time.monotonic() > deadline:
            status = gluster("pi1", "volume", "status", volume, check=False, limit=130).stdout
            raise RuntimeError(f"{volume} is not whole:\n{info}\n{status}")
        time.sleep(0.5)


def shell(node, text, limit=30):
    """Whether a shell command works on a node."""
    try:
        return inside(node, "sh", "-c", text, check=False, limit=limit).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def use(node, mount, tag):
    """What a client can do: read, append, make a file, list."""
    return {
        "read": shell(node, f"cat {mount}/known >/dev/null"),
        "append": shell(node, f"echo {tag} >>{mount}/log"),
        "create": shell(node, f"echo {tag} >{mount}/new-{tag}"),
        "list": shell(node, f"ls {mount} >/dev/null"),
    }


def built_twice():
    wanted = document(4)
    for node in NODES:
        said = script(wanted, node, "--node", node)
        say("node part", node=node, said=said)
    said = script(wanted, "pi1")
    say("cluster part", said=said)
    again = {node: script(wanted, node, "--node", node) for node in NODES}
    again["cluster"] = script(wanted, "pi1")
    say("again", changed=[line for said in again.values() for line in said if not line.endswith("already so") and line != "all is as planned"])
    mkfs = {node: inside(node, "stat", "-f", "-c", "%b %a", f"/srv/gluster/{node}").stdout.split() for node in SERVERS}
    say("statfs", seen=mkfs, size=STICK)


def mounted():
    for node in ["client", "pi3"]:
        inside(node, "mount", "/mnt/gv0")
    inside("client", "sh", "-c", "head -c 300000 /dev/urandom >/mnt/gv0/known; echo 0 >/mnt/gv0/log; mkdir /mnt/gv0/folder; echo deep >/mnt/gv0/folder/file; sync")
    known = inside("client", "sha256sum", "/mnt/gv0/known").stdout.split()[0]
    copies = [inside(node, "sha256sum", f"/srv/gluster/{node}/gv0/known").stdout.split()[0] for node in SERVERS]
    say("data", same=all(copy == known for copy in copies), free=inside("client", "stat", "-f", "-c", "%S %b %a", "/mnt/gv0").stdout.split())


def read_back(wanted):
    paths = []
    for name, words in {"info": ("volume", "info"), "pool": ("pool", "list")}.items():
        paths.append(f"{FOLDER}/{name}.xml")
        with open(paths[-1], "w") as file:
            file.write(gluster("pi1", *words, "--xml").stdout)
    return [f"--observed={path}" for path in paths]


def observed():
    wanted = document(4)
    files = read_back(wanted)
    seen = json.loads(plan(wanted, "--only", *files).stdout)
    gluster("pi1", "volume", "set", "gv0", "network.ping-timeout", "33")
    changed = json.loads(plan(wanted, "--only", *read_back(wanted)).stdout)
    said = script(wanted, "pi1", *files[:0], *read_back(wanted))
    other = {**wanted, "storage": {}}
    adopted = json.loads(plan(other, "--only", *read_back(wanted)).stdout)
    say("observed", pending=seen["pending"], steps=[step["id"] for step in changed["steps"]], said=said,
        adopted=[[v["name"], v["adopted"], v["replica"], v["survival"]["node_sets"]] for v in adopted["volumes"]],
        found=[f["id"] for f in seen["findings"]])


def survivors(name, sets=None):
    """Every set of nodes that can be left, what a client can then do, and the same after all are back."""
    mount = "/mnt/gv0"
    for count in range(1, 5):
        for left in itertools.combinations(SERVERS, count):
            if sets is not None and left not in sets:
                continue
            lost = [node for node in SERVERS if node not in left]
            for node in lost:
                stop(node)
            time.sleep(1)
            tag = "-".join([name.replace(" ", "-"), *left])
            seen = use("client", mount, tag)
            for node in lost:
                start(node)
            whole()
            say("survivors", rule=name, left=list(left), lost=lost, **seen)


def partition():
    gluster("pi1", "volume", "set", "gv0", "network.ping-timeout", "5")
    time.sleep(1)
    for node in ["pi3", "pi4"]:
        run("ip", "link", "set", node, "master", "right")
    time.sleep(9)
    left = use("client", "/mnt/gv0", "left")
    right = use("pi3", "/mnt/gv0", "right")
    for node in ["pi3", "pi4"]:
        run("ip", "link", "set", node, "master", "left")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not shell("pi3", "cat /mnt/gv0/new-left >/dev/null"):
        time.sleep(0.5)
    whole()
    split = gluster("pi1", "volume", "heal", "gv0", "info", "split-brain").stdout
    gluster("pi1", "volume", "set", "gv0", "network.ping-timeout", "20")
    say("partition", left=left, right=right, split=split.count("Number of entries in split-brain: 0"),
        same=inside("pi3", "cat", "/mnt/gv0/log").stdout == inside("client", "cat", "/mnt/gv0/log").stdout)


def replaced():
    wanted = document(4)
    brick = "/srv/gluster/pi3"
    gluster("pi1", "volume", "set", "gv0", "storage.health-check-interval", "5")
    old = os.readlink(f"{STICKS}/pi3")
    inside("pi3", "xfs_io", "-x", "-c", "shutdown", brick)
    written = shell("client", "echo while-dead >/mnt/gv0/while-dead")
    time.sleep(12)
    stick("pi3")
    # The old one still answers, as a stick that is only half dead does.
    refused = inside("pi3", "sh", "-c", plan(wanted, "-f", "sh", "--replace", "pi3:pi3").stdout, check=False, limit=200)
    with open(old, "r+b", buffering=0) as device:
        device.write(bytes(1 << 20))
    said = script(wanted, "pi3", "--replace", "pi3:pi3")
    whole()
    again = script(wanted, "pi3", "--replace", "pi3:pi3")
    files = "cd {}; find . -path ./.glusterfs -prune -o -type f -print0 | sort -z | xargs -0 sha256sum"
    mine = inside("pi3", "sh", "-c", files.format(f"{brick}/gv0")).stdout
    theirs = inside("pi1", "sh", "-c", files.format("/srv/gluster/pi1/gv0")).stdout
    node = script(wanted, "pi3", "--node", "pi3")
    say("replaced", written=written, refused=[refused.returncode, refused.stderr], said=said, same=mine == theirs and len(mine) > 100,
        changed=[line for line in again + node if not line.endswith("already so") and line != "all is as planned"])


def grown():
    three = document(3)
    three["storage"]["volumes"][0]["name"] = "gv1"
    said = script(three, "pi1")
    inside("client", "mkdir", "/mnt/gv1")
    inside("client", "mount", "-t", "glusterfs", "pi1:/gv1", "/mnt/gv1")
    inside("client", "sh", "-c", "for n in 1 2 3 4 5 6 7 8; do head -c 50000 /dev/urandom >/mnt/gv1/$n; done; sync")
    four = document(4)
    four["storage"]["volumes"][0]["name"] = "gv1"
    files = read_back(four)
    differs = plan(four, *files, check=False).returncode
    node = script(four, "pi4", "--add", "pi4", *files, "--node", "pi4")
    said += script(four, "pi1", "--add", "pi4", *files)
    again = json.loads(plan(four, "--only", *read_back(four)).stdout)
    sums = [inside(node, "sh", "-c", f"cd /srv/gluster/{node}/gv1; sha256sum [0-9]").stdout for node in ["pi1", "pi4"]]
    less = script(four, "pi1", "--remove", "pi4", *read_back(four), limit=120)
    bricks = [line for line in gluster("pi1", "volume", "info", "gv1").stdout.splitlines() if line.startswith("Number of Bricks")]
    say("grown", differs=differs, said=said, node=node, same=sums[0] == sums[1] and len(sums[0]) > 100, pending=again["pending"], less=less, bricks=bricks)


def only_copy():
    """A pair of which one node wrote alone: its brick stays until the other has everything."""
    pair = document(2, quorum="auto", nodes=["pi1", "pi2"])
    pair["storage"]["volumes"][0]["name"] = "gv2"
    script(pair, "pi1")
    gluster("pi1", "volume", "set", "gv2", "cluster.self-heal-daemon", "off")
    inside("client", "mkdir", "/mnt/gv2")
    inside("client", "mount", "-t", "glusterfs", "pi1:/gv2", "/mnt/gv2")
    moving = ["--replace", "pi1:pi1=pi3:pi3"]
    wait = next(step for step in json.loads(plan(pair, "--only", *moving).stdout)["steps"] if step["id"] == "others-in-step-gv2")
    look = lambda: inside("pi2", *wait["check"]["argv"], check=False, limit=130).stdout.strip()
    whole("gv2", 2)
    before = look()
    stop("pi2")
    time.sleep(1)
    written = shell("client", "echo alone >/mnt/gv2/alone")
    start("pi2")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not joined("gv2", 2):
        time.sleep(0.5)
    ahead = look()
    stop("pi1")
    time.sleep(1)
    down = look()
    text = plan(pair, "-f", "sh", "--remove", "pi1").stdout
    refused = inside("pi2", "sh", "-c", text, check=False, limit=200)
    start("pi1")
    gluster("pi2", "volume", "set", "gv2", "cluster.self-heal-daemon", "on")
    whole("gv2", 2)
    script(pair, "pi3", *moving, "--node", "pi3")
    said = script(pair, "pi1", *moving)
    kept = inside("pi3", "cat", "/srv/gluster/pi3/gv2/alone", check=False).stdout
    say("only copy", before=before, written=written, ahead=ahead, down=down, refused=[refused.returncode, refused.stderr], said=said, kept=kept)


def spread():
    """Two sets that are added one after the other: the second is filled too."""
    said = []
    one = document(1, nodes=["pi1"])
    one["storage"]["volumes"][0]["name"] = "gv3"
    script(one, "pi1")
    for node in ["pi2", "pi3"]:
        one["storage"]["volumes"][0]["nodes"].append(node)
        files = read_back(one)
        script(one, node, "--add", node, *files, "--node", node)
        said.append(script(one, "pi1", "--add", node, *files))
    again = script(one, "pi1", "--add", "pi3", *files)
    say("spread", said=said, again=again)


def fixed():
    """`fixed 2`: every two are enough, and two halves can disagree."""
    gluster("pi1", "volume", "set", "gv0", "cluster.quorum-type", "fixed")
    gluster("pi1", "volume", "set", "gv0", "cluster.quorum-count", "2")
    time.sleep(2)
    survivors("fixed 2")
    inside("client", "sh", "-c", "echo v1 >/mnt/gv0/split")
    for node in ["pi3", "pi4"]:
        stop(node)
    time.sleep(1)
    shell("client", "echo v2 >/mnt/gv0/split")
    for node in ["pi1", "pi2"]:
        stop(node)
    for node in ["pi3", "pi4"]:
        start(node)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not shell("client", "cat /mnt/gv0/split >/dev/null"):
        time.sleep(0.5)
    old = inside("client", "cat", "/mnt/gv0/split", check=False).stdout.strip()
    shell("client", "echo v3 >/mnt/gv0/split")
    for node in ["pi1", "pi2"]:
        start(node)
    time.sleep(8)
    split = gluster("pi1", "volume", "heal", "gv0", "info", "split-brain", limit=130).stdout
    say("split-brain", read=old, readable=shell("client", "cat /mnt/gv0/split >/dev/null"), seen="Number of entries in split-brain: 1" in split)
    gluster("pi1", "volume", "heal", "gv0", "split-brain", "source-brick", "pi1:/srv/gluster/pi1/gv0", "/split", check=False)
    whole()


def server_quorum():
    gluster("pi1", "volume", "reset", "gv0", "cluster.quorum-count")
    gluster("pi1", "volume", "set", "gv0", "cluster.quorum-type", "auto")
    gluster("pi1", "volume", "set", "gv0", "cluster.server-quorum-type", "server")
    time.sleep(2)
    survivors("server quorum")
    gluster("pi1", "volume", "reset", "gv0", "cluster.server-quorum-type")


def main():
    build()
    built_twice()
    mounted()
    observed()
    survivors("auto")
    partition()
    if LONG:
        fixed()
        server_quorum()
    replaced()
    grown()
    only_copy()
    spread()
    say("done")


def with_init():
    """This process is the first of its namespace: it takes in the daemons' dead, or Gluster would think that they live."""
    child = os.fork()
    if child == 0:
        main()
        sys.stdout.flush()
        os._exit(0)
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


START = time.monotonic()
sys.exit(with_init())
