#!/usr/bin/env bash
# Servers for one test that kills them: tests/servers.sh DIR start | stop | kill postgres|nats
# `start` prints POSTGRES=url and NATS=url; ports and data stay the same over kill and start.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
RUN_DIR=$1
for part in say processes ports tools servers; do
  # shellcheck source=/dev/null
  source "$ROOT/deploy/lib/$part.sh"
done

port_is_free() { [[ $(bindable_ports "$1") == "$1" ]]; }

case $2 in
  start)
    # PostgreSQL's own account has to pass through.
    chmod 711 "$RUN_DIR"
    servers_start >&2
    printf 'POSTGRES=%s\nNATS=%s\n' "$(postgres_url postgres postgres)" "$(nats_url)"
    ;;
  stop)
    if [[ -s $RUN_DIR/ports ]]; then read_ports; fi
    servers_stop >&2
    servers_wipe
    ;;
  kill)
    read_ports
    kill -KILL "$(pid_of "$3")"
    # A process is dead before its last thread has closed its port; whoever starts it again must find the port free.
    wait_until 30 is_gone "$3"
    wait_until 30 port_is_free "${PORT[$3]}"
    ;;
  *)
    printf 'usage: %s DIR start|stop|kill NAME\n' "$0" >&2
    exit 2
    ;;
esac
