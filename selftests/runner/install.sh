#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# install.sh KERNEL DESTDIR PREFIX: the module for that kernel, the headers and
# the documentation. User space installs itself.

. "$(dirname "$0")/lib.sh"

kernel=${1:?kernel} destdir=${2:-} prefix=${3:-/usr/local}

kdir=$("$VMDIR/kernel.sh" "$kernel")
release=$(cat "$kdir/release")
install -D -m 644 "$BUILD/kmod-$kernel/ockam.ko" \
	"$destdir/lib/modules/$release/extra/ockam.ko"
for h in ockam.h ockam_netlink.h; do
	install -D -m 644 "$TOP/include/uapi/linux/$h" \
		"$destdir$prefix/include/linux/$h"
done
for man in "$TOP"/Documentation/man/*.[1-8]; do
	[ -e "$man" ] || continue
	install -D -m 644 "$man" \
		"$destdir$prefix/share/man/man${man##*.}/$(basename "$man")"
done
# An image being put together runs its own depmod.
[ -n "$destdir" ] || PATH=$PATH:/sbin:/usr/sbin depmod "$release" 2>/dev/null || true
say INSTALL "ockam.ko for $release"
