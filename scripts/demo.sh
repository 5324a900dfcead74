#!/usr/bin/env bash
# Install what is missing, build, and register three pairs with Sinkhorn and with MeanSquares side by side: two slices of a
# rat's lung, a T1 brain against a shifted and deformed copy of itself (3-D), and a disc far from an ellipse.
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

python=/usr/bin/python3 # the one that the packaged numpy belongs to
[ -x "$python" ] || python=python3

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
"$python" "$scripts/demo-data.py" "$package/$examples" "$output/data" </dev/null

failed=0
# register PAIR EXTENSION METRIC [OPTION...]
register() {
  local pair=$1 extension=$2 metric=$3
  shift 3
  echo "== $pair, $metric"
  "$build/bin/sinkhorn-register" --fixed "$output/data/$pair-fixed.$extension" --moving "$output/data/$pair-moving.$extension" \
    --fixed-labels "$output/data/$pair-fixed-labels.$extension" --moving-labels "$output/data/$pair-moving-labels.$extension" \
    --metric "$metric" --output "$output/$pair-$metric" "$@" </dev/null || {
    echo "demo: $pair with $metric failed" >&2
    failed=1
  }
}
for metric in sinkhorn meansquares; do
  register lung mha "$metric" --blur 4 --reach 10 --iterations 60x40x20
  register brain nii.gz "$metric" --transform affine --iterations 100x50x0
  register shapes mha "$metric"
done

"$python" "$scripts/demo-table.py" "$output" </dev/null
exit "$failed"
