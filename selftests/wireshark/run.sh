#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# The dissector, with tshark: on captures that are made here, and on one of two
# daemons in the VM.  run.sh KERNEL

. "$(dirname "$0")/../vm/lib.sh"

here=$TOP/selftests/wireshark
"$VMDIR/deps.sh" tshark
"$here/check.py"
"$VMDIR/run.sh" --kernel "$1" --name dissector --python "$here/wire.sh"
"$here/check.py" "$BUILD/vm/dissector/out/channel.pcap"
