#!/usr/bin/env bash
# Line coverage of include/ and src/ by the C++ tests, with gcovr (Debian and Ubuntu: apt install gcovr).
#
#   scripts/coverage.sh [TARGET [CTEST-OPTION...]]      TARGET: what to build, default all
#
# SINKHORN_BUILD_DIR  where to build, default <repository>/build-coverage
# SINKHORN_TEST_DATA  folder of real registration pairs for the tests, default none
# Further options of the configuration: SINKHORN_CMAKE_OPTIONS, such as "-DSinkhorn_TEST_FILES=Solver|Plan"
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${SINKHORN_BUILD_DIR:-$repository/build-coverage}
target=${1:-all}
[ "$#" -eq 0 ] || shift
command -v gcovr >/dev/null || {
  echo "coverage: gcovr is missing (Debian and Ubuntu: apt install gcovr)" >&2
  exit 1
}
read -r -a options <<<"${SINKHORN_CMAKE_OPTIONS:-}"
(cd "$repository" && cmake --preset coverage -B "$build" "${options[@]}" </dev/null >&2)
cmake --build "$build" --target "$target" </dev/null >&2
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" --output-on-failure --no-tests=error "$@" </dev/null >&2 || status=$?
gcovr --root "$repository" --filter "$repository/include/" --filter "$repository/src/" --exclude-throw-branches \
  --print-summary "$build"
exit "${status:-0}"
