#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# deps.sh: installs what building and testing need and this machine lacks, or,
# without root, says how to. Kernels and kernel headers are not installed: they
# are unpacked in the cache, see kernel.sh. Arguments are further packages, which
# only some target needs.

. "$(dirname "$0")/lib.sh"

packages=(
	# build
	gcc g++ gcc-multilib libc6-dev make pkg-config clang llvm libclang-rt-14-dev sparse
	libmnl-dev libsodium-dev libbpf-dev libssl-dev libcbor-dev
	libjansson-dev libconfuse-dev libcap-ng-dev libelf-dev zlib1g-dev linux-libc-dev
	# kernel modules and the debug kernel
	bc bison flex kmod patch perl rsync xz-utils zstd gzip tar
	linux-source-6.1 dpkg-dev
	# the virtual machine
	qemu-system-x86 busybox-static cpio iproute2 util-linux
	# completion
	zsh fish
	# netlink specification
	python3 python3-yaml python3-jsonschema
	# test vectors
	python3-cryptography
	"$@"
)

# What is missing: no line, or a line that does not say "installed".
missing=$(comm -13 \
	<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" \
		2>/dev/null | sed -n 's/^installed //p' | sort -u) \
	<(printf '%s\n' "${packages[@]}" | sort -u))
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086
set -- $missing
if [ "$(id -u)" -ne 0 ]; then
	echo "These packages are missing. As root, run:" >&2
	echo "  apt-get update && apt-get install -y --no-install-recommends $*" >&2
	exit 1
fi

say DEPS "installing $# packages: $*"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt-get update >"$log" 2>&1 ||
	say DEPS "apt-get update reported: $(grep -m1 -E '^[EW]:' "$log")"
# Another apt-get of this machine may be at work.
apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 \
	-o DPkg::Lock::Timeout=900 "$@" </dev/null 2>&1 |
	progress DEPS "$log" || die "apt-get install failed:" $'\n'"$(tail -n 20 "$log")"
