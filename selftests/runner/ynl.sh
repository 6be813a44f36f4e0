#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# ynl.sh: fetches the kernel source package that holds the YNL tool if it is not
# in the cache, and prints the tool's directory.

. "$(dirname "$0")/lib.sh"

regen=$TOP/selftests/ynl/regen.sh
cache_lock ynl
if [ ! -e "$CACHE/ynl-6.12/tools/net/ynl/ynl-gen-c.py" ]; then
	. "$VMDIR/apt.sh"
	work=$(mktemp -d "$CACHE/ynl-deb.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	apt_fetch 6.12 "$work" linux-source-6.12
	OCKAM_KERNEL_SOURCE=$(echo "$work"/usr/src/linux-source-6.12.tar.*)
	export OCKAM_KERNEL_SOURCE
	"$regen" --tool >/dev/null
fi
"$regen" --tool
