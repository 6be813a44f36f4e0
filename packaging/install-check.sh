#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# install-check.sh: what make install leaves. Two copies of the tree, in folders
# of different names, are built and installed: what they leave must be equal, hold
# no path of the build, and be what the variables asked for.

. "$(dirname "$0")/../selftests/runner/lib.sh"

# A compiler's cache may give what it has of another folder, or paths of its own.
export CCACHE_DISABLE=1
dir=$BUILD/install-check
rm -rf "$dir"
mkdir -p "$dir/bin"
. "$VMDIR/ktap.sh"
cd "$dir"

# Whoever calls a package manager finds one that fails the test.
for tool in apt apt-get dpkg-query; do
	printf '#!/bin/sh\ntouch %s/called\nexit 1\n' "$dir" >"$dir/bin/$tool"
	chmod +x "$dir/bin/$tool"
done
kdir=$("$VMDIR/kernel.sh" "${KERNEL:-6.1}")
release=$(cat "$kdir/release")

copy() {	# to
	mkdir -p "$1"
	(cd "$TOP" && tar -c Makefile packaging kmod include userspace \
		Documentation selftests/runner) | tar -x -C "$1"
}
in_copy() {	# copy, make arguments
	(cd "$1" && unset OCKAM_BUILD && PATH=$dir/bin:$PATH MAKEFLAGS= \
		nice make -s "${@:2}")
}
build() {	# copy, destdir
	in_copy "$1" install KERNELRELEASE="$release" KERNELDIR="$kdir/headers" \
		PREFIX=/opt/ockam LIBDIR=/opt/ockam/lib64 DESTDIR="$2"
}

copy "$dir/a"
copy "$dir/folder-of-another-name/b"
check "builds and installs" build "$dir/a" "$dir/one"
check "builds and installs in another folder" \
	build "$dir/folder-of-another-name/b" "$dir/two"
check "both leave the same" diff -r "$dir/one" "$dir/two"
check "no package manager was asked" test ! -e "$dir/called"
check "nothing holds the path of the build" \
	bash -c "! grep -rl '$dir' '$dir/one'"
for f in opt/ockam/lib64/libockam.so.0 opt/ockam/lib64/libockam.a \
		opt/ockam/lib64/pkgconfig/ockam.pc opt/ockam/include/ockam/ockam.h \
		opt/ockam/include/linux/ockam.h opt/ockam/bin/ockamctl \
		opt/ockam/sbin/ockamd opt/ockam/share/man/man8/ockamctl.8 \
		opt/ockam/lib/systemd/system/ockamd.service \
		opt/ockam/lib/systemd/system/ockamd@.service \
		opt/ockam/lib/sysusers.d/ockam.conf \
		opt/ockam/lib/modules-load.d/ockam.conf \
		"lib/modules/$release/extra/ockam.ko"; do
	check "there is /$f" test -s "$dir/one/$f"
done
check "nothing outside PREFIX and the modules" \
	test "$(cd "$dir/one" && ls | paste -sd' ')" = "lib opt"

pc=$dir/one/opt/ockam/lib64/pkgconfig/ockam.pc
check "ockam.pc: LIBDIR" grep -qx libdir=/opt/ockam/lib64 "$pc"
# What was built for one prefix is installed for another.
check "installs elsewhere without building again" in_copy "$dir/a" \
	install-userspace PREFIX=/usr DESTDIR="$dir/three"
check "ockam.pc: the prefix of this installation" \
	grep -qx libdir=/usr/lib "$dir/three/usr/lib/pkgconfig/ockam.pc"
check "the unit starts what was installed" grep -qx ExecStart=/usr/sbin/ockamd \
	"$dir/three/usr/lib/systemd/system/ockamd.service"

manuals() {
	local f

	grep -oE '\bockam_[a-z_]+\(' "$TOP/include/ockam/ockam.h" | tr -d '(' |
		sort -u | while read -r f; do
			[ -s "$dir/one/opt/ockam/share/man/man3/$f.3" ] ||
				{ echo "no $f(3)"; return 1; }
		done
}
check "each function of the library has its manual" manuals

example() {
	local flags

	flags=$(PKG_CONFIG_LIBDIR=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$dir/one \
		pkg-config --cflags --libs ockam) &&
	# shellcheck disable=SC2086
	gcc -o "$dir/example" "$TOP/userspace/examples/01-worker.c" $flags
}
check "a program builds with what is installed" example

ko=$dir/one/lib/modules/$release/extra/ockam.ko
export PATH=$PATH:/sbin:/usr/sbin
version=$(sed -n 's/^Version: //p' "$pc")
check "module: version" test "$(modinfo -F version "$ko")" = "$version"
check "changelog: version" grep -q "^ockam ($version) " "$TOP/debian/changelog"
check "module: author" test -n "$(modinfo -F author "$ko")"
check "module: for the kernel that was asked for" \
	grep -q "^$release " <<<"$(modinfo -F vermagic "$ko")"
check "module: no debug information" \
	bash -c "! readelf -SW '$ko' | grep -q '\.debug_'"
check "module: does not load by itself" test -z "$(modinfo -F alias "$ko")"
check "builds with AUTOLOAD=1" in_copy "$dir/a" install-module AUTOLOAD=1 \
	KERNELRELEASE="$release" KERNELDIR="$kdir/headers" DESTDIR="$dir/four"
check "AUTOLOAD=1: loads by family" grep -q family-ockam \
	<<<"$(modinfo -F alias "$dir/four/lib/modules/$release/extra/ockam.ko")"

no_headers() {
	! in_copy "$dir/a" install-module KERNELRELEASE=6.0.0-none \
		DESTDIR="$dir/five" && test ! -e "$dir/five"
}
check "without headers: fails, installs nothing" no_headers
cp check.out said
check "and says what to do" grep -q 'linux-headers-6.0.0-none' said
wrong_headers() {
	! in_copy "$dir/a" install-module KERNELRELEASE=6.0.0-none \
		KERNELDIR="$kdir/headers" DESTDIR="$dir/five"
}
check "headers of another kernel: fails" wrong_headers
cp check.out said
check "and says of which" grep -q "of kernel $release" said

exposure() {	# unit: at most 2.4
	systemd-analyze security --no-pager --offline=true --threshold=24 "$1"
}
units=$dir/three/usr/lib/systemd/system
if systemd-analyze --version >/dev/null 2>&1; then
	check "ockamd.service: exposure below 2.5" exposure "$units/ockamd.service"
	cp "$units/ockamd@.service" "$dir/ockamd@blue.service"
	check "ockamd@NETNS.service: too" exposure "$dir/ockamd@blue.service"
	cp "$units/ockam-metrics@.service" "$dir/ockam-metrics@0.service"
	check "ockam-metrics@.service: too" exposure "$dir/ockam-metrics@0.service"
	check "these are all services" test "$(ls "$units"/*.service | wc -l)" -eq 3
else
	skip exposure "no systemd-analyze"
fi
echo "1..$n"
echo "$((n - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
