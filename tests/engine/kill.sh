#!/usr/bin/env bash
# The tool is killed at random instants of moves there and back, as many times as the first argument says; the second is the
# seed; with a third, `bind`, by a mount on the old root. Whatever comes next (the same command at once, or a restart of the engine before it) ends as planned, with everything whole.
. "$(dirname "$0")/lib.sh"
machine
RANDOM=$2
start
populate
before=$(describe)
steps=" "
span=3000
here=/var/lib/docker there=/mnt/docker
forward=(pi-dockerroot -n --apply --only) back=(pi-dockerroot -n --rollback --copy-back --apply --only)
if [ "${3:-}" = bind ]; then
  forward+=(--switch bind) back+=(--switch bind)
  # The path stays, and the disk changes.
  root_in_use() {
    if [ "$(stat -c %d /var/lib/docker)" = "$(stat -c %d /mnt/docker)" ]; then echo /mnt/docker; else echo /var/lib/docker; fi
  }
fi
command=("${forward[@]}")
for round in $(seq "$1"); do
  begin=$(date +%s%N)
  "${command[@]}" >"$W/out" 2>"$W/err" &
  tool=$!
  # Spread over the time that the last whole run took, and a little more.
  pause=$((RANDOM * span / 32768))
  sleep "$(printf '%d.%03d' $((pause / 1000)) $((pause % 1000)))"
  kill -9 "$tool" 2>/dev/null || true
  wait "$tool" 2>/dev/null || true
  journal=/var/lib/cluster/pi-dockerroot/docker.journal
  last=$(sed -n 's/.*"record":"started","step":"\([a-z-]*\)".*/\1/p' "$journal" 2>/dev/null | tail -n 1 || true)
  steps+="${last:-none} "
  what="round $round, killed after $pause ms in the step ${last:-none}"
  case $((RANDOM % 3)) in
    0)
      # As a restart of the machine: whatever runs ends, and the engine starts on what is configured.
      crash
      start
      docker start plain >/dev/null
      same "$(describe)" "$before" "$what, after a restart"
      ;;
    1)
      # The way out that is always there.
      if [ "${command[*]}" = "${forward[*]}" ] && [ -n "$last" ]; then
        code=0
        pi-dockerroot -n --rollback --apply --only >"$W/out" 2>"$W/err" || code=$?
        if [ "$code" = 3 ]; then
          # The engine may have run on its new root since.
          same "$(jq -r '.findings[0].id' "$W/out")" dockerroot-rollback-loses "$what, given up"
          pi-dockerroot -n --rollback --discard --apply --only >"$W/out" 2>"$W/err" || fail "$what, given up: $(cat "$W/err")"
        else
          same "$code" 0 "$what, given up: $(cat "$W/err")"
        fi
        answers
        same "$(root_in_use)" "$here" "$what, given up: the root"
        same "$(describe)" "$before" "$what, given up"
        [ ! -e "$journal" ] || fail "$what, given up: the journal stays"
      fi
      ;;
  esac
  begin=$(date +%s%N)
  "${command[@]}" >"$W/out" 2>"$W/err" || {
    # The whole move had been done before the kill: there is nothing to take back any more.
    grep -q 'no move of this engine' "$W/err" || fail "$what, run again: $(cat "$W/err")"
  }
  took=$((($(date +%s%N) - begin) / 1000000))
  [ "$took" -lt 1000 ] || span=$((took + 300))
  same "$(root_in_use)" "$there" "$what: the root"
  same "$(describe)" "$before" "$what"
  whole_log
  [ ! -e "$journal" ] || fail "$what: the journal stays"
  # What is mounted on the old root's path covers it.
  [ "${3:-}$here" = bind/var/lib/docker ] || [ ! -e "$here/image" ] || fail "$what: an engine would find the other root"
  if [ "${command[*]}" = "${forward[*]}" ]; then
    command=("${back[@]}") here=/mnt/docker there=/var/lib/docker
  else
    command=("${forward[@]}") here=/var/lib/docker there=/mnt/docker
    pi-dockerroot -n --finish --apply --only >"$W/out" || fail "finish: $(cat "$W/out")"
  fi
done
echo "killed in:$steps"
chattr -i /var/lib/docker 2>/dev/null || true
