#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# Builds the debug kernel from the distribution's kernel source package and
# debug.config, once per source version and configuration, into the cache.
# Prints the directory that holds it.

. "$(dirname "$0")/lib.sh"

fragment=$VMDIR/debug.config

cache_lock debug-kernel
src=$("$VMDIR/kernel-source.sh" 6.1)
version=$(cat "$src.version")
key=$(cat "$fragment" - <<<"$version $(gcc -dumpfullversion)" | sha256sum)
dir=$CACHE/kernels/debug-${key:0:16}
build=$dir/build

if [ -e "$dir/complete" ]; then
	echo "$dir"
	exit 0
fi

say DEBUG "kernel $version: tinyconfig and $(grep -c '^CONFIG' "$fragment") options"
mkdir -p "$build"
make -s -C "$src" O="$build" ARCH=x86_64 tinyconfig >"$dir/config.log" 2>&1 ||
	die "tinyconfig failed, see $dir/config.log"
(cd "$src" && scripts/kconfig/merge_config.sh -m -O "$build" \
	"$build/.config" "$fragment") >>"$dir/config.log" 2>&1 ||
	die "merge failed, see $dir/config.log"
{
	echo 'CONFIG_LOCALVERSION="-ockam-debug"'
	echo '# CONFIG_SLOB is not set'
	echo '# CONFIG_CC_OPTIMIZE_FOR_SIZE is not set'
} >>"$build/.config"
make -s -C "$src" O="$build" ARCH=x86_64 olddefconfig >>"$dir/config.log" 2>&1 ||
	die "olddefconfig failed, see $dir/config.log"

missing=$(grep '^CONFIG' "$fragment" | grep -vxFf "$build/.config" || true)
[ -z "$missing" ] ||
	die "the configuration does not hold:" $'\n'"$missing"

say DEBUG "kernel build with $JOBS jobs, about 7 minutes on two cores"
nice make -C "$src" O="$build" ARCH=x86_64 -j"$JOBS" bzImage modules 2>&1 |
	progress DEBUG "$dir/build.log" ||
	die "build failed:" $'\n'"$(grep -iE -m5 -A5 'error|\*\*\*' "$dir/build.log")"

make -s -C "$build" kernelrelease >"$dir/release"
make -C "$build" INSTALL_MOD_PATH="$dir" modules_install >>"$dir/build.log" 2>&1
rm -f "$dir/lib/modules/"*/{build,source}
ln -sfn build "$dir/headers"
ln -sfn build/arch/x86/boot/bzImage "$dir/vmlinuz"
touch "$dir/complete"
say DEBUG "kernel is in $dir"
echo "$dir"
