# shellcheck shell=bash
# Starting, recognising and stopping the processes of one run directory.
#
# Each process has a record, RUN_DIR/pid/NAME: its process id, its start time and the boot it was started in. The
# three together name one process for ever, so that a process id that the kernel has since given to somebody else
# is never signalled. The started process writes its own record before it becomes the program: there is no moment
# in which it runs unrecorded.

# The field of /proc/PID/stat that follows the command's name by N places. The name may itself hold spaces and
# brackets, therefore everything up to the last bracket is cut off first.
stat_field() {
  local pid=$1 place=$2 stat
  { stat=$(<"/proc/$pid/stat"); } 2>/dev/null || return 1
  local -a fields
  read -ra fields <<<"${stat##*) }"
  printf '%s' "${fields[place]}"
}

# The line that recognises a process later. Fails when there is no such process.
process_identity() {
  local pid=$1 start
  start=$(stat_field "$pid" 19) || return 1
  printf '%s %s %s\n' "$pid" "$start" "$(</proc/sys/kernel/random/boot_id)"
}

# Is the process that the record file names still running? A zombie has ended, and only waits for its parent to look.
identity_is_alive() {
  local record=$1 pid rest state
  [[ -s $record ]] || return 1
  read -r pid rest <"$record"
  [[ "$pid $rest" == "$(process_identity "$pid")" ]] || return 1
  state=$(stat_field "$pid" 0) || return 1
  [[ $state != Z ]]
}

is_alive() { identity_is_alive "$RUN_DIR/pid/$1"; }

pid_of() {
  local pid _
  read -r pid _ <"$RUN_DIR/pid/$1"
  printf '%s' "$pid"
}

# Two scripts at work on one run directory would create the same things twice. The lock is held while things change,
# not for as long as they run.
lock_run_dir() {
  [[ -z $LOCKED ]] || return 0
  exec 9>"$RUN_DIR/lock" || die "$RUN_DIR belongs to another user"
  if ! flock -n 9; then
    say "Another deploy/up or deploy/down is at work here; waiting for it"
    flock -w 900 9 || die "it has been at work for a quarter of an hour"
  fi
  LOCKED=yes
}

unlock_run_dir() {
  exec 9>&-
  LOCKED=
}

LOCKED=

# spawn NAME LOG COMMAND...: starts COMMAND in a session of its own, so that neither the terminal's Ctrl-C nor its
# end reaches it, and with no file of ours open: an inherited pipe would keep a caller waiting, an inherited lock
# would be held for as long as the server lives.
spawn() {
  local name=$1 log=$2 record="$RUN_DIR/pid/$1"
  shift 2
  mkdir -p "$RUN_DIR/pid" "$(dirname "$log")"
  rm -f "$record"
  (
    close_inherited_files
    process_identity "$BASHPID" >"$record.new"
    mv "$record.new" "$record"
    exec setsid "$@"
  ) </dev/null >>"$log" 2>&1 &
  disown
  wait_until 5 test -s "$record" || die "$name could not be started; see $log"
}

close_inherited_files() {
  local path number
  for path in /proc/"$BASHPID"/fd/*; do
    number=${path##*/}
    if ((number > 2)); then exec {number}>&-; fi
  done
}

# run_child COMMAND...: runs COMMAND to its end in a process group of its own, while this shell can still act on a
# signal at once instead of after it. An exit trap calls stop_child, which ends the whole group.
run_child() {
  local status=0
  set -m
  without_job_control "$@" </dev/null &
  CHILD=$!
  set +m
  wait "$CHILD" || status=$?
  CHILD=
  return "$status"
}

# Only the child itself is a job; what it starts stays in its group.
without_job_control() {
  set +m
  "$@"
}

CHILD=

stop_child() {
  [[ -n $CHILD ]] || return 0
  kill -s TERM -- "-$CHILD" 2>/dev/null || return 0
  wait_until 10 child_is_gone || kill -s KILL -- "-$CHILD" 2>/dev/null || true
}

child_is_gone() { ! kill -s 0 -- "-$CHILD" 2>/dev/null; }

# An interrupted script leaves by `exit`, so that its EXIT trap is the one place that cleans up.
exit_on_signals() {
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# wait_until SECONDS COMMAND...: polls, and fails when the time is over.
wait_until() {
  local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
  shift
  until "$@"; do
    ((${EPOCHREALTIME/[.,]/} < deadline)) || return 1
    sleep 0.1
  done
}

is_gone() { ! is_alive "$1"; }

# stop_process NAME SIGNAL SECONDS: asks, waits, and kills what has not listened.
stop_process() {
  local name=$1 signal=$2 patience=$3 record="$RUN_DIR/pid/$1"
  if is_alive "$name"; then
    kill -s "$signal" "$(pid_of "$name")" 2>/dev/null || true
    if ! wait_until "$patience" is_gone "$name"; then
      say "$name has not stopped within $patience s of SIG$signal: killing it"
      kill -s KILL "$(pid_of "$name")" 2>/dev/null || true
      wait_until 10 is_gone "$name" || say "$name (process $(pid_of "$name")) survives SIGKILL"
    fi
  fi
  rm -f "$record"
}

# The status code of an HTTP GET on this machine; fails when nobody answers within two seconds. The shell itself is
# client enough, and a machine without curl can run Huying too.
http_status() {
  local port=$1 path=$2
  # shellcheck disable=SC2016 # the inner shell expands these
  timeout 2 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n" "$2" "$1" >&3
    read -r _ status _ <&3 && printf "%s" "$status"
  ' http_status "$port" "$path" 2>/dev/null
}

http_is_ok() { [[ $(http_status "$1" "$2") == 200 ]]; }

ended_or_ok() { is_gone "$1" || http_is_ok "$2" "$3"; }

# await_http NAME LOG PORT PATH SECONDS: waits for 200, and does not wait on for a process that has ended.
await_http() {
  local name=$1 log=$2 port=$3 path=$4 seconds=$5
  if wait_until "$seconds" ended_or_ok "$name" "$port" "$path" && is_alive "$name"; then return 0; fi
  show_log_end "$log"
  if is_alive "$name"; then
    die "$name is not ready after $seconds s: GET http://127.0.0.1:$port$path answers '$(http_status "$port" "$path" || true)'"
  fi
  die "$name ended while it started"
}
