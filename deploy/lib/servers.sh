# shellcheck shell=bash
# A PostgreSQL and a NATS server of our own, in a run directory, on loopback only.
#
# Whoever sources this sets ROOT (the checkout) and RUN_DIR (where the servers live). deploy/up uses ROOT/.run,
# every test and benchmark run a directory of its own, so that none of them ever meets another's data or ports.
# The settings are those of production: what was answered has been synced to disk, in PostgreSQL and in JetStream.
#
#   RUN_DIR/ports           NAME=NUMBER
#   RUN_DIR/pid/            one record a process, see processes.sh
#   RUN_DIR/log/            one log a process, readable by the owner only
#   RUN_DIR/secrets/        generated passwords, readable by the owner only
#   RUN_DIR/postgres/       the database cluster, unless RUN_DIR/postgres.path names another place
#   RUN_DIR/nats/           nats.conf and the JetStream store

# The account that PostgreSQL runs as when the caller is root, as which it refuses to run.
POSTGRES_ACCOUNT=huying

# servers_start: both servers, installed, running and ready, with PORT, the passwords and the *_URL functions usable.
servers_start() {
  ensure_postgres
  ensure_tool nats-server
  mkdir -p "$RUN_DIR/log" "$RUN_DIR/pid"
  chmod 700 "$RUN_DIR/log"
  choose_ports postgres nats nats_monitor
  start_postgres
  start_nats
}

# Stops both. The broker first: it holds nothing that PostgreSQL does not have.
servers_stop() {
  stop_process nats TERM 20
  stop_postgres
}

# Deletes what the servers keep, wherever it is. They must have been stopped.
servers_wipe() {
  rm -rf -- "$(postgres_dir)" "$RUN_DIR/postgres" "$RUN_DIR/postgres.path" "$RUN_DIR/nats"
}

# URL of a PostgreSQL role and database, password included.
postgres_url() {
  local role=$1 database=$2
  printf 'postgres://%s:%s@127.0.0.1:%s/%s' "$role" "$(secret "postgres-$role")" "${PORT[postgres]}" "$database"
}

nats_url() { printf 'nats://huying:%s@127.0.0.1:%s' "$(secret nats)" "${PORT[nats]}"; }

# ensure_service_database SERVICE: the role SERVICE and its database huying_SERVICE, which no other role may enter.
ensure_service_database() {
  local service=$1 database="huying_$1"
  run_sql postgres <<SQL
SELECT format('CREATE ROLE %I LOGIN', '$service')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$service') \gexec
ALTER ROLE "$service" PASSWORD '$(secret "postgres-$service")';
SELECT format('CREATE DATABASE %I OWNER %I', '$database', '$service')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$database') \gexec
REVOKE ALL ON DATABASE "$database" FROM PUBLIC;
SQL
}

# Runs the SQL on standard input as the superuser.
run_sql() {
  PGPASSWORD=$(secret postgres-postgres) "$PG_BIN/psql" --no-psqlrc --quiet --tuples-only --no-align \
    --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "${PORT[postgres]}" --username postgres --dbname "$1"
}

# A password of this run directory, made at its first use. Letters and digits only: it stands in URLs and in
# configuration files unescaped.
secret() {
  local file="$RUN_DIR/secrets/$1"
  if [[ ! -s $file ]]; then
    mkdir -p "$RUN_DIR/secrets"
    chmod 700 "$RUN_DIR/secrets"
    (umask 077 && LC_ALL=C tr -dc 'A-Za-z0-9' < <(head -c 512 /dev/urandom) | head -c 32 >"$file.new")
    mv "$file.new" "$file"
  fi
  printf '%s' "$(<"$file")"
}

# --- PostgreSQL ---

start_postgres() {
  local log="$RUN_DIR/log/postgres.log"
  if is_alive postgres; then return 0; fi
  settle_postgres_account
  [[ -s $(postgres_dir)/PG_VERSION ]] || create_cluster
  check_cluster_version
  say "Starting PostgreSQL on port ${PORT[postgres]}"
  clear_stale_locks
  configure_postgres
  spawn postgres "$log" "${AS_POSTGRES_ACCOUNT[@]}" "$PG_BIN/postgres" -D "$(postgres_dir)"
  await_postgres "$log" 60
}

# INT is PostgreSQL's fast shutdown. TERM would wait until the last client has gone by itself.
stop_postgres() {
  local directory
  directory=$(postgres_dir)
  stop_process postgres INT 60
  # After a kill the children notice a moment later that the postmaster is gone.
  wait_until 10 no_process_in "$directory" || say "processes of PostgreSQL are still in $directory"
}

# Sets AS_POSTGRES_ACCOUNT, the words before a command that make it run under the unprivileged account, and chooses
# the cluster's place: RUN_DIR, or /var/lib/huying when that account may not enter it, as in root's home.
settle_postgres_account() {
  AS_POSTGRES_ACCOUNT=()
  ((EUID == 0)) || return 0
  if ! id "$POSTGRES_ACCOUNT" >/dev/null 2>&1; then
    say "Adding the system account $POSTGRES_ACCOUNT, since PostgreSQL does not run as root"
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
      "$POSTGRES_ACCOUNT" || die "the account $POSTGRES_ACCOUNT could not be added"
  fi
  AS_POSTGRES_ACCOUNT=(setpriv --reuid "$POSTGRES_ACCOUNT" --regid "$POSTGRES_ACCOUNT" --clear-groups --)
  [[ ! -s $RUN_DIR/postgres.path && ! -d $RUN_DIR/postgres ]] || return 0
  if "${AS_POSTGRES_ACCOUNT[@]}" test -x "$RUN_DIR"; then return 0; fi
  local place
  place=/var/lib/huying/$(printf '%s' "$RUN_DIR" | sha256sum | head -c 16)
  say "The account $POSTGRES_ACCOUNT may not enter $RUN_DIR: the database goes to $place"
  mkdir -p "${place%/*}"
  printf '%s\n' "$place" >"$RUN_DIR/postgres.path"
}

