#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# kvm-probe.sh KERNELDIR: prints "kvm" if this kernel booted to user space under
# KVM within seconds, else "tcg". A /dev/kvm that opens proves nothing. The
# verdict is kept until the machine or its kernel changes.

. "$(dirname "$0")/lib.sh"

kdir=${1:?kernel directory}
[ -r /dev/kvm ] && [ -w /dev/kvm ] || { echo tcg; exit 0; }

cache_lock kvm-probe
key="$(uname -r) $(cat /proc/sys/kernel/random/boot_id) $(qemu-system-x86_64 --version | head -n1)"
verdict=$CACHE/kvm-verdict
if [ "$(head -n1 "$verdict" 2>/dev/null)" = "$key" ]; then
	sed -n 2p "$verdict"
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root"/{bin,dev}
cp "$(command -v busybox)" "$work/root/bin/busybox"
cat >"$work/root/init" <<-'INIT'
	#!/bin/busybox sh
	/bin/busybox mount -t devtmpfs devtmpfs /dev
	echo ockam-kvm-probe >/dev/ttyS0
	/bin/busybox sleep 0.3
	/bin/busybox poweroff -f
INIT
chmod +x "$work/root/init"
(cd "$work/root" && find . | cpio -o -H newc --quiet) >"$work/initramfs"

answer=tcg
{ timeout -k 1 6 qemu-system-x86_64 -nodefaults -no-user-config -display none \
	-no-reboot -nic none -M pc,usb=off -accel kvm -cpu host -smp 2 -m 512M \
	-kernel "$kdir/vmlinuz" -initrd "$work/initramfs" \
	-append "console=ttyS0 quiet panic=-1" -serial "file:$work/log" \
	</dev/null >/dev/null 2>&1 || true; } 2>/dev/null
! grep -q ockam-kvm-probe "$work/log" 2>/dev/null || answer=kvm
say KVM "probe: $answer"
printf '%s\n' "$key" "$answer" >"$verdict"
echo "$answer"
