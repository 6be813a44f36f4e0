#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# check.sh [--vm-only] KERNEL: builds everything and runs every test, goes on
# after a failure, and ends with the sum over all. Most tests run in counted time, in
# as many VMs as there are processors (VMS= says another number); then those that
# want several processors, in one VM that has them.

. "$(dirname "$0")/lib.sh"

vm_only=
[ "${1:-}" != --vm-only ] || { vm_only=1; shift; }
kernel=${1:?kernel}
results=$BUILD/results
logs=$BUILD/logs
status=0
mkdir -p "$logs"

make_() { make -C "$TOP" --no-print-directory KERNEL="$kernel" "$@"; }

# A part that ends without a sum of its own (it did not even build) counts as
# one failure.
part() {
	local name=$1 started=$SECONDS

	shift
	say CHECK "$name"
	rm -f "$results/$name"
	"$@" 2>&1 | tee "$logs/$name" || status=1
	if [ ! -e "$results/$name" ]; then
		echo "not ok $name: did not run"
		echo 0 1 0 >"$results/$name"
		status=1
	fi
	echo $((SECONDS - started)) >"$logs/$name.seconds"
}

built() {
	make_ deps && make_ module && make_ selftests && echo 1 0 0 >"$results/build"
}

part build built
if [ -z "$vm_only" ]; then
	part host make_ host-check
	part fuzz make_ fuzz
fi

# of_set counted|parallel: the tests of one set
of_set() {
	local t parallel

	for t in ${TESTS:-$(vm_tests)}; do
		parallel=$(test_setting "$t" parallel '')
		case $1-$parallel in
		counted-|counted-also|parallel-?*) echo "$t" ;;
		esac
	done
}

# Tests that take longest first, each to the VM that has least to do.
shares() {
	local t

	of_set counted | while read -r t; do
		echo "$(test_setting "$t" seconds 5) $t"
	done | sort -s -k1,1nr | awk -v n="$1" '
		{
			m = 1
			for (i = 2; i <= n; i++)
				if (sum[i] < sum[m])
					m = i
			sum[m] += $1
			share[m] = share[m] " " $2
		}
		END { for (i = 1; i <= n; i++) if (share[i]) print i share[i] }'
}

# one NAME TESTS: the tests in one VM
one() {
	local name=$1

	shift
	part "vm-$name" "$VMDIR/run.sh" --kernel "$kernel" --name "$name" "$@"
}

vms() {
	local n=${VMS:-$(nproc)} pids=() pid i tests

	while read -r i tests; do
		# shellcheck disable=SC2086
		(one "$kernel-$i" $tests; exit $status) 2>&1 </dev/null |
			sed -u "s/^/$i: /" &
		pids+=($!)
	done < <(shares "$n")
	for pid in ${pids[@]+"${pids[@]}"}; do
		wait "$pid" || status=1
	done
}
vms

# Side by side, and, where the kernel can do it, with a kernel that may be
# interrupted everywhere.
parallel=$(of_set parallel)
if [ -n "$parallel" ]; then
	cpus=$(nproc)
	cpus=$((cpus > 4 ? 4 : cpus < 2 ? 2 : cpus))
	# shellcheck disable=SC2086
	one "$kernel-parallel" --smp $cpus --append preempt=full $parallel
fi
# A machine that is copied; on the debug kernel it would show nothing more.
if [ -z "$vm_only${TESTS:-}" ]; then
	part "vmfork-$kernel" "$VMDIR/vmfork.sh" "$kernel"
fi

# What failed once more, where it is seen: a log of the whole is long.
failures() {
	local f name log p n s

	for f in "$results"/*; do
		read -r p n s <"$f"
		[ "$n" -gt 0 ] || continue
		name=${f##*/}
		log=$BUILD/vm/${name#vm-}/report.log
		[ "$name" != "${name#vm-}" ] && [ -e "$log" ] || log=$logs/$name
		echo
		echo "  $name, from its log:"
		grep -aE '^(# )?(# )?not ok |^# # .*(Expected|terminated by|FAILED:)|[Ee]rror[: ]' \
			"$log" | head -n 20 | sed 's/^/    /' || true
		[ ! -e "$BUILD/vm/${name#vm-}/splats" ] ||
			head -n 10 "$BUILD/vm/${name#vm-}/splats" | sed 's/^/    /'
	done
}
failures

echo
for f in "$results"/*; do
	read -r p f_ s <"$f"
	name=$(basename "$f")
	printf '  %-18s %5d passed, %d failed, %d skipped   %5d s\n' "$name" \
		"$p" "$f_" "$s" "$(cat "$logs/$name.seconds" 2>/dev/null || echo 0)"
done
cat "$results"/* | awk '{ p += $1; f += $2; s += $3 }
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }' ||
	status=1
exit $status
