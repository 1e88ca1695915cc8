# shellcheck shell=bash
# Sourced by scripts/bench: pi-dockerroot beside rsync, cp and tar, from ext4 to ext4 on loop devices.

# bench_tree FOLDER: 60,000 files with 845 MB in 3,000 folders, with sizes like those of image layers.
bench_tree() {
  python3 - "$1" <<'PY'
import os, random, sys
random.seed(7)
folders = [sys.argv[1]]
os.mkdir(folders[0])
for number in range(3000):
    folder = os.path.join(random.choice(folders[-200:] if random.random() < 0.7 else folders), f"d{number}")
    os.mkdir(folder)
    folders.append(folder)
sizes = [min(int(random.lognormvariate(8.2, 1.6)), 4_000_000) for _ in range(60_000)]
scale = 845_000_000 / sum(sizes)
blob = os.urandom(32 << 20)
for number, size in enumerate(sizes):
    start = random.randrange(8 << 20)
    with open(os.path.join(random.choice(folders), f"file-{number}.dat"), "wb") as file:
        file.write(blob[start:start + int(size * scale)])
PY
}

# many_files FOLDER FILES: empty files, 50 in each folder.
many_files() {
  python3 - "$1" "$2" <<'PY'
import os, sys
os.mkdir(sys.argv[1])
for folder in range(int(sys.argv[2]) // 50):
    path = os.path.join(sys.argv[1], f"d{folder:06}")
    os.mkdir(path)
    for file in range(50):
        os.close(os.open(os.path.join(path, f"file-{file}"), os.O_CREAT | os.O_WRONLY))
PY
}

# The median of the numbers in its input.
middle() { sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }'; }

# contend ROUNDS RESULT PREPARE NAME=COMMAND…: runs the commands in turns, so that whatever else the machine does hits
# all of them; flushes after each; writes the median seconds of each to RESULT.NAME.
contend() {
  local rounds=$1 result=$2 prepare=$3 round contender start
  shift 3
  for round in $(seq "$rounds"); do
    for contender; do
      eval "$prepare"
      sync -f "${work:?}/to"
      start=$(date +%s.%N)
      eval "${contender#*=}" >/dev/null 2>&1
      sync -f "${work:?}/to"
      echo "$start $(date +%s.%N)" | awk '{ print $2 - $1 }' >>"$result.${contender%%=*}.all"
    done
  done
  for contender; do
    middle <"$result.${contender%%=*}.all" >"$result.${contender%%=*}"
  done
  [ -n "$round" ]
}

# raced WHAT LIMIT RESULT PEER PEER'S-COMMAND: ours beside a peer, as contend found them.
raced() {
  beside "$1" "$2" "$(cat "$3.ours")" "$(cat "$3.$4")" "$5"
}

# The parts below, each in a mount namespace of its own; what is mounted goes with it. Rows come back in a file.
bench_pi_dockerroot() {
  local part
  if [ "$(id -u)" != 0 ]; then
    left_out "needs root for its disks"
    return
  fi
  export work tool
  for part in speed memory downtime; do
    unshare --mount --propagation private bash -euo pipefail -c "
      . tests/bench/lib.sh
      . tests/bench/pi-dockerroot.sh
      dockerroot_$part
      printf '%s\n' \"\${rows[@]}\" >\"\$work/rows\""
    mapfile -t -O "${#rows[@]}" rows <"$work/rows"
    rm -rf "${work:?}/from" "$work/to" "$work/disks"
  done
  echo "What each loses of a tree with everything, on XFS:" >&2
  unshare -m tests/copy/losses.sh "$(command -v pi-dockerroot)" xfs >&2
}

# Two file systems on loop devices. The files below lie in memory: what else the machine's disk does is not measured.
dockerroot_disks() {
  local disk
  mkdir -p "${work:?}/disks"
  mount -t tmpfs -o size=6G none "$work/disks"
  for disk in from to; do
    truncate -s 4G "$work/disks/$disk.img"
    mkfs.ext4 -q -F -i 2048 "$work/disks/$disk.img"
    mkdir -p "$work/$disk"
    mount -o loop "$work/disks/$disk.img" "$work/$disk"
  done
}

dockerroot_speed() {
  dockerroot_disks
  local from=$work/from/tree to=$work/to/tree ours second
  bench_tree "$from"
  find "$from" -type f -exec cat {} + >/dev/null
  ours="pi-dockerroot -n --tree --from $from --to $to --apply --only"
  contend 5 "$work/copy" "rm -rf $to; mkdir $to" \
    "ours=$ours" "rsync=rsync -aHAXS $from/ $to/" "cp=cp -a $from/. $to/" "tar=tar -C $from -cf - . | tar -C $to -xf -"
  raced "60,000 files, 845 MB" 0.5 "$work/copy" rsync "rsync -aHAXS"
  raced "60,000 files, 845 MB" 0.7 "$work/copy" cp "cp -a"
  raced "60,000 files, 845 MB" 0.9 "$work/copy" tar "tar -c to tar -x"
  contend 3 "$work/verify" "rm -rf $to; mkdir $to" \
    "ours=$ours --verify" "rsync=rsync -aHAXS $from/ $to/; rsync -aHAXSc $from/ $to/"
  raced "60,000 files, copied and verified" 0.8 "$work/verify" rsync "rsync -aHAXS; rsync -aHAXSc"
  # The first percent of the files gets new content before each run.
  second="find $from -name 'file-*00.dat' -exec sh -c 'for f; do echo \$\$ >>\"\$f\"; done' x {} +"
  contend 5 "$work/second" "$second" "ours=$ours --update" "rsync=rsync -aHAXS --delete $from/ $to/"
  raced "60,000 files, second pass, 1 % changed" 0.5 "$work/second" rsync "rsync -aHAXS --delete"
}

# A real engine, in namespaces of its own; the files below its disks lie in memory.
dockerroot_downtime() {
  local disks=$work/disks
  mkdir "$disks"
  mount -t tmpfs -o size=6G none "$disks"
  TMPDIR=$disks TOOLS=$(dirname "$(command -v pi-dockerroot)") unshare --pid --fork --kill-child --mount --mount-proc --net \
    tests/engine/downtime.sh "$(declare -f bench_tree)" 3 >"$work/downtimes"
  cut -d' ' -f1 "$work/downtimes" | middle >"$work/downtime.ours"
  cut -d' ' -f2 "$work/downtimes" | middle >"$work/downtime.rsync"
  raced "Docker stands still: 845 MB, 1 % changed since the first pass" 0.3 "$work/downtime" rsync "stop; rsync -aHAXS; start"
}

dockerroot_memory() {
  dockerroot_disks
  local count start from to bytes
  local -A time
  for count in 100000 1000000; do
    from=$work/from/$count to=$work/to/$count
    many_files "$from" "$count"
    mkdir "$to"
    start=$(date +%s.%N)
    bytes=$(peak /dev/null pi-dockerroot -n --tree --from "$from" --to "$to" --apply)
    time[$count]=$(echo "$start $(date +%s.%N)" | awk '{ print $2 - $1 }')
    weight "$count files in $((count / 50)) folders, peak memory" 64000000 "$bytes"
  done
  growth "1000000 files, beside 100000" 12.5 "${time[1000000]}" "${time[100000]}"
}
