#!/usr/bin/env bash
# For how long a real dockerd with 845 MB in 60,000 files stands still: moved by the tool, with 1 % of the files changed after
# its first pass, and by stopping, rsync and starting. Who changes the files is no part of either: what that takes is taken off. Arguments: the function bench_tree as text, rounds. Prints "ours peer", seconds.
. "$(dirname "$0")/lib.sh"
eval "$1"
CARD_SIZE=4G DISK_SIZE=4G
machine
start
populate
docker rm -f plain ended never >/dev/null
bench_tree "$W/card/tree"
mv "$W/card/tree" /var/lib/docker/volumes/data/_data/tree
find /var/lib/docker -type f -exec cat {} + >/dev/null
cat >"$W/stop" <<'E2'
#!/bin/sh
begin=$(date +%s.%N)
find /var/lib/docker/volumes/data/_data/tree -name 'file-*00.dat' -exec sh -c 'for f; do echo $$ >>"$f"; done' x {} +
echo "$begin $(date +%s.%N)" >"$0.changing"
exec service docker stop
E2
chmod +x "$W/stop"
now() { date +%s.%N; }

for _ in $(seq "$2"); do
  # An engine touches its folders as it starts. What changed within the second before the first pass is compared while it stands still,
  # and no engine was started a moment ago where somebody moves it.
  sleep 2
  pi-dockerroot -n --apply --only --stop-command "$W/stop" --start-command 'service docker start' >"$W/moved" || fail "moving"
  ours=$(jq '.nodes[].result.downtime_s' "$W/moved" | cat - "$W/stop.changing" | xargs | awk '{ print $1 - ($3 - $2) }')
  same "$(root_in_use)" /mnt/docker "the root"
  pi-dockerroot -n --rollback --discard --apply >/dev/null || fail "going back"
  pi-dockerroot -n --finish --apply >/dev/null || fail "finishing"

  begin=$(now)
  service docker stop >/dev/null
  rsync -aHAXS /var/lib/docker/ /mnt/docker/
  mkdir -p /etc/docker
  echo '{"data-root": "/mnt/docker"}' >/etc/docker/daemon.json
  service docker start >/dev/null
  until [ "$(docker inspect -f '{{.State.Running}}' web 2>/dev/null)" = true ]; do sleep 0.02; done
  echo "$ours $(echo "$begin $(now)" | awk '{ print $2 - $1 }')"
  service docker stop >/dev/null
  rm /etc/docker/daemon.json
  find /mnt/docker -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
  start
done
