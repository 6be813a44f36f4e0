#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# deb.sh: the packages of build/deb in a fresh Debian 12, made with mmdebstrap:
# DKMS builds the module there, then it is booted with systemd as its first
# process, twice, and deb-guest.sh looks at it. Needs root, for the chroot.
#
# What does not change with our packages is kept in the cache.

. "$(dirname "$0")/lib.sh"

[ "$(id -u)" -eq 0 ] || die "needs root: it installs packages in a chroot"
dir=$BUILD/vm/deb
root=$dir/root
debs=$BUILD/deb
ours="ockam ockam-dkms libockam0 libockam-dev python3-ockam"
timeout=${VM_TIMEOUT:-1800}
mkdir -p "$dir"
exec {run_lock_fd}>"$dir/.lock"
flock -n "$run_lock_fd" || die "another run is under way"
rm -rf "$dir"/{root,disk,console.log,report.log,sums}

for name in $ours; do
	set -- "$debs/${name}_"*.deb
	[ -e "$1" ] || die "no package $name in $debs: run make deb"
done

# ---- the system ----

# With what ours depend on, so that installing ours needs no network.
packages=$(for name in $ours; do
	dpkg-deb -f "$debs/${name}_"*.deb Depends | tr ',' '\n'
	echo
done | sed 's/^ *//; s/[ (|:].*//' | grep -v -e ockam -e '^$' | sort -u)
packages="$packages systemd-sysv dbus udev kmod iproute2 procps gcc libc6-dev
	initramfs-tools linux-image-amd64 linux-headers-amd64 e2fsprogs"
packages=$(echo $packages | tr ' ' ',')
key=$(echo "$packages" | sha256sum | cut -c 1-16)
base=$CACHE/debian/bookworm-$key.tar

cache_lock debian-root
if [ ! -e "$base" ]; then
	say DEBIAN "a fresh bookworm, with kernel, headers and compiler (once)"
	mkdir -p "${base%/*}"
	rm -f "$CACHE"/debian/bookworm-*.tar
	# From where this machine's apt has it.
	sources=$(apt-get indextargets --format \
		'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(CODENAME) main' \
		'Created-By: Packages' 'Origin: Debian' |
		grep -E ' bookworm(-security|-updates)? main$' | sort -u)
	[ -n "$sources" ] || die "apt knows no Debian mirror of bookworm"
	# The initramfs has what a disk of QEMU needs, not what any machine might.
	nice mmdebstrap --quiet --mode=root --format=tar --variant=minbase \
		--include="$packages" --dpkgopt=force-unsafe-io \
		--essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
		--essential-hook='echo MODULES=list >"$1/etc/initramfs-tools/conf.d/small"' \
		--essential-hook='printf "virtio_pci\nvirtio_blk\next4\n" >"$1/etc/initramfs-tools/modules"' \
		bookworm "$base.new" - <<<"$sources" 2>"$dir/mmdebstrap.log" ||
		die "mmdebstrap failed:" $'\n'"$(tail -n 15 "$dir/mmdebstrap.log")"
	mv "$base.new" "$base"
fi
mkdir -p "$root"
tar -x -C "$root" -f "$base"
cache_unlock

# ---- our packages ----

