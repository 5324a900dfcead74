#!/usr/bin/env bash
# The registrations of the demonstration, with a table at the end. Fails if one of them fails.
#
#   scripts/demo-registrations.sh PROGRAM EXAMPLES OUTPUT
#
# PROGRAM: sinkhorn-register; EXAMPLES: folder of the images that come with ITK's examples; OUTPUT: for pictures and numbers
set -euo pipefail

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$1
examples=$2
output=$3
mkdir -p "$output"
python=/usr/bin/python3 # the one that the packaged numpy belongs to
[ -x "$python" ] || python=python3

"$python" "$scripts/demo-data.py" "$examples" "$output/data" </dev/null

failed=0
# register PAIR EXTENSION METRIC [OPTION...]
register() {
  local pair=$1 extension=$2 metric=$3
  shift 3
  echo "== $pair, $metric"
  local status=0
  "$program" --fixed "$output/data/$pair-fixed.$extension" --moving "$output/data/$pair-moving.$extension" \
    --fixed-labels "$output/data/$pair-fixed-labels.$extension" --moving-labels "$output/data/$pair-moving-labels.$extension" \
    --metric "$metric" --output "$output/$pair-$metric" "$@" </dev/null || status=$?
  # 3: the result was worse than the start, which was handed over instead, as of mean squares on shapes that do not overlap
  if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
    echo "demo: $pair with $metric failed" >&2
    failed=1
  fi
}
register lung mha sinkhorn --blur 4 --reach 10 --iterations 60x40x20
register lung mha meansquares --iterations 60x40x20
for metric in sinkhorn meansquares; do
  register brain nii.gz "$metric" --transform affine --iterations 100x50x0
  register shapes mha "$metric"
done

"$python" "$scripts/demo-table.py" "$output" </dev/null
exit "$failed"
