# shellcheck shell=bash
# What a person reads while a script of deploy/ works: steps with the time since the start, reasons, last log lines.
#
# Everything goes to standard error, so that a script's standard output carries only what somebody may want to
# pipe onwards.

STARTED_US=${EPOCHREALTIME/[.,]/}

# Seconds since the script began, with one decimal.
elapsed() {
  local us=$((${EPOCHREALTIME/[.,]/} - STARTED_US))
  printf '%d.%d' $((us / 1000000)) $((us % 1000000 / 100000))
}

say() { printf '[%6ss] %s\n' "$(elapsed)" "$*" >&2; }

# An exit trap does the cleaning up; this only gives the reason.
die() {
  say "Failed: $*"
  exit 1
}

# The end of a log, since the reason of a failed start is nearly always in it.
show_log_end() {
  local log=$1
  [[ -s $log ]] || {
    printf '         (%s is empty)\n' "$log" >&2
    return 0
  }
  printf '         Last lines of %s:\n' "$log" >&2
  tail -n 20 -- "$log" | sed 's/^/         | /' >&2
}
