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
mkdir -p /var/lib/docker/tmp/held
mount -t tmpfs held /var/lib/docker/tmp/held
( cd /var/lib/docker/tmp/held && exec sleep 60 ) >/dev/null 2>&1 &
echo \$! >$W/holder
E2
chmod +x "$W/busy"
docker start plain >/dev/null
back "a mount that stays busy" --stop-command "$W/busy" --start-command 'service docker start'
grep -q 'held is still used' "$W/err" || fail "a mount that stays busy: $(cat "$W/err")"
holder=$(cat "$W/holder")
[ "$holder" -le 1 ] || kill -9 "$holder"
sleep 0.2
umount /var/lib/docker/tmp/held 2>/dev/null || true
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
echo "back each time"
