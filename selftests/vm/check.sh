#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# check.sh [--vm-only] KERNEL: builds everything and runs every test, goes on
# after a failure, and ends with the sum over all.

. "$(dirname "$0")/lib.sh"

vm_only=
[ "${1:-}" != --vm-only ] || { vm_only=1; shift; }
kernel=${1:?kernel}
results=$BUILD/results
status=0

make_() { make -C "$TOP" --no-print-directory KERNEL="$kernel" "$@"; }

# A part that ends without a sum of its own (it did not even build) counts as
# one failure.
part() {
	local name=$1

	shift
	say CHECK "$name"
	rm -f "$results/$name"
	"$@" || status=1
	if [ ! -e "$results/$name" ]; then
		echo "not ok $name: did not run"
		echo 0 1 0 >"$results/$name"
		status=1
	fi
}

built() {
	make_ deps && { [ "$kernel" != debug ] || make_ debug-kernel; } &&
		make_ module && make_ selftests && echo 1 0 0 >"$results/build"
}

part build built
if [ -z "$vm_only" ]; then
	part host make_ host-check
	part fuzz make_ fuzz
fi
# shellcheck disable=SC2086
part "vm-$kernel" "$VMDIR/run.sh" --kernel "$kernel" --name "$kernel" ${TESTS:-}

echo
for f in "$results"/*; do
	read -r p f_ s <"$f"
	printf '  %-10s %5d passed, %d failed, %d skipped\n' "$(basename "$f")" \
		"$p" "$f_" "$s"
done
cat "$results"/* | awk '{ p += $1; f += $2; s += $3 }
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }' ||
	status=1
exit $status
