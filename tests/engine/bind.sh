#!/usr/bin/env bash
# The new root is mounted on the old one's path: Docker's where a flag shall stay, containerd's, K3s's. First argument: which.
. "$(dirname "$0")/lib.sh"
machine
start
populate

# What a machine's start does with fstab, where the disk is there or not.
boot() {
  umount "$root" /mnt/docker 2>/dev/null || true
  [ "$1" = without ] || mount -o loop "$W/disk.img" /mnt/docker
  [ "$1" = without ] || awk -v root="$root" '$2 == root { print $1 }' /etc/fstab | while read -r new; do
    mount --bind "$new" "$root"
  done
}

docker_bind() {
  root=/var/lib/docker
  options '-g /var/lib/docker'
  service docker stop >/dev/null
  start
  docker start plain >/dev/null
  before=$(describe)
  pi-dockerroot -n --switch bind --apply --only >"$W/moved" || fail "moving: $(cat "$W/moved")"
  jq -c '.nodes[].result' "$W/moved"
  same "$(describe)" "$before" "what the engine has"
  same "$(stat -c %d "$root")" "$(stat -c %d /mnt/docker)" "the root's disk"
  pi-dockerroot -n --switch bind --apply --only >"$W/again" || fail "again: $(cat "$W/again")"
  same "$(jq -c '[.ok, .changed, .pending]' "$W/again")" '[true,false,false]' "the second run"
  pi-dockerroot -n --check --only >"$W/check" || fail "check: $(cat "$W/check")"
  # The machine starts without the disk: no engine, and nothing on the card.
  service docker stop >/dev/null
  boot without
  service docker start >/dev/null || true
  sleep 2
  ! docker info >/dev/null 2>&1 || fail "the engine runs without its disk"
  service docker stop >/dev/null 2>&1 || true
  same "$(names "$root")" "pi-dockerroot.retired pi-dockerroot.txt" "the old root"
  # And with it.
  boot again
  start
  docker start plain >/dev/null
  same "$(describe)" "$before" "what the engine has after a start of the machine"
  run --name since app true
  before=$(describe)
  pi-dockerroot -n --switch bind --rollback --copy-back --apply --only >"$W/back" || fail "back: $(cat "$W/back")"
  same "$(describe)" "$before" "what the engine has after going back"
  same "$(stat -c %d "$root")" "$(stat -c %d /var/lib)" "the root's disk after going back"
  ! grep -q "$root" /etc/fstab || fail "fstab keeps the mount"
  whole_log
}

# start_ctr ROOT STATE SOCKET CONFIG: Debian's containerd, started and stopped by Debian's start-stop-daemon
start_ctr() {
  mkdir -p "$(dirname "$4")" "$1"
  stop_words="start-stop-daemon --stop --pidfile /run/test.pid --remove-pidfile --retry 10"
  start_words="start-stop-daemon --start --background --make-pidfile --pidfile /run/test.pid --exec /usr/bin/containerd -- -c $4 -a $3 --state $2 --root $1"
  ctr="ctr -a $3 -n $space"
  $start_words
  for _ in $(seq 100); do
    $ctr version >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "containerd does not answer"
}

describe_ctr() {
  $ctr images ls | awk '{ print $1, $2, $3 }'
  $ctr containers ls -q
  $ctr snapshots ls | awk '{ print $1 }' | sort
  $ctr content ls -q | sort
  # Its end is waited for a moment: ctr may leave before it has passed on what was printed.
  # shellcheck disable=SC2016 # the container's shell
  $ctr run --rm --cgroup "/$GROUP/look" docker.io/library/app:latest look \
    sh -c 'ls /etc /etc/folder; test ! -e /etc/gone; code=$?; sleep 0.5; exit $code' || fail "a container does not run"
}

containerd_bind() {
  engine=$1
  docker save app >"$W/app.tar"
  service docker stop >/dev/null
  case $engine in
    containerd)
      space=default root=/var/lib/containerd
      start_ctr $root /run/containerd /run/containerd/containerd.sock /etc/containerd/config.toml
      ;;
    k3s)
      space=k8s.io root=/var/lib/rancher/k3s/agent/containerd
      config=/var/lib/rancher/k3s/agent/etc/containerd/config.toml
      mkdir -p "$(dirname $config)"
      printf 'version = 2\n[plugins."io.containerd.internal.v1.opt"]\n  path = "%s"\n[plugins."io.containerd.grpc.v1.cri"]\n  enable_selinux = false\n' $root >$config
      start_ctr $root /run/k3s/containerd /run/k3s/containerd/containerd.sock $config
      ;;
  esac
  $ctr images import "$W/app.tar" >/dev/null
  # Its own root, not Docker's.
  $ctr run -d --cgroup "/$GROUP/task" docker.io/library/app:latest task \
    sh -c 'echo written >/written; while :; do sleep 0.1; done' >/dev/null
  sleep 0.5
  move=(pi-dockerroot -n --engine "$engine" --to /mnt/docker --apply --only --stop-command "$stop_words" --start-command "$start_words")
  if [ "$engine" = containerd ]; then
    code=0
    "${move[@]}" >"$W/said" 2>/dev/null || code=$?
    same "$code $(jq -r '.findings[0].id' "$W/said")" "3 dockerroot-tasks-run" "a task that nobody starts again"
    $ctr tasks kill -s KILL task
    sleep 0.5
    $ctr tasks rm task >/dev/null
  fi
  before=$(describe_ctr)
  "${move[@]}" >"$W/moved" || fail "moving: $(cat "$W/moved")"
  jq -c '.nodes[].result' "$W/moved"
  jq -r '.findings[] | "\(.id): \(.message)"' "$W/moved"
  same "$(describe_ctr)" "$before" "what containerd has"
  same "$(stat -c %d "$root")" "$(stat -c %d /mnt/docker)" "the root's disk"
  # The container goes on from the disk with what it had written.
  $ctr tasks rm task >/dev/null 2>&1 || true
  $ctr tasks start -d task
  same "$($ctr tasks exec --exec-id a task cat /written)" written "what the container had written"
  $ctr tasks kill -s KILL task
  sleep 0.5
  $ctr tasks rm task >/dev/null
  before=$(describe_ctr)
  pi-dockerroot -n --engine "$engine" --rollback --copy-back --apply --only --stop-command "$stop_words" --start-command "$start_words" \
    >"$W/back" || fail "back: $(cat "$W/back")"
  same "$(describe_ctr)" "$before" "what containerd has after going back"
  same "$(stat -c %d "$root")" "$(stat -c %d /var/lib)" "the root's disk after going back"
}

case $1 in
  docker) docker_bind ;;
  *) containerd_bind "$1" ;;
esac
echo moved
