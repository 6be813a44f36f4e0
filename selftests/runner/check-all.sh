#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# check-all.sh [KERNEL...]: the VM tests on each of these kernels in turn, or on all, and
# the sum. TESTS= takes some of them.

. "$(dirname "$0")/lib.sh"

sums=$(mktemp)
trap 'rm -f "$sums"' EXIT
status=0
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $KERNELS
for kernel; do
	say KERNEL "$kernel"
	rm -rf "$BUILD/results"
	mkdir -p "$BUILD/results"
	"$VMDIR/check.sh" --vm-only "$kernel" || status=1
	cat "$BUILD/results"/* | awk -v k="$kernel" '
		{ p += $1; f += $2; s += $3 } END { print k, p + 0, f + 0, s + 0 }' >>"$sums"
done

echo
awk '{ printf "  %-10s %5d passed, %d failed, %d skipped\n", $1, $2, $3, $4
	p += $2; f += $3; s += $4 }
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }' \
	"$sums" || status=1
exit $status
