# shellcheck shell=bash
# The four services, their keys and databases, and what a person needs to use them, in ROOT/.run.
#
# Whoever sources this has sourced servers.sh, and sets BIN_DIR to where cargo put the programs.

SERVICES=(intake routing notify ledger)

# In the order of starting; stopped in the opposite one.
PROCESSES=(postgres nats "${SERVICES[@]}")

# Names the ledger to everybody who checks its signatures: the city's region code under the name of this deployment.
LEDGER_ORIGIN=huying.local/150800

# --- Keys ---

# Keys are made once: with another signing key every token out there is void, with another sealing key the private
# parts cannot be read any more, with another ledger key the log is another log.
ensure_keys() {
  local keys="$RUN_DIR/keys"
  mkdir -p "$keys"
  chmod 700 "$keys"
  [[ -s $keys/jwt.key.pem && -s $keys/jwks.json ]] || make_key jwt --out-dir "$keys"
  [[ -s $keys/sealing.key ]] || make_key sealing --out "$keys/sealing.key"
  [[ -s $keys/ledger.key && -s $keys/ledger.key.pub ]] ||
    make_key ledger --origin "$LEDGER_ORIGIN" --out "$keys/ledger.key"
}

make_key() {
  say "Making the $1 key"
  (umask 077 && "$BIN_DIR/huying" keys "$@" >&2) || die "huying keys $* failed"
}

# --- Running ---

# services_start: databases, then every service that does not run as it should, then readiness of all.
services_start() {
  local service
  choose_ports intake_http intake_grpc routing_http routing_grpc notify_http notify_grpc ledger_http ledger_grpc
  for service in "${SERVICES[@]}"; do
    ensure_service_database "$service" || die "the database of $service could not be prepared"
  done
  for service in "${SERVICES[@]}"; do start_service "$service"; done
  for service in "${SERVICES[@]}"; do
    await_http "$service" "$RUN_DIR/log/$service.log" "${PORT[${service}_http]}" /readyz 60
  done
}

# A service that was started from another build or with other settings is started again.
start_service() {
  local service=$1 fingerprint
  fingerprint=$(service_fingerprint "$service")
  if is_alive "$service"; then
    [[ $fingerprint != "$(cat "$RUN_DIR/pid/$service.started-as" 2>/dev/null)" ]] || return 0
    say "Restarting $service: its program or its settings have changed"
    stop_process "$service" TERM 35
  else
    say "Starting $service on ports ${PORT[${service}_http]} (HTTP) and ${PORT[${service}_grpc]} (gRPC)"
  fi
  mkdir -p "$RUN_DIR/state/$service"
  (
    export_settings "$service"
    cd "$RUN_DIR/state/$service" &&
      spawn "$service" "$RUN_DIR/log/$service.log" "$BIN_DIR/$service-svc"
  ) || exit 1
  printf '%s\n' "$fingerprint" >"$RUN_DIR/pid/$service.started-as"
}

# All are asked first, so that they drain side by side.
services_stop() {
  local service
  for service in "${SERVICES[@]}"; do
    if is_alive "$service"; then kill -s TERM "$(pid_of "$service")" 2>/dev/null || true; fi
  done
  for service in "${SERVICES[@]}"; do
    stop_process "$service" TERM 35
    rm -f "$RUN_DIR/pid/$service.started-as"
  done
}

service_fingerprint() {
  { stat --format '%i %Y %s' "$BIN_DIR/$1-svc" && service_settings "$1"; } | sha256sum
}

export_settings() {
  local setting
  while IFS= read -r setting; do export "${setting?}"; done < <(service_settings "$1")
}

# The settings of one service, one NAME=VALUE a line.
service_settings() {
  local service=$1
  cat <<SETTINGS
HUYING_DATABASE_URL=$(postgres_url "$service" "huying_$service")
HUYING_NATS_URL=$(nats_url)
HUYING_GRPC_LISTEN=127.0.0.1:${PORT[${service}_grpc]}
HUYING_HTTP_LISTEN=127.0.0.1:${PORT[${service}_http]}
HUYING_JWKS=$RUN_DIR/keys/jwks.json
HUYING_LOG=${HUYING_LOG:-info}
HUYING_LOG_FORMAT=${HUYING_LOG_FORMAT:-text}
SETTINGS
  case $service in
    intake)
      printf 'HUYING_SEALING_KEY_FILE=%s\n' "$RUN_DIR/keys/sealing.key"
      printf 'HUYING_PICTURES=%s\n' "$RUN_DIR/pictures"
      printf 'HUYING_LEDGER_PUBLIC_URL=%s\n' "http://127.0.0.1:${PORT[ledger_http]}"
      ;;
    ledger)
      printf 'HUYING_LOG_ORIGIN=%s\n' "$LEDGER_ORIGIN"
      printf 'HUYING_LOG_KEY_FILE=%s\n' "$RUN_DIR/keys/ledger.key"
      printf 'HUYING_LOG_MARK_FILE=%s\n' "$RUN_DIR/ledger.mark"
      printf 'HUYING_INTAKE_PUBLIC_URL=%s\n' "http://127.0.0.1:${PORT[intake_http]}"
      printf 'HUYING_LEDGER_PUBLIC_URL=%s\n' "http://127.0.0.1:${PORT[ledger_http]}"
      ;;
  esac
}

