#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# What a test that fails has to say, in C and in the shell: how to have its random
# numbers again, the counters of its nodes, and their last events.

. /ockam/ktap.sh

plan 12

lib_failing >out 2>&1
check "a test in C fails" [ $? -eq 1 ]
check "it tells its seed" grep -qx '# OCKAM_SEED=0x[0-9a-f]*' out
check "its counters" grep -q '^# counters:' out
check "those that are not 0" grep -Eq '^# .*no-worker +1$' out
check "twenty events of one node" [ "$(grep -c '^# hop .*hop-[0-9]' out)" -eq 20 ]
check "the last ones" sh -c "grep '^# hop ' out | sed -n 20p | grep -q 'hop-30'"
check "and that of the other" grep -q '^# hop .*other' out

cat >inner.sh <<-'END'
	. /ockam/tests/lib_daemon.sh
	nodes told
	first() {
		on told ockamctl hop add first route nobody
		on told ockamctl hop del first
		grep -q first told.events
	}
	until_true first
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
		on told ockamctl hop add hop-$i route nobody
	done
	until_true grep -q hop-25 told.events
	not_ok "it fails"
	exit $failed
END
sh inner.sh >out 2>&1
check "a test in the shell fails" [ $? -eq 1 ]
check "it tells its counters" grep -qx '# told: counters:' out
check "its events" grep -qx '# told: last events:' out
check "twenty of them" [ "$(sed '1,/last events:/d; /log:/,$d' out | wc -l)" -eq 20 ]
check "the last ones" sh -c "sed '/log:/,\$d' out | tail -n 1 | grep -q hop-25"
finished
