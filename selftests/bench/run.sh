#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# run.sh KERNEL [all|gate|record]: the benchmark in a VM that counts instructions, with
# its targets, and a second boot by the clock, with two processors; leaves
# build/bench-KERNEL.json and bench-KERNEL-wall.json. gate: few rows, which must not
# cost more than is recorded. record: keep what was found, counted only.
# ROWS: only those, counted, see bench.sh.

. "$(dirname "$0")/../runner/lib.sh"

bench=$TOP/selftests/bench
kernel=${1:?kernel} what=${2:-all} name=bench-$1
record=$bench/recorded.json
# Ours that most changes of the module would show in, and who tells of the kernel.
GATE="unix udp_rt_64 tcp_rt_64 worker hops link ulink chan_rt_64 uchan_rt_64"
GATE="$GATE chan_rt_1300 uchan_rt_1300 via uvia chan_ow_64 chan_mm_64 uchan_ow_64"

case $what in
all|record) ;;
gate) ROWS=$GATE name=bench-gate-$1 ;;
*) die "usage: run.sh KERNEL [all|gate|record]" ;;
esac
if [ "$what" = record ]; then
	[ -z "${ROWS:-}" ] || die "record: all rows, without ROWS="
	[ "$kernel" = 6.1 ] || die "record: figures are recorded of 6.1"
fi

PATH=$PATH:/sbin:/usr/sbin
"$VMDIR/deps.sh" wireguard-tools
boot() {	# what, name, options...
	"$VMDIR/run.sh" --kernel "$kernel" --name "$2" "${@:3}" --raw --mem 2G \
		--timeout 7200 --test-timeout 3500 --env "ROWS=${ROWS:-}" \
		--copy "$bench/bench.sh:/ockam/tests/bench.sh" \
		--copy "$(command -v wg):/ockam/bin/wg" "bench.sh $1"
}
boot all "$name" --icount
release=$(cat "$("$VMDIR/kernel.sh" "$kernel")/release")
rows=$BUILD/vm/$name/out/rows

if [ "$what" = gate ]; then
	exec "$bench/gate.py" "$rows" "$record" "$release"
fi
"$bench/targets.py" "$rows" "$BUILD/bench-$kernel.json" "$release"
if [ "$what" = record ]; then
	cp "$BUILD/bench-$kernel.json" "$record"
	say BENCH "recorded; make bench-figures draws them"
fi
if [ "$what" = all ] && [ -z "${ROWS:-}" ]; then
	boot wall "$name-wall" --smp 2
	"$bench/targets.py" "$BUILD/vm/$name-wall/out/rows" \
		"$BUILD/bench-$kernel-wall.json" "$release" wall-
fi