running_processes() {
  local name
  for name in "${PROCESSES[@]}"; do
    if is_alive "$name"; then printf '%s\n' "$name"; fi
  done
}

# --- What a person uses ---

# Writes RUN_DIR/env, for the shell to source; the command line finds it by itself. Tokens are new each time, since
# they expire.
write_env() {
  say "Writing $RUN_DIR/env with fresh tokens"
  local operator office_150800 office_150802 office_150802001
  operator=$(mint_token --role operator) || exit 1
  office_150800=$(mint_token --role office --unit 150800-office --region 150800) || exit 1
  office_150802=$(mint_token --role office --unit 150802-office --region 150802) || exit 1
  office_150802001=$(mint_token --role office --unit 150802001-office --region 150802001) || exit 1
  mkdir -p "$RUN_DIR/bin"
  ln -sfn "$BIN_DIR/huying" "$RUN_DIR/bin/huying"
  (
    umask 077
    {
      export_line HUYING_BIN "$BIN_DIR/huying"
      # So that a shell that has sourced this finds `huying`, wherever cargo has built it.
      printf 'export PATH=%s/bin:"$PATH"\n' "${RUN_DIR@Q}"
      export_line HUYING_INTAKE "http://127.0.0.1:${PORT[intake_grpc]}"
      export_line HUYING_ROUTING "http://127.0.0.1:${PORT[routing_grpc]}"
      export_line HUYING_NOTIFY "http://127.0.0.1:${PORT[notify_grpc]}"
      export_line HUYING_LEDGER "http://127.0.0.1:${PORT[ledger_grpc]}"
      export_line HUYING_INTAKE_WEB "http://127.0.0.1:${PORT[intake_http]}"
      export_line HUYING_LEDGER_WEB "http://127.0.0.1:${PORT[ledger_http]}"
      export_line HUYING_NATS "$(nats_url)"
      export_line HUYING_SIGNING_KEY "$RUN_DIR/keys/jwt.key.pem"
      export_line HUYING_LEDGER_VKEY "$(<"$RUN_DIR/keys/ledger.key.pub")"
      export_line HUYING_TOKEN_OPERATOR "$operator"
      export_line HUYING_TOKEN_OFFICE_150800 "$office_150800"
      export_line HUYING_TOKEN_OFFICE_150802 "$office_150802"
      export_line HUYING_TOKEN_OFFICE_150802001 "$office_150802001"
    } >"$RUN_DIR/env.new"
  )
  mv "$RUN_DIR/env.new" "$RUN_DIR/env"
}

mint_token() {
  "$BIN_DIR/huying" token --key "$RUN_DIR/keys/jwt.key.pem" --ttl 30d "$@" || die "huying token $* failed"
}

export_line() { printf "export %s='%s'\n" "$1" "${2//\'/\'\\\'\'}"; }

# --- Sample data ---

# Imports the reference data when it has not been imported yet, or is another than then; plays the sample day once.
ensure_sample() {
  local sample="$ROOT/deploy/sample" checksum
  checksum=$(cd "$sample" && find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum) ||
    die "the sample data cannot be read"
  if [[ $checksum != "$(cat "$RUN_DIR/sample.imported" 2>/dev/null)" ]]; then
    say "Importing the reference data of deploy/sample"
    run_huying import "$sample"
    printf '%s\n' "$checksum" >"$RUN_DIR/sample.imported"
  fi
  if [[ ! -e $RUN_DIR/sample.played ]]; then
    say "Playing the sample day"
    run_huying sample play "$sample/day.jsonl"
    printf '%s\n' "$checksum" >"$RUN_DIR/sample.played"
  fi
}

# The command line against this deployment; ten minutes are more than any command of ours takes.
run_huying() { run_child huying_of_this_run "$@" >&2 || die "huying $* failed"; }

huying_of_this_run() {
  # shellcheck source=/dev/null
  source "$RUN_DIR/env"
  cd "$ROOT" || exit 1
  exec timeout --foreground 600 "$BIN_DIR/huying" "$@"
}
