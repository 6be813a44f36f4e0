#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# kernel.sh KERNEL: makes sure that this kernel is in the cache (image, modules, what
# modules are built against) and prints its directory:
#
#	release		the kernel's release string
#	build-suite	if there: the Debian release that its build tools need
#	vmlinuz		boot image
#	lib/modules/R	its modules, with modules.dep
#	headers		build directory for external modules

. "$(dirname "$0")/lib.sh"

kernel=${1:?kernel: one of $KERNELS}
case " $KERNELS " in
*" $kernel "*) ;;
*) die "unknown kernel '$kernel': it is one of $KERNELS" ;;
esac
case $kernel in debug*) exec "$VMDIR/debug-kernel.sh" "$kernel" ;; esac
series=${kernel%-rt}
flavour=amd64
[ "$series" = "$kernel" ] || flavour=rt-amd64

dir=$CACHE/kernels/debian-$kernel
cache_lock "kernel-$kernel"
if [ -e "$dir/complete" ]; then
	echo "$dir"
	exit 0
fi

. "$VMDIR/apt.sh"
rm -rf "$dir"
mkdir -p "$dir"
apt_setup "$series"

image=$(apt_depends "linux-image-$flavour" 'linux-image-[0-9].*-amd64')
release=${image#linux-image-}
case "$release" in
"$series".*) ;;
*) die "this suite's kernel is $release, not $series" ;;
esac
headers=linux-headers-$release
common=$(apt_depends "$headers" 'linux-headers-.*-common(-rt)?')
kbuild=$(apt_depends "$headers" 'linux-kbuild-.*')
apt_unpack "$dir" "$image" "$headers" "$common" "$kbuild"
# Since 7.x the image is a package without files that needs these.
[ -e "$dir/boot/vmlinuz-$release" ] || [ -e "$dir/usr/lib/modules/$release/vmlinuz" ] ||
	apt_unpack "$dir" "linux-binary-$release" "linux-modules-$release" \
		"linux-base-$release"
# Its tools are linked with the libraries of its own release.
if [ "$apt_codename" != "$(. /etc/os-release && echo "$VERSION_CODENAME")" ]; then
	echo "$apt_codename" >"$dir/build-suite"
fi

# The packages expect to lie in the root directory.
grep -rlI --include=Makefile --include=.kernelvariables -e '[ =]/usr/src/' \
	"$dir/usr/src/" | xargs -r sed -i "s#\([ =]\)/usr/src/#\1$dir/usr/src/#g"
[ -d "$dir/lib/modules" ] || ln -s usr/lib "$dir/lib"
find "$dir/usr" "$dir/lib/" -type l -lname '/*' | while read -r link; do
	ln -sfn "$dir$(readlink "$link")" "$link"
done

if [ -d "$dir/boot" ]; then
	mv "$dir/boot/vmlinuz-$release" "$dir/vmlinuz"
	mv "$dir/boot/config-$release" "$dir/config"
else
	mv "$dir/lib/modules/$release/"{vmlinuz,config} "$dir/"
fi
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
