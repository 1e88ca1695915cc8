#!/usr/bin/env python3
"""Says what copies lost, as a Markdown table. Usage: losses.py ORIGINAL.json NAME=COPY.json…

The files are describe.py's. Exit code 1 where the first copy lost something.
"""

import json
import sys


def load(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return {line["path"]: line for line in map(json.loads, file)}


def attributes(*starts):
    return lambda line: {k: v for k, v in line["xattrs"].items() if k.startswith(starts)}


def field(name, kinds=None, wanted=None):
    def get(line):
        if kinds and line["kind"] not in kinds or wanted and not wanted(line):
            return None
        return line.get(name)

    return get


WHITEOUT = lambda line: line.get("device") == [0, 0]
ROWS = [
    ("content", field("sha256")),
    ("`trusted.overlay.*`", attributes("trusted.overlay.")),
    ("`user.*` and `user.overlay.*`", attributes("user.")),
    ("capabilities and other `security.*`", attributes("security.")),
    ("access lists", attributes("system.posix_acl_")),
    ("whiteouts (c 0:0)", field("device", None, WHITEOUT)),
    ("whiteouts linked together", field("same_file_as", None, WHITEOUT)),
    ("hard links", field("same_file_as", ["file"])),
    ("hard-linked symbolic links", field("same_file_as", ["symlink"])),
    ("owners", field("owner")),
    ("modes, set-user-ID", field("mode", None, lambda line: line["kind"] != "symlink")),
    ("times of files, in nanoseconds", field("mtime", ["file"])),
    ("times of folders", field("mtime", ["folder"], lambda line: line["path"] != ".")),
    ("times of symbolic links", field("mtime", ["symlink"])),
    ("holes", field("extents")),
    ("sockets", field("kind", ["socket"])),
    ("FIFOs and devices", field("kind", ["fifo", "character", "block"])),
    ("`chattr` flags", lambda line: (line.get("flags") or [0, 0])[1]),
    ("project ids", lambda line: (line.get("flags") or [0, 0])[0]),
    ("the top folder's own", lambda line: [line["mode"], line["owner"], line["mtime"], line["xattrs"]] if line["path"] == "." else None),
]


def lost(original, copy, get):
    """How many of those that have it lost it."""
    having = {path: get(line) for path, line in original.items() if get(line) not in (None, {}, "", 0)}
    gone = sum(1 for path, value in having.items() if path not in copy or get(copy[path]) != value)
    return gone, len(having)


def main():
    original = load(sys.argv[1])
    copies = [argument.rsplit("=", 1) for argument in sys.argv[2:]]
    loaded = [load(path) for _, path in copies]
    print("| lost by | " + " | ".join(f"`{name}`" for name, _ in copies) + " |")
    print("|---|" + "---|" * len(copies))
    whole = True
    for name, get in ROWS:
        cells = []
        for index, copy in enumerate(loaded):
            gone, all_of_them = lost(original, copy, get)
            if all_of_them:
                cells.append("**lost**" if gone == all_of_them else f"lost {gone} of {all_of_them}" if gone else "ok")
            else:
                cells.append("")
            whole &= not (index == 0 and gone)
        if any(cells):
            print(f"| {name} | " + " | ".join(cells) + " |")
    sys.exit(0 if whole else 1)


main()
