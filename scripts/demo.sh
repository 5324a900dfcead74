#!/usr/bin/env bash
# Install what is missing, build, and register five pairs, by sinkhorn-register and by greedy (https://greedy.readthedocs.io) at their
# defaults: shapes far apart, shapes that move in opposite directions, a label map, an MR with a known deformation, two stains.
#
#   scripts/demo.sh [OUTPUT]        OUTPUT: folder for pictures and numbers, default <build folder>/demo
#
# SINKHORN_BUILD_DIR  where to build, default <repository>/build
set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bash "$scripts/install-dependencies.sh"
build=$(bash "$scripts/build.sh" -DBUILD_TESTING=OFF | tail -n 1) # the tests would take most of the time
output=${1:-$build/demo}
mkdir -p "$output"
output=$(cd "$output" && pwd)

# The examples' images come with a package. Slim images of Debian and Ubuntu drop all of /usr/share/doc while installing;
# then they are taken out of the package itself.
examples=usr/share/doc/insighttoolkit5-examples/examples/Data
if [ ! -e "/$examples/RatLungSlice1.mha" ]; then
  package=$build/demo-package
  if [ ! -e "$package/$examples/RatLungSlice1.mha" ]; then
    mkdir -p "$package"
    (cd "$package" && apt-get download -q insighttoolkit5-examples </dev/null >&2 && dpkg-deb -x insighttoolkit5-examples_*.deb .)
  fi
else
  package=
fi
# greedy comes from Python's package index, into an environment of its own.
peers=$build/demo-python
if ! "$peers/bin/python" -c "import picsl_greedy, SimpleITK, matplotlib" 2>/dev/null; then
  { python3 -m venv "$peers" && "$peers/bin/pip" install -q picsl_greedy SimpleITK matplotlib numpy; } </dev/null >&2 || {
    echo "demo: greedy can't be installed here; only sinkhorn-register is run" >&2
    peers=
  }
fi
bash "$scripts/demo-registrations.sh" "$build/bin/sinkhorn-register" "$package/$examples" "$output" ${peers:+"$peers/bin/python"}
