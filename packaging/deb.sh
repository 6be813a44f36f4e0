#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# deb.sh: builds the Debian packages in build/deb, from a copy of the files that
# belong to the tree, and has lintian look at them.

set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
out=${OCKAM_BUILD:-$top/build}/deb

say() { printf '  %-8s %s\n' "$1" "${*:2}" >&2; }

version=$(cd "$top" && dpkg-parsechangelog -S Version)
tree=$out/ockam-$version
rm -rf "$out"
mkdir -p "$tree"
cd "$top"
if [ -e .git ]; then
	git ls-files -co --exclude-standard -z
else
	find . -path ./build -prune -o -type f -print0
fi | while IFS= read -r -d '' f; do
	# Deleted, but not yet committed.
	[ ! -e "$f" ] || printf '%s\0' "$f"
done | tar -c --null -T - | tar -x -C "$tree"

say DEB "version $version, log $out/log"
export DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS:-parallel=${JOBS:-$(nproc)}}
(cd "$tree" && LC_ALL=C dpkg-buildpackage -us -uc) >"$out/log" 2>&1 || {
	tail -n 30 "$out/log"
	exit 1
}
root=
[ "$(id -u)" -ne 0 ] || root=--allow-root
say LINTIAN "of $version"
lintian $root --fail-on error "$out/ockam_${version}_"*.changes
ls "$out"/*.deb
