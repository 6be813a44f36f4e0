#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The dissector, with tshark: on captures that are made here, on one of two daemons in
# the VM, and on one of daemons and stock nodes, unless those cannot be built here.
# run.sh KERNEL

. "$(dirname "$0")/../runner/lib.sh"

here=$TOP/selftests/wireshark
interop=$TOP/selftests/interop
"$VMDIR/deps.sh" tshark tcpdump
"$here/check.py"
"$VMDIR/run.sh" --kernel "$1" --name dissector --python "$here/wire.sh"
"$here/check.py" "$BUILD/vm/dissector/out/channel.pcap"

status=0
peer=$("$interop/build.sh") || status=$?
if [ $status -eq 3 ]; then
	echo "ok 1 - the capture with stock nodes # SKIP they cannot be built, see above"
	exit 0
fi
[ $status -eq 0 ] || die "rust-peer cannot be built"
"$VMDIR/run.sh" --kernel "$1" --name dissector-interop --mem 2G --test-timeout 600 \
	--copy "$peer:/ockam/bin/rust-peer" \
	--copy "$(PATH=$PATH:/usr/sbin command -v tcpdump):/ockam/bin/tcpdump" \
	--copy "$interop/lib_interop.sh:/ockam/tests/lib_interop.sh" \
	"$here/wire_interop.sh"
"$here/check.py" --interop "$BUILD/vm/dissector-interop/out/interop.pcap"
