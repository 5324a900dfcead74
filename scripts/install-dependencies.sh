#!/usr/bin/env bash
# Install what the build, the tests and the demonstration need from the packages of Debian or Ubuntu; what is there
# already is left alone, and if nothing is missing neither apt nor root is needed.
#
#   scripts/install-dependencies.sh
#
# SINKHORN_PACKAGES  other packages instead, separated by blanks
set -euo pipefail

packages=(g++ cmake ninja-build ccache pkg-config python3 python3-numpy python3-venv
  libinsighttoolkit5-dev insighttoolkit5-examples libhwy-dev libfftw3-dev
  libcli11-dev nlohmann-json3-dev libassimp-dev libgtest-dev libbenchmark-dev)
[ -z "${SINKHORN_PACKAGES:-}" ] || read -r -a packages <<<"$SINKHORN_PACKAGES"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "install-dependencies: this machine has no apt. Install by hand the equivalents of: ${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install-dependencies: missing ${missing[*]}; run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
  [ -t 0 ] || as_root=(sudo -n) # nobody there to type a password
fi

echo "Installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q </dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null
