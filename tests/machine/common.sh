# Sourced by the scripts beside it and by scripts/build-pi: a cache outside the
# tree, and an apt of our own that touches nothing of the host's.
# shellcheck shell=bash

# mkfs and depmod are here, and not on everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cloud-at-home

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { note "$*"; exit 1; }

# need PROGRAM…: fail naming every program that is not there, not only the first.
need() {
  local p missing=()
  for p; do [[ -n $(type -P "$p") ]] || missing+=("$p"); done
  [[ ${#missing[@]} == 0 ]] || die "missing: ${missing[*]} (scripts/setup installs them)"
}

# key FILE…: what went in, as a short hash. - is standard input.
key() { cat "$@" | sha256sum | cut -c1-16; }

# made NAME BUILDER [ARG…]: prints the folder $cache/NAME. Where it is missing,
# BUILDER fills a temporary folder (its first argument), which takes the name only
# when it is complete; so whoever finds the name finds everything in it. One
# builder at a time: a second caller waits and then finds the work done.
made() {
  local name=$1 builder=$2 tmp lock
  shift 2
  mkdir -p "$cache"
  if [[ ! -d $cache/$name ]]; then
    exec {lock}>"$cache/.lock-${name%-*}"
    flock "$lock"
    if [[ ! -d $cache/$name ]]; then
      note "making $cache/$name"
      # Of a builder that was killed: none other is at work under this lock.
      rm -rf "$cache/.tmp-${name%-*}-"*
      tmp=$(mktemp -d "$cache/.tmp-$name.XXXXXX")
      # A subshell with -e of its own, not a condition: there -e would not count.
      set +e
      (set -e; "$builder" "$tmp" "$@" >&2)
      local status=$?
      set -e
      if [[ $status != 0 ]]; then
        rm -rf "$tmp"
        die "making $name failed ($status)"
      fi
      chmod 755 "$tmp"
      mv -T "$tmp" "$cache/$name"
      # Earlier ones that nobody has asked for in two weeks.
      find "$cache" -maxdepth 1 -name "${name%-*}-????????????????" -mtime +14 -exec rm -rf {} +
      find "$cache" -maxdepth 1 -name "${name%-*}-of-*" -xtype l -delete
    fi
    exec {lock}>&-
  fi
  printf '%s\n' "$cache/$name"
}

# in_use LINK: the folder that the link names, kept from being cleared away.
in_use() {
  readlink -f "$1"
  touch "$1/"
}

# point LINK FOLDER: at once, so that nobody finds it missing.
point() { ln -sfn "$2" "$1.$$" && mv -T "$1.$$" "$1"; }

# private_apt ARCH[,ARCH] [PACKAGE…]: defines apt_get, apt_cache for these
# architectures, with lists and a status file of their own: the host need not know
# the architecture, and dependencies are resolved from nothing. Each PACKAGE is
# taken for installed: so it and what it alone needs stay away.
private_apt() {
  local archs=$1 home p
  shift
  home=$cache/apt-${archs//,/-}
  mkdir -p "$home/lists/partial" "$home/archives/partial"
  for p; do
    printf 'Package: %s\nStatus: install ok installed\nVersion: 999\nArchitecture: all\nMulti-Arch: allowed\n\n' "$p"
  done >"$home/status"
  # The host's own clean-up hooks would clean the host.
  printf '#clear %s;\n' APT::Update::{Pre,Post}-Invoke{,-Success} DPkg::{Pre,Post}-Invoke >"$home/config"
  apt_options=(-qq -c "$home/config" -o "APT::Architecture=${archs%%,*}" -o "APT::Architectures=$archs"
    -o "Dir::State=$home" -o "Dir::State::Lists=$home/lists" -o "Dir::State::status=$home/status"
    -o "Dir::Cache=$home" -o "Dir::Cache::archives=$home/archives"
    -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none)
  (
    # Two updates at once would write the same lists.
    flock 9
    if [[ -z $(find "$home/updated" -mmin -720 2>/dev/null) ]]; then
      apt-get "${apt_options[@]}" update && touch "$home/updated"
    fi
  ) 9>"$home/lock"
}
apt_get() { apt-get "${apt_options[@]}" "$@"; }
apt_cache() { apt-cache "${apt_options[@]}" "$@"; }
