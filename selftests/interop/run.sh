#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# run.sh KERNEL [TEST...]: interop tests, each in a VM of its own, against the
# stock crate. The last line is "N passed, N failed, N skipped". With
# INTEROP_CAPTURE=1 in the environment tcpdump(8) at m leaves
# build/vm/TEST-KERNEL/out/TEST.pcap, of each packet the beginning.

. "$(dirname "$0")/../runner/lib.sh"

here=$TOP/selftests/interop
kernel=$1
shift
[ $# -gt 0 ] || set -- interop_routing interop_channel interop_relay \
	interop_identity interop_udp interop_portal

status=0 passed=0 failed=0 skipped=0
reason=$(mktemp)
trap 'rm -f "$reason"' EXIT
peer=$("$here/build.sh" 2> >(tee "$reason" >&2)) || status=$?
if [ $status -eq 3 ]; then
	for t; do
		echo "ok $((++skipped)) - $t # SKIP $(tail -n 1 "$reason")"
	done
	echo "0 passed, 0 failed, $skipped skipped"
	exit 0
fi
if [ $status -ne 0 ]; then
	echo "not ok 1 - rust-peer cannot be built"
	echo "0 passed, 1 failed, 0 skipped"
	exit 1
fi

options=()
if [ -n "${INTEROP_CAPTURE:-}" ]; then
	tcpdump=$(PATH=$PATH:/usr/sbin command -v tcpdump) || die "tcpdump is missing"
	options=(--copy "$tcpdump:/ockam/bin/tcpdump" --env INTEROP_CAPTURE=1)
fi
[ -z "${INTEROP_SHARE:-}" ] || options+=(--env "INTEROP_SHARE=$INTEROP_SHARE")
mkdir -p "$BUILD/results"

for t; do
	t=$(basename "${t%.sh}")
	sum=$BUILD/results/vm-$t-$kernel
	rm -f "$sum"
	"$VMDIR/run.sh" --kernel "$kernel" --name "$t-$kernel" --mem 2G \
		--test-timeout 600 \
		--copy "$peer:/ockam/bin/rust-peer" \
		--copy "$here/lib_interop.sh:/ockam/tests/lib_interop.sh" \
		${options[@]+"${options[@]}"} "$here/$t.sh" || status=1
	[ -e "$sum" ] || echo 0 1 0 >"$sum"
	read -r p f s <"$sum"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
echo "$passed passed, $failed failed, $skipped skipped"
exit $status
