#!/bin/sh
# Stands in the folder that unpack.sh made on a node.
#
#   run plan TOOL NODE    the tool's plan for this node: its document on standard output
#   run apply TOOL NODE   does what `plan` showed, or refuses
#   run reboot            a restart, after this command has ended
#   run clean MODE        takes away the secrets; after a dry run, everything
set -eu
umask 077
folder=$(cd "$(dirname "$0")" && pwd)
PATH=$folder/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
cd "$folder"

# Tools that read secrets say so in their help.
secrets() {
  case $("$1" --help) in
    *--secrets*) echo "--secrets $folder/secrets" ;;
  esac
}

# gluster NODE: gluster-plan only plans; what it planned for this node is a script, which passes over what is already so
# and says of each step what it did.
gluster() {
  code=0
  sh gluster-plan.sh 2>said >&2 || code=$?
  cat said >&2
  if [ "$code" = 3 ]; then
    # Its last line says why; nothing but plain text of it gets into JSON.
    # shellcheck disable=SC1003 # a quote and a backslash
    why=$(tail -n 1 said | tr -d '"\\' | tr -c '[:print:]\n' '?')
    echo "{\"gluster_plan\": {\"ok\": false, \"nodes\": {}, \"findings\": [{\"id\": \"gluster-script-refused\",
      \"severity\": \"error\", \"subject\": \"$1\", \"message\": \"$why\"}]}}"
  fi
  [ "$code" = 0 ] || return "$code"
  changed=false
  ! grep ': ' said | grep -qv ': already so$' || changed=true
  echo "{\"gluster_plan\": {\"ok\": true, \"changed\": $changed, \"nodes\": {}, \"findings\": []}}"
}

case $1.${2:-} in
  plan.gluster-plan) echo '{"gluster_plan": {"ok": true, "nodes": {}, "findings": []}}' ;;
  apply.gluster-plan) gluster "$3" ;;
  plan.*)
    # Each tool reads what the one before it answered on this node; its own plan is made anew.
    [ -e now.json ] || cp document.json now.json
    code=0
    # shellcheck disable=SC2046 # two words, or none
    "$2" --node "$3" $(secrets "$2") now.json >plan.json || code=$?
    cat plan.json
    [ "$code" = 0 ] && mv plan.json now.json
    exit "$code"
    ;;
  apply.*)
    code=0
    # shellcheck disable=SC2046 # two words, or none
    "$2" --node "$3" $(secrets "$2") --apply now.json >answer.json || code=$?
    cat answer.json
    [ "$code" = 0 ] && mv answer.json now.json
    exit "$code"
    ;;
  reboot.*)
    # The connection that asks for it has to end first.
    (sleep 1; reboot) </dev/null >/dev/null 2>&1 &
    ;;
  clean.*)
    rm -rf secrets now.json plan.json answer.json said
    [ "$2" = apply ] || { cd / && rm -rf "$folder"; }
    ;;
esac
