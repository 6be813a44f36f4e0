#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# debug-kernel.sh debug|debug-rt: builds this kernel from the distribution's kernel source
# package and the fragments of its configuration, once per source version and
# configuration, into the cache. Prints the directory that holds it.

. "$(dirname "$0")/lib.sh"

kernel=${1:?kernel: debug or debug-rt}
fragments=("$VMDIR/debug.config")
case $kernel in
debug) series=6.1 ;;
# The first one with PREEMPT_RT in the source that is the same for all.
debug-rt) series=6.12; fragments+=("$VMDIR/debug-rt.config") ;;
*) die "unknown debug kernel '$kernel': it is debug or debug-rt" ;;
esac

cache_lock "$kernel-kernel"
src=$("$VMDIR/kernel-source.sh" "$series")
version=$(cat "$src.version")
key=$(cat "${fragments[@]}" - <<<"$version $(gcc -dumpfullversion)" | sha256sum)
dir=$CACHE/kernels/$kernel-${key:0:16}
build=$dir/build

if [ -e "$dir/complete" ]; then
	echo "$dir"
	exit 0
fi

say DEBUG "kernel $version: tinyconfig and" \
	"$(cat "${fragments[@]}" | grep -c '^CONFIG') options"
mkdir -p "$build"
make -s -C "$src" O="$build" ARCH=x86_64 tinyconfig >"$dir/config.log" 2>&1 ||
	die "tinyconfig failed, see $dir/config.log"
(cd "$src" && scripts/kconfig/merge_config.sh -m -O "$build" \
	"$build/.config" "${fragments[@]}") >>"$dir/config.log" 2>&1 ||
	die "merge failed, see $dir/config.log"
{
	echo "CONFIG_LOCALVERSION=\"-ockam-$kernel\""
	echo '# CONFIG_SLOB is not set'
	echo '# CONFIG_CC_OPTIMIZE_FOR_SIZE is not set'
} >>"$build/.config"
make -s -C "$src" O="$build" ARCH=x86_64 olddefconfig >>"$dir/config.log" 2>&1 ||
	die "olddefconfig failed, see $dir/config.log"

# Of what several fragments name, the last one's word counts.
missing=$(cat "${fragments[@]}" | awk '
	function name(s) { sub(/^# /, "", s); sub(/[= ].*/, "", s); return s }
	NR == FNR && /^(# )?CONFIG_[A-Z0-9_]*(=| is not set$)/ { want[name($0)] = $0 }
	NR != FNR && /^CONFIG_/ { is[name($0)] = $0 }
	END {
		for (n in want)
			if (want[n] ~ /^#/ ? n in is : want[n] != is[n])
				print want[n]
	}' - "$build/.config")
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
