#!/usr/bin/env bash
# The registrations of the demonstration, with a table at the end. Fails if one of them fails.
#
#   scripts/demo-registrations.sh PROGRAM EXAMPLES OUTPUT [PYTHON]
#
# PROGRAM: sinkhorn-register; EXAMPLES: folder of the images that come with ITK's examples; OUTPUT: for pictures and numbers;
# PYTHON: an interpreter with SimpleITK, matplotlib and picsl_greedy; without it greedy is not run
set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1
examples=$2
output=$3
peers=${4:-}
mkdir -p "$output"
python=/usr/bin/python3 # the one that the packaged numpy belongs to
[ -x "$python" ] || python=python3

"$python" "$scripts/demo-data.py" "$examples" "$output/data" </dev/null

failed=0
# register PAIR EXTENSION [OPTION...]
register() {
  local pair=$1 extension=$2
  local files=$output/data/$pair
  shift 2
  echo "== $pair, sinkhorn-register"
  "$program" --fixed "$files-fixed.$extension" --moving "$files-moving.$extension" --output "$output/$pair-sinkhorn" \
    --fixed-labels "$files-fixed-labels.mha" --moving-labels "$files-moving-labels.mha" "$@" </dev/null || {
    echo "demo: $pair failed" >&2
    failed=1
  }
}
register far mha
register opposite mha
register labels mha
register mr mha --landmarks "$output/data/mr-fixed-points.csv" "$output/data/mr-moving-points.csv"
register slide png

if [ -n "$peers" ]; then
  "$peers" "$scripts/demo-peers.py" "$output" </dev/null || failed=1
fi
"$python" "$scripts/demo-table.py" "$output" </dev/null
exit "$failed"
