#!/usr/bin/env bash
# Configure and build; the last line of standard output is the build folder.
#
#   scripts/build.sh [CMAKE-OPTION...]
#
# SINKHORN_BUILD_DIR  where to build, default <repository>/build
# SINKHORN_TEST_DATA  folder of real registration pairs for the tests, default none
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${SINKHORN_BUILD_DIR:-$repository/build}

# ITK's templates take about 1.5 GB a compiler.
jobs=$(nproc)
memory_jobs=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo 2>/dev/null || echo "$jobs")
[ "${memory_jobs:-0}" -ge 1 ] || memory_jobs=1
[ "$memory_jobs" -ge "$jobs" ] || jobs=$memory_jobs

options=(-DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=ON "-DSINKHORN_TEST_DATA=${SINKHORN_TEST_DATA:-}")
if command -v ccache >/dev/null; then
  options+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cmake -G Ninja -S "$repository" -B "$build" "${options[@]}" "$@" </dev/null >&2
cmake --build "$build" -j "$jobs" </dev/null >&2
(cd "$build" && pwd)
