# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
# shellcheck shell=sh
#
# TAP for shell tests: `. /ockam/ktap.sh` (or from here, on this machine), `plan N`, then per test `ok TEXT`, `not_ok
# TEXT` or `skip TEXT REASON`, or `check` or `refuse`; last `finished`. Or no plan, and
# at the end `echo "1..$n"` and `exit $failed`. What a command says goes to check.out,
# so a test is in a directory of its own.

n=0
planned=
failed=0

plan()	{ planned=$1; echo "TAP version 13"; echo "1..$1"; }
ok()	{ n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); failed=$((failed + 1)); echo "not ok $n - $1"; }
skip()	{ n=$((n + 1)); echo "ok $n - $1 # SKIP $2"; }

# check NAME COMMAND...: the command succeeds
check() {
	what=$1
	shift
	rc=0
	"$@" >check.out 2>&1 || rc=$?
	if [ $rc -eq 0 ]; then
		ok "$what"
	else
		not_ok "$what"
		echo "# status $rc: $*"
		sed 's/^/# /' check.out
	fi
}

# refuse NAME PATTERN COMMAND...: it fails, and says why
refuse() {
	what=$1 pattern=$2
	shift 2
	if out=$("$@" 2>&1); then
		not_ok "$what: was allowed"
		echo "# $out"
	elif echo "$out" | grep -q -- "$pattern"; then
		ok "$what"
	else
		not_ok "$what: other reason"
		echo "# $out"
	fi
}

# until_true COMMAND...: within twenty seconds
until_true() {
	i=0
	while ! "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 200 ] || return 1
		sleep 0.1
	done
}

finished() {
	[ "$failed" -eq 0 ] && [ "$n" -eq "$planned" ]
	exit
}
