#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# module.sh KERNEL [OUTPUT] [make arguments]: builds kmod/ for that kernel in
# build/kmod-KERNEL (or OUTPUT), a tree of links, so that the sources stay clean.

. "$(dirname "$0")/lib.sh"

kernel=${1:?kernel}
out=${2:-$BUILD/kmod-$kernel}
shift $(($# < 2 ? $# : 2))

kdir=$("$VMDIR/kernel.sh" "$kernel")
mkdir -p "$out"
exec {build_lock_fd}>"$out.lock"
flock "$build_lock_fd"
# Another kernel package under the same name: nothing of the old one is valid.
if [ "$(readlink -f "$kdir/headers")" != "$(cat "$out/.headers" 2>/dev/null)" ]; then
	rm -rf "$out"
	mkdir -p "$out"
	readlink -f "$kdir/headers" >"$out/.headers"
fi
cp -rsu --remove-destination "$TOP/kmod/." "$out/"
find "$out" -xtype l -delete

# A kernel of another release than this machine's is built for with that one's tools.
in_suite=()
if [ -e "$kdir/build-suite" ]; then
	. "$VMDIR/debroot.sh"
	tools=$(build_root "$(cat "$kdir/build-suite")")
	export BIND="$CACHE $TOP $BUILD $out"
	in_suite=(root_run "$tools")
fi

# Type information for BPF would take a pahole that fits the kernel; nothing here uses
# the module's, and where the headers come without vmlinux it is left out anyway.
${in_suite[@]+"${in_suite[@]}"} make -C "$kdir/headers" M="$out" \
	CONFIG_DEBUG_INFO_BTF_MODULES= OCKAM_INC="$TOP/include" \
	--no-print-directory "$@" modules
