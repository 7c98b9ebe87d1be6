# shellcheck shell=bash
# Port numbers of one run directory, kept in RUN_DIR/ports, one NAME=NUMBER a line.
#
# All of them lie below 32768, where Linux begins to hand out ports to outgoing connections: above it, a port that
# is free now may be some client's at the moment its server binds it.

declare -A PORT=()

# The ports that a script would like, by name; without a wish a port is chosen by chance.
declare -A WANTED_PORT=()

# choose_ports NAME...: fills PORT and RUN_DIR/ports. A name whose process runs keeps its port; any other gets the
# port it had, else the one in WANTED_PORT, else a free one. What is free is found by binding it.
choose_ports() {
  read_ports
  local name
  local -a wishes=() chosen=()
  for name in "$@"; do
    if [[ -n ${PORT[$name]:-} ]] && is_alive "$(port_user "$name")"; then
      wishes+=("=${PORT[$name]}")
    else
      wishes+=("${PORT[$name]:-${WANTED_PORT[$name]:-0}}")
    fi
  done
  mapfile -t chosen < <(bindable_ports "${wishes[@]}")
  ((${#chosen[@]} == $#)) || die "no free ports were found on 127.0.0.1"
  local i=0
  for name in "$@"; do
    PORT[$name]=${chosen[i]}
    i=$((i + 1))
  done
  write_ports
}

# The process that a port belongs to: nats_monitor is nats's, intake_http is intake's.
port_user() { printf '%s' "${1%%_*}"; }

read_ports() {
  local name number
  [[ -r $RUN_DIR/ports ]] || return 0
  while IFS='=' read -r name number; do
    if [[ $number =~ ^[0-9]+$ ]]; then PORT[$name]=$number; fi
  done <"$RUN_DIR/ports"
}

write_ports() {
  local name
  for name in "${!PORT[@]}"; do printf '%s=%s\n' "$name" "${PORT[$name]}"; done | sort >"$RUN_DIR/ports.new"
  mv "$RUN_DIR/ports.new" "$RUN_DIR/ports"
}

# One port a line for each wish: `=N` is taken as it is, `N` if it can be bound, else one by chance. All are held
# until the last is found, so that no two are the same.
bindable_ports() {
  python3 - "$@" <<'PYTHON'
import random, socket, sys

held = []

def bind(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        s.bind(("127.0.0.1", port))
        s.listen(1)
    except OSError:
        s.close()
        return False
    held.append(s)
    return True

for wish in sys.argv[1:]:
    if wish.startswith("="):
        print(wish[1:])
        continue
    tries = [int(wish)] if int(wish) else []
    tries += random.sample(range(20000, 30000), 200)
    found = next((p for p in tries if bind(p)), None)
    if found is None:
        sys.exit(1)
    print(found)
PYTHON
}
