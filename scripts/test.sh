#!/usr/bin/env bash
# Install what is missing, build, and run all tests. Fails when anything fails; ctest's summary comes last, with how many
# tests were skipped.
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
results=$build/Testing/results.xml
rm -f "$results"
status=0
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" --output-junit "$results" "$@" </dev/null || status=$?
skipped=$(sed -nE 's/^[[:space:]]*skipped="([0-9]+)".*/\1/p' "$results" 2>/dev/null | head -n 1)
if [ "${skipped:-0}" -gt 0 ]; then
  reason=$([ -n "${SINKHORN_TEST_DATA:-}" ] || echo ": SINKHORN_TEST_DATA names no folder of real pairs for those that need them")
  echo "$skipped tests were skipped$reason"
fi
exit "$status"
