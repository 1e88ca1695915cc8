#!/usr/bin/env python3
"""Puts what was seen of the nodes into their `observed`.

observed.py DOCUMENT FOLDER NODE… prints the document. FOLDER holds NODE.seen: Ansible's result of observe.sh.
The document's other values keep their order and their meaning; whole numbers keep every digit.
Exit code 3 where a node was not seen.
"""

import base64
import json
import pathlib
import sys


def facts(text):
    """The facts that observe.sh printed; None where it did not come to its end."""
    lines = [line.partition(" ") for line in text.splitlines()]
    if not lines or lines[-1][0] != "end":
        return None
    return {name: base64.b64decode(value).decode("utf-8", "replace").strip("\0\n ") for name, _, value in lines[:-1]}


def parsed(text):
    """A program's JSON, or None where it printed something else."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def assignments(text):
    """KEY=value lines as os-release has them."""
    pairs = [line.partition("=") for line in (text or "").splitlines()]
    return {key: value.strip("\"'") for key, sign, value in pairs if sign and not key.startswith("#")}


def memory(text):
    for line in (text or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def interfaces(seen):
    """Name, hardware address and addresses of each interface, without the loopback."""
    known = {link.get("ifname"): link for link in parsed(seen.get("ip")) or []}
    found = []
    for fact, mac in seen.items():
        kind, _, name = fact.partition(".")
        if kind != "link" or name == "lo":
            continue
        link = known.get(name, {})
        addresses = [f"{a.get('local')}/{a.get('prefixlen')}" for a in link.get("addr_info", [])]
        found.append({"name": name, "mac": mac, "state": link.get("operstate"), "addresses": addresses})
    return found


def engines(seen):
    found = {}
    docker = parsed(seen.get("docker"))
    if docker and docker.get("ServerVersion"):
        found["docker"] = {
            "version": docker["ServerVersion"],
            "root": docker.get("DockerRootDir"),
            "driver": docker.get("Driver"),
            "containers": docker.get("Containers"),
            "images": docker.get("Images"),
        }
    for name in ("containerd", "k3s"):
        if seen.get(name):
            words = seen[name].split()
            found[name] = {"version": next((w for w in words if w.lstrip("v")[:1].isdigit()), words[-1])}
    return found


def observed(seen):
    """What stands in `nodes[].observed`: JSON as the programs print it, and the rest as text and numbers."""
    whole = {
        "hostname": seen.get("hostname"),
        "machine_id": seen.get("machine_id"),
        "serial": seen.get("serial"),
        "kernel": seen.get("kernel"),
        "uname": seen.get("uname"),
        "os_release": assignments(seen.get("os_release")) or None,
        "memory_bytes": memory(seen.get("meminfo")),
        "cmdline": seen.get("cmdline"),
        "cgroup_controllers": seen["cgroup_controllers"].split() if "cgroup_controllers" in seen else None,
        "interfaces": interfaces(seen),
        "ip": parsed(seen.get("ip")),
        "getent": seen.get("getent"),
        "glusterd_info": seen.get("glusterd_info"),
        "sfdisk": parsed(seen.get("sfdisk")),
        "lsblk": parsed(seen.get("lsblk")),
        "preferred_erase_size": parsed(seen.get("preferred_erase_size")),
        "discard_granularity": parsed(seen.get("discard_granularity")),
        "engines": engines(seen),
        "tools": {n.partition(".")[2]: v.split()[-1] for n, v in seen.items() if n.startswith("tool.") and v},
    }
    return {key: value for key, value in whole.items() if value is not None}


def finding(ident, severity, subject, message, fix, evidence=None):
    return {
        "id": ident,
        "severity": severity,
        "subject": subject,
        "message": message,
        "fix": fix,
        "evidence": evidence,
    }


def unseen(name, result):
    said = " ".join(str(result.get("msg") or result.get("stderr") or "no answer").split())
    if result.get("unreachable"):
        message, fix = "it cannot be reached", f"see that `ssh {name}` works, and gather again"
    else:
        message, fix = "looking at it failed", "see what it says, and gather again"
    kind = "node-unreachable" if result.get("unreachable") else "node-not-observed"
    return finding(kind, "error", name, f"{message}: {said}", fix)


def compared(nodes):
    """What the nodes' facts say about each other and about the document."""
    found, owners = [], {}
    for node in nodes:
        name, seen = node["name"], node.get("observed") or {}
        host = (seen.get("hostname") or "").split(".")[0].lower()
        if host and host != name:
            message = f"its own name is {host!r}: a tool that runs there without --node does not find itself"
            found.append(finding("node-name-differs", "warning", name, message, f"hostnamectl set-hostname {name}"))
        machine = seen.get("machine_id")
        if machine and machine in owners:
            message = f"it has the machine id of {owners[machine]}: one card is a copy of the other"
            fix = "rm /etc/machine-id && systemd-machine-id-setup, on one of the two"
            found.append(finding("node-machine-id-twice", "warning", name, message, fix, {"machine_id": machine}))
        owners.setdefault(machine, name)
    return found


def main():
    path, folder, *names = sys.argv[1:]
    document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    findings = []
    nodes = [node for node in document.get("nodes", []) if node["name"] in names]
    for node in nodes:
        file = pathlib.Path(folder, node["name"] + ".seen")
        result = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"unreachable": True}
        seen = None if result.get("unreachable") or result.get("rc") else facts(result.get("stdout", ""))
        if seen is None:
            findings.append(unseen(node["name"], result))
        else:
            node["observed"] = observed(seen)
    findings += compared(nodes)
    refused = any(one["severity"] == "error" for one in findings)
    document["gather_nodes"] = {"ok": not refused, "findings": findings}
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()
    sys.exit(3 if refused else 0)


if __name__ == "__main__":
    main()
