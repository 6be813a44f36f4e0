#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# fuzz-run.sh FUZZER...: a bounded run of each libFuzzer target over its corpus
# (selftests/fuzz/corpus/NAME, new inputs in build/fuzz/corpus). A finding keeps
# its input in build/fuzz/findings and fails.

. "$(dirname "$0")/lib.sh"

seconds=${FUZZ_SECONDS:-10}
work=$(mktemp -d)
sums=$work/.sums
trap 'rm -rf "$work"' EXIT

# fuzz_one PROGRAM: its result to $work/NAME
fuzz_one() {
	local prog=$1 name new findings log corpus seeds seed runs

	name=$(basename "$prog")
	new=$BUILD/fuzz/corpus/$name
	findings=$BUILD/fuzz/findings
	log=$BUILD/fuzz/$name.log
	mkdir -p "$new" "$findings"
	corpus=("$new")
	seeds=$TOP/selftests/fuzz/corpus/$name
	[ ! -d "$seeds" ] || corpus+=("$seeds")
	seed=${FUZZ_SEED:-$((RANDOM * 32768 + RANDOM + 1))}
	say FUZZ "$name for $seconds s, seed $seed"
	# Against hanging only: others may want the processors.
	if timeout -k 5 $((seconds * 10 + 600)) "$prog" -max_total_time="$seconds" \
			-seed="$seed" -timeout=60 -rss_limit_mb=2048 \
			-print_final_stats=1 -verbosity=1 \
			-artifact_prefix="$findings/$name-" "${corpus[@]}" \
			</dev/null >"$log" 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
		# A fuzzer that executed nothing has shown nothing.
		if [ "${runs:-0}" -ge 20 ]; then
			echo "# seed $seed, $runs inputs"
			echo "ok NUMBER fuzz: $name"
			return
		fi
	fi
	tail -n 60 "$log" | sed 's/^/# /'
	echo "not ok NUMBER fuzz: $name (seed $seed)"
}

echo 'TAP version 13'
echo "1..$#"
# As many at once as there are processors.
for prog; do
	while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n || true; done
	fuzz_one "$prog" >"$work/$(basename "$prog")" &
done
wait
num=0
for prog; do
	num=$((num + 1))
	sed "s/^\(not \)\{0,1\}ok NUMBER/\1ok $num/" "$work/$(basename "$prog")" |
		tee "$work/result"
	if grep -q '^ok ' "$work/result"; then
		echo 1 0 0 >>"$sums"
	else
		echo 0 1 0 >>"$sums"
	fi
done
finish fuzz "$sums"
