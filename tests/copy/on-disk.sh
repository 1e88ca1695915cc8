#!/usr/bin/env bash
# Runs one test of a test program with an ext4 file system of its own in $DISK.
# Usage: unshare -m on-disk.sh TEST-PROGRAM TEST
# shellcheck source=tests/copy/lib.sh
. "$(dirname "$0")/lib.sh"
disk disk ext4 1G
DISK=$disks/disk "$1" --ignored --exact "$2" --nocapture
