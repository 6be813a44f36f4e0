#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# soak.sh [PART...]: what takes hours: every test on every kernel, all mutants, long
# fuzzing, interop in full, the dissector. Goes on after a failure. The results, with
# date and commit, become Documentation/test-report.rst.

. "$(dirname "$0")/lib.sh"

work=$BUILD/soak
table=$work/table
mkdir -p "$work"
fuzz=${FUZZ_SECONDS:-600}

# NAME COMMAND, a tab between
parts() {
	cat <<-PARTS
		check	make check
		check-all	make check-all
		check-debug	make check-debug
		fresh-check	make fresh-check FRESH=check
		lint	make lint
		fuzz	make fuzz FUZZ_SECONDS=$fuzz
		mutants	make mutants
		interop	make interop
		dissector	make dissector-check
		demo	make demo
		netem	selftests/runner/run.sh --name netem --env NETEM_MESSAGES=100000 --test-timeout 3600 link_netem
	PARTS
}

commit=$(git -C "$TOP" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$TOP" status --porcelain --untracked-files=no 2>/dev/null)" ] ||
	commit="$commit, changed"
: >"$table"
status=0
while IFS=$'\t' read -r name command; do
	[ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
	say SOAK "$name: $command"
	started=$SECONDS rc=0
	# shellcheck disable=SC2086
	(cd "$TOP" && nice $command) </dev/null >"$work/$name.log" 2>&1 || rc=$?
	sum=$(sed -n 's/^\(# [a-z0-9.-]*: \)\{0,1\}\([0-9]* passed, [0-9]* failed, [0-9]* skipped\)$/\2/p' \
		"$work/$name.log" | tail -n 1)
	[ $rc -eq 0 ] && result=passed || { result="**failed**"; status=1; }
	printf '%s\t%s\t%s\t%d min\n' "$name" "$result" "${sum:--}" \
		$(((SECONDS - started + 59) / 60)) | tee -a "$table"
	[ $rc -eq 0 ] || grep -aE '^(# )*not ok ' "$work/$name.log" | head -n 20
done < <(parts)

report=$TOP/Documentation/test-report.rst
{
	sed '/^\.\. results/q' "$report"
	printf '\nCommit %s, %s, %d processors.\n\n' "$commit" \
		"$(date -u '+%Y-%m-%d')" "$(nproc)"
	printf '.. list-table::\n   :header-rows: 1\n\n'
	printf '   * - Part\n     - Result\n     - Tests\n     - Time\n'
	awk -F '\t' '{
		printf "   * - %s\n     - %s\n     - %s\n     - %s\n", $1, $2, $3, $4
	}' "$table"
} >"$work/test-report.rst"
[ $# -ne 0 ] || cp "$work/test-report.rst" "$report"
say SOAK "the table is in $work/test-report.rst"
cat "$work/test-report.rst"
exit $status
