#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# host-run.sh PROGRAM...: runs test programs on this machine, as one TAP stream,
# and leaves "passed failed skipped" in build/results/host.

. "$(dirname "$0")/lib.sh"

limit=${HOST_TEST_TIMEOUT:-300}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/sums"

echo 'TAP version 13'
echo "1..$#"
num=0
for prog; do
	num=$((num + 1))
	rm -f "$work/rc"
	{
		rc=0
		timeout -k 5 "$limit" "$prog" </dev/null 2>&1 || rc=$?
		[ $rc -ne 124 ] || rc=timeout
		echo $rc >"$work/rc"
	} | live_awk -v name="host: $(basename "$prog")" -v num=$num \
		-v rcfile="$work/rc" -v sums="$work/sums" -f "$VMDIR/tap.awk"
done
finish host "$work/sums"
