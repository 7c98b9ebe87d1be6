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
    kill -KILL "$(pid_of "$3")"
    ;;
  *)
    printf 'usage: %s DIR start|stop|kill NAME\n' "$0" >&2
    exit 2
    ;;
esac
