# shellcheck shell=bash
# What the parts beside this measure with; sourced by scripts/bench, and by a part that measures in namespaces of its own.
# $tool is the program whose part it is, $work a folder for files.

rows=()

# row WHAT OURS PEER RATIO AIM [MISSED]: a row of the table; MISSED is any word where the aim is.
row() {
  local aim=$5${6:+, **missed**}
  rows+=("| ${tool:?}, $1 | $2 | $3 | $4 | $aim |")
  printf '%-78s %10s %10s %6s %s\n' "$tool, $1" "$2" "$3" "$4" "$aim" >&2
}

die() {
  echo "bench: $*" >&2
  exit 1
}

# Seconds and bytes as people read them.
seconds() { awk -v s="$1" 'BEGIN { if (s < 0.1) printf "%.1f ms", s * 1000; else printf "%.2f s", s }'; }
megabytes() { awk -v b="$1" 'BEGIN { if (b < 1e6) printf "%.1f kB", b / 1e3; else printf "%.1f MB", b / 1e6 }'; }

product() { awk -v a="$1" -v b="$2" 'BEGIN { print a * b }'; }
# quotient A B: empty where B is.
quotient() { [ -z "$2" ] || awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
# over MEASURED LIMIT: prints a word where it is, by the numbers as they are and not as they are shown.
over() { awk -v a="$1" -v b="$2" 'BEGIN { if (a > b) print "over" }'; }

# timed OPTION… COMMAND: the median of a command's seconds. Yes and no are answers; what fails is not measured.
timed() {
  hyperfine --ignore-failure --style none --export-json "${work:?}/time.json" "$@" >"${work:?}/hyperfine.log" 2>&1 ||
    die "timing ${*: -1}: $(<"$work/hyperfine.log")"
  jq -e '[.results[].exit_codes[]] | all(. == 0 or . == 3)' "$work/time.json" >/dev/null || die "timing ${*: -1}: it fails"
  jq -r '.results[0].median' "$work/time.json"
}

# median COMMAND: of a shell command, at least five runs after one that warms the caches. The time of the shell itself is
# taken off by hyperfine.
median() { timed --shell=sh --warmup 1 --min-runs 5 --max-runs 20 "$1"; }

# start COMMAND: from start to end of a short program, without a shell.
start() { timed -N --warmup 3 --runs 30 "$1"; }

# peak INPUT PROGRAM ARGUMENTS…: the most memory that it had resident, in bytes.
peak() {
  local input=$1 status=0
  shift
  command time -o "${work:?}/memory" -f %M "$@" <"$input" >/dev/null 2>"$work/errors" || status=$?
  [[ $status == 0 || $status == 3 ]] || die "measuring $*: it fails ($status): $(<"$work/errors")"
  echo $(($(tail -n1 "$work/memory") * 1024))
}

# The functions below take numbers and not commands: in an argument a command that fails would go unseen.

# beside WHAT LIMIT OURS PEER PEER'S-NAME: seconds, ours at most LIMIT times the peer's.
beside() {
  growth "$1, beside \`$5\`" "$2" "$3" "$4"
}

# growth WHAT LIMIT MANY FEW: the seconds for many things, at most LIMIT times those for few.
growth() {
  row "$1" "$(seconds "$3")" "$(seconds "$4")" "$(quotient "$3" "$4")" "at most $2" "$(over "$3" "$(product "$2" "$4")")"
}

# within WHAT LIMIT SECONDS [PEER PEER'S-NAME]: at most LIMIT seconds, or no aim where it is empty; where a peer is named, the ratio
# is to it.
within() {
  local limit
  limit=$(awk -v s="${2:-0}" 'BEGIN { if (s < 1) printf "%g ms", s * 1000; else printf "%g s", s }')
  row "$1${5:+, beside \`$5\`}" "$(seconds "$3")" "${4:+$(seconds "$4")}" "$(quotient "$3" "${4:-$2}")" \
    "${2:+at most $limit}" "${2:+$(over "$3" "$2")}"
}

# weight WHAT LIMIT BYTES [PEER PEER'S-NAME]: the same with bytes.
weight() {
  row "$1${5:+, beside \`$5\`}" "$(megabytes "$3")" "${4:+$(megabytes "$4")}" "$(quotient "$3" "${4:-$2}")" \
    "${2:+at most $(megabytes "$2")}" "${2:+$(over "$3" "$2")}"
}

# memory WHAT LIMIT INPUT PROGRAM ARGUMENTS…: the peak of resident memory, at most LIMIT bytes.
memory() {
  local what=$1 limit=$2 bytes
  shift 2
  bytes=$(peak "$@")
  weight "$what" "$limit" "$bytes"
}
