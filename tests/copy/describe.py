#!/usr/bin/env python3
"""Says all there is to say of a tree, one JSON object a line: what a copy must have too.

Usage: describe.py FOLDER. Reads with lstat, listxattr, lseek and two ioctls; shares no code with what it checks.
Access times are left out: reading changes them.
"""

import fcntl
import hashlib
import json
import os
import stat
import struct
import sys

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}
# linux/fs.h, as lsattr uses them: a process for each file of ten thousand would take a minute.
FS_IOC_GETFLAGS = 0x80086601
FS_IOC_FSGETXATTR = 0x801C581F
# The file system's own view of a file: extents, index, huge, inline data (linux/fs.h, fs/ext4/ext4.h).
OWN = 0x80000 | 0x1000 | 0x40000 | 0x10000000


def holes(path, size):
    """Where extents of data start, to 128 KiB, and the content's hash. XFS rounds to what the page cache held together."""
    extents, end = [], 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NOATIME)
    try:
        while end < size:
            try:
                start = os.lseek(descriptor, end, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(descriptor, start, os.SEEK_HOLE)
            extents.append(start >> 17)
        content = hashlib.sha256()
        os.lseek(descriptor, 0, os.SEEK_SET)
        while piece := os.read(descriptor, 1 << 20):
            content.update(piece)
    finally:
        os.close(descriptor)
    return extents, content.hexdigest()


def flags(path):
    """Flags and project as lsattr has them."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        (bits,) = struct.unpack_from("I", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8)))
        # struct fsxattr: extended flags, extent size hint, extents, project and 12 bytes more.
        (project,) = struct.unpack_from("12xI", fcntl.ioctl(descriptor, FS_IOC_FSGETXATTR, bytes(28)))
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return [project, bits & ~OWN]


def describe(path, name, groups):
    status = os.lstat(path)
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    line = {
        "path": os.fsdecode(name),
        "kind": kind,
        "mode": oct(status.st_mode & 0o7777),
        "owner": [status.st_uid, status.st_gid],
        "mtime": status.st_mtime_ns,
        "xattrs": {
            key: os.getxattr(path, key, follow_symlinks=False).hex()
            for key in sorted(os.listxattr(path, follow_symlinks=False))
            if not key.startswith("btrfs.")
        },
    }
    if kind == "file":
        line["size"] = status.st_size
        extents, line["sha256"] = holes(path, status.st_size)
        if status.st_blocks * 512 < status.st_size:
            line["extents"] = extents
    if kind in ("file", "folder"):
        line["flags"] = flags(path)
    if kind == "symlink":
        line["target"] = os.fsdecode(os.readlink(path))
    if kind in ("character", "block"):
        line["device"] = [os.major(status.st_rdev), os.minor(status.st_rdev)]
    if kind != "folder" and status.st_nlink > 1:
        line["same_file_as"] = groups.setdefault(status.st_ino, os.fsdecode(name))
    return line


def main():
    top = os.fsencode(sys.argv[1])
    names = [b"."]
    for folder, folders, files in os.walk(top):
        names += [os.path.relpath(os.path.join(folder, name), top) for name in folders + files]
    groups = {}
    for name in sorted(names):
        if name == b"lost+found":
            continue
        print(json.dumps(describe(os.path.join(top, name), name, groups)))


main()
