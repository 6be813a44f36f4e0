#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# run.sh KERNEL [short]: the benchmark in a VM that counts instructions, with its
# targets.  Leaves build/bench-KERNEL.json.  ROWS: only those, see bench.sh.

. "$(dirname "$0")/../runner/lib.sh"

kernel=${1:?kernel}
PATH=$PATH:/sbin:/usr/sbin
"$VMDIR/deps.sh" wireguard-tools
"$VMDIR/run.sh" --kernel "$kernel" --name "bench-$kernel" --icount --raw \
	--timeout 3600 --test-timeout 3500 --env "ROWS=${ROWS:-}" \
	--copy "$TOP/selftests/bench/bench.sh:/ockam/tests/bench.sh" \
	--copy "$(command -v wg):/ockam/bin/wg" "bench.sh ${2:-all}"
"$TOP/selftests/bench/targets.py" "$BUILD/vm/bench-$kernel/out/rows" \
	"$BUILD/bench-$kernel.json"
