#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
#
# soak.sh [PART...]: what takes hours: every test on every kernel, all mutants, long
# fuzzing, interop in full, the packages, what a message costs. Goes on after a failure.
# Each part that has run has a row in Documentation/test-report.rst, with its date and
# the commit; what did not run this time keeps the row that it has.

. "$(dirname "$0")/lib.sh"

work=$BUILD/soak
report=$TOP/Documentation/test-report.rst
mkdir -p "$work"
fuzz=${FUZZ_SECONDS:-600}
# A row says what it stands for: nothing of what make was asked for changes that.
unset MAKEFLAGS MFLAGS MAKELEVEL KERNEL TESTS MUTANTS ROWS FRESH FRESH_OPTS

# NAME KERNEL COMMAND, a tab between; the command is the shell's
parts() {
	local kernel vm='make module selftests && selftests/runner/run.sh --test-timeout 3600'

	printf '%s\t%s\t%s\n' check 6.1 'make check'
	for kernel in $KERNELS; do
		[ "$kernel" = 6.1 ] ||
			printf '%s\t%s\t%s\n' "vm-$kernel" "$kernel" \
				"make check-all KERNELS=$kernel"
	done
	cat <<-PARTS
		stress	6.1	$vm --name stress --env OCKAM_STRESS_S=300 stress_strangers
		netem	6.1	$vm --name netem --env NETEM_MESSAGES=100000 link_netem
		fuzz	-	make fuzz FUZZ_SECONDS=$fuzz
		mutants	6.1	make mutants
		interop	6.1	make interop
		dissector	6.1	make dissector-check
		demo	6.1	make demo
		languages	6.1	make languages-check
		bench	6.1	make bench
		install	-	make install-check
		deb	6.1	make deb-check
		lint	-	make lint
		fresh	6.1	make fresh-check FRESH=check
		fresh-6.12	6.12	make fresh-check FRESH=check FRESH_OPTS="--set KERNEL=6.12"
	PARTS
}

# The commit that is tested, and whether anything but the report differs from it.
commit() {
	local id

	id=$(git -C "$TOP" rev-parse --short=12 HEAD 2>/dev/null) || id=unknown
	[ -z "$(git -C "$TOP" status --porcelain --untracked-files=no -- . \
		":!${report#"$TOP"/}" 2>/dev/null)" ] || id="$id, changed"
	echo "$id"
}

# release KERNEL: in full, of the one that is in the cache
release() {
	local dir

	[ "$1" != - ] || { echo '\-'; return; }
	dir=$("$VMDIR/kernel.sh" "$1" 2>/dev/null) && cat "$dir/release" || echo "$1"
}

# run NAME KERNEL COMMAND: and put its row into the report
run() {
	local name=$1 kernel=$2 rc=0 started=$SECONDS log=$work/$1.log sum result id

	id=$(commit)
	say SOAK "$name: $3"
	(cd "$TOP" && nice sh -c "$3") </dev/null >"$log" 2>&1 || rc=$?
	sum=$(sed -n 's/^\(# [a-z0-9.-]*: \)\{0,1\}\([0-9]* passed, [0-9]* failed, [0-9]* skipped\)$/\2/p' \
		"$log" | tail -n 1)
	[ $rc -eq 0 ] && result=passed || result="**failed**"
	printf '%s\t%s\t%s\t%s\t%d min\t%s\t%s\n' "$name" "$(release "$kernel")" \
		"$result" "${sum:-\\-}" $(((SECONDS - started + 59) / 60)) \
		"$(date -u +%Y-%m-%d)" "$id" | tee "$work/row"
	[ $rc -eq 0 ] || grep -aE '^(# )*not ok ' "$log" | head -n 20
	parts | cut -f 1 >"$work/parts"
	awk -f "$VMDIR/soak-report.awk" "$work/parts" "$work/row" "$report" \
		>"$work/test-report.rst" || die "$report stays as it is"
	cp "$work/test-report.rst" "$report"
	return $rc
}

names=$(parts | cut -f 1 | tr '\n' ' ')
for part; do
	case " $names" in
	*" $part "*) ;;
	*) die "there is no part '$part': it is one of $names" ;;
	esac
done

status=0
while IFS=$'\t' read -r name kernel command; do
	[ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
	run "$name" "$kernel" "$command" || status=1
done < <(parts)
say SOAK "the table is in ${report#"$TOP"/}"
exit $status