postgres_dir() {
  if [[ -s $RUN_DIR/postgres.path ]]; then
    printf '%s' "$(<"$RUN_DIR/postgres.path")"
  else
    printf '%s' "$RUN_DIR/postgres"
  fi
}

# initdb works in a folder aside: a cluster that has the final name is complete, whatever was interrupted.
create_cluster() {
  local directory aside log="$RUN_DIR/log/initdb.log"
  directory=$(postgres_dir)
  aside="$directory.new"
  say "Creating a database cluster in $directory"
  rm -rf -- "$aside" "$directory"
  mkdir -m 700 "$aside"
  (umask 077 && secret postgres-postgres >"$aside.password")
  if ((EUID == 0)); then chown "$POSTGRES_ACCOUNT:" "$aside" "$aside.password"; fi
  if ! "${AS_POSTGRES_ACCOUNT[@]}" "$PG_BIN/initdb" --pgdata "$aside" --username postgres \
    --pwfile "$aside.password" --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 --data-checksums \
    >"$log" 2>&1 </dev/null; then
    show_log_end "$log"
    die "initdb could not create a database cluster"
  fi
  rm -f "$aside.password"
  printf "include 'huying.conf'\n" >>"$aside/postgresql.conf"
  mv "$aside" "$directory"
}

check_cluster_version() {
  local version
  version=$(<"$(postgres_dir)/PG_VERSION")
  "$PG_BIN/postgres" --version | grep -qE "\) ${version}([.]|[a-z])" ||
    die "the data in $(postgres_dir) is of PostgreSQL $version, and $PG_BIN is not; move it with pg_upgrade, or start anew with deploy/up --fresh"
}

# Written at every start, for the port may have changed. The socket's path must fit 107 bytes; where it does not
# there is none, and TCP on loopback is what the services use anyway.
configure_postgres() {
  local directory socket_dir
  directory=$(postgres_dir)
  socket_dir=$directory/socket
  local socket="$socket_dir/.s.PGSQL.${PORT[postgres]}"
  if (($(printf '%s' "$socket" | wc -c) <= 107)); then
    mkdir -p "$socket_dir"
    chmod 700 "$socket_dir"
  else
    socket_dir=
  fi
  cat >"$directory/huying.conf" <<CONF
listen_addresses = '127.0.0.1'
port = ${PORT[postgres]}
unix_socket_directories = '${socket_dir//\'/\'\'}'

# An answer means that it is on disk.
fsync = on
synchronous_commit = on
full_page_writes = on

max_connections = 200
shared_buffers = 256MB
wal_compression = lz4
default_toast_compression = lz4
max_wal_size = 4GB
checkpoint_timeout = 15min
autovacuum = on

password_encryption = 'scram-sha-256'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
# Statements, and the details of their errors, carry citizens' words; the log never does.
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length_on_error = 0
CONF
  if ((EUID == 0)); then chown -R "$POSTGRES_ACCOUNT:" "$directory/huying.conf" ${socket_dir:+"$socket_dir"}; fi
}

# After a kill, PostgreSQL finds its old lock files, and judges by the number in them whether that server still runs.
# It is misled where the number has since been given to another process of the same account, and where the killed
# one is still a zombie, as in a container whose first process reaps late. The locks go only when nothing works in
# the data directory any more: while anything does, PostgreSQL's refusal is what protects the data.
clear_stale_locks() {
  local directory
  directory=$(postgres_dir)
  [[ -e $directory/postmaster.pid || -e $directory/socket ]] || return 0
  wait_until 10 no_process_in "$directory" ||
    die "a PostgreSQL that no record names works in $directory: stop process $(head -n 1 "$directory/postmaster.pid")"
  rm -rf -- "$directory/postmaster.pid" "$directory/socket"
}

no_process_in() {
  local directory=$1
  ! { readlink /proc/[0-9]*/cwd 2>/dev/null || true; } | grep -qxF -e "$directory"
}

await_postgres() {
  local log=$1 seconds=$2
  if wait_until "$seconds" postgres_answers_or_ended && is_alive postgres; then return 0; fi
  show_log_end "$log"
  is_alive postgres && die "PostgreSQL does not answer after $seconds s"
  die "PostgreSQL ended while it started"
}

postgres_answers_or_ended() {
  is_gone postgres || run_sql postgres <<<'SELECT 1' >/dev/null 2>&1
}

# --- NATS ---

start_nats() {
  local log="$RUN_DIR/log/nats.log"
  if is_alive nats; then return 0; fi
  say "Starting NATS on port ${PORT[nats]}"
  mkdir -p "$RUN_DIR/nats"
  configure_nats
  spawn nats "$log" "$(tool_path nats-server)" --config "$RUN_DIR/nats/nats.conf"
  await_http nats "$log" "${PORT[nats_monitor]}" "/healthz?js-enabled-only=true" 30
}

# sync_interval: JetStream otherwise acknowledges up to two minutes before it syncs.
configure_nats() {
  (
    umask 077
    cat >"$RUN_DIR/nats/nats.conf" <<CONF
server_name: huying
listen: "127.0.0.1:${PORT[nats]}"
http: "127.0.0.1:${PORT[nats_monitor]}"
authorization { user: huying, password: "$(secret nats)" }
jetstream {
  store_dir: "$RUN_DIR/nats/store"
  sync_interval: always
  max_memory_store: 256MB
  max_file_store: 16GB
}
CONF
  )
}
