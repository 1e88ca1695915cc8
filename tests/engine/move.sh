#!/usr/bin/env bash
# A real dockerd's root is moved, by daemon.json or by a flag; finished; or rolled back. First argument: how.
. "$(dirname "$0")/lib.sh"
machine
case $1 in
  json | discard) ;;
  keys)
    mkdir -p /etc/docker
    printf '{\n\t"log-level": "warn",\n\t"storage-driver": "overlay2"\n}' >/etc/docker/daemon.json
    ;;
  flag)
    mkdir -p /srv/containers 2>/dev/null || true
    options '-g /var/lib/other'
    ;;
esac
cp -a /etc/default/docker "$W/options"
cp -a /etc/docker "$W/config" 2>/dev/null || true
start
populate
before=$(describe)
old=$(root_in_use)

# Without --apply nothing changes.
pi-dockerroot -n -f text >"$W/plan" || fail "planning: $(cat "$W/plan")"
grep -q 'second pass' "$W/plan" || fail "the plan: $(cat "$W/plan")"
same "$(root_in_use)" "$old" "the root after planning"
[ ! -e /mnt/docker/image ] || fail "planning copied"

pi-dockerroot -n --apply --only >"$W/moved" || fail "moving: $(cat "$W/moved")"
jq -c '.nodes[].result' "$W/moved"
same "$(root_in_use)" /mnt/docker "the root"
same "$(describe)" "$before" "what the engine has"
whole_log
same "$(jq -c '[.ok, .changed, .pending, .nodes[].result.verified]' "$W/moved")" '[true,true,false,true]' "the answer"
case $1 in
  keys) same "$(cat /etc/docker/daemon.json)" "$(printf '{\n\t"log-level": "warn",\n\t"storage-driver": "overlay2",\n\t"data-root": "/mnt/docker"\n}')" daemon.json ;;
  flag) [ ! -e /etc/docker/daemon.json ] || fail "daemon.json beside a flag" ;;
esac
# Nothing finds the old root any more, and nothing can fill it or the bare mount point.
same "$(names "$old")" "pi-dockerroot.retired pi-dockerroot.txt" "the old root"
! touch "$old/x" 2>/dev/null || fail "the old root can be filled"
# Once more: nothing to do.
pi-dockerroot -n --apply --only >"$W/again" || fail "again: $(cat "$W/again")"
same "$(jq -c '[.ok, .changed, .pending]' "$W/again")" '[true,false,false]' "the second run"
pi-dockerroot -n --check --only >"$W/check" || fail "check: $(cat "$W/check")"
same "$(jq -c '.nodes[].check | [.in_use, .mounted, .guarded, .lasts, .left_inodes > 100]' "$W/check")" \
  '["/mnt/docker",true,true,true,true]' "the check"
# A restart of the engine keeps it so.
restart
same "$(describe)" "$before" "what the engine has after a restart"

case $1 in
  json)
    # Without its file system the engine does not start, and the card stays empty.
    service docker stop >/dev/null
    umount /mnt/docker
    service docker start >/dev/null || true
    sleep 2
    ! docker info >/dev/null 2>&1 || fail "the engine runs on an unmounted target"
    same "$(names /mnt/docker)" "pi-dockerroot.not-mounted.txt" "the bare mount point"
    service docker stop >/dev/null 2>&1 || true
    mount -o loop "$W/disk.img" /mnt/docker
    start
    docker start plain >/dev/null
    same "$(describe)" "$before" "what the engine has, mounted again"
    # The old root goes.
    pi-dockerroot -n --finish --only >"$W/finish" || fail "finish: $(cat "$W/finish")"
    [ -e "$old/pi-dockerroot.retired" ] || fail "--finish without --apply removed it"
    pi-dockerroot -n --finish --apply --only >"$W/finish" || fail "finish: $(cat "$W/finish")"
    same "$(names "$old")" "pi-dockerroot.txt" "the old root after --finish"
    docker restart web plain >/dev/null
    same "$(describe)" "$before" "what the engine has without the old root"
    # Back all the same.
    pi-dockerroot -n --rollback --copy-back --apply --only >"$W/back" || fail "back: $(cat "$W/back")"
    ;;
  keys | flag)
    run --name since -v data:/data app sh -c 'echo since >/data/since; echo since >/since'
    code=0
    pi-dockerroot -n --rollback --apply --only >"$W/asked" 2>/dev/null || code=$?
    same "$code" 3 "a rollback that would lose something"
    same "$(jq -r '.findings[0].id' "$W/asked")" dockerroot-rollback-loses "why"
    before=$(describe)
    pi-dockerroot -n --rollback --copy-back --apply --only >"$W/back" || fail "back: $(cat "$W/back")"
    same "$(run --rm -v data:/data app cat /data/since)" since "what was written since"
    ;;
  discard)
    run --name since app true
    pi-dockerroot -n --rollback --discard --apply --only >"$W/back" || fail "back: $(cat "$W/back")"
    ;;
esac
same "$(root_in_use)" "$old" "the root after going back"
same "$(describe)" "$before" "what the engine has after going back"
whole_log
same "$(cat /etc/default/docker)" "$(cat "$W/options")" "the options after going back"
if [ -e "$W/config" ]; then cmp "$W/config/daemon.json" /etc/docker/daemon.json; else [ ! -e /etc/docker/daemon.json ] || fail "daemon.json stays"; fi
restart
same "$(describe)" "$before" "what the engine has after a restart"
# What was put away at the new place goes too, and the mount point is an ordinary one again. Then once more.
pi-dockerroot -n --finish --apply --only >"$W/finish" || fail "finish: $(cat "$W/finish")"
same "$(names /mnt/docker)" "" "the new place after --finish"
pi-dockerroot -n --apply --only >"$W/moved" || fail "moving again: $(cat "$W/moved")"
same "$(root_in_use)" /mnt/docker "the root, moved again"
same "$(describe)" "$before" "what the engine has, moved again"
chattr -i "$old" "$(findmnt -no TARGET /mnt)/docker" 2>/dev/null || true
echo moved
