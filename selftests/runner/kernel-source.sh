#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# kernel-source.sh VERSION: unpacks the distribution's kernel source package
# (without most of Documentation/) in the cache. Prints the
# directory; DIRECTORY.version holds the package's version.

. "$(dirname "$0")/lib.sh"

series=${1:?kernel series, for example 6.1}
dir=$CACHE/src/linux-$series

cache_lock "source-$series"
if [ -e "$dir.version" ]; then
	echo "$dir"
	exit 0
fi

tarball=/usr/src/linux-source-$series.tar.xz
if [ -e "$tarball" ]; then
	version=$(dpkg-query -W -f '${Version}' "linux-source-$series")
else
	. "$VMDIR/apt.sh"
	work=$(mktemp -d "$CACHE/source.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	apt_fetch "$series" "$work" "linux-source-$series"
	version=$(cat "$work/linux-source-$series.version")
	tarball=$work/usr/src/linux-source-$series.tar.xz
fi

say UNPACK "linux-source-$series $version"
rm -rf "$dir"
mkdir -p "$dir"
tar -xJf "$tarball" -C "$dir" --strip-components=1 --anchored --wildcards \
	--exclude="linux-source-$series/Documentation/[a-mo-zA-Z]*/*"
echo "$version" >"$dir.version"
echo "$dir"
