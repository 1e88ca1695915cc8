#!/usr/bin/env bash
# Whatever fails after the engine was stopped, it is on its old root again, with everything; containers that ran run.
. "$(dirname "$0")/lib.sh"
machine
start
populate
before=$(describe)

# back WHAT ARGUMENTS…: exit 1, one line that says so
back() {
  local what=$1 code=0
  shift
  pi-dockerroot -n --apply --only "$@" >"$W/said" 2>"$W/err" || code=$?
  same "$code $(cat "$W/said")" "1 " "$what ($(cat "$W/err"))"
  same "$(wc -l <"$W/err")" 1 "lines about $what"
  grep -q 'the engine is on /var/lib/docker, as before' "$W/err" || fail "$what: $(cat "$W/err")"
  answers
  same "$(root_in_use)" /var/lib/docker "the root after $what"
  same "$(describe)" "$before" "what the engine has after $what"
  [ ! -e /etc/docker/daemon.json ] || fail "daemon.json after $what"
  [ ! -e /var/lib/cluster/pi-dockerroot/docker.journal ] || fail "the journal after $what"
  [ ! -e /var/lib/docker/pi-dockerroot.retired ] || fail "the old root was put away after $what"
  whole_log
}

# A start command that works the second time only: the first is the one on the new root.
cat >"$W/second" <<E2
#!/bin/sh
[ -e $W/tried ] || { touch $W/tried; exit 1; }
exec service docker start
E2
chmod +x "$W/second"
back "an engine that does not start" --stop-command 'service docker stop' --start-command "$W/second"
# The engine starts on the new root, and an image is missing there: somebody removed its record.
cat >"$W/thief" <<E2
#!/bin/sh
[ -e $W/stolen ] || { touch $W/stolen; rm -r /mnt/docker/image/overlay2/repositories.json; }
exec service docker start
E2
chmod +x "$W/thief"
back "an image that is missing" --stop-command 'service docker stop' --start-command "$W/thief"
# A mount that stays busy: somebody is inside of it.
docker stop plain >/dev/null
cat >"$W/busy" <<E2
#!/bin/sh
service docker stop
mkdir -p /var/lib/docker/tmp/shm
mount -t tmpfs held /var/lib/docker/tmp/shm
( cd /var/lib/docker/tmp/shm && exec sleep 60 ) >/dev/null 2>&1 &
echo \$! >$W/holder
E2
chmod +x "$W/busy"
docker start plain >/dev/null
back "a mount that stays busy" --stop-command "$W/busy" --start-command 'service docker start'
grep -q 'shm is still used' "$W/err" || fail "a mount that stays busy: $(cat "$W/err")"
holder=$(cat "$W/holder")
[ "$holder" -le 1 ] || kill -9 "$holder"
sleep 0.2
umount /var/lib/docker/tmp/shm 2>/dev/null || true
# somebody WHAT COMMANDS…: a command that stops the engine, and what somebody else does right after it
somebody() {
  printf '#!/bin/sh\nservice docker stop\n[ -e %s ] || { touch %s; %s; }\nexit 0\n' "$W/did-$1" "$W/did-$1" "$2" >"$W/$1"
  chmod +x "$W/$1"
}
# A mount that is not the engine's is left alone.
somebody mounts 'mkdir -p /var/lib/docker/somebodys; mount -t tmpfs somebodys /var/lib/docker/somebodys; echo theirs >/var/lib/docker/somebodys/file'
back "a mount that is not the engine's" --stop-command "$W/mounts" --start-command 'service docker start'
# The engine binds its root to itself, which covers it.
service docker stop >/dev/null
same "$(cat /var/lib/docker/somebodys/file)" theirs "what somebody mounted"
umount /var/lib/docker/somebodys
start
docker start plain >/dev/null
# The new disk goes away: nothing is written to the bare folder beneath.
somebody unmounts 'umount -l /mnt/docker'
back "a target that is unmounted" --stop-command "$W/unmounts" --start-command 'service docker start'
grep -q 'leads to another folder' "$W/err" || fail "a target that is unmounted: $(cat "$W/err")"
same "$(names /mnt/docker) $(lsattr -d /mnt/docker | cut -c5)" "pi-dockerroot.not-mounted.txt i" "the bare mount point"
mount -o loop "$W/disk.img" /mnt/docker
# Asked to end between the stop and the switch: it is not left down. A terminal that goes away is of no matter.
# shellcheck disable=SC2016 # the script's parent is the tool
somebody asks 'kill -TERM $PPID'
back "SIGTERM" --stop-command "$W/asks" --start-command 'service docker start'
grep -q 'SIGTERM asked to end it' "$W/err" || fail "SIGTERM: $(cat "$W/err")"
# shellcheck disable=SC2016 # the same
somebody hangs_up 'kill -HUP $PPID'
cat >"$W/late" <<E2
#!/bin/sh
kill -INT \$PPID
exec service docker start
E2
chmod +x "$W/late"
pi-dockerroot -n --apply --only --stop-command "$W/hangs_up" --start-command "$W/late" >"$W/said" 2>"$W/err" || fail "SIGINT after the switch: $(cat "$W/err")"
jq -e '.findings[] | select(.id == "dockerroot-asked-late")' "$W/said" >/dev/null || fail "SIGINT after the switch: $(cat "$W/said")"
same "$(root_in_use)" /mnt/docker "the root after SIGINT after the switch"
same "$(describe)" "$before" "what the engine has after SIGINT after the switch"
pi-dockerroot -n --rollback --discard --apply >/dev/null || fail "going back"
pi-dockerroot -n --finish --apply >/dev/null || fail "finishing"
# A container that the engine leaves behind when it is killed is ended, and its mounts are taken away: no failure at all.
cat >"$W/killed" <<E2
#!/bin/sh
pid=\$(cat /run/docker.pid)
[ "\$pid" -gt 1 ] && kill -9 "\$pid"
rm -f /run/docker-ssd.pid
sleep 0.5
E2
chmod +x "$W/killed"
pi-dockerroot -n --apply --only --stop-command "$W/killed" --start-command 'service docker start' >"$W/said" || fail "an engine that was killed"
jq -r '.nodes[].result.steps | join(" ")' "$W/said" | grep -q 'stop release second-pass' || fail "nothing was released: $(cat "$W/said")"
same "$(root_in_use)" /mnt/docker "the root after an engine that was killed"
same "$(describe)" "$before" "what the engine has after an engine that was killed"
whole_log
# The way back fails: the engine is on its new root again. The old one is not as it was left any more, so it is not offered.
rm "$W/tried"
code=0
pi-dockerroot -n --rollback --copy-back --apply --only --stop-command 'service docker stop' --start-command "$W/second" \
  >"$W/said" 2>"$W/err" || code=$?
