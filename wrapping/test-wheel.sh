#!/usr/bin/env bash
# Run pytest on the wheel in a fresh virtual environment that holds the stock wheels of ITK and nothing of this repository.
#
#   wrapping/test-wheel.sh [WHEEL]      WHEEL: default the newest in <repository>/dist
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
wheel=${1:-$(ls -t "$here"/../dist/itk_sinkhorn-*.whl | head -n 1)}
environment=$(mktemp -d)
trap 'rm -rf "$environment"' EXIT
"${PYTHON:-python3}" -m venv "$environment"
"$environment/bin/python" -m pip install -q "$wheel" "itk == ${ITK_VERSION:-5.4.7}" pytest </dev/null
cp -r "$here/test" "$environment/test"
cd "$environment/test"
"$environment/bin/python" -m pytest -q -p no:cacheprovider . </dev/null
