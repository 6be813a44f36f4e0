#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# run.sh KERNEL [TEST...]: interop tests in the VM, against the stock crate.
# The last line is "N passed, N failed, N skipped".

. "$(dirname "$0")/../vm/lib.sh"

here=$TOP/selftests/interop
kernel=$1
shift
# The others run by name only until they have been seen to pass from the first
# line to the last, see README.md.
[ $# -gt 0 ] || set -- interop_routing
tests=()
for t; do
	tests+=("$here/$(basename "${t%.sh}").sh")
done

status=0
reason=$(mktemp)
trap 'rm -f "$reason"' EXIT
peer=$("$here/build.sh" 2> >(tee "$reason" >&2)) || status=$?
if [ $status -eq 3 ]; then
	echo "ok 1 - interop # SKIP $(tail -n 1 "$reason")"
	echo "0 passed, 0 failed, ${#tests[@]} skipped"
	exit 0
fi
[ $status -eq 0 ] || die "rust-peer cannot be built"

"$VMDIR/run.sh" --kernel "$kernel" --name "interop-$kernel" --mem 2G \
	--test-timeout $((600 * ${OCKAM_VM_SLOW:-1})) --copy "$peer:/ockam/bin/rust-peer" \
	--copy "$here/lib_interop.sh:/ockam/tests/lib_interop.sh" "${tests[@]}" || status=$?
awk '{ printf "%d passed, %d failed, %d skipped\n", $1, $2, $3 }' \
	"$BUILD/results/vm-interop-$kernel"
exit $status
