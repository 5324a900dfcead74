#!/usr/bin/env bash
# Run pytest on the wheel in a fresh virtual environment that holds the stock wheels of ITK and nothing of this repository.
# Pytest's summary comes last.
#
#   wrapping/test-wheel.sh [WHEEL [PYTEST-OPTION...]]      WHEEL: default the newest in <repository>/dist
#
# ITK_VERSION         version of the wheel `itk` to test with, default 5.4.7
# SINKHORN_TEST_DATA  folder of real registration pairs; without it the tests that need them are skipped and say so
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wheel=${1:-$(ls -t "$here"/../dist/itk_sinkhorn-*.whl | head -n 1)}
[ $# -eq 0 ] || shift
if [ -n "${SINKHORN_TEST_DATA:-}" ]; then
  SINKHORN_TEST_DATA=$(cd "$SINKHORN_TEST_DATA" && pwd)
  export SINKHORN_TEST_DATA
fi
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
"${PYTHON:-python3}" -m venv "$environment"
pip=("$environment/bin/python" -m pip --disable-pip-version-check install -q --retries 3)
"${pip[@]}" "$wheel[cohort]" "itk == ${ITK_VERSION:-5.4.7}" pytest xarray nbclient nbformat ipykernel </dev/null
# Only the tests of interoperability need these, and are skipped without them.
for package in SimpleITK antspyx trimesh meshio nibabel; do
  "${pip[@]}" "$package" </dev/null || echo "test-wheel: $package could not be installed; its tests are skipped" >&2
done

cp -r "$here/test" "$here/../examples/python" "$environment/"
cp -r "$here/../test/Golden" "$environment/golden"
cp -r "$here/../docs" "$environment/docs"
export SINKHORN_GOLDEN=$environment/golden SINKHORN_EXAMPLES=$environment/python SINKHORN_DOCS=$environment/docs
cd "$environment/test"
"$environment/bin/python" -m pytest -q -rs -W ignore::DeprecationWarning -p no:cacheprovider "$@" . </dev/null
