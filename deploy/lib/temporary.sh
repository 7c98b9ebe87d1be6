# shellcheck shell=bash
# A run directory for one test or benchmark run: ROOT/.run/PREFIX-XXXXXX, deleted at its end.
#
# The directory names the script that owns it. A script that was killed cannot clean up after itself; the next one,
# or deploy/down, finds what it left, stops it and deletes it.

begin_temporary_run() {
  local prefix=$1
  mkdir -p "$ROOT/.run"
  sweep_abandoned_runs
  RUN_DIR=$(mktemp -d "$ROOT/.run/$prefix-XXXXXX")
  process_identity $$ >"$RUN_DIR/owner"
  # mktemp shuts everybody out; PostgreSQL's account has to pass through.
  chmod 711 "$RUN_DIR"
}

end_temporary_run() {
  servers_stop
  servers_wipe
  rm -rf -- "$RUN_DIR"
}

sweep_abandoned_runs() {
  local directory
  for directory in "$ROOT"/.run/test-* "$ROOT"/.run/bench-*; do
    if [[ -d $directory ]] && is_abandoned "$directory"; then
      say "Clearing ${directory##*/}, which a killed script left behind"
      (RUN_DIR=$directory && end_temporary_run)
    fi
  done
}

# A directory without an owner may have been made this very moment; after a minute it has been left.
is_abandoned() {
  local directory=$1
  if [[ -s $directory/owner ]]; then
    ! identity_is_alive "$directory/owner"
  else
    [[ -n $(find "$directory" -maxdepth 0 -mmin +1) ]]
  fi
}
