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
bash "$scripts/demo-registrations.sh" "$build/bin/sinkhorn-register" "$package/$examples" "$output"
