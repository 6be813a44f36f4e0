#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# kernel.sh 6.1|6.12|debug: makes sure that this kernel is in the cache (image,
# modules, what modules are built against) and prints its directory:
#
#	release		the kernel's release string
#	vmlinuz		boot image
#	lib/modules/R	its modules, with modules.dep
#	headers		build directory for external modules

. "$(dirname "$0")/lib.sh"

kernel=${1:?kernel: 6.1, 6.12 or debug}
case "$kernel" in
6.1|6.12) ;;
debug) exec "$VMDIR/debug-kernel.sh" ;;
*) die "unknown kernel '$kernel': 6.1, 6.12 or debug" ;;
esac

dir=$CACHE/kernels/debian-$kernel
cache_lock "kernel-$kernel"
if [ -e "$dir/complete" ]; then
	echo "$dir"
	exit 0
fi

. "$VMDIR/apt.sh"
rm -rf "$dir"
mkdir -p "$dir"
apt_setup "$kernel"

image=$(apt_depends linux-image-amd64 'linux-image-[0-9].*-amd64')
release=${image#linux-image-}
case "$release" in
"$kernel".*) ;;
*) die "this suite's kernel is $release, not $kernel" ;;
esac
headers=linux-headers-$release
common=$(apt_depends "$headers" 'linux-headers-.*-common')
kbuild=$(apt_depends "$headers" 'linux-kbuild-.*')
apt_unpack "$dir" "$image" "$headers" "$common" "$kbuild"

# The packages expect to lie in the root directory.
grep -rlI --include=Makefile --include=.kernelvariables -e ' /usr/src/' \
	"$dir/usr/src/" | xargs -r sed -i "s# /usr/src/# $dir/usr/src/#g"
find "$dir/usr" "$dir/lib" -type l -lname '/*' | while read -r link; do
	ln -sfn "$dir$(readlink "$link")" "$link"
done
[ -d "$dir/lib/modules" ] || ln -s usr/lib "$dir/lib"

mv "$dir/boot/vmlinuz-$release" "$dir/vmlinuz"
mv "$dir/boot/config-$release" "$dir/config"
rm -rf "$dir/boot" "$dir/usr/share"
ln -s "usr/src/$headers" "$dir/headers"
PATH=$PATH:/sbin:/usr/sbin depmod -b "$dir" "$release"

# A kernel that need not unpack itself boots seconds earlier; QEMU starts it by
# its PVH entry. Without one, vmlinuz serves.
unpack_image() {
	local offset

	# The first match may be in the unpacker's own code.
	for offset in $(LC_ALL=C grep -aboP "$1" "$dir/vmlinuz" | cut -d: -f1); do
		tail -c +$((offset + 1)) "$dir/vmlinuz" | $2 2>/dev/null \
			>"$dir/vmlinux" || true
		if [ "$(head -c 4 "$dir/vmlinux" | tail -c 3)" = ELF ] &&
				readelf -n "$dir/vmlinux" 2>/dev/null | grep -q Xen; then
			return 0
		fi
	done
	rm -f "$dir/vmlinux"
	return 1
}
unpack_image '\xfd7zXZ\x00' unxz ||
	unpack_image '\x28\xb5\x2f\xfd' 'zstd -dcq' ||
	unpack_image '\x1f\x8b\x08' gunzip ||
	say KERNEL "image is not unpacked: it boots more slowly"

echo "$release" >"$dir/release"
touch "$dir/complete"
say KERNEL "$kernel is $release in $dir"
echo "$dir"
