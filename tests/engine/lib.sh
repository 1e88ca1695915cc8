# shellcheck shell=bash
# Sourced by the scripts here: a machine of its own for a real engine. The caller runs in its own PID, mount and network namespaces
# (tests/tests/real_engine.rs does so); what is mounted and started goes with them.
#
#   /etc, /mnt, /var/lib  on an ext4 "card";  /mnt/docker  another ext4, labelled docker;  /run, /var/log  in memory
set -euo pipefail
export PATH=$TOOLS:/usr/sbin:/usr/bin:/sbin:/bin
export DOCKER_BUILDKIT=0 DOCKER_CLI_HINTS=false HOME=/root
# The containers' control groups, which outlive all namespaces.
GROUP=cloud-at-home-$(tr -dc a-z0-9 </proc/sys/kernel/random/uuid)

fail() {
  echo "FAILED: $*" >&2
  [ ! -s /var/log/docker.log ] || tail -n 20 /var/log/docker.log >&2
  exit 9
}

# same FOUND EXPECTED WHAT
same() {
  [ "$1" = "$2" ] || fail "$3: found
$1
instead of
$2"
}

machine() {
  W=$(mktemp -d "${TMPDIR:-/var/tmp}/engine.XXXXXX")
  # The loop devices go with the last mount.
  # shellcheck disable=SC2154 # code is given in it
  trap 'code=$?; set +e; cd /; end_all; umount -l /mnt/docker /mnt /var/lib /etc "$W/card"; rm -rf --one-file-system "$W"; exit $code' EXIT
  mount --make-rprivate /
  truncate -s "${CARD_SIZE:-1G}" "$W/card.img"
  truncate -s "${DISK_SIZE:-1G}" "$W/disk.img"
  mkfs.ext4 -q -F -i 8192 "$W/card.img"
  mkfs.ext4 -q -F -i 8192 -L docker "$W/disk.img"
  mkdir "$W/card"
  mount -o loop "$W/card.img" "$W/card"
  mkdir -p "$W/card"/{mnt/docker,lib/cluster} "$W/card/etc"
  cp -a /etc/. "$W/card/etc/"
  cp -a /var/lib/dpkg "$W/card/lib/" 2>/dev/null || true
  mount --bind "$W/card/etc" /etc
  mount --bind "$W/card/mnt" /mnt
  mount --bind "$W/card/lib" /var/lib
  mount -t tmpfs run /run
  mount -t tmpfs log /var/log
  mkdir -p /run/lock /var/lib/docker
  mount -o loop "$W/disk.img" /mnt/docker
  echo "LABEL=docker /mnt/docker ext4 defaults,noatime,nofail 0 2" >>/etc/fstab
  rm -rf /etc/docker
  # Limits that this namespace may not raise.
  sed -i 's/\bulimit\b/: ulimit/' /etc/init.d/docker
  OPTIONS="--bridge=none --iptables=false --ip6tables=false --cgroup-parent=/$GROUP"
  options ''
  ip link set lo up
}

# options WORDS: of the daemon, where Debian's script reads them.
options() {
  echo "DOCKER_OPTS='$OPTIONS $1'" >/etc/default/docker
}

# Everything that was started here ends; the first process of the namespace is this script.
end_all() {
  local pid try
  for try in $(seq 50); do
    for pid in /proc/[0-9]*; do
      pid=${pid#/proc/}
      # shellcheck disable=SC2015 # one that is gone already is no error
      [ "$pid" -le 1 ] || [ "$pid" = "$BASHPID" ] || kill -9 "$pid" 2>/dev/null || true
    done
    find /sys/fs/cgroup -depth -type d -path "*/$GROUP/*" -exec rmdir {} + 2>/dev/null || true
    find /sys/fs/cgroup -depth -type d -name "$GROUP" -exec rmdir {} + 2>/dev/null && return
    sleep 0.1
  done
  [ "$try" = 50 ]
}

# As a restart of the machine without warning, but for what was not flushed.
crash() {
  end_all
  awk '$2 ~ "^(/var/lib/docker|/mnt/docker|/run/docker)/" { print $2 }' /proc/mounts | tac | xargs -r -n1 umount
  rm -rf /run/docker /run/docker.* /run/docker-ssd.pid
}

answers() {
  local _
  for _ in $(seq 300); do
    docker info >/dev/null 2>&1 && return
    sleep 0.05
  done
  fail "the engine does not answer"
}

start() {
  service docker start >/dev/null || fail "the engine does not start"
  answers
}

run() {
  docker run --network none --stop-signal KILL "$@"
}

# As a restart of the machine: what has no policy does not come back by itself.
restart() {
  service docker stop >/dev/null
  start
  docker start plain >/dev/null
}

# An image in which a file is deleted, volumes with and without a name, containers that run, ended and never ran.
populate() {
  local root=$W/root
  mkdir -p "$root"/{bin,etc,data,anon}
  cp /bin/busybox "$root/bin/"
  # Debian has it with and without libraries; two packages that exclude each other.
  { ldd /bin/busybox 2>/dev/null || true; } | grep -o '/lib[^ ]*' | while read -r library; do
    install -D "$library" "$root$library"
  done
  for name in sh cat date echo ls mkdir rm sleep test touch true; do
    ln -s busybox "$root/bin/$name"
  done
  echo secret >"$root/etc/gone"
  echo kept >"$root/etc/kept"
  mkdir -p "$root/etc/folder"
  echo old >"$root/etc/folder/old"
  tar -C "$root" -c . | docker import - base >/dev/null
  mkdir "$W/build"
  printf '%s\n' 'FROM base' 'RUN rm /etc/gone && rm -r /etc/folder && mkdir /etc/folder && echo new >/etc/folder/new' \
    >"$W/build/Dockerfile"
  docker build --quiet --network none -t app "$W/build" >/dev/null
  docker volume create data >/dev/null
  # shellcheck disable=SC2016 # the container's shell
  run -d --name web --restart always -v data:/data -v /anon app \
    sh -c 'echo anonymous >/anon/file; n=0; while :; do n=$((n+1)); echo $n >>/data/log; sleep 0.1; done' >/dev/null
  run -d --name plain app sleep 100000 >/dev/null
  run --name ended app sh -c 'echo changed >/changed; rm /etc/kept' >/dev/null
  docker create --name never --network none -v data:/data:ro app cat /data/marker >/dev/null
  run --rm -v data:/data app sh -c 'echo marked >/data/marker'
}

# names FOLDER: what is in it, but for its file system's own
names() {
  find "$1" -mindepth 1 -maxdepth 1 ! -name lost+found -printf '%f\n' | sort | paste -sd ' '
}

# What has to be the same before and after, by the engine's own client and from inside of containers.
describe() {
  docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}}' | sort
  docker images --no-trunc --format '{{.ID}} {{.Repository}}' | sort
  docker volume ls --format '{{.Name}}' | sort
  docker ps --format '{{.Names}} runs' | sort
  docker diff ended | sort
  run --rm app sh -c 'ls /etc /etc/folder; test ! -e /etc/gone'
  docker start -a never
  docker exec web cat /anon/file
}

# The running container's volume grows, and nothing of what it wrote before is missing: 1, 2, 3 … without a gap, beginning anew
# where the container was started anew.
whole_log() {
  run --rm -v data:/data app cat /data/log | awk '
    $1 != 1 && $1 != last + 1 { print "after " last " comes " $1; bad = 1 }
    { last = $1 }
    END { if (NR < 3) { print "only " NR " lines"; bad = 1 }; exit bad }' || fail "the volume's log has a gap"
}

root_in_use() {
  docker info --format '{{.DockerRootDir}}'
}