same "$code $(cat "$W/said")" "1 " "a rollback that fails ($(cat "$W/err"))"
grep -q 'the engine is on /mnt/docker, as before' "$W/err" || fail "a rollback that fails: $(cat "$W/err")"
same "$(root_in_use)" /mnt/docker "the root after a rollback that fails"
same "$(describe)" "$before" "what the engine has after a rollback that fails"
same "$(names /var/lib/docker)" "pi-dockerroot.retired pi-dockerroot.txt" "the old root after a rollback that fails"
code=0
pi-dockerroot -n --rollback --discard --apply --only >"$W/said" 2>/dev/null || code=$?
same "$code $(jq -r '.findings[0].id' "$W/said")" "3 dockerroot-rollback-loses" "--discard after a --copy-back"
pi-dockerroot -n --rollback --copy-back --apply --only >"$W/said" || fail "the rollback again"
same "$(root_in_use)" /var/lib/docker "the root after the rollback"
same "$(describe)" "$before" "what the engine has after the rollback"
whole_log
# The new disk goes away while it is copied back: the old root keeps what it has, and the engine stays down instead of beginning
# anew on the bare folder. Mounted again, the rollback is ended.
pi-dockerroot -n --finish --apply >/dev/null || fail "finishing"
# A container that vanishes takes the volume without a name with it, unless Docker ends before it comes to that.
run -d --rm --name passing -v /anon app sleep 100000 >/dev/null
passing=$(docker inspect --format '{{(index .Mounts 0).Name}}' passing)
pi-dockerroot -n --apply --only >"$W/said" || fail "moving again: $(cat "$W/said")"
docker volume rm "$passing" >/dev/null 2>&1 || true
same "$(describe)" "$before" "what the engine has without a container that vanishes"
rm "$W/did-unmounts"
back=(pi-dockerroot -n --rollback --copy-back --apply --only --stop-command "$W/unmounts" --start-command 'service docker start')
code=0
"${back[@]}" >"$W/said" 2>"$W/err" || code=$?
same "$code $(cat "$W/said")" "1 " "a source that is unmounted ($(cat "$W/err"))"
grep -q '/mnt/docker leads to another folder' "$W/err" || fail "a source that is unmounted: $(cat "$W/err")"
[ "$(find /var/lib/docker/overlay2 | wc -l)" -gt 100 ] || fail "a source that is unmounted: the old root lost its content"
same "$(names /mnt/docker) $(lsattr -d /mnt/docker | cut -c5)" "pi-dockerroot.not-mounted.txt i" "the bare mount point"
same "$(jq -r '."data-root"' /etc/docker/daemon.json)" /mnt/docker "daemon.json after a source that is unmounted"
! docker info >/dev/null 2>&1 || fail "a source that is unmounted: an engine runs"
code=0
"${back[@]}" >"$W/said" 2>/dev/null || code=$?
same "$code $(jq -r '.findings[0].id' "$W/said")" "3 dockerroot-target-not-mounted" "the rollback while nothing is mounted"
code=0
pi-dockerroot -n --rollback --discard --apply --only >"$W/said" 2>/dev/null || code=$?
same "$code $(jq -r '.findings[0].id' "$W/said")" "3 dockerroot-unfinished" "--discard over a --copy-back that was not ended"
mount -o loop "$W/disk.img" /mnt/docker
start
docker start plain >/dev/null
"${back[@]}" >"$W/said" || fail "the rollback, mounted again: $(cat "$W/said")"
same "$(root_in_use)" /var/lib/docker "the root after the rollback, mounted again"
same "$(describe)" "$before" "what the engine has after the rollback, mounted again"
whole_log
echo "back each time"
