#!/usr/bin/env bash
# Install what is missing, build, and run all tests. Fails when anything fails; ctest's summary comes last.
#
#   scripts/test.sh [CTEST-OPTION...]
#
# SINKHORN_TEST_DATA  folder of real registration pairs; without it the tests that need them are skipped and say so
# SINKHORN_BUILD_DIR  where to build, default <repository>/build
set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -n "${SINKHORN_TEST_DATA:-}" ]; then
  SINKHORN_TEST_DATA=$(cd "$SINKHORN_TEST_DATA" && pwd)
  export SINKHORN_TEST_DATA
fi
bash "$scripts/install-dependencies.sh"
build=$(bash "$scripts/build.sh" | tail -n 1)
exec ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" "$@" </dev/null
