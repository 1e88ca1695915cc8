# Sourced by scripts/gather-nodes and scripts/rollout: what both say to Ansible.
# shellcheck shell=bash

name=${0##*/}
# shellcheck disable=SC2154 # the script that sources this knows
here=$top/scripts/.parts/ansible

die() {
  echo "$name: $*" >&2
  exit 1
}

usage() {
  echo "$name: $1; see scripts/$name --help" >&2
  exit 2
}

# The head of the script that was called.
help() {
  sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "$0"
}

# need PROGRAM PACKAGE…
need() {
  while [ $# -gt 0 ]; do
    command -v "$1" >/dev/null || die "$1 is not there; on Debian: apt-get install $2"
    shift 2
  done
}

# A folder for what passes through: secrets may be in it.
work_folder() {
  work=$(umask 077 && mktemp -d)
  trap 'rm -rf "$work"' EXIT
}

# The programs that are needed on this machine.
programs() {
  if [ -z "${BIN:-}" ]; then
    local tool packages=()
    for tool in poe-budget gluster-plan k3s-join; do
      [ ! -e "$top/$tool/Cargo.toml" ] || packages+=("--package=$tool")
    done
    cargo build --quiet --release --manifest-path "$top/Cargo.toml" "${packages[@]}"
    BIN=$(cargo metadata --format-version 1 --no-deps --manifest-path "$top/Cargo.toml" |
      jq -r .target_directory)/release
  fi
}

# Every name and address in it is then one that may stand in a command.
valid() {
  local code=0
  "$BIN/poe-budget" --validate --only "$1" >/dev/null 2>"$work/said" || code=$?
  [ "$code" = 0 ] || [ "$code" = 3 ] || {
    sed "s/^poe-budget/$name/" "$work/said" >&2
    exit "$code"
  }
}

# inventory DOCUMENT: an executable that tells Ansible of the nodes. k3s-join knows them best; where it says no, or is
# not there, names and addresses are enough.
inventory() {
  local list=$work/inventory.json
  if ! { [ -x "$BIN/k3s-join" ] && "$BIN/k3s-join" -f ansible "$1" >"$list" 2>/dev/null && [ -s "$list" ]; }; then
    jq '(.nodes // []) as $nodes | {
        _meta: {hostvars: ($nodes | map({(.name): (
          if .address then {ansible_host: (.address | split("/")[0])} else {} end)}) | add // {})},
        all: {hosts: [$nodes[].name]}}' "$1" >"$list"
  fi
  # What Ansible is told of each node beside that.
  jq '{all: {hosts: ((.nodes // []) | map({(.name): (
        if (.disk.device // "" | test("^/dev/[A-Za-z0-9/_.:+-]+$")) then {cluster_disk: .disk.device} else {} end)})
      | add // {})}}' "$1" >"$work/disks.yaml"
  printf '#!/bin/sh\ncat "%s"\n' "$list" >"$work/inventory"
  chmod 700 "$work/inventory"
}

# play BOOK NODES ARGUMENTS…
play() {
  local book=$1 nodes=$2
  shift 2
  ANSIBLE_CONFIG=${ANSIBLE_CONFIG:-$here/ansible.cfg} ansible-playbook -i "$work/inventory" -i "$work/disks.yaml" \
    -e "$(jq -nc --arg nodes "$nodes" --arg work "$work" '{$nodes, $work}')" "$@" "$here/$book.yml"
}
