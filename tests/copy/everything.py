#!/usr/bin/env python3
"""Makes a tree with everything that a copier can lose. Usage: everything.py FOLDER. Needs root.

What the file system below does not have (flags, projects) is left out; what is left out is printed.
"""

import os
import socket
import stat
import subprocess
import sys


def write(path, content=b"content\n"):
    with open(path, "wb") as file:
        file.write(content)


def chattr(arguments, path):
    done = subprocess.run(["chattr", *arguments, path], capture_output=True, text=True, check=False)
    if done.returncode:
        print("left out: chattr", *arguments)


def capability(path):
    # VFS_CAP_REVISION_2 with cap_net_raw permitted and effective (linux/capability.h).
    os.setxattr(path, "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))


def overlay(top):
    """Layers as overlay2 writes them."""
    os.makedirs(f"{top}/lower/etc")
    os.makedirs(f"{top}/upper/etc")
    write(f"{top}/lower/etc/kept")
    write(f"{top}/lower/etc/deleted")
    os.mknod(f"{top}/upper/etc/deleted", stat.S_IFCHR, os.makedev(0, 0))
    # New kernels link whiteouts together.
    os.link(f"{top}/upper/etc/deleted", f"{top}/upper/etc/deleted-too")
    os.makedirs(f"{top}/upper/opaque")
    for name, value in [
        ("trusted.overlay.opaque", b"y"),
        ("trusted.overlay.origin", bytes(range(29))),
        ("trusted.overlay.impure", b"y"),
        ("trusted.overlay.redirect", b"/somewhere"),
    ]:
        os.setxattr(f"{top}/upper/opaque", name, value)
    write(f"{top}/upper/whiteout-by-attribute", b"")
    os.setxattr(f"{top}/upper/whiteout-by-attribute", "user.overlay.whiteout", b"y")
    os.setxattr(f"{top}/upper/whiteout-by-attribute", "trusted.overlay.metacopy", b"")


def links(top):
    os.makedirs(f"{top}/a")
    os.makedirs(f"{top}/b")
    write(f"{top}/a/one")
    os.link(f"{top}/a/one", f"{top}/b/two")
    os.link(f"{top}/a/one", f"{top}/three")
    os.symlink("one", f"{top}/a/symlink")
    os.link(f"{top}/a/symlink", f"{top}/b/linked-symlink", follow_symlinks=False)
    os.symlink("/nowhere/at all", f"{top}/dangling")
    os.symlink("x" * 1000, f"{top}/long")
    os.chown(f"{top}/a/symlink", 12, 34, follow_symlinks=False)
    os.setxattr(f"{top}/dangling", "trusted.on-symlink", b"1", follow_symlinks=False)


def attributes(top):
    os.makedirs(top)
    for mode in (0o4755, 0o2755, 0o6711, 0o1644, 0o000):
        write(f"{top}/mode-{mode:o}")
        os.chown(f"{top}/mode-{mode:o}", 1000, 2000)
        os.chmod(f"{top}/mode-{mode:o}", mode)
    write(f"{top}/capability")
    os.chown(f"{top}/capability", 1000, 1000)
    capability(f"{top}/capability")
    write(f"{top}/attributes")
    os.setxattr(f"{top}/attributes", "user.empty", b"")
    os.setxattr(f"{top}/attributes", "user.long", b"x" * 1500)
    os.setxattr(f"{top}/attributes", "trusted.binary", bytes(range(256)))
    os.setxattr(f"{top}/attributes", "security.something", b"else")
    write(f"{top}/acl")
    subprocess.run(["setfacl", "-m", "u:33:rw,g:44:r,m::rw", f"{top}/acl"], check=True)
    os.makedirs(f"{top}/default-acl/below")
    write(f"{top}/default-acl/before")
    subprocess.run(["setfacl", "-d", "-m", "u:55:rwx", f"{top}/default-acl"], check=True)
    os.makedirs(f"{top}/set-gid/below")
    os.chown(f"{top}/set-gid", 0, 77)
    os.chmod(f"{top}/set-gid", 0o3775)
    write(f"{top}/set-gid/file")


def special(top):
    os.makedirs(top)
    os.mkfifo(f"{top}/fifo", 0o620)
    os.mknod(f"{top}/character", 0o4666 | stat.S_IFCHR, os.makedev(1, 300))
    os.mknod(f"{top}/block", 0o660 | stat.S_IFBLK, os.makedev(200, 70000))
    os.chown(f"{top}/character", 5, 6)
    os.chmod(f"{top}/character", 0o4666)
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(top)
    listener.bind("socket")
    os.chdir(here)
    listener.close()
    os.setxattr(f"{top}/fifo", "trusted.on-fifo", b"1")


def content(top):
    os.makedirs(top)
    write(f"{top}/empty", b"")
    write(f"{top}/large", os.urandom(3_000_001))
    with open(f"{top}/sparse", "wb") as file:
        file.truncate(50_000_000)
        for position in (0, 10_000_000, 33_333_333):
            file.seek(position)
            file.write(os.urandom(70_000))
    with open(f"{top}/all-hole", "wb") as file:
        file.truncate(1_000_000)


def names(top):
    top = os.fsencode(top)
    os.makedirs(top)
    for name in (b"\xff\xfe not utf-8", b"new\nline", b"-rf", b" ", b"\\", "ümläut".encode(), b"n" * 255):
        write(top + b"/" + name)
    os.makedirs(top + b"/empty folder \xc3\x28/empty too")
    deep = top
    for _ in range(60):
        deep += b"/deep"
    os.makedirs(deep)


def flags(top):
    os.makedirs(f"{top}/folder/below")
    for flag in "iadASsujtC":
        write(f"{top}/flag-{flag}")
        chattr([f"+{flag}"], f"{top}/flag-{flag}")
    for flag in "dADTS":
        os.makedirs(f"{top}/folder-{flag}/below")
        chattr([f"+{flag}"], f"{top}/folder-{flag}")
    write(f"{top}/linked")
    os.link(f"{top}/linked", f"{top}/folder/linked-too")
    os.makedirs(f"{top}/project/below")
    write(f"{top}/project/file")
    chattr(["-p", "42"], f"{top}/project/file")
    chattr(["+P", "-p", "43"], f"{top}/project")
    os.makedirs(f"{top}/locked")
    write(f"{top}/locked/file")
    os.utime(f"{top}/locked", ns=(1, 2))
    chattr(["+i"], f"{top}/locked")
    chattr(["+i"], f"{top}/linked")


def times(top):
    os.makedirs(top)
    for name, ns in [("old", 123_456_789), ("before-1970", -1_234_567_891), ("far", 4_102_444_800_987_654_321)]:
        write(f"{top}/{name}")
        os.utime(f"{top}/{name}", ns=(ns, ns))
    os.symlink("x", f"{top}/symlink")
    os.utime(f"{top}/symlink", ns=(111, 222), follow_symlinks=False)
    os.makedirs(f"{top}/folder/with/folders")
    os.utime(f"{top}/folder", ns=(1_000_000_001, 2_000_000_002))


def main():
    top = sys.argv[1]
    os.makedirs(top, exist_ok=True)
    os.umask(0o022)
    for make in (overlay, links, attributes, special, content, names, flags, times):
        make(f"{top}/{make.__name__}")
    os.chown(top, 3, 4)
    os.chmod(top, 0o2751)
    os.setxattr(top, "trusted.on-top", b"1")
    os.utime(top, ns=(1_111_111_111_111_111_111, 1_222_222_222_222_222_222))


main()