say INSTALL "the packages; DKMS builds the module"
mkdir "$root/debs"
for name in $ours; do cp "$debs/${name}_"*.deb "$root/debs/"; done
cat >"$root/debs/install" <<'SH'
mount -t proc proc /proc
mount -t devtmpfs dev /dev 2>/dev/null || mount -t tmpfs dev /dev &&
	for n in null:3 zero:5 urandom:9 random:8; do
		[ -e /dev/${n%:*} ] || mknod -m 666 /dev/${n%:*} c 1 ${n#*:}
	done
export DEBIAN_FRONTEND=noninteractive
dpkg --install /debs/*.deb </dev/null
status=$?
[ $status -eq 0 ] || tail -n 40 /var/lib/dkms/ockam/*/build/make.log
exit $status
SH
nice unshare --mount --pid --fork chroot "$root" sh /debs/install \
	>"$dir/install.log" 2>&1 ||
	die "dpkg failed:" $'\n'"$(tail -n 40 "$dir/install.log")"
set -- "$root"/lib/modules/*/updates/dkms/ockam.ko*
[ -e "$1" ] || die "DKMS has built no module:" $'\n'"$(tail "$dir/install.log")"
release=${1#"$root"/lib/modules/}
release=${release%%/*}

# ---- the machine ----

rm -rf "$root/debs"
echo ockam-deb >"$root/etc/hostname"
echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
# Nobody logs in.
ln -sf /dev/null "$root/etc/systemd/system/serial-getty@ttyS0.service"
ln -sf /dev/null "$root/etc/systemd/system/getty@tty1.service"
install -m 755 "$VMDIR/deb-guest.sh" "$root/usr/local/sbin/"
cp "$TOP/userspace/examples/"*.[ch] "$root/usr/local/src/"
mkdir -p "$root/ockam/doc"
cp "$TOP/Documentation/guide.rst" "$root/ockam/doc/"
cp "$VMDIR/ktap.sh" "$TOP/selftests/vm/daemon/guide.sh" "$root/ockam/"
cat >"$root/etc/systemd/system/ockam-test.service" <<'UNIT'
[Unit]
Description=The test
After=multi-user.target

[Service]
ExecStart=/usr/local/sbin/deb-guest.sh
StandardOutput=file:/dev/ttyS1
StandardError=inherit

[Install]
WantedBy=graphical.target
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf /etc/systemd/system/ockam-test.service \
	"$root/etc/systemd/system/multi-user.target.wants/"
truncate -s 4G "$dir/disk"
PATH=$PATH:/sbin:/usr/sbin mke2fs -q -t ext4 -d "$root" "$dir/disk"
cp "$root/boot/vmlinuz-$release" "$dir/vmlinuz"
cp "$root/boot/initrd.img-$release" "$dir/initrd"
rm -rf "$root"

say VM "$release, counted time, systemd, log $dir/console.log"
started=$SECONDS
rc=0
timeout --foreground -k 5 "$timeout" qemu-system-x86_64 -nodefaults -no-user-config \
	-display none -nic none -M pc,usb=off,vmport=off \
	-accel tcg -icount shift=0,sleep=off -cpu max,-erms,-fsrm -smp 1 \
	-m 1G -kernel "$dir/vmlinuz" -initrd "$dir/initrd" \
	-append "root=/dev/vda rw console=ttyS0 quiet panic=30 systemd.show_status=0" \
	-drive "file=$dir/disk,format=raw,if=virtio,cache=unsafe" \
	-chardev "file,id=con,path=$dir/console.log" -serial chardev:con \
	-chardev stdio,id=rep,signal=off -serial chardev:rep </dev/null |
	live_awk -v log_file="$dir/report.log" '
		{ sub(/\r$/, ""); print > log_file; fflush(log_file); print; fflush() }' ||
	rc=$?
rm -f "$dir/disk"

awk '/^ok / { p++ } /^not ok / { f++ } END { print p + 0, f + 0, 0 }' \
	"$dir/report.log" >"$dir/sums"
grep -q '^# all done$' "$dir/report.log" || {
	echo 0 1 0 >>"$dir/sums"
	echo "not ok vm: it ended without a result (QEMU status $rc)"
	tail -n 30 "$dir/console.log" | tr -d '\r' | sed 's/^/#   /'
}
tr -d '\r' <"$dir/console.log" | awk -f "$VMDIR/scan.awk" >"$dir/splats" || {
	echo 0 1 0 >>"$dir/sums"
	echo "not ok vm: the kernel complained, see $dir/console.log"
	head -n 100 "$dir/splats" | sed 's/^/# /'
}
say VM "ran $((SECONDS - started)) s"
(finish deb "$dir/sums") && status=0 || status=1
read -r p f s < <(awk '{ p += $1; f += $2; s += $3 } END { print p, f, s }' "$dir/sums")
echo "$p passed, $f failed, $s skipped"
exit $status
