#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# install-module.sh: builds ockam.ko against the headers in KERNELDIR and
# installs it, stripped, in DESTDIR MODDIR. Called by make install, which sets
# these variables and KERNELRELEASE; AUTOLOAD=1 builds in the aliases by which a
# user's socket() loads the module.

set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build=${OCKAM_BUILD:-$top/build}
release=${KERNELRELEASE:?} dir=${KERNELDIR:-/lib/modules/$release/build}
moddir=${MODDIR:-/lib/modules/$release/extra} destdir=${DESTDIR:-}

say() { printf '  %-8s %s\n' "$1" "${*:2}" >&2; }

if [ ! -e "$dir/Makefile" ]; then
	cat >&2 <<-TEXT
	install-module: no headers of kernel $release in $dir.
	  Install them (Debian: linux-headers-$release), or name another kernel with
	  KERNELRELEASE=, or where its headers are with KERNELDIR=.
	  User space alone: make install-userspace.
	TEXT
	exit 1
fi
got=$(sed -n 's/.*UTS_RELEASE "\(.*\)".*/\1/p' \
	"$dir/include/generated/utsrelease.h" 2>/dev/null || true)
[ -n "$got" ] || got="unknown (not configured)"
if [ "$got" != "$release" ]; then
	echo "install-module: the headers in $dir are of kernel $got, not of" \
		"$release: set KERNELRELEASE=$got, or another KERNELDIR=" >&2
	exit 1
fi

tree=$build/install/kmod-$release
rm -rf "$tree"
"$top/packaging/module-tree.sh" "$tree"
# No path of this machine in what is built.
flags="-ffile-prefix-map=$tree/="
[ -z "${AUTOLOAD:-}" ] || flags="$flags -DOCKAM_AUTOLOAD"
say MODULE "ockam.ko for $release"
make -s -C "$dir" M="$tree" -j"${JOBS:-$(nproc)}" KCFLAGS="$flags" modules
strip -g "$tree/ockam.ko"
install -D -m 644 "$tree/ockam.ko" "$destdir$moddir/ockam.ko"
say INSTALL "$destdir$moddir/ockam.ko"

# An image being put together runs its own depmod.
if [ -z "$destdir" ]; then
	PATH=$PATH:/sbin:/usr/sbin depmod "$release" ||
		say INSTALL "depmod failed: run 'depmod $release' as root"
fi
