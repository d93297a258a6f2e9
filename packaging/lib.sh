# Shared by packaging/up, packaging/test and .ci/run: steps with progress, packages, builds. Sourced by bash.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$top/build/logs
step_number=0
# One cache for all build folders and clones: paths below the checkout are made relative before they are hashed.
export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=include_file_mtime,include_file_ctime,time_macros,pch_defines

die() { # MESSAGE [HINT]
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  [ -z "${2-}" ] || printf '  what to do: %s\n' "$2" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" -eq 0 ] || die "must run as root (network namespaces and packages need it)" "sudo $0"
}

# step NAME HINT COMMAND…: runs the command with its output in a log file; shows on a terminal the log's last line while it runs.
step() {
  local name=$1 hint=$2 log started=$SECONDS
  shift 2
  step_number=$((step_number + 1))
  mkdir -p "$logs"
  log=$logs/$(printf '%02d-%s.log' "$step_number" "${name//[^A-Za-z0-9]/-}")
  printf '[%d] %s …' "$step_number" "$name"
  [ -t 1 ] || printf '\n'
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$!
  follow_step "$pid" "$name" "$log" "$started"
  if wait "$pid"; then
    if [ -t 1 ]; then printf '\r\033[K'; fi
    printf '[%d] %s: done in %d s\n' "$step_number" "$name" $((SECONDS - started))
    return 0
  fi
  [ -t 1 ] && printf '\n'
  tail -n 25 "$log" >&2
  die "step $step_number ($name) failed; the whole output is in $log" "$hint"
}

follow_step() { # PID NAME LOG STARTED
  local shown=0
  while kill -0 "$1" 2>/dev/null; do
    if [ -t 1 ]; then
      printf '\r\033[K[%d] %s … %d s  %s' "$step_number" "$2" $((SECONDS - $4)) "$(tail -n 1 "$3" 2>/dev/null | tr -d '\r' | cut -c1-60)"
    elif [ $((SECONDS - $4)) -ge $((shown + 30)) ]; then
      shown=$((SECONDS - $4))
      printf '    … %d s  %s\n' "$shown" "$(tail -n 1 "$3" 2>/dev/null | cut -c1-100)"
    fi
    sleep 0.5
  done
}

packages_of() { # LIST…: names without comments
  local list
  for list in "$@"; do sed -e 's/#.*//' -e '/^ *$/d' "$top/packaging/packages-$list.txt"; done
}

# Also there is what another package provides: a newer nodejs brings npm, and refuses to stand beside Debian's.
missing_packages() { # LIST…
  local name provided
  provided=$(dpkg-query -W -f '${db:Status-Status} ${Provides}\n' | sed -n 's/^installed //p' | tr ',' '\n' | sed 's/(.*//; s/ //g')
  for name in $(packages_of "$@"); do
    dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed && continue
    grep -qxF "$name" <<<"$provided" || printf '%s\n' "$name"
  done
}

enabled_units() {
  [ ! -d /run/systemd/system ] || systemctl list-unit-files --no-legend --state=enabled | sed 's/ .*//' | sort
}

# What packages would start (tests want a name server and a relay) starts neither now nor at the next boot: whoever needs it starts his own.
apt_install() {
  local policy=/usr/sbin/policy-rc.d before status=0
  export DEBIAN_FRONTEND=noninteractive
  apt-get update || return
  before=$(enabled_units)
  if [ ! -e "$policy" ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  apt-get install -y --no-install-recommends "$@" || status=$?
  comm -13 <(printf '%s\n' "$before") <(enabled_units) | xargs -r systemctl disable --quiet || status=1
  return "$status"
}

install_packages() { # LIST…
  local missing
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "packages are missing and there is no apt-get: $(echo $missing)" "install them by hand; the names are Debian 12's"
  # shellcheck disable=SC2086  # one word per package is meant
  step "Installing $(echo "$missing" | wc -l) packages" "check the network and /etc/apt/sources.list, then run this again" apt_install $missing
}

fetch_unpacked() { # FOLDER
  local work
  work=$(mktemp -d)
  cd "$work"
  # shellcheck disable=SC2046  # one word per package is meant
  apt-get download $(packages_of unpacked) || { apt-get update && apt-get download $(packages_of unpacked); } || return
  rm -rf "$1"
  mkdir -p "$1"
  local deb
  for deb in "$work"/*.deb; do dpkg -x "$deb" "$1" || return; done
  rm -rf "$work"
  packages_of unpacked >"$1/list"
}

# Without them their labs say SKIPPED, and everything else goes on.
unpack_packages() {
  local folder=$top/build/unpacked
  ! packages_of unpacked | cmp -s - "$folder/list" || return 0
  (step "Unpacking $(packages_of unpacked | wc -l) packages" "check the network; labs that need them are skipped" fetch_unpacked "$folder") || return 0
}

configure() { # PRESET
  cmake --preset "$1" -S "$top" "${configure_options[@]}"
}

configure_options=()
build() { # PRESET [TARGET…]
  local preset=$1
  shift
  [ -f "$top/build/$preset/build.ninja" ] ||
    step "Configuring ($preset)" "read the log; a missing library is named in it" configure "$preset"
  step "Building ($preset)" "read the log; 'rm -rf build/$preset' and run this again" \
    cmake --build "$top/build/$preset" ${1:+--target "$@"}
}
