#!/usr/bin/env bash
# Fetch and unpack the source of ITK from Debian's source package insighttoolkit5, and print the folder it lies in.
#
#   scripts/fetch-itk-source.sh [VERSION]          VERSION: 5.4.7 (default), 5.4.3, ... as far as Debian has it
#
# The mirror is the one that apt already uses on this machine; its own configuration is read, never changed. Everything lies
# in ITK_SINKHORN_CACHE (default: ~/.cache/itk-sinkhorn), and a second call finds it there. On a machine without a Debian
# mirror (Ubuntu), set ITK_SINKHORN_DEBIAN_MIRROR to one, or unpack an ITK source tree at the printed place yourself.
set -euo pipefail

version=${1:-5.4.7}
cache=${ITK_SINKHORN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/itk-sinkhorn}
root=$cache/itk-$version
source_dir=$root/source
if [ -f "$source_dir/CMake/ITKModuleExternal.cmake" ]; then
  printf '%s\n' "$source_dir"
  exit 0
fi

mirror=${ITK_SINKHORN_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -E '/debian/?$' | sort -u | head -n 1 || true)}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -z "$mirror" ] || [ ! -f "$keyring" ]; then
  echo "fetch-itk-source: apt on this machine knows no Debian mirror (or $keyring is missing)." >&2
  echo "Set ITK_SINKHORN_DEBIAN_MIRROR and install debian-archive-keyring, or unpack ITK $version at $source_dir." >&2
  exit 1
fi

apt_dir=$cache/apt
mkdir -p "$apt_dir/lists/partial" "$apt_dir/cache/archives/partial" "$root"
printf 'deb-src [signed-by=%s] %s %s main\n' "$keyring" "$mirror" sid "$keyring" "$mirror" trixie >"$apt_dir/sources.list"
apt_options=(-qq -o "Dir::Etc::sourcelist=$apt_dir/sources.list" -o Dir::Etc::sourceparts=-
  -o "Dir::State::lists=$apt_dir/lists" -o "Dir::Cache=$apt_dir/cache" -o APT::Sandbox::User=root)
apt-get "${apt_options[@]}" update >&2

package=$(apt-cache "${apt_options[@]}" showsrc insighttoolkit5 | sed -n "s/^Version: \($version-.*\)/\1/p" | head -n 1)
if [ -z "$package" ]; then
  echo "fetch-itk-source: Debian has no source of ITK $version; it has:" >&2
  apt-cache "${apt_options[@]}" showsrc insighttoolkit5 | sed -n 's/^Version: /  /p' >&2
  exit 1
fi

# Unpacked beside its place and moved there in one step, so that an interrupted run leaves nothing half-done.
work=$(mktemp -d "$root/unpack.XXXXXX")
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get "${apt_options[@]}" --download-only source "insighttoolkit5=$package" >&2)
tarball=$(ls "$work"/insighttoolkit5_*.orig.tar.* | head -n 1)
mkdir "$work/tree"
tar -xf "$tarball" -C "$work/tree" --strip-components=1
rm -rf "$source_dir"
mv "$work/tree" "$source_dir"
printf '%s\n' "$source_dir"
